"""Recent movements of money and positions, of each account and of each market; the store has the rest.

Fills from released events and, at the start, from what recovery replays. Records are kept packed, as the
events they came in. All limits are per account or per venue: the memory is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.history_ring import NotRemembered, counter_of
from exchange.gateway.ports import HistoryView
from exchange.history.rows import LossRow, MarketRow, add_loss, add_settled, class_of, movement_class

RECORDS_PER_ACCOUNT: Final = 128
MARKET_ROWS: Final = 20_000
PAGE: Final = 200  # rows read from the store at a time
_NEVER: Final = 1 << 62
Row = TypeVar("Row", MarketRow, LossRow)

DEPOSITS: Final = (movement_class(r.EV_CASH, r.CASH_DEPOSIT),)
WITHDRAWALS: Final = tuple(
    movement_class(r.EV_CASH, kind)
    for kind in (r.CASH_WITHDRAWAL, r.CASH_WITHDRAWAL_PAID, r.CASH_WITHDRAWAL_CANCELLED, r.CASH_FORCED)
)
TRANSFERS: Final = (movement_class(r.EV_CASH, r.CASH_TRANSFER),)
SETTLED: Final = tuple(
    movement_class(r.EV_SETTLED, kind)
    for kind in (r.SETTLED_DELIVERY, r.SETTLED_PERPETUAL, r.SETTLED_FUNDING)
)
LOSSES: Final = tuple(movement_class(r.EV_LIQUIDATION, kind) for kind in (r.LIQ_FUND, r.LIQ_SHARED))
LIQUIDATIONS: Final = tuple(movement_class(r.EV_LIQUIDATION, kind) for kind in r.LIQUIDATION_NAMES)


class MoneyRing:
    """Bounded memory of movements, with the store behind it."""

    def __init__(self, history: HistoryView) -> None:
        self._history = history
        self.records: dict[int, deque[bytes]] = {}
        """The last of each account, at most `RECORDS_PER_ACCOUNT`, oldest first."""
        # By sequence number, oldest first: the events of one command become one row.
        self._markets: dict[int, MarketRow] = {}
        self._losses: dict[int, LossRow] = {}

    def add(self, event: ev.Event, record: bytes, index_micro: int) -> None:
        """Take a SETTLED, CASH, LIQUIDATION or MOVED; `index_micro` is the index behind its instrument."""
        self._remember(event.head.account, record)
        if isinstance(event, ev.Moved):
            self._remember(event.to_account, record)
        elif isinstance(event, ev.Liquidation) and event.kind == r.LIQ_SHARED:
            self._remember(event.counter_account, record)  # for its cash: `movements` leaves it out
        if isinstance(event, ev.Settled):
            market = self._markets.get(event.head.seq)
            _keep(self._markets, add_settled(market, event, index_micro))
        elif isinstance(event, ev.Liquidation) and event.kind in (r.LIQ_FUND, r.LIQ_SHARED):
            loss = self._losses.get(event.head.seq)
            _keep(self._losses, add_loss(loss, event))

    def add_settlement(
        self, event: ev.Settled, long_lots: int, gained_micro: int, index_micro: int
    ) -> None:
        """Take what many SETTLED of one settlement of a market come to, of which `event` is one; their
        records are in `records` already."""
        row = self._markets.get(event.head.seq)
        if row is None:
            row = add_settled(None, event, index_micro)._replace(long_lots=0, gained_micro=0)
        lots, gained = row.long_lots + long_lots, row.gained_micro + gained_micro
        _keep(self._markets, row._replace(long_lots=lots, gained_micro=gained))

    def _remember(self, account: int, record: bytes) -> None:
        ring = self.records.get(account)
        if ring is None:
            ring = self.records[account] = deque(maxlen=RECORDS_PER_ACCOUNT)
        ring.append(record)

    # --- reading, newest first -----------------------------------------------------------------------

    def movements(
        self, account: int, classes: Sequence[int], before_seq: int = _NEVER
    ) -> Iterator[ev.Event]:
        """An account's movements of the given classes with a lower seq, newest first: memory, then store."""
        oldest: tuple[int, int] = (before_seq, 0)
        for record in reversed(self.records.get(account, ())):
            event = ev.read_event(record)
            if event.head.seq < before_seq:
                oldest = (event.head.seq, event.head.event_index)
                if class_of(event) in classes and (event.head.account == account or _is_move(event)):
                    yield event
        while True:
            # The command where the page before ended may have more: it is read again, what is known left out.
            page = self._history.movements(account, classes, before_seq=oldest[0] + 1, limit=PAGE)
            found = [ev.read_event(stored) for stored in page]
            new = [event for event in found if (event.head.seq, event.head.event_index) < oldest]
            yield from new
            if len(page) < PAGE:
                return
            if new:
                oldest = (new[-1].head.seq, new[-1].head.event_index)
            else:  # a page of one command, all of it known
                oldest = (oldest[0] - 1, _NEVER)

    def since(self, account: int, counter: int, known_from: int) -> list[bytes]:
        """The records of an account from the command `counter` on, oldest first.

        Raises:
            NotRemembered: there may have been more than are remembered.
        """
        ring = self.records.get(account, ())
        found = [record for record in ring if counter_of(record) >= counter]
        is_cut = len(found) == RECORDS_PER_ACCOUNT and counter_of(found[0]) > counter
        if counter and (is_cut or known_from > counter):
            raise NotRemembered
        return found

    def markets(
        self, instrument: int | None, kinds: Sequence[int], before_seq: int = _NEVER
    ) -> Iterator[MarketRow]:
        """Settlements of markets with a lower seq, newest first; `instrument` None: any."""
        before = before_seq
        for row in reversed(self._markets.values()):
            if row.seq < before_seq:
                before = row.seq
                if row.kind in kinds and instrument in (None, row.instrument):
                    yield row
        while True:
            page = self._history.markets(instrument, kinds, before_seq=before, limit=PAGE)
            yield from page
            if len(page) < PAGE:
                return
            before = page[-1].seq

    def deliveries(self) -> Sequence[MarketRow]:
        """From the store alone: one row for every delivery price of a day, oldest first."""
        return self._history.deliveries()

    def market_at(self, seq: int) -> MarketRow | None:
        """The settlement of a market by one command, or None if it was none."""
        return self._markets.get(seq) or self._history.market(seq)

    def losses(self, before_seq: int = _NEVER) -> Iterator[LossRow]:
        """Covered and shared losses with a lower seq, newest first."""
        before = before_seq
        for row in reversed(self._losses.values()):
            if row.seq < before_seq:
                before = row.seq
                yield row
        while True:
            page = self._history.losses(before_seq=before, limit=PAGE)
            yield from page
            if len(page) < PAGE:
                return
            before = page[-1].seq


def _is_move(event: ev.Event) -> bool:
    return isinstance(event, ev.Moved)


def _keep(rows: dict[int, Row], row: Row) -> None:
    if len(rows) >= MARKET_ROWS and row.seq not in rows:
        del rows[next(iter(rows))]
    rows[row.seq] = row
