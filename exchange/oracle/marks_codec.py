"""Packs MARKS and RISK_SNAPSHOT from arrays (docs/formats.md), without a Python object per instrument."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.domain import commands, records
from exchange.domain.limits import MAX_MARKS

MARK_UNIT: Final = np.dtype(
    [
        ("instrument", "<u4"),
        ("delta_e9", "<i4"),
        ("mark_micro", "<i8"),
        ("vega_micro", "<i8"),
        ("forward_micro", "<i8"),
    ]
)
"""The 32-byte mark unit as a numpy record."""

_BODY: Final = struct.Struct("<qqqq")
_UNIT: Final = MARK_UNIT.itemsize


class MarksBlock:
    """The mark units of one underlying in a lasting array, and the MARKS commands made of them."""

    def __init__(self, count: int) -> None:
        """`count` units, all zero; ValueError if a command does not hold so many."""
        if count > MAX_MARKS:
            raise ValueError(f"a marks block takes at most {MAX_MARKS} mark units, not {count}")
        self.units: NDArray[np.void] = np.zeros(count, dtype=MARK_UNIT)
        """Of :data:`MARK_UNIT`; write into it."""
        self.words: NDArray[np.int64] = self.units.view(np.int64).reshape(count, 4)
        """The same memory: instrument and delta_e9 in one word, mark_micro, vega_micro, forward_micro."""
        self._bytes = self.units.view(np.uint8).data

    def encode(self, underlying: int, index_micro: int, feed_seq: int, first: int = 0) -> bytes:
        """The MARKS command with the units from the `first` on, as they are now."""
        head = commands.header(records.MARKS, 2 + self.units.size - first, instrument=underlying)
        body = _BODY.pack(index_micro, feed_seq, 0, 0)
        return b"".join((head, body, self._bytes[_UNIT * first :]))

    def encode_snapshot(
        self, underlying: int, index_micro: int, feed_seq: int, first: int, tables: int, stream: bytes
    ) -> bytes:
        """The RISK_SNAPSHOT command: the units from the `first` on, and the `stream` of `tables` tables."""
        count = self.units.size - first
        padded = stream.ljust((len(stream) + _UNIT - 1) // _UNIT * _UNIT, b"\0")
        units = 2 + count + len(padded) // _UNIT
        head = commands.header(records.RISK_SNAPSHOT, units, instrument=underlying)
        body = _BODY.pack(index_micro, feed_seq, count, tables | len(stream) << 32)
        return b"".join((head, body, self._bytes[_UNIT * first :], padded))
