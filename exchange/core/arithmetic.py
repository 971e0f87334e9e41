"""Products and shares whose rounding, and whose room in 64 bits, has a name (docs/rules-2.md).

Compiled integers wrap where Python's grow: what multiplies here divides first, or works digit by digit.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

_PPM: Final = 1_000_000
# Long division takes three binary digits at a time: a remainder below 2**59 and a digit's product, each
# times at most eight, add up to less than 2**63.
_DIGIT_BITS: Final = 3
_TOP_SHIFT: Final = 57  # of the first of the twenty digits that 60 bits make
_PLAIN: Final = (1 << 31) - 1  # the product of two such numbers needs no care


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


def mul_div_ceil(a: i64, b: i64, c: i64) -> i64:
    """⌈a · b / c⌉ for 0 ≤ a, b ≤ 2⁵⁹ and 1 ≤ c ≤ 2⁵⁹; the result must fit, the product need not."""
    if a <= _PLAIN and b <= _PLAIN:
        return (a * b + c - 1) // c
    whole = a // c * b
    part = a % c
    quotient: i64 = 0
    rest: i64 = 0
    shift: i64 = _TOP_SHIFT
    while shift >= 0:
        rest = (rest << _DIGIT_BITS) + part * ((b >> shift) & 7)
        quotient = (quotient << _DIGIT_BITS) + rest // c
        rest %= c
        shift -= _DIGIT_BITS
    if rest > 0:
        quotient += 1
    return whole + quotient
