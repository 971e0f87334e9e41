"""Products and shares whose rounding, and whose room in 64 bits, has a name (docs/rules-2.md).

Compiled integers wrap where Python's grow: what multiplies here divides first, or works digit by digit.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

_PPM: Final = 1_000_000
# Long division takes a binary digit at a time: twice a remainder below 2**61 and once a factor's part stay
# below 2**63.
_TOP_DIGIT: Final = 61
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
    """⌈a · b / c⌉ for 0 ≤ a, b ≤ 2⁶¹ and 1 ≤ c ≤ 2⁶¹; the result must fit, the product need not."""
    if a <= _PLAIN and b <= _PLAIN:
        product = a * b
        return product // c + (1 if product % c > 0 else 0)
    whole = a // c * b
    part = a % c
    quotient: i64 = 0
    rest: i64 = 0
    digit: i64 = _TOP_DIGIT
    while digit >= 0:
        rest = rest * 2 + part * ((b >> digit) & 1)
        quotient *= 2
        while rest >= c:  # twice at most
            rest -= c
            quotient += 1
        digit -= 1
    if rest > 0:
        quotient += 1
    return whole + quotient
