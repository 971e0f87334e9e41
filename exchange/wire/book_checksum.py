"""The checksum of a book: one number over all its levels, kept up to date by what changes.

It is the sum, modulo 2^32, of the CRC-32 (that of zlib, PNG, Ethernet) of every level's text

    side:price_micro:amount_e8

`side` is `b` or `a`, `price_micro` the price in millionths of a USDC, `amount_e8` the amount in hundred-
millionths of the underlying, both whole numbers without leading zeros; of an empty book it is 0. A bid of
0.25 at 4,995 is `b:4995000000:25000000`.

The whole book counts, not only its top: what is wrong far down becomes a wrong price later. A sum because
an update then costs the levels it changes, on both sides of the wire, not the book. Whole numbers because
they are the same in every language, which floats as text are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

MASK: Final = 0xFFFF_FFFF


def level_checksum(is_ask: int, price_micro: int, amount_e8: int) -> int:
    """What one level adds to the sum; 0 for an empty one."""
    return crc32(b"%c:%d:%d" % (97 if is_ask else 98, price_micro, amount_e8)) if amount_e8 else 0


def book_checksum(levels: Iterable[tuple[int, int, int]]) -> int:
    """The checksum of (is_ask, price_micro, amount_e8) levels."""
    return sum(level_checksum(*level) for level in levels) & MASK
