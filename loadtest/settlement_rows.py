"""The rows of the settlement benchmark and who measures them.

A measure is a function from `Scale` to rows; `@measure("name")` puts it into `MEASURES`, in order of import.
`bench_settlement` imports the modules that have measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple


class Scale(NamedTuple):
    """How much is measured."""

    warm_fills: int
    """Coded before anything is measured, in batches of 10,000."""
    batches: int
    """Measured batches of 10,000 fills; as many tens of 1,000."""


class Row(NamedTuple):
    """One figure."""

    group: str
    name: str
    value: float
    unit: str
    most: float | None = None
    """The bar it may not be above;"""
    least: float | None = None
    """the bar it may not be below."""

    @property
    def met(self) -> bool:
        """Whether it keeps within its bars; a row without any does."""
        above = self.most is not None and self.value > self.most
        below = self.least is not None and self.value < self.least
        return not above and not below

    def text(self) -> str:
        """A line for the terminal."""
        bar = f"≤ {self.most:g}" if self.most is not None else ""
        bar = f"≥ {self.least:g}" if self.least is not None else bar
        said = "" if not bar else "met" if self.met else "MISSED"
        return f"  {self.name:<58}{self.value:>12,.3f} {self.unit:<14}{bar:>9}  {said}".rstrip()


Measure = Callable[[Scale], Iterable[Row]]

MEASURES: Final[dict[str, Measure]] = {}


def measure(name: str) -> Callable[[Measure], Measure]:
    """Register a measure under a name that `--only` takes. Raises ValueError for one that is taken."""

    def register(function: Measure) -> Measure:
        if name in MEASURES:
            raise ValueError(f"two measures named {name}")
        MEASURES[name] = function
        return function

    return register
