"""The rows of the pricing benchmark that show the venue at work: live chain, scenarios, surface fit."""

from __future__ import annotations

import functools
import itertools
from typing import Final

import numpy as np

from exchange.domain import records as r
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from loadtest.pricing_rows import Progress, at_most, our_race
from loadtest.pricing_table import ENGINES, NUMBA, NUMPY, Cell, Row
from loadtest.pricing_timing import Timed, take_turns
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

CHAIN_US_MAX: Final = {NUMPY: 150.0, NUMBA: 30.0}
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
            cells[engine] = Cell(None, "no numba", passed=False if limits else None)
            continue
        value = ours[engine].ns_each * scale
        text = f"{value:.3g} {unit}"
        if limits is None:
            cells[engine] = Cell(value, text)
        else:
            cells[engine] = at_most(value, limits[engine], text, f"{limits[engine]:g} {unit}")
    return cells


def chain_rows(rounds: int, progress: Progress) -> list[Row]:
    """The chain on an index move: prices and Greeks alone, and the oracle's whole step around it."""
    marks = venue_marks()
    moves = itertools.cycle([INDEX * (1.0 + 1e-4 * step) for step in range(-5, 6)])
    chain_only = our_race(lambda: marks.chain.refresh(next(moves), NOW_MS), 1)
    whole = our_race(lambda: marks.mark(next(moves), NOW_MS), 1)
    take_turns([*chain_only.values(), *whole.values()], rounds, functools.partial(progress, "chain"))
    what = f"{len(marks.chain):,}-instrument chain re-marked"
    return [
        Row(what, time_cells(chain_only, CHAIN_US_MAX)),
        Row("  with integers and the MARKS command", time_cells(whole, None)),
    ]
