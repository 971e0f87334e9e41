"""Journal bytes per hour of marks and risk snapshots: `python -m loadtest.journal_rate`.

The venue's own oracle on its simulated market, without a core: every command it would sequence is counted,
and every block with tables is taken to have been accepted. Frames, TIME and what traders send are not in it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.app.parameters import GRID
from exchange.app.products import PRODUCTS
from exchange.domain import records as r
from exchange.oracle.chain_spec import ChainPlan, chain_spec, expiries
from exchange.oracle.index import CombinedFeed
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed
from exchange.oracle.sources import SimulatedSources
from exchange.oracle.table_feed import SnapshotRules, TableFeed
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

START_MS: Final = 1_795_000_000_000
STEP_MS: Final = 20
MARKET: Final = (BTC, ETH)
_MEGABYTE: Final = 1_000_000


class Rate(NamedTuple):
    """What one underlying writes; bytes per hour and per block."""

    symbol: str
    instruments: int
    marks_blocks: int
    marks_bytes: int
    snapshots: int
    snapshot_bytes: int
    stream_bytes: int
    """Of `snapshot_bytes`, the tables."""
    first_stream_bytes: int
    """The first block's tables, which are whole."""


def plan_of(instruments: int) -> ChainPlan:
    """A full calendar with about so many options of an underlying."""
    plan = ChainPlan(dailies=4, weeklies=3, monthlies=3, quarterlies=4)
    count = 2 * len(expiries(START_MS, plan))
    return dataclasses.replace(plan, strikes_per_expiry=max(1, instruments // count))


class Run:
    """The mark loop of both underlyings, and what it would have written."""

    def __init__(self, instruments: int, interval_ms: int, rules: SnapshotRules, seed: int) -> None:
        self.feeds = [TableFeed(GRID, rules) for _ in MARKET]
        self.listed = [0 for _ in MARKET]
        self.written: list[dict[int, list[int]]] = [{r.MARKS: [], r.RISK_SNAPSHOT: []} for _ in MARKET]
        self.streams: list[list[int]] = [[] for _ in MARKET]
        marks = [self._marks(number, plan_of(instruments), seed) for number in range(len(MARKET))]
        sources = SimulatedSources(SimulatedFeed(seed, START_MS, MARKET), seed, START_MS)
        self.loop = MarkLoop(CombinedFeed(sources, sources.weights), marks, interval_ms)

    def _marks(self, number: int, plan: ChainPlan, seed: int) -> UnderlyingMarks:
        symbol, feed = MARKET[number].symbol, self.feeds[number]
        premium = PerpetualPremium(seed, START_MS)
        curve = FlatCarry(0.05)
        made = UnderlyingMarks(number, symbol, simulated_surface(symbol), curve, premium, tables=feed)
        product, specs = PRODUCTS[number], chain_spec(START_MS, MARKET[number].spot, plan)
        terms = [product.perpetual(number), *(product.option(number, spec) for spec in specs)]
        made.set_instruments(MarkedInstrument.from_terms(n, one) for n, one in enumerate(terms))
        feed.load({})
        self.listed[number] = len(terms)
        return made

    def step(self, now_ms: int) -> None:
        """Count what is due at a moment; the core takes it at once."""
        for command in self.loop.step(now_ms):
            number = command[12]
            self.written[number][command[0]].append(len(command))
            if command[0] == r.RISK_SNAPSHOT:
                self.streams[number].append(self.feeds[number].sent_bytes - sum(self.streams[number]))
                self.feeds[number].confirm()

    def rate(self, number: int, seconds: float) -> Rate:
        """One underlying's figures; its first snapshot, whole tables, is a start's and not an hour's."""
        scale = 3_600 / seconds
        marks, snapshots = self.written[number][r.MARKS], self.written[number][r.RISK_SNAPSHOT]
        first, *streams = self.streams[number]
        return Rate(
            symbol=MARKET[number].symbol,
            instruments=self.listed[number],
            marks_blocks=round(len(marks) * scale),
            marks_bytes=round(sum(marks) * scale),
            snapshots=round(len(streams) * scale),
            snapshot_bytes=round(sum(snapshots[1:]) * scale),
            stream_bytes=round(sum(streams) * scale),
            first_stream_bytes=first,
        )


def measure(
    seconds: float, instruments: int, interval_ms: int, rules: SnapshotRules, seed: int
) -> list[Rate]:
    """Run the mark loop for so many simulated seconds."""
    run = Run(instruments, interval_ms, rules, seed)
    for step in range(int(seconds * 1000) // STEP_MS):
        run.step(START_MS + step * STEP_MS)
    return [run.rate(number, seconds) for number in range(len(MARKET))]


def line(rate: Rate) -> str:
    """One row of the table."""
    per_table = rate.stream_bytes / max(1, rate.snapshots * rate.instruments)
    megabytes = [count / _MEGABYTE for count in (rate.marks_bytes, rate.snapshot_bytes, rate.stream_bytes)]
    return (
        f"{rate.symbol:<10}{rate.instruments:>13,}{rate.marks_blocks:>15,}{megabytes[0]:>8,.0f}"
        f"{rate.snapshots:>12,}{megabytes[1]:>8,.0f}{megabytes[2]:>15,.0f}{per_table:>10.1f} B"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.journal_rate", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated (%(default)s)")
    parser.add_argument("--instruments", type=int, default=1_000, help="per underlying (%(default)s)")
    parser.add_argument("--interval-ms", type=int, default=100, help="between marks (%(default)s)")
    parser.add_argument("--move", type=float, default=SnapshotRules().move, help="of the index (%(default)s)")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(argv)
    rules = SnapshotRules(move=options.move)
    rates = measure(options.seconds, options.instruments, options.interval_ms, rules, options.seed)
    print("per hour    instruments   marks blocks      MB   snapshots      MB   of it tables    a table")
    for rate in rates:
        print(line(rate))
    total = sum(rate.marks_bytes + rate.snapshot_bytes for rate in rates) / _MEGABYTE
    first = sum(rate.first_stream_bytes for rate in rates) / 1_000
    print(f"together {total:,.0f} MB an hour; whole tables at a start: {first:,.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
