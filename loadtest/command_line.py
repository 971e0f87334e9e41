"""What the benchmarks' command lines share: their numbers, and how a report ends."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Report(Protocol):
    """What a benchmark has found."""

    @property
    def passed(self) -> bool:
        """Whether every bar is met."""
        ...

    def text(self) -> str:
        """For the terminal."""
        ...

    def json(self) -> str:
        """For a machine."""
        ...


def positive(text: str) -> int:
    """An argument that must be a positive whole number."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def finish(report: Report, path: Path | None) -> int:
    """Print a report, write its figures to `path` where one is given; the exit code: 1 for a missed bar."""
    print(report.text())
    if path:
        path.write_text(report.json() + "\n", encoding="utf-8")
    print("every bar is met" if report.passed else "a bar is missed")
    return 0 if report.passed else 1


def run_and_finish(
    command_line: argparse.ArgumentParser,
    options: argparse.Namespace,
    run: Callable[[argparse.Namespace], Report],
) -> int:
    """Run a benchmark with parsed options; a ValueError tells of wrong ones. The exit code."""
    try:
        report = run(options)
    except ValueError as error:
        command_line.error(str(error))
    return finish(report, options.json)
