"""The transaction log: every movement of an account's cash with the balance after it.

The fold is exact: it starts from nothing, adds what each event says that it moved, and arrives at the
balance the core tells in its CASH and SETTLED events. The store's writer folds what it stores; the gateway
goes on from there with what it remembers and the store does not have yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT

# What a row is, as bits: the words of the dialect's query filter.
WORDS: Final = (
    "trade", "maker", "taker", "open", "close", "buy", "sell", "liquidation", "option", "future",
    "deposit", "withdrawal", "settlement", "delivery", "transfer", "takeover", "socialized_fund", "funding",
    "fee", "cancelled",
)  # fmt: skip
TAG: Final = {word: 1 << bit for bit, word in enumerate(WORDS)}
OF_INSTRUMENT: Final = TAG["option"] | TAG["future"]
"""Rows with one of these bits are of an instrument; of the others its number means nothing."""
_SIDE_BITS: Final = 1
_INDEX_BITS: Final = 21

_CASH_TAGS: Final = {
    r.CASH_DEPOSIT: TAG["deposit"],
    r.CASH_WITHDRAWAL: TAG["withdrawal"],
    r.CASH_WITHDRAWAL_CANCELLED: TAG["withdrawal"] | TAG["cancelled"],
    r.CASH_TRANSFER: TAG["transfer"],
    r.CASH_TAKEOVER: TAG["takeover"] | TAG["liquidation"],
    r.CASH_MOVED: TAG["transfer"],
    r.CASH_FORCED: TAG["withdrawal"],
}
_SETTLED_TAGS: Final = {
    r.SETTLED_DELIVERY: TAG["delivery"],
    r.SETTLED_PERPETUAL: TAG["settlement"],
    r.SETTLED_FUNDING: TAG["settlement"] | TAG["funding"],
}
_LIQUIDATION_FEES: Final = (r.LIQ_PERPETUAL, r.LIQ_OPTION)


class LedgerRow(NamedTuple):
    """One movement of one account's cash. `record` is the event; of a stored trade it is in `trades`."""

    account: int
    user_seq: int
    seq: int
    event_index: int
    side: int
    """Which side of a trade: 0 the maker's, 1 the taker's."""
    time_ms: int
    tags: int
    instrument: int
    change_micro: int
    fee_micro: int
    balance_micro: int
    position_lots: int
    trade_id: int
    record: bytes

    @property
    def is_of_instrument(self) -> bool:
        """Whether `instrument` means anything."""
        return bool(self.tags & OF_INSTRUMENT)

    @property
    def ident(self) -> int:
        """A number of its own among all rows of the venue: seq, event and side."""
        return (self.seq << _INDEX_BITS) | self.event_index << _SIDE_BITS | self.side


class Standing(NamedTuple):
    """Where an account's log stands."""

    user_seq: int = 0
    balance_micro: int = 0


