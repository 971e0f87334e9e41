"""What the contract that decodes a fill chunk is told of the state, in the order in which it asks.

`settlement.coding.plain` decodes the chunk over lists that note what is looked up: the decoder contract
(FillDecoder.vy) asks for the same, whether it comes to the end or not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from operator import index
from typing import Final, NamedTuple, SupportsIndex, cast, overload

from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import DICTIONARIES, NONE, Dictionaries
from settlement.coding.fills import Step as Row
from settlement.coding.limits import DecodeError
from settlement.coding.plain import Extent, Setting, decode_chunk
from settlement.stf.listings import entry_place

_LOW_64: Final = (1 << 64) - 1
OF_INSTRUMENT: Final = 1 << 255
"""Marks an anchor among what was told."""


class Told(NamedTuple):
    """What a fill chunk leans on, and its rows, None if its bytes are none."""

    pairs: tuple[int, ...]
    """Entries of dictionaries: place · 2^32 + id, each once."""
    order: bytes
    """Of every look-up, which of them it is."""
    anchors: tuple[int, ...]
    """Of every instrument: id · 2^128 + last price (64 bits) · 2^64 + side."""
    rows: tuple[Row, ...] | None

    @property
    def all(self) -> tuple[int, ...]:
        """As the contract chains them."""
        return (*self.pairs, *(anchor | OF_INSTRUMENT for anchor in self.anchors))


class _Noting(list[int]):
    """A class of a dictionary that notes what is taken from it."""

    def __init__(self, ids: list[int], base: int, note: Callable[[int], None]) -> None:
        super().__init__(ids)
        self._base, self._note = base, note

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[int]: ...
    def __getitem__(self, at: SupportsIndex | slice, /) -> int | list[int]:
        found = super().__getitem__(at)
        if isinstance(found, int):
            self._note(self._base + index(cast(SupportsIndex, at)) << 32 | found)
        return found


def told_of(data: bytes, extent: Extent, setting: Setting) -> Told:
    """Decode a chunk and note what it asks for."""
    noted: list[int] = []
    asked: list[int] = []

    class Asked(Anchors):
        """Anchors that note which instruments are asked for."""

        def one(self, instrument: int) -> tuple[int, int]:
            """See `Anchors`."""
            price, sells = super().one(instrument)
            asked.append(instrument << 128 | (price & _LOW_64) << 64 | sells)
            return price, sells

    dictionaries = Dictionaries()
    for number in range(DICTIONARIES):
        for kind in range(NONE):
            ids = setting.dictionaries.lists[number][kind]
            dictionaries.lists[number][kind] = _Noting(ids, entry_place(number, kind, 0), noted.append)
    rows: tuple[Row, ...] | None = None
    noting = Setting(setting.tables, dictionaries, Asked(*setting.anchors))
    with suppress(DecodeError):
        rows = tuple(decode_chunk(data, extent, noting))
    pairs = tuple(dict.fromkeys(noted))
    places = {pair: at for at, pair in enumerate(pairs)}
    return Told(pairs, bytes(places[pair] for pair in noted), tuple(dict.fromkeys(asked)), rows)
