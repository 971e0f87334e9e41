"""Quotients whose rounding has a name (docs/rules-2.md).

Compiled integers wrap where Python's grow: what multiplies a large number here divides it first.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

_PPM: Final = 1_000_000


def ceil_div(value: i64, by: i64) -> i64:
    """⌈value / by⌉ for by > 0."""
    return -(-value // by)


def ppm_ceil(value: i64, ppm: i64) -> i64:
    """⌈value · ppm / 10⁶⌉ for value ≥ 0 and 0 ≤ ppm ≤ 2·10⁶; the result must fit."""
    part = value % _PPM * ppm
    return value // _PPM * ppm + (part + _PPM - 1) // _PPM


def ppm_floor(value: i64, ppm: i64) -> i64:
    """⌊value · ppm / 10⁶⌋ for value ≥ 0 and 0 ≤ ppm ≤ 2·10⁶; the result must fit."""
    return value // _PPM * ppm + value % _PPM * ppm // _PPM
