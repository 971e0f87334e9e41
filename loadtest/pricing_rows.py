"""The rows of the pricing benchmark that compare: Black-76 and implied volatility, ours and the packages'."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from loadtest import pricing_peers
from loadtest.naive_pricing import naive_black76
from loadtest.pricing_peers import Adapter
from loadtest.pricing_table import ENGINES, NUMBA, NUMPY, Cell, PeerList, PeerRow, Row
from loadtest.pricing_timing import Timed
from loadtest.pricing_truth import Truth, relative_errors
from loadtest.pricing_workload import Bools, Floats, Indices, Options
from pricing import black76, engines, implied_vol

Progress = Callable[[str, int, int], None]
Errors = dict[str, float | None]

VALUES_NS_MAX: Final = {NUMPY: 60.0, NUMBA: 16.0}
VALUES_RATIO_MAX: Final = {NUMPY: 1.4, NUMBA: 0.35}
IMPLIED_NS_MAX: Final = {NUMPY: 180.0, NUMBA: 48.0}
IMPLIED_RATIO_MAX: Final = {NUMPY: 0.6, NUMBA: 0.16}
VALUE_ERROR_MAX: Final = 1e-12
ROUND_TRIP_ERROR_MAX: Final = 1e-14
CONDITION_MAX: Final = 1e11
"""Above this a double holds not even four digits of the time value: only that there is an answer counts."""


class Found(NamedTuple):
    """What one part of the benchmark has to say."""

    rows: list[Row]
    peers: PeerList | None = None


class Race(NamedTuple):
    """Part of the one race: who takes turns, and what is to be said once all turns are over."""

    contestants: list[Timed]
    finish: Callable[[], Found]


class Case(NamedTuple):
    """Options and their exact values."""

    name: str
    options: Options
    truth: Truth


def installed_engines() -> list[str]:
    """The engines that can be measured here."""
    return [name for name in ENGINES if name == NUMPY or engines.numba_installed()]


def by_engine(cell: Callable[[str], Cell]) -> dict[str, Cell]:
    """One cell for each engine, selected before `cell` is asked; one that says so where numba is missing."""
    cells = {}
    for engine in ENGINES:
        if engine not in installed_engines():
            cells[engine] = Cell(None, "no numba", passed=False)
            continue
        engines.select(engine)
        cells[engine] = cell(engine)
    return cells


def at_most(value: float, limit: float, spelled: str, bar: str, *, judged: bool = True) -> Cell:
    """A figure with an upper bar."""
    return Cell(value, spelled, f"≤ {bar}", value <= limit, judged)


def worst(errors: Floats) -> float:
    """The largest error; 0 of none."""
    return float(errors.max(initial=0.0))


# --- accuracy -----------------------------------------------------------------------------------------------


def value_accuracy_rows(hard: Case) -> list[Row]:
    """Our price and each of our Greeks against the truth on the hard grid."""
    found: dict[str, dict[str, float]] = {}

    def measure(engine: str) -> Cell:
        values = black76(*hard.options[:5])
        pairs = zip(values._fields, values, strict=True)
        found[engine] = {name: worst(relative_errors(got, getattr(hard.truth, name))) for name, got in pairs}
        return Cell(None, "")

    absent = {engine: cell for engine, cell in by_engine(measure).items() if cell.passed is False}
    rows = []
    for name in Truth._fields[:6]:
        cells = dict(absent)
        for engine, errors in found.items():
            cells[engine] = at_most(errors[name], VALUE_ERROR_MAX, f"{errors[name]:.1e}", "1e-12")
        what = "largest relative error, hard grid: price" if name == "price" else f"  the same: {name}"
        rows.append(Row(what, cells, f"{hard.options.vol.size:,} options" if name == "price" else ""))
    return rows


@dataclass(frozen=True)
class Inversion:
    """How an inversion fared on prices that have a volatility."""

    error: float
    """Largest relative error over the condition of the problem."""
    unanswered: int
    defined: int


def invertible(options: Options, price: Floats) -> Bools:
    """Where a volatility is defined: the price lies strictly inside its bounds, as doubles."""
    intrinsic = np.maximum(options.sign * (options.forward - options.strike), 0.0)
    bound = np.where(options.is_call, options.forward, options.strike)
    return np.asarray((price > intrinsic) & (price < bound))


def inversion(found: Floats, price: Floats, case: Case) -> Inversion:
    """Judge volatilities found for prices of the case's options."""
    defined = invertible(case.options, price)
    with np.errstate(invalid="ignore"):
        answered = np.isfinite(found) & (found > 0.0)
    counted = defined & answered & (case.truth.condition <= CONDITION_MAX)
    error = relative_errors(found[counted], case.options.vol[counted]) / case.truth.condition[counted]
    return Inversion(worst(error), int((defined & ~answered).sum()), int(defined.sum()))


