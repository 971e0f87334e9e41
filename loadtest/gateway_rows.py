"""What the gateway's benchmark prints: how long a run is, and one line a row."""

from __future__ import annotations

import statistics
from typing import Final, NamedTuple


class Plan(NamedTuple):
    """How long and how often."""

    runs: int
    seconds: float
    frames: int
    """Distinct frames of a connection; then they begin anew."""


FULL: Final = Plan(5, 3.0, 20_000)
QUICK: Final = Plan(1, 1.0, 4_000)


class Row(NamedTuple):
    """One line of the table: what was counted in a second, and beside the echo, run by run."""

    name: str
    per_second: list[float]
    ratios: list[float]
    cpu_ratio: float
    """As the ratio, for each second of the server's processor: what others on the machine disturb least."""
    cpu_percent: float
    errors_percent: float
    least: float
    """The bar as a ratio; 0: none."""

    def text(self) -> str:
        ratio = statistics.median(self.ratios) if self.ratios else 0.0
        bar = f"bar {self.least:g} ×" if self.least else ""
        failed = "  BELOW" if ratio < self.least else ""
        return (
            f"{self.name:44} {statistics.median(self.per_second):12,.0f}/s {ratio:8.2f} × {bar:10}"
            f" per CPU second {self.cpu_ratio:5.2f} ×"
            f"  cpu {self.cpu_percent:3.0f} %  errors {self.errors_percent:.2f} %{failed}"
        )
