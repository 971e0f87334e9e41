"""The rows of the pricing benchmark that show the venue at work: live chain, scenarios, surface fit."""

from __future__ import annotations

import csv
import functools
import itertools
from pathlib import Path
from typing import Final

import numpy as np

from exchange.domain import records as r
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from loadtest.pricing_rows import Found, Race, at_most, our_race
from loadtest.pricing_table import ENGINES, NUMBA, NUMPY, Cell, Row
from loadtest.pricing_timing import Timed
from loadtest.pricing_workload import Floats
from pricing import engines
from pricing.forward import FlatCarry
from pricing.quantize import MICRO_PER_UNIT, value_table
from pricing.scenarios import DeribitParameters, scenario_values
from pricing.simulated_surface import simulated_surface
from pricing.surface import (
    BookSummaries,
    VolPoints,
    check_butterfly,
    check_calendar,
    fit,
    read_summaries,
)

CHAIN_US_MAX: Final = {NUMPY: 150.0, NUMBA: 30.0}
SCENARIOS_MS_MAX: Final = {NUMPY: 1.3, NUMBA: 0.3}
NAIVE_NS_OF_BARS: Final = 53.0
"""What the naive twin took per option where these two bars were set; it is the clock they are judged by."""
FIT_MS_MAX: Final = 30.0
FIT_ERROR_BP_MAX: Final = 60.0
FIT_K_MAX: Final = 1.5
REAL_CHAIN: Final = Path(__file__).resolve().parent.parent / "tests" / "data" / "deribit_eth_20240108.csv"
INSTRUMENTS_COUNT: Final = 1_000
INDEX: Final = 98_000.0
NOW_MS: Final = 1_795_000_000_000
_DAY_MS: Final = 86_400_000
_EXPIRY_DAYS: Final = (1, 2, 3, 7, 14, 30, 60, 90, 180, 365)


def listed_chain() -> list[MarkedInstrument]:
    """A thousand options as a venue lists them: ten expiries, fifty strikes, calls and puts."""
    strikes_per_expiry = INSTRUMENTS_COUNT // (2 * len(_EXPIRY_DAYS))
    listed: list[MarkedInstrument] = []
    for days, step in itertools.product(_EXPIRY_DAYS, range(strikes_per_expiry)):
        width = 2.5 * 0.6 * (days / 365) ** 0.5
        k = width * (2 * step / (strikes_per_expiry - 1) - 1)
        strike_micro = round(INDEX * float(np.exp(k)) / 10) * 10_000_000
        for is_call in (True, False):
            number, expiry_ms = len(listed) + 1, NOW_MS + days * _DAY_MS
            listed.append(MarkedInstrument(number, r.KIND_OPTION, strike_micro, expiry_ms, is_call))
    return listed


def venue_marks() -> UnderlyingMarks:
    """The oracle's own object, as the running exchange holds it for one underlying."""
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.05), PerpetualPremium(1, NOW_MS)
    )
    marks.set_instruments(listed_chain())
    return marks


def time_cells(
    ours: dict[str, Timed], limits: dict[str, float] | None, unit: str = "µs"
) -> dict[str, Cell]:
    """Times per call in `unit`, with upper bars where `limits` gives them."""
    scale = {"µs": 1e-3, "ms": 1e-6}[unit]
    cells = {}
    for engine in ENGINES:
        if engine not in ours:
            cells[engine] = Cell(None, "no numba")
            continue
        value = ours[engine].ns_each * scale
        text = f"{value:.3g} {unit}"
        if limits is None:
            cells[engine] = Cell(value, text)
        else:
            bar = f"{limits[engine]:g} {unit}"
            cells[engine] = at_most(value, limits[engine], text, bar, judged=False)
    return cells


def naive_cells(ours: dict[str, Timed], naive: Timed, ns_max: dict[str, float]) -> dict[str, Cell]:
    """The same times counted in options of the naive twin in the same round: what is judged.

    `ns_max` are the bars where the naive twin takes `NAIVE_NS_OF_BARS`.
    """
    cells = {}
    for engine in ENGINES:
        if engine not in ours:
            cells[engine] = Cell(None, "no numba", passed=False)
            continue
        ratio, limit = ours[engine].ratio_to(naive), ns_max[engine] / NAIVE_NS_OF_BARS
        cells[engine] = at_most(ratio, limit, f"{ratio:,.0f}", f"{limit:,.0f}")
    return cells


