"""One instrument's displayed book as clients see it, and the changes its channels have not told yet.

Levels come from the `level_lots` of ORDER events, so the view needs no order of its own. A *tracker*
remembers, for every level touched since its channel last spoke, the lots that channel last knew; the
difference to the book now is the channel's next change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.edge.boards import Board
from exchange.wire.book_checksum import MASK, level_checksum

NEW: Final = "new"
CHANGE: Final = "change"
DELETE: Final = "delete"

Level = tuple[int, int]
LevelChange = tuple[str, int, int]


class Changes(NamedTuple):
    """What one channel has to tell: (action, price_ticks, lots) a side, best prices first."""

    prev_change_id: int
    change_id: int
    bids: list[LevelChange]
    asks: list[LevelChange]


class Tracker:
    """What one book channel has told so far, and the checksum of that (`wire.book_checksum`)."""

    __slots__ = ("_lot_e8", "_tick_micro", "change_id", "checksum", "touched")

    def __init__(self, change_id: int, tick_micro: int, lot_e8: int) -> None:
        self.change_id = change_id
        self.checksum = 0
        self.touched: dict[int, int] = {}  # price * 2 + side → lots the channel knows
        self._tick_micro = tick_micro
        self._lot_e8 = lot_e8

    def tell(self, side: int, price: int, old: int, now: int) -> None:
        """A level goes from `old` to `now` lots in what the channel knows."""
        price_micro, lot_e8 = price * self._tick_micro, self._lot_e8
        added = level_checksum(side, price_micro, now * lot_e8)
        self.checksum = self.checksum + added - level_checksum(side, price_micro, old * lot_e8) & MASK


class Book:
    """Displayed lots a price, both sides. Prices in ticks, sides: 0 bid, 1 ask.

    The levels are the board's, which the pass over released events changes without a word to the book.
    """

    __slots__ = ("_board", "_trackers")

    def __init__(self, change_id: int = 0, board: Board | None = None) -> None:
        self._board = Board(change_id) if board is None else board
        self._trackers: list[Tracker] = []

    @property
    def change_id(self) -> int:
        """The counter of the last command that changed the book; it only grows."""
        return self._board.change_id

    def load(self, bids: Iterable[Level], asks: Iterable[Level], change_id: int) -> None:
        """Fill an empty book with (price_ticks, lots) levels."""
        for side, levels in enumerate((bids, asks)):
            for price, lots in levels:
                self._board.update(side, price, lots, change_id)
        self._board.change_id = change_id

    def update(self, side: int, price_ticks: int, lots: int, change_id: int) -> bool:
        """Set a level's displayed lots; False if they were so already."""
        return self._board.update(side, price_ticks, lots, change_id)

    def best_bid(self) -> Level | None:
        """(price_ticks, lots) of the highest bid."""
        found = self._board.levels(0, 1)
        return found[0] if found else None

    def best_ask(self) -> Level | None:
        """(price_ticks, lots) of the lowest ask."""
        found = self._board.levels(1, 1)
        return found[0] if found else None

    def bids(self, depth: int | None = None) -> list[Level]:
        """Levels from the best; all of them if `depth` is None."""
        return self._board.levels(0, -1 if depth is None else depth)

    def asks(self, depth: int | None = None) -> list[Level]:
        """Levels from the best; all of them if `depth` is None."""
        return self._board.levels(1, -1 if depth is None else depth)

    # --- change tracking ---------------------------------------------------------------------------

    def track(self, tick_micro: int = 1, lot_e8: int = 1) -> Tracker:
        """A tracker that knows the book as it is now; the checksum takes a tick and a lot for so much."""
        tracker = Tracker(self.change_id, tick_micro, lot_e8)
        for side, levels in enumerate((self.bids(), self.asks())):
            for price, lots in levels:
                tracker.tell(side, price, 0, lots)
        self._trackers.append(tracker)
        self._board.followers.append(tracker.touched)
        return tracker

    def untrack(self, tracker: Tracker) -> None:
        """The tracker's channel has no listener any more."""
        at = self._trackers.index(tracker)
        del self._trackers[at], self._board.followers[at]

    def take_changes(self, tracker: Tracker) -> Changes | None:
        """What changed since the tracker's last take, or None. Levels back where they were are left
        out; if nothing else is left the ids do not move either, so the chain has no gap."""
        if not tracker.touched:
            return None
        bids: list[LevelChange] = []
        asks: list[LevelChange] = []
        for key, old in tracker.touched.items():
            side, price = key & 1, key >> 1
            now = self._board.lots_at(side, price)
            if now != old:
                action = DELETE if now == 0 else CHANGE if old else NEW
                (asks if side else bids).append((action, price, now))
                tracker.tell(side, price, old, now)
        tracker.touched.clear()
        if not bids and not asks:
            return None
        bids.sort(key=_price, reverse=True)
        asks.sort(key=_price)
        previous, tracker.change_id = tracker.change_id, self.change_id
        return Changes(previous, self.change_id, bids, asks)


def _price(change: LevelChange) -> int:
    return change[1]
