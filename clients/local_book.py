"""A book kept from a `book.{instrument}.{interval}` channel, that proves on every update that it is right.

Sans-I/O: hand every notification to :meth:`LocalBook.take`. When it raises :class:`BookBroken`, ask for
``public/strikebook_book_snapshot``; until the snapshot comes, updates are ignored.
"""

from __future__ import annotations

from typing import Any, Final

from exchange.wire.book_checksum import MASK, level_checksum

SNAPSHOT_METHOD: Final = "public/strikebook_book_snapshot"
_MICRO: Final = 1_000_000
_E8: Final = 100_000_000
_SIDES: Final = ("bids", "asks")


class BookBroken(Exception):
    """An update that does not fit the book: wait for a snapshot."""


class LocalBook:
    """Levels of both sides: price in millionths of a USDC → amount in hundred-millionths."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.change_id: int | None = None
        """None before the first snapshot, and after an update that did not fit."""
        self.checksum = 0

    def resync(self) -> tuple[str, dict[str, Any]]:
        """The request that brings a snapshot."""
        return SNAPSHOT_METHOD, {"channel": self.channel}

    def take(self, data: dict[str, Any]) -> bool:
        """Apply a notification; False if it was left out because a snapshot is still to come.

        Raises:
            BookBroken: a gap, a level that is not as the update says, a crossed book, or a checksum that
                differs. The book is not to be used until the next snapshot.
        """
        if data["type"] == "snapshot":
            self.bids, self.asks, self.checksum = {}, {}, 0
        elif self.change_id is None:
            return False
        elif data["prev_change_id"] != self.change_id or data["change_id"] <= self.change_id:
            self._break(f"{data['prev_change_id']} → {data['change_id']} does not follow {self.change_id}")
        for is_ask, name in enumerate(_SIDES):
            for action, price, amount in data[name]:
                self._set(is_ask, action, round(price * _MICRO), round(amount * _E8))
        if self.bids and self.asks and max(self.bids) >= min(self.asks):
            self._break(f"crossed: {max(self.bids)} and {min(self.asks)}")
        if self.checksum != data["checksum"]:
            self._break(f"the checksum is {data['checksum']}, of this book {self.checksum}")
        self.change_id = data["change_id"]
        return True

    def _set(self, is_ask: int, action: str, price_micro: int, amount_e8: int) -> None:
        side = self.asks if is_ask else self.bids
        old = side.pop(price_micro, 0)
        fits = {"new": not old and amount_e8, "change": old and amount_e8, "delete": old and not amount_e8}
        if not fits.get(action):
            self._break(f"{action} {amount_e8} at {price_micro}, where {old} was")
        if amount_e8:
            side[price_micro] = amount_e8
        added = level_checksum(is_ask, price_micro, amount_e8)
        self.checksum = self.checksum + added - level_checksum(is_ask, price_micro, old) & MASK

    def _break(self, why: str) -> None:
        self.change_id = None
        raise BookBroken(f"{self.channel}: {why}")