def round_trip_rows(hard: Case) -> list[Row]:
    """Volatility to price to volatility with our own functions on the hard grid."""
    options = hard.options
    found: dict[str, Inversion] = {}

    def measure(engine: str) -> Cell:
        price = black76(*options[:5]).price
        back = implied_vol(price, *options[:3], options.is_call).vol
        found[engine] = inversion(back, price, hard)
        error = found[engine].error
        return at_most(error, ROUND_TRIP_ERROR_MAX, f"{error:.1e}", "1e-14")

    errors = by_engine(measure)
    answers = dict(errors)
    for engine, each in found.items():
        answers[engine] = at_most(each.unanswered, 0, f"{each.unanswered:,}", "0")
    defined = max((each.defined for each in found.values()), default=0)
    return [
        Row("round trip vol → price → vol, error / condition", errors, f"{defined:,} options"),
        Row("  without an answer", answers),
    ]


# --- speed, beside the packages -----------------------------------------------------------------------------


def our_race(call: Callable[[], object], count: int) -> dict[str, Timed]:
    """The same call on each engine."""
    return {
        engine: Timed(engine, call, count, functools.partial(engines.select, engine))
        for engine in installed_engines()
    }


def naive_race(options: Options) -> Timed:
    """The naive twin on the same options: the machine's clock, so to say."""
    sign = options.sign
    return Timed("naive", lambda: naive_black76(*options[:4], sign), options.vol.size)


def speed_rows(
    what: str,
    ours: Mapping[str, Timed],
    ns_max: Mapping[str, float],
    beside: Timed | None,
    ratio_max: Mapping[str, float],
    beside_name: str,
) -> list[Row]:
    """Absolute times, and ratios to `beside`, which are what is judged."""
    absolute, ratios = {}, {}
    for engine in ENGINES:
        if engine not in ours:
            absolute[engine] = ratios[engine] = Cell(None, "no numba", passed=False)
            continue
        ns = ours[engine].ns_each
        limit = ns_max[engine]
        absolute[engine] = at_most(ns, limit, f"{ns:.1f} ns", f"{limit:g} ns", judged=False)
        if beside is None:
            ratios[engine] = Cell(None, "not measured", f"≤ {ratio_max[engine]:g} ×", False)
            continue
        ratio = ours[engine].ratio_to(beside)
        ratios[engine] = at_most(ratio, ratio_max[engine], f"{ratio:.2f} ×", f"{ratio_max[engine]:g} ×")
    note = "" if beside is None else f"{beside.ns_each:.1f} ns"
    return [Row(what, absolute), Row(f"  to {beside_name}", ratios, note)]


@dataclass
class Package:
    """A package in a race."""

    name: str
    version: str
    adapter: Adapter
    timed: Timed


def packages_in(
    race: Callable[[Adapter, Indices], Callable[[], object] | None], options_count: int, names: Sequence[str]
) -> tuple[list[Package], list[PeerRow]]:
    """Every package of `names` that takes part, ready to be timed; and a line for each that is not installed.

    `race` makes the call; it is told which of the options the package gets, spread evenly over all.
    """
    ready, absent = [], []
    for name in names:
        adapter, version = pricing_peers.load(name)
        if adapter is None:
            absent.append(PeerRow(name, "", None, note=f"not measured: {version}"))
            continue
        chosen = np.linspace(0, options_count - 1, min(options_count, adapter.options_max)).astype(np.intp)
        call = race(adapter, chosen)
        if call is not None:
            timed = Timed(name, _quietly(call), chosen.size)
            ready.append(Package(name, version, adapter, timed))
    return ready, absent


def _quietly(call: Callable[[], object]) -> Callable[[], object]:
    """Packages warn as they please; with warnings ignored they are at their fastest too."""

    def run() -> object:
        with np.errstate(all="ignore"):
            return call()

    return run


def _lines(
    ours: Mapping[str, Timed],
    packages: Sequence[Package],
    errors_of_ours: Callable[[], tuple[Errors, int]],
    errors_of: Callable[[Package], tuple[Errors, int]],
) -> list[PeerRow]:
    """Ours first, then the packages, each with its time against each of our engines."""
    lines = []
    for engine, timed in ours.items():
        engines.select(engine)
        errors, unanswered = errors_of_ours()
        behind = {name: timed.ratio_to(other) for name, other in ours.items()}
        lines.append(PeerRow("strikebook", engine, timed.ns_each, behind, errors, unanswered))
    for package in packages:
        errors, unanswered = errors_of(package)
        behind = {name: package.timed.ratio_to(other) for name, other in ours.items()}
        lines.append(
            PeerRow(package.name, package.version, package.timed.ns_each, behind, errors, unanswered)
        )
    return lines


def remarks_on(lines: Sequence[PeerRow]) -> list[str]:
    """Who is ahead of us, in what; and that nobody is, if so."""
    ours = [line for line in lines if line.name == "strikebook"]
    found = []
    for line in lines:
        if line.name == "strikebook" or line.ns_per_option is None:
            continue
        for us in ours:
            if line.ns_per_option <= (us.ns_per_option or 0.0):
                found.append(f"BEHIND in speed: {line.name} is faster than our {us.version} engine")
            for column, error in line.errors.items():
                own = us.errors.get(column)
                if error is not None and own is not None and error < own:
                    found.append(
                        f"BEHIND in accuracy: {line.name}, {column}: {error:.1e}, our {us.version} {own:.1e}"
                    )
    measured = any(line.name != "strikebook" and line.ns_per_option is not None for line in lines)
    if found or not measured:
        return found
    return ["ahead of every package measured, in speed and in accuracy, with either engine"]


