"""Packs one MARKS command from arrays (docs/formats.md), without a Python object per instrument."""

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


def encode_marks(underlying: int, index_micro: int, feed_seq: int, units: NDArray[np.void]) -> bytes:
    """The MARKS command of one underlying; `units` is an array of :data:`MARK_UNIT`, at most MAX_MARKS."""
    if units.dtype != MARK_UNIT or units.size > MAX_MARKS:
        raise ValueError(f"a marks block takes at most {MAX_MARKS} mark units, not {units.size}")
    head = commands.header(records.MARKS, 2 + units.size, instrument=underlying)
    return b"".join((head, _BODY.pack(index_micro, feed_seq, 0, 0), units.data))
