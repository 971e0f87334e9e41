"""Balances and positions kept from events alone: what the events tell is all that happened."""

from __future__ import annotations

from collections import Counter

from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.events import Event
from tests.reference.invariants import must
from tests.reference.walking import of_types
from tests.reference.world import World

BOOKED = frozenset(
    {r.EV_TRADE, r.EV_CASH, r.EV_SETTLED, r.EV_MOVED, r.EV_LIQUIDATION, r.EV_INSTRUMENT}
)
"""The events that tell a movement, or what is needed to read one."""


class Ledger:
    """Cash by account and lots by (account, instrument), each movement with its two sides."""

    def __init__(self) -> None:
        self.cash: Counter[int] = Counter()
        self.lots: Counter[tuple[int, int]] = Counter()
        self._kinds: dict[int, int] = {}

    def read(self, events: bytes) -> None:
        """Book a run of events."""
        for event in of_types(events, BOOKED):
            self.book(event)

    def compare(self, world: World) -> None:
        """The state has the same balances and positions, and they add up to nothing."""
        for account in world.accounts.values():
            must(self.cash[account.id] == account.cash_micro, f"events tell another cash of {account.id}")
            for seat in account.seats.values():
                told = self.lots[account.id, seat.instrument.id]
                must(told == seat.size_lots, f"events tell another position of {account.id}")
        must(sum(self.cash.values()) == 0, "the events do not conserve cash")

    def _move(self, source: int, destination: int, amount: int) -> None:
        self.cash[source] -= amount
        self.cash[destination] += amount

    def book(self, event: Event) -> None:
        """Book one event."""
        if isinstance(event, e.Trade):
            self._book_trade(event)
        elif isinstance(event, e.Cash):
            self._book_cash(event)
        elif isinstance(event, e.Settled):
            self.cash[event.head.account] += event.cash_delta_micro
            self.cash[limits.ACCOUNT_FEES] += event.fee_micro
            if event.head.id == r.SETTLED_DELIVERY:
                del self.lots[event.head.account, event.head.instrument]
        elif isinstance(event, e.Moved):
            self.lots[event.head.account, event.head.instrument] -= event.lots
            self.lots[event.to_account, event.head.instrument] += event.lots
        elif isinstance(event, e.Liquidation):
            self._book_liquidation(event)
        elif isinstance(event, e.Instrument):
            self._kinds[event.head.instrument] = event.terms.kind

    def _book_trade(self, event: e.Trade) -> None:
        buyer, seller = event.taker_account, event.maker_account
        if event.taker_sells:
            buyer, seller = seller, buyer
        if self._kinds[event.head.instrument] == r.KIND_OPTION:
            self._move(buyer, seller, event.value_micro)
        self._move(event.maker_account, limits.ACCOUNT_FEES, event.maker_fee_micro)
        self._move(event.taker_account, limits.ACCOUNT_FEES, event.taker_fee_micro)
        self.lots[buyer, event.head.instrument] += event.size_lots
        self.lots[seller, event.head.instrument] -= event.size_lots

    def _book_cash(self, event: e.Cash) -> None:
        """Transfers and takeovers tell every side by itself; the other kinds both at once."""
        account = event.head.account
        if event.kind == r.CASH_WITHDRAWAL_PAID:
            self._move(limits.ACCOUNT_WITHDRAWALS, event.counter_account, event.amount_micro)
        elif event.kind in (r.CASH_TRANSFER, r.CASH_TAKEOVER, r.CASH_MOVED):
            self.cash[account] += event.delta_micro
        else:
            self._move(event.counter_account, account, event.delta_micro)
        must(self.cash[account] == event.balance_micro, f"CASH tells another balance of {account}")

    def _book_liquidation(self, event: e.Liquidation) -> None:
        account = event.head.account
        if event.kind in (r.LIQ_PERPETUAL, r.LIQ_OPTION):
            self._move(account, limits.ACCOUNT_INSURANCE, event.amount_micro)
        elif event.kind == r.LIQ_FUND:
            self._move(limits.ACCOUNT_INSURANCE, account, event.amount_micro)
        elif event.kind == r.LIQ_SHARED:
            self._move(account, event.counter_account, event.amount_micro)
