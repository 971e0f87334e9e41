"""The engines there are to test, and how a test runs on one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pricing import engines

ENGINES = ("numpy", "numba") if engines.numba_installed() else ("numpy",)


@contextmanager
def using(name: str) -> Iterator[None]:
    """The engine `name` inside, the one before it again outside."""
    before = engines.current()
    engines.select(name)
    try:
        yield
    finally:
        engines.select(before)
