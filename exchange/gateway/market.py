"""What the venue shows of each instrument: book, last trade, 24-hour figures, open interest, marks.

Everything here is derived from released events and rebuilt at the start from engine queries; integers
in the units of docs/formats.md. The figures themselves are compiled (`exchange.edge.boards`), here they are
read, and changed by what is rare.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import records as r
from exchange.domain.events import Settled
from exchange.edge.boards import BUCKET_MS as BUCKET_MS
from exchange.edge.boards import DAY_MS as DAY_MS
from exchange.edge.boards import Board
from exchange.edge.boards import Holding as Holding
from exchange.edge.boards import RollingStats as RollingStats
from exchange.edge.boards import Stats as Stats
from exchange.edge.released import Past
from exchange.gateway.book import Book
from exchange.gateway.history_ring import Fills
from exchange.history.bars import Bar

RECENT_TRADES: Final = 1_000

_TRADE_PRICE: Final = struct.Struct("<48xq")


class InstrumentMarket:
    """The live view of one instrument."""

    __slots__ = ("_past", "board", "book", "delivery_micro", "settlement_ticks")

    def __init__(self, past: Past | None = None) -> None:
        self.board = Board()
        self.book = Book(board=self.board)
        self.delivery_micro: int | None = None
        self.settlement_ticks: int | None = None
        self._past = Past(0) if past is None else past

    @property
    def trades(self) -> Fills:
        """Its last trades, newest last."""
        return Fills(self._past, self.board.last_trade, RECENT_TRADES)

    @property
    def stats(self) -> RollingStats:
        """Its last 24 hours."""
        return self.board.stats

    @property
    def holdings(self) -> dict[int, Holding]:
        """Open positions by account."""
        return self.board.holdings

    @property
    def last_trade_ticks(self) -> int | None:
        """The price of the last trade."""
        return self.board.last_ticks if self.board.has_traded else None

    @property
    def tick_direction(self) -> int:
        """That of the last trade (docs of `wire.objects.tick_direction`)."""
        return self.board.direction

    @property
    def trade_seq(self) -> int:
        """The number of its last trade."""
        return self.board.trade_seq

    @property
    def open_interest_lots(self) -> int:
        """Sum of all long positions."""
        return self.board.open_interest

    def load_last(self, trade: bytes, direction: int) -> None:
        """The last trade before this venue started."""
        (self.board.last_ticks,) = _TRADE_PRICE.unpack_from(trade)
        self.board.has_traded = True
        self.board.direction = direction

    def load_bar(self, bar: Bar) -> None:
        """Five minutes of the last day, as the store has them, the oldest first (start)."""
        self.stats.load(bar.start_s * 1_000, bar.open, bar.high, bar.low, bar.volume, bar.value)

    def fill(self, account: int, lots: int, value_micro: int) -> None:
        """Add signed lots to an account's holding."""
        self.board.fill(account, lots, value_micro)

    def note_settled(self, event: Settled) -> None:
        """Take the price of a settlement; positions are taken by `exchange.edge.settled`."""
        if event.head.id == r.SETTLED_DELIVERY:
            self.delivery_micro = event.price
        elif event.head.id == r.SETTLED_PERPETUAL:
            self.settlement_ticks = event.price

    def set_holding(self, account: int, size_lots: int, cost_micro: int) -> None:
        """Load a position from the engine (start)."""
        self.board.holdings[account] = Holding(size_lots, cost_micro)
        self.board.open_interest += max(0, size_lots)