def _value_errors(found: Sequence[Floats], case: Case, errors: Errors) -> None:
    truths = (case.truth.price, case.truth.delta, case.truth.gamma, case.truth.vega, case.truth.theta)
    each = [worst(relative_errors(got, exactly)) for got, exactly in zip(found, truths, strict=False)]
    errors[f"price, {case.name}"] = each[0]
    errors[f"Greeks, {case.name}"] = max(each[1:])


def values_race(chain: Options, cases: Sequence[Case], names: Sequence[str]) -> Race:
    """Price and five Greeks of the chain: ours, the naive twin, the packages of `names`."""
    naive = naive_race(chain)
    ours = our_race(lambda: black76(*chain[:5]), chain.vol.size)
    packages, absent = packages_in(
        lambda adapter, some: adapter.values(chain.at(some)), chain.vol.size, names
    )

    def own() -> tuple[Errors, int]:
        errors: Errors = {}
        for case in cases:
            _value_errors(black76(*case.options[:5])[:5], case, errors)
        return errors, 0

    def theirs(package: Package) -> tuple[Errors, int]:
        errors: Errors = {}
        for case in cases:
            call = package.adapter.values(case.options)
            if call is not None:
                _value_errors(pricing_peers.values_in_our_units(package.adapter, call), case, errors)
        return errors, 0

    def finish() -> Found:
        lines = _lines(ours, packages, own, theirs)
        found = PeerList("price + five Greeks", _columns(("price", "Greeks"), cases))
        found.remarks = remarks_on(lines)
        found.rows = [*lines, _naive_line(naive, ours, cases), *absent]
        what = f"price + 5 Greeks, {chain.vol.size:,} options, each"
        rows = speed_rows(what, ours, VALUES_NS_MAX, naive, VALUES_RATIO_MAX, "naive numpy + scipy")
        return Found(rows, found)

    return Race([naive, *ours.values(), *(each.timed for each in packages)], finish)


def _naive_line(naive: Timed, ours: Mapping[str, Timed], cases: Sequence[Case]) -> PeerRow:
    errors: Errors = {}
    with np.errstate(all="ignore"):
        for case in cases:
            _value_errors(naive_black76(*case.options[:4], case.options.sign)[:5], case, errors)
    behind = {name: naive.ratio_to(other) for name, other in ours.items()}
    note = "the denominator, no package"
    return PeerRow("naive numpy + scipy", "", naive.ns_each, behind, errors, note=note)


def implied_race(chain: Case, cases: Sequence[Case], names: Sequence[str]) -> Race:
    """Implied volatility of the chain's exact prices: ours and the packages of `names`."""
    options = chain.options
    price = chain.truth.price
    ours = our_race(lambda: implied_vol(price, *options[:3], options.is_call), options.vol.size)

    packages, absent = packages_in(
        lambda adapter, some: adapter.implied(options.at(some), price[some]), options.vol.size, names
    )

    def judged(solve: Callable[[Case], Floats]) -> tuple[Errors, int]:
        errors: Errors = {}
        unanswered = 0
        for case in cases:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                result = inversion(solve(case), case.truth.price, case)
            errors[f"vol, {case.name}"] = result.error
            unanswered += result.unanswered
        return errors, unanswered

    def own() -> tuple[Errors, int]:
        return judged(lambda case: implied_vol(case.truth.price, *case.options[:3], case.options.is_call).vol)

    def theirs(package: Package) -> tuple[Errors, int]:
        def solve(case: Case) -> Floats:
            call = package.adapter.implied(case.options, case.truth.price)
            return np.full(case.options.vol.size, np.nan) if call is None else call()

        return judged(solve)

    def finish() -> Found:
        lines = _lines(ours, packages, own, theirs)
        found = PeerList("implied volatility", _columns(("vol",), cases), [*lines, *absent])
        found.remarks = remarks_on(lines)
        rational = [each.timed for each in packages if each.name in pricing_peers.LETS_BE_RATIONAL]
        fastest = min(rational, key=lambda timed: timed.ns_each, default=None)
        beside = "the fastest Let's Be Rational" + (f", {fastest.name}" if fastest else "")
        what = f"implied volatility, {options.vol.size:,} options, each"
        return Found(speed_rows(what, ours, IMPLIED_NS_MAX, fastest, IMPLIED_RATIO_MAX, beside), found)

    return Race([*ours.values(), *(each.timed for each in packages)], finish)


def _columns(what: Sequence[str], cases: Sequence[Case]) -> list[str]:
    return [f"{each}, {case.name}" for case in cases for each in what]