def chain_race(naive: Timed) -> Race:
    """The oracle's whole step on an index move, from the index to the bytes of the command: what is judged.

    Beside it its numeric part alone. Several moves in a row make one call: reading the clock costs two
    microseconds itself.
    """
    marks = venue_marks()
    moves = [INDEX * (1.0 + 1e-4 * step) for step in range(-5, 6)]

    def refresh() -> None:
        for index in moves:
            marks.chain.refresh(index, NOW_MS)

    def mark() -> None:
        for index in moves:
            marks.mark(index, NOW_MS)

    chain_only, whole = our_race(refresh, len(moves)), our_race(mark, len(moves))
    what = f"{len(marks.chain):,}-instrument chain re-marked"

    def finish() -> Found:
        return Found(
            [
                Row(f"{what}, index to MARKS command", time_cells(whole, CHAIN_US_MAX)),
                Row(
                    "  in options of the naive twin",
                    naive_cells(whole, naive, {engine: us * 1e3 for engine, us in CHAIN_US_MAX.items()}),
                ),
                Row("  of which prices and Greeks", time_cells(chain_only, None)),
            ]
        )

    return Race([*chain_only.values(), *whole.values()], finish)


def scenarios_race(naive: Timed) -> Race:
    """Deribit's 35 scenarios over the venue's chain: values, and values with the integers made of them."""
    table = venue_marks().chain
    table.refresh(INDEX, NOW_MS)
    grid = DeribitParameters().scenarios()
    moves, rules = [each.move for each in grid], [each.rule for each in grid]
    years = table.expiry_years[table.expiry_of_option]

    def values() -> Floats:
        return scenario_values(table.forward, table.strike, years, table.iv, table.is_call, moves, rules)

    floats = our_race(values, 1)
    integers = our_race(lambda: value_table(values(), MICRO_PER_UNIT), 1)
    what = f"{len(grid)} scenarios × {len(table):,} instruments"

    def finish() -> Found:
        return Found(
            [
                Row(what, time_cells(floats, SCENARIOS_MS_MAX, "ms")),
                Row(
                    "  in options of the naive twin",
                    naive_cells(floats, naive, {engine: ms * 1e6 for engine, ms in SCENARIOS_MS_MAX.items()}),
                ),
                Row("  with integers for either side", time_cells(integers, None, "ms")),
            ]
        )

    return Race([*floats.values(), *integers.values()], finish)


def real_summaries(path: Path = REAL_CHAIN) -> BookSummaries:
    """The real chain of the tests: 684 ETH options, 8 January 2024."""
    with path.open(encoding="utf-8", newline="") as file:
        return read_summaries(csv.DictReader(file))


def surface_race() -> Race:
    """The joint fit of the real chain: its time, what arbitrage it leaves, how near it comes."""
    engines.select(NUMPY)
    points = real_summaries().mark_points()
    timed = Timed("fit", lambda: fit(points), 1, functools.partial(engines.select, NUMPY))
    return Race([timed], lambda: _surface_found(timed, points))


def _surface_found(timed: Timed, points: VolPoints) -> Found:
    found = fit(points)
    left = [*check_butterfly(found.surface.slices, FIT_K_MAX).violations]
    left += check_calendar(found.surface.slices, FIT_K_MAX).violations
    ms, error = timed.ns_each * 1e-6, found.median_error_bp
    rows = [
        Row(
            f"joint surface fit, real chain, {points.years.size} expiries",
            {NUMPY: at_most(ms, FIT_MS_MAX, f"{ms:.1f} ms", f"{FIT_MS_MAX:g} ms")},
            f"{points.k.size} options",
        ),
        Row("  violations on |k| ≤ 1.5", {NUMPY: at_most(len(left), 0, str(len(left)), "0")}),
        Row(
            "  vega-weighted error, median",
            {NUMPY: at_most(error, FIT_ERROR_BP_MAX, f"{error:.0f} bp", f"{FIT_ERROR_BP_MAX:g} bp")},
        ),
    ]
    return Found(rows)
