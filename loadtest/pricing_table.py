"""The table of the pricing benchmark: what is measured in rows, the two engines in columns, bars beside them.

A bar is judged where it says so: times that have a ratio are judged by it (times drift between machines),
the absolute figure is shown with ``over`` when it lies above its own bar. Being behind a package from PyPI
is said, and fails nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

NUMPY, NUMBA = "numpy", "numba"
ENGINES = (NUMPY, NUMBA)
_TITLES = {NUMPY: "numpy default", NUMBA: "with [fast]"}


@dataclass(frozen=True)
class Cell:
    """One figure of one engine. `judged` cells decide the exit code; `passed` None: there is no bar."""

    value: float | None
    text: str
    bar: str = ""
    passed: bool | None = None
    judged: bool = True

    @property
    def verdict(self) -> str:
        """What to say beside the figure."""
        if self.passed is None:
            return ""
        if self.passed:
            return "met"
        return "MISSED" if self.judged else "over"


@dataclass(frozen=True)
class Row:
    """One line; an engine the line does not apply to has no cell."""

    what: str
    cells: dict[str, Cell]
    note: str = ""


@dataclass(frozen=True)
class PeerRow:
    """One package beside us in one of the lists below the table."""

    name: str
    version: str
    ns_per_option: float | None
    behind_us: dict[str, float] = field(default_factory=dict)
    """How many times slower than each of our engines."""
    errors: dict[str, float | None] = field(default_factory=dict)
    """Largest relative errors by where they were looked for."""
    unanswered: int = 0
    note: str = ""


@dataclass
class PeerList:
    """Packages that do one thing, ours among them."""

    title: str
    columns: Sequence[str]
    rows: list[PeerRow] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Report:
    """Everything one run found."""

    environment: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    peers: list[PeerList] = field(default_factory=list)

    @property
    def missed(self) -> list[str]:
        """The judged bars that were missed, in words."""
        return [
            f"{row.what.strip()} ({_TITLES[name]}): {cell.text}" + (f", bar {cell.bar}" if cell.bar else "")
            for row in self.rows
            for name, cell in row.cells.items()
            if cell.judged and cell.passed is False
        ]

    @property
    def passed(self) -> bool:
        """Whether no judged bar was missed."""
        return not self.missed

    def text(self) -> str:
        """All of it, for reading."""
        parts = [_head(self.environment), _table(self.rows), *(_peers(each) for each in self.peers)]
        return "\n\n".join(parts)

    def json(self) -> str:
        """The same as JSON."""
        found = {
            "environment": self.environment,
            "passed": self.passed,
            "missed": self.missed,
            "rows": [asdict(row) for row in self.rows],
            "peers": [asdict(each) for each in self.peers],
        }
        return json.dumps(found, indent=2)


def _head(environment: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in environment.get("packages", {}).items())
    return (
        f"{environment.get('cpu', 'unknown processor')}, core {environment.get('core', '?')}, "
        f"median of {environment.get('rounds', '?')} interleaved rounds\n"
        f"Python {environment.get('python', '?')}, {packages}"
    )


def _table(rows: Sequence[Row]) -> str:
    width = max([len(row.what) for row in rows], default=0)
    head = "".join(f"  {_TITLES[name]:<31}" for name in ENGINES)
    lines = [f"{'what':<{width}}{head}".rstrip()]
    for row in rows:
        cells = ""
        for name in ENGINES:
            cell = row.cells.get(name)
            cells += f"  {'–':>11}{'':<20}" if cell is None else _cell(cell)
        lines.append(f"{row.what:<{width}}{cells}  {row.note}".rstrip())
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    return f"  {cell.text:>11} {cell.bar:<12}{cell.verdict:<7}"


def _peers(peers: PeerList) -> str:
    errors = "".join(f"{name:>19}" for name in peers.columns)
    lines = [peers.title, f"  {'package':<22}{'ns/option':>10}{'÷ numpy':>10}{'÷ [fast]':>10}{errors}"]
    for row in peers.rows:
        name = f"{row.name} {row.version}"
        if row.ns_per_option is None:
            lines.append(f"  {name:<22}{row.note}")
            continue
        ratios = "".join(f"{_times(row.behind_us.get(engine)):>10}" for engine in ENGINES)
        found = "".join(f"{_error(row.errors.get(column)):>19}" for column in peers.columns)
        note = f"  {row.note}" if row.note else ""
        note += f"  {row.unanswered:,} without an answer" if row.unanswered else ""
        lines.append(f"  {name:<22}{row.ns_per_option:>10,.1f}{ratios}{found}{note}")
    return "\n".join(lines + [f"  {remark}" for remark in peers.remarks])


def _times(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:,.0f} ×" if ratio >= 100 else f"{ratio:.2f} ×"


def _error(error: float | None) -> str:
    return "" if error is None else f"{error:.1e}"
