"""The two divisions of the rules, named by the way they round."""

from __future__ import annotations


def floor_div(value: int, by: int) -> int:
    """⌊value / by⌋, toward minus infinity."""
    return value // by


def ceil_div(value: int, by: int) -> int:
    """⌈value / by⌉, toward plus infinity."""
    return -(-value // by)