class Ledger:
    """Folds events into rows. `standings` and `holdings` (account, instrument → lots) are where it starts
    and, afterwards, where it has come to; `is_option` tells kinds by instrument."""

    def __init__(
        self,
        is_option: dict[int, bool],
        standings: dict[int, Standing] | None = None,
        holdings: dict[tuple[int, int], int] | None = None,
    ) -> None:
        self.is_option = is_option
        self.standings = standings if standings is not None else {}
        self.holdings = holdings if holdings is not None else {}
        self.changed: set[int] = set()
        self.moved: set[tuple[int, int]] = set()

    def rows(self, event: ev.Event, record: bytes) -> Iterator[LedgerRow]:
        """The rows of one event; events must come in order."""
        if isinstance(event, ev.Trade):
            yield from self._trade(event)
        elif isinstance(event, ev.Cash):
            tags = _CASH_TAGS.get(event.kind)
            if tags is not None and (event.delta_micro or event.kind != r.CASH_MOVED):
                head = event.head
                yield from self._row(head, head.account, event.time_ms, tags, event.delta_micro, record)
        elif isinstance(event, ev.Settled):
            yield from self._settled(event, record)
        elif isinstance(event, ev.Liquidation):
            yield from self._liquidation(event, record)
        elif isinstance(event, ev.Moved):
            self._hold(event.head.account, event.head.instrument, -event.lots)
            self._hold(event.to_account, event.head.instrument, event.lots)

    def _trade(self, event: ev.Trade) -> Iterator[LedgerRow]:
        instrument = event.head.instrument
        is_option = self.is_option.get(instrument, False)
        kind = TAG["option"] if is_option else TAG["future"]
        # A combo's resting order may be met on two sides: then it is a maker in both.
        active = TAG["maker" if event.flags & r.TRADE_RESTS else "taker"]
        sides = (
            (0, event.maker_account, event.maker_fee_micro, not event.taker_sells, TAG["maker"]),
            (1, event.taker_account, event.taker_fee_micro, event.taker_sells, active),
        )
        for side, account, fee, sells, role in sides:
            lots = -event.size_lots if sells else event.size_lots
            value = event.value_micro if sells else -event.value_micro
            before = self.holdings.get((account, instrument), 0)
            opens = before == 0 or (before > 0) == (lots > 0)
            tags = TAG["trade"] | kind | role | TAG["open" if opens else "close"]
            tags |= TAG["sell" if sells else "buy"]
            if side and event.flags & r.TRADE_LIQUIDATION:
                tags |= TAG["liquidation"]
            self._hold(account, instrument, lots)
            yield from self._row(
                event.head,
                account,
                event.time_ms,
                tags,
                (value if is_option else 0) - fee,
                b"",
                fee,
                side,
                event.trade_id,
            )

    def _settled(self, event: ev.Settled, record: bytes) -> Iterator[LedgerRow]:
        head = event.head
        tags = _SETTLED_TAGS[head.id]
        tags |= TAG["option"] if head.id == r.SETTLED_DELIVERY else TAG["future"]
        if head.id == r.SETTLED_DELIVERY:
            self._hold(head.account, head.instrument, -self.holdings.get((head.account, head.instrument), 0))
        yield from self._row(
            head, head.account, event.time_ms, tags, event.cash_delta_micro, record, event.fee_micro
        )

    def _liquidation(self, event: ev.Liquidation, record: bytes) -> Iterator[LedgerRow]:
        head = event.head
        if not event.amount_micro:
            return
        if event.kind in _LIQUIDATION_FEES:
            tags = TAG["liquidation"] | TAG["fee"]
            amount = event.amount_micro
            yield from self._row(head, head.account, event.time_ms, tags, -amount, record, amount)
        elif event.kind == r.LIQ_FUND:
            tags = TAG["liquidation"] | TAG["socialized_fund"]
            yield from self._row(head, head.account, event.time_ms, tags, event.amount_micro, record)
        elif event.kind == r.LIQ_SHARED:
            tags = TAG["socialized_fund"]
            yield from self._row(head, head.account, event.time_ms, tags, -event.amount_micro, record)
            tags |= TAG["liquidation"]
            yield from self._row(
                head, event.counter_account, event.time_ms, tags, event.amount_micro, record, side=1
            )

    def _row(
        self,
        head: ev.Header,
        account: int,
        time_ms: int,
        tags: int,
        change_micro: int,
        record: bytes,
        fee_micro: int = 0,
        side: int = 0,
        trade_id: int = 0,
    ) -> Iterator[LedgerRow]:
        if account < FIRST_USER_ACCOUNT:
            return
        before = self.standings.get(account, Standing())
        after = Standing(before.user_seq + 1, before.balance_micro + change_micro)
        self.standings[account] = after
        self.changed.add(account)
        yield LedgerRow(
            account,
            after.user_seq,
            head.counter,
            head.event_index,
            side,
            time_ms,
            tags,
            head.instrument,
            change_micro,
            fee_micro,
            after.balance_micro,
            self.holdings.get((account, head.instrument), 0),
            trade_id,
            record,
        )

    def _hold(self, account: int, instrument: int, lots: int) -> None:
        if lots and account >= FIRST_USER_ACCOUNT:
            key = (account, instrument)
            self.holdings[key] = self.holdings.get(key, 0) + lots
            self.moved.add(key)
