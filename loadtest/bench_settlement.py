"""The benchmark of settlement: ``python -m loadtest.bench_settlement``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from loadtest import (
    settlement_beside,
    settlement_compression,
    settlement_gas,
    settlement_netted,
    settlement_speed,
)
from loadtest.command_line import positive, run_and_finish
from loadtest.settlement_rows import MEASURES, Row, Scale

MEASURED: Final = (
    settlement_compression,
    settlement_netted,
    settlement_speed,
    settlement_gas,
    settlement_beside,
)
"""The modules with measures: importing them registers these."""

HELP: Final = """\
What a fill costs once it is settled: bytes in the data, beside other codecs and the stream's own entropy, and
how fast batches are coded and decoded.

  streams      two seeded streams of option fills (docs/streams.md). options_v1 is what the codec was tuned
               on, options_v2 what it was not: its ratio to the entropy is judged against the first's
  entropy      −log2 of how likely every field of every measured fill was by the stream's true laws: to a
               decoder that opens a chunk of 64 alone (judged: that is what a dispute has to do), and to one
               that has read all fills before. No codec can do with less
  codec 5      docs/codec-5.md. Everything a payload holds counts: directory, tables, RECLASS steps. A warm
               venue has coded --warm fills; the first batch of all is shown apart
  peers        self-contained batches: columns as in settlement's first format, with brotli, zstd or nothing;
               JSON, msgpack, fixed width
  netted       what a batch changes and no fills: lots and value of every position, cash of every account
  speed        processor time of the fastest of three runs
  batch        a batch of 10,000 fills from the venue's events to a blob with commitment and proof, on disk
  replay       from headers and payloads to every position and the state's root, as verify and watch do it
  beside       the engine on one core while settlement builds batches on another, and without; judged where
               there are two cores
  gas          a post in a blob three quarters full, and one step of a dispute, on the development chain
"""

EPILOGUE: Final = """\
examples:
  python -m loadtest.bench_settlement                        the whole table, a few minutes
  python -m loadtest.bench_settlement --warm 100000          a venue that has seen less
  python -m loadtest.bench_settlement --only compression --json bench-settlement.json

exit code: 0 every bar is met, 1 one is missed, 2 wrong arguments
"""


@dataclass(frozen=True)
class Found:
    """All rows."""

    rows: tuple[Row, ...]
    scale: Scale

    @property
    def passed(self) -> bool:
        """Whether every bar is met."""
        return all(row.met for row in self.rows)

    def text(self) -> str:
        """Rows by group."""
        lines: list[str] = []
        for group, rows in groupby(self.rows, key=lambda row: row.group):
            lines += ["", group, *(row.text() for row in rows)]
        return "\n".join(lines[1:])

    def json(self) -> str:
        """Rows with their bars."""
        rows = [{**row._asdict(), "met": row.met} for row in self.rows]
        return json.dumps({"scale": self.scale._asdict(), "rows": rows}, indent=1)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest.bench_settlement",
        description=HELP,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("--warm", type=positive, default=500_000, help="fills coded before (default %(default)s)")
    add("--batches", type=positive, default=4, help="measured batches of 10,000 (default %(default)s)")
    add("--only", action="append", choices=sorted(MEASURES), help="measure this alone (may be repeated)")
    add("--json", type=Path, help="write the figures to this file as well")
    return found


def run(options: argparse.Namespace) -> Found:
    """Measure."""
    scale = Scale(options.warm, options.batches)
    wanted = [work for name, work in MEASURES.items() if not options.only or name in options.only]
    return Found(tuple(row for work in wanted for row in work(scale)), scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge; the exit code."""
    command_line = parser()
    return run_and_finish(command_line, command_line.parse_args(arguments), run)


if __name__ == "__main__":
    sys.exit(main())
