"""A small market of combos, over the production engine or the reference.

As in `harness` a tick is 1 USDC and a lot 0.01, so a tick of one lot is 0.01 USDC. Three calls of one expiry
are marked 7,000, 4,000 and 2,500 ticks; the index is 50,000 USDC.
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.domain import commands as c
from exchange.domain import commands_combos as cc
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.legs import ComboLeg
from tests.unit.core.harness import CALL, INDEX, MICRO, RISK, USDC, Engine, Market, last, of, only

NEAR, FAR, WING = 2, 3, 4
SPREAD = 5
DORA = 67
CALLS = tuple(CALL._replace(strike_micro=strike * 1_000 * MICRO) for strike in (45, 50, 55))
MARKS = {NEAR: 7_000, FAR: 4_000, WING: 2_500}
TICK_MICRO = 10_000  # of one lot


class ComboMarket(Market):
    """Three calls under rules 4. Combos are listed by the tests, the first of them gets id SPREAD."""

    def __init__(
        self, engine: Engine, calls: Sequence[c.InstrumentTerms] = CALLS, marks: dict[int, int] | None = None
    ) -> None:
        super().__init__(engine)
        self.withdrawals = 0
        self.send(c.set_rules(2), cr.risk(0, RISK), c.set_rules(3), c.set_rules(4))
        for number, call in enumerate(calls):
            only(self.send(c.list_instrument(NEAR + number, call)), e.Instrument)
        self.next_id = NEAR + len(calls)
        self.mark_calls(MARKS if marks is None else marks)

    def mark_calls(self, ticks: dict[int, int], part_micro: int = 0) -> None:
        """Mark options at ticks and a part of one; their delta is 0.5."""
        self.feed += 1
        index_micro = INDEX * MICRO
        units = [
            c.Mark(at, 500_000_000, mark * MICRO + part_micro, 0, index_micro) for at, mark in ticks.items()
        ]
        only(self.send(c.marks(0, index_micro, self.feed, units)), e.Marked)

    def listing(self, *legs: tuple[int, int]) -> list[e.Event]:
        """Send LIST_COMBO."""
        found = self.send(cc.list_combo(self.next_id, [ComboLeg(*leg) for leg in legs]))
        if isinstance(found[0], e.Instrument):
            self.next_id += 1
        return found

    def combo(self, *legs: tuple[int, int]) -> int:
        """List a combo that must be taken; its id."""
        return only(self.listing(*legs), e.Instrument).head.instrument

    def spread(self) -> int:
        """The first call less the second."""
        return self.combo((NEAR, 1), (FAR, -1))

    def leave(self, account: int, keep_micro: int) -> None:
        """Leave the account this much cash."""
        self.withdrawals += 1
        cash = self.balance(account) + 1
        taken = self.send(
            c.withdraw(account, cash - keep_micro, self.withdrawals),
            cr.resolve_withdrawal(self.withdrawals, r.WITHDRAWAL_PAID),
        )
        assert isinstance(taken[0], e.Cash), taken


def parts(events: list[e.Event]) -> list[tuple[int, int, int]]:
    """The legs' trades: instrument, price, lots of the taker (bought > 0)."""
    return [
        (trade.head.instrument, trade.price_ticks, -trade.size_lots if trade.flags & 1 else trade.size_lots)
        for trade in of(events, e.Trade)
    ]


def kinds(events: list[e.Event]) -> list[str]:
    """The events' names, in order."""
    return [type(event).__name__ for event in events]


def end(events: list[e.Event]) -> tuple[int, int, int, int]:
    """State, reason, filled lots and filled value of the last event, an ORDER."""
    order = last(events, e.Order)
    return order.state, order.reason, order.filled_lots, order.filled_value


def with_dora(market: ComboMarket) -> ComboMarket:
    """The market with a fourth account."""
    market.send(c.create_account(DORA))
    market.deposit(DORA, 1_000_000 * USDC)
    return market


def implied(events: list[e.Event]) -> list[tuple[int, int, int]]:
    """Kind, price and lots of the combos' trades."""
    return [(trade.kind, trade.price_ticks, trade.lots) for trade in of(events, e.ComboTrade)]
