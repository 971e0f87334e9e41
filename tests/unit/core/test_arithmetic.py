"""Rounded products agree with unbounded integers, up to the edge of what they promise."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from exchange.core.arithmetic import ceil_div, ppm_ceil, ppm_floor

VALUES = st.one_of(st.integers(0, 1 << 61), st.integers((1 << 61) - 2, 1 << 61), st.integers(0, 2_000_001))


def above(numerator: int, denominator: int) -> int:
    """The exact quotient, rounded up."""
    return -(-numerator // denominator)


@given(VALUES, st.integers(0, 2_000_000))
@example(1 << 61, 2_000_000)
@example(999_999, 1_000_001)
@example(1, 1)
@example(0, 2_000_000)
def test_parts_per_million_round_as_named(value: int, ppm: int) -> None:
    assert ppm_ceil(value, ppm) == above(value * ppm, 1_000_000)
    assert ppm_floor(value, ppm) == value * ppm // 1_000_000


@given(st.integers(-(1 << 62), 1 << 62), st.integers(1, 1 << 62))
def test_ceil_div_rounds_towards_plus_infinity(value: int, by: int) -> None:
    assert ceil_div(value, by) == above(value, by)
