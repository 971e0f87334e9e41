"""The legs of a combo as records carry them (docs/rules-4.md)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

_LEG: Final = struct.Struct("<Ii")
LEGS_BYTES: Final = 32
"""Of the unit that holds the legs: up to four of eight bytes, what is not used is zero."""


class ComboLeg(NamedTuple):
    """One leg: buying a lot of the combo buys `ratio` lots of it (sells them where it is negative)."""

    instrument: int
    ratio: int


def pack_legs(legs: Sequence[ComboLeg]) -> bytes:
    """The unit of the legs, in LIST_COMBO and in INSTRUMENT. At most four fit."""
    packed = b"".join(_LEG.pack(*leg) for leg in legs)
    if len(packed) > LEGS_BYTES:
        raise struct.error(f"{len(legs)} legs do not fit a unit")
    return packed.ljust(LEGS_BYTES, b"\0")


def unpack_legs(data: bytes, at: int) -> tuple[ComboLeg, ...]:
    """The legs of the unit at byte `at`: all up to the first whose ratio is 0."""
    found = []
    for instrument, ratio in _LEG.iter_unpack(data[at : at + LEGS_BYTES]):
        if ratio == 0:
            break
        found.append(ComboLeg(instrument, ratio))
    return tuple(found)
