"""The checksum of a book: one number over all its levels, kept up to date by what changes.

It is the sum, modulo 2^32, over every level of

    y = crc32(side:price_micro:amount_e8) · 0x9E3779B1 modulo 2^32;  y xor ⌊y / 2^16⌋

with the CRC-32 of zlib, PNG, Ethernet of the level's text. `side` is `b` or `a`, `price_micro` the price in
millionths of a USDC, `amount_e8` the amount in hundred-millionths of the underlying, both whole numbers
without leading zeros; of an empty book it is 0. A bid of 0.25 at 4,995 is `b:4995000000:25000000`.

The whole book counts, not only its top: what is wrong far down becomes a wrong price later. A sum because
an update then costs the levels it changes, on both sides of the wire, not the book. Whole numbers because
they are the same in every language, which floats as text are not. The CRC is mixed because it is linear: of
plain ones every ten-thousandth pair of amounts that change places would not be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

MASK: Final = 0xFFFF_FFFF
_SPREAD: Final = 0x9E37_79B1  # odd, near 2^32 over the golden ratio: every bit reaches the upper half


def level_checksum(is_ask: int, price_micro: int, amount_e8: int) -> int:
    """What one level adds to the sum; 0 for an empty one."""
    if not amount_e8:
        return 0
    spread = crc32(b"%c:%d:%d" % (97 if is_ask else 98, price_micro, amount_e8)) * _SPREAD & MASK
    return spread ^ spread >> 16


def book_checksum(levels: Iterable[tuple[int, int, int]]) -> int:
    """The checksum of (is_ask, price_micro, amount_e8) levels."""
    return sum(level_checksum(*level) for level in levels) & MASK
