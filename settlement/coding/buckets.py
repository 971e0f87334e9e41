"""Numbers as a symbol and raw bits: exact while small, then four buckets an octave.

With `exact` = k: value v < 2^k is symbol v, without raw bits. Above, e = ⌊log2 v⌋, symbol = 2^k + 4 (e − k) +
the two bits below the highest, and the e − 2 bits that remain are raw. k is at least 2.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE_EXACT: Final = 3
PRICE_EXACT: Final = 5
RAW_BITS: Final = 64
"""What an escape carries."""


def split(value: int, exact: int) -> tuple[int, int, int]:
    """(symbol, raw bits, their value) of a value ≥ 0."""
    if value < 1 << exact:
        return value, 0, 0
    octave = value.bit_length() - 1
    bits = octave - 2
    return (1 << exact) + 4 * (octave - exact) + (value >> bits & 3), bits, value & (1 << bits) - 1


def raw_bits(symbol: int, exact: int) -> int:
    """How many raw bits follow a symbol."""
    return 0 if symbol < 1 << exact else (symbol - (1 << exact)) // 4 + exact - 2


def join(symbol: int, raw: int, exact: int) -> int:
    """The value of a symbol and its raw bits."""
    if symbol < 1 << exact:
        return symbol
    above = symbol - (1 << exact)
    bits = above // 4 + exact - 2
    return (4 + above % 4 << bits) + raw


def split_all(values: NDArray[np.int64], exact: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(symbols, raw bits) of values ≥ 0."""
    octave = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    octave = np.clip(octave, exact, 62)
    octave -= values >> octave == 0  # a value just below a power of two that a double rounds up
    octave = np.maximum(octave, exact)
    bits = octave - 2
    above = (1 << exact) + 4 * (octave - exact) + (values >> bits & 3)
    small = values < 1 << exact
    return np.where(small, values, above), np.where(small, 0, bits)


def raw_bits_all(symbols: NDArray[np.int64], exact: int) -> NDArray[np.int64]:
    """How many raw bits follow each symbol."""
    return np.where(symbols < 1 << exact, 0, (symbols - (1 << exact)) // 4 + exact - 2)


def join_all(symbols: NDArray[np.int64], raw: NDArray[np.int64], exact: int) -> NDArray[np.int64]:
    """The values of symbols and their raw bits."""
    above = symbols - (1 << exact)
    bits = np.maximum(above // 4 + exact - 2, 0)
    return np.where(above < 0, symbols, (4 + above % 4 << bits) + raw)
