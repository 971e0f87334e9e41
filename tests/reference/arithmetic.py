"""The divisions of the rules, named by the way they round."""

from __future__ import annotations


def floor_div(value: int, by: int) -> int:
    """⌊value / by⌋, toward minus infinity."""
    return value // by


def ceil_div(value: int, by: int) -> int:
    """⌈value / by⌉, toward plus infinity."""
    return -(-value // by)


def ppm_ceil(value: int, ppm: int) -> int:
    """⌈value · ppm / 10⁶⌉."""
    return ceil_div(value * ppm, 1_000_000)


def ppm_floor(value: int, ppm: int) -> int:
    """⌊value · ppm / 10⁶⌋."""
    return value * ppm // 1_000_000
