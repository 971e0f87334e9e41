"""Which options to list: expiries at 08:00 UTC and strikes around the spot. Pure: time is an argument.

**Strikes** lie on a fixed grid, which depends on the time to expiry in classes (:data:`TENORS_MS`) and not on
the spot: asked again after the market has moved, the plan wants a few more at one end and those it wanted
before stay on the grid; as an expiry passes into a nearer class, finer strikes come between. How far they
reach is said by the delta of the outermost call (and, put, of the lowest).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Final, NamedTuple

from pricing.european import MS_PER_YEAR
from pricing.quantize import MICRO_PER_UNIT, half_even_units

EXPIRY_HOUR_UTC: Final = 8

_DAY_MS: Final = 86_400_000
_EXPIRY_OFFSET_MS: Final = EXPIRY_HOUR_UTC * 3_600_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_FRIDAY: Final = 4
_QUARTER_MONTHS: Final = (3, 6, 9, 12)


TENORS_MS: Final = tuple(days * _DAY_MS for days in (2, 8, 32, 95, 190, 380))
"""Classes of time to expiry: up to two days, eight, a month, a quarter, half a year, a year."""


class OptionSpec(NamedTuple):
    """One option to list."""

    expiry_ms: int
    strike_micro: int
    is_call: bool


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """How many expiries of each kind, how many strikes in each, and how far out they reach.

    Weeklies are Fridays, monthlies the last Friday of a month, quarterlies that of March, June, September
    and December; an expiry of two kinds is listed once. Strikes reach about as far as where an option's delta
    at volatility `vol` is `delta_min`, at the far end of the expiry's class.
    """

    dailies: int = 2
    weeklies: int = 2
    monthlies: int = 2
    quarterlies: int = 3
    strikes_per_expiry: int = 15
    delta_min: float = 0.01
    vol: float = 0.6
    lead_ms: int = 3_600_000
    """An expiry nearer than this is not listed any more."""

    def __post_init__(self) -> None:
        if min(self.dailies, self.weeklies, self.monthlies, self.quarterlies, self.lead_ms) < 0:
            raise ValueError("counts of expiries and lead_ms cannot be negative")
        if self.strikes_per_expiry < 1 or not (0.0 < self.delta_min < 0.5 and self.vol > 0.0):
            raise ValueError("a plan needs at least one strike, 0 < delta_min < 0.5 and a positive vol")

    def spacing(self, left_ms: int) -> float:
        """The distance of two strikes as a share of their price (its logarithm), `left_ms` before expiry."""
        tenor_ms = next((tenor for tenor in TENORS_MS if left_ms <= tenor), left_ms)
        stdevs = -NormalDist().inv_cdf(self.delta_min)
        above = self.strikes_per_expiry // 2
        return stdevs * self.vol * math.sqrt(tenor_ms / MS_PER_YEAR) / max(above, 1)


DEFAULT_PLAN: Final = ChainPlan()


def expiry_of(day: date) -> int:
    """08:00 UTC of that day in milliseconds since the epoch."""
    return (day.toordinal() - _EPOCH_ORDINAL) * _DAY_MS + _EXPIRY_OFFSET_MS


def last_friday(year: int, month: int) -> date:
    """The last Friday of a month."""
    after = date(year + month // 12, month % 12 + 1, 1)
    last = after - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - _FRIDAY) % 7)


def expiries(now_ms: int, plan: ChainPlan = DEFAULT_PLAN) -> list[int]:
    """The expiries to list at `now_ms`, ascending, each more than ``plan.lead_ms`` away."""
    earliest_ms = now_ms + plan.lead_ms
    today = date.fromordinal(_EPOCH_ORDINAL + earliest_ms // _DAY_MS)
    first = today if expiry_of(today) > earliest_ms else today + timedelta(days=1)
    friday = first + timedelta(days=(_FRIDAY - first.weekday()) % 7)
    chosen = [first + timedelta(days=n) for n in range(plan.dailies)]
    chosen += [friday + timedelta(weeks=n) for n in range(plan.weeklies)]
    months = _month_ends(first, plan.monthlies, tuple(range(1, 13)))
    quarters = _month_ends(first, plan.quarterlies, _QUARTER_MONTHS)
    return sorted({expiry_of(day) for day in chosen + months + quarters})


def _month_ends(first: date, count: int, months: tuple[int, ...]) -> list[date]:
    """The next `count` last Fridays of the given months, from `first` on."""
    found: list[date] = []
    year, month = first.year, first.month
    while len(found) < count:
        if month in months and last_friday(year, month) >= first:
            found.append(last_friday(year, month))
        year, month = year + month // 12, month % 12 + 1
    return found


def strikes_micro(spot: float, left_ms: int, plan: ChainPlan = DEFAULT_PLAN) -> list[int]:
    """Strikes for one expiry, ascending: the grid's around the spot.

    The middle one is the grid's nearest; ``plan.strikes_per_expiry`` of them, fewer only where there is no
    room left above zero. ValueError unless spot and time are positive.
    """
    if not (math.isfinite(spot) and spot > 0.0 and left_ms > 0):
        raise ValueError(f"strikes need a positive spot and time, not {spot} and {left_ms} ms")
    grid = _Grid(math.expm1(plan.spacing(left_ms)))
    spot_micro = int(half_even_units(spot, MICRO_PER_UNIT, low=1))
    found = [grid.nearest(spot_micro)]
    for _ in range(plan.strikes_per_expiry // 2):
        found.append(grid.above(found[-1]))
    for _ in range((plan.strikes_per_expiry - 1) // 2):
        lower = grid.below(found[0])
        if lower <= 0:
            break
        found.insert(0, lower)
    return found


class _Grid:
    """Round strikes, each a multiple of the step at its height: about `share` of the price apart."""

    def __init__(self, share: float) -> None:
        # A step above half the strike would leave nothing between it and zero.
        self._share = min(share, 0.5)

    def _step(self, strike: int) -> int:
        return _round_step(strike * self._share)

    def _upward(self, strike: int) -> int:
        """The least of the grid not below `strike`."""
        step = self._step(strike)
        while True:
            found = -(-strike // step) * step
            while self._step(found) < step:  # the step's own range begins further up
                found += step
            larger = self._step(found)
            if larger == step:
                return found
            step = larger

    def above(self, strike: int) -> int:
        """The next one up."""
        return self._upward(strike + 1)

    def below(self, strike: int) -> int:
        """The next one down; 0 if there is none."""
        reach = strike - 1
        step = self._step(max(reach, 1))
        while reach > 0:
            found = reach // step * step
            while found > 0 and self._step(found) > step:  # the step's own range ends further down
                found -= step
            smaller = self._step(max(found, 1))
            if smaller == step or found <= 0:
                return max(found, 0)
            step = smaller
        return 0

    def nearest(self, price: int) -> int:
        """The nearest to a price, the lower of two equally near."""
        high = self._upward(price)
        low = high if high == price else self.below(high)
        return high if low <= 0 or high - price < price - low else low


def _round_step(width_micro: float) -> int:
    """The 1, 2 or 5 times a power of ten nearest to `width_micro` in proportion; at least one micro-unit."""
    if width_micro <= 1.0:
        return 1
    exponent = math.floor(math.log10(width_micro))
    lead = width_micro / 10.0**exponent
    for digit, upto in ((1, math.sqrt(2.0)), (2, math.sqrt(10.0)), (5, math.sqrt(50.0))):
        if lead < upto:
            return int(digit * 10**exponent)
    return int(10 ** (exponent + 1))


def chain_spec(now_ms: int, spot: float, plan: ChainPlan = DEFAULT_PLAN) -> list[OptionSpec]:
    """Every option to list, by expiry, strike, call before put."""
    return [
        OptionSpec(expiry_ms, strike_micro, is_call)
        for expiry_ms in expiries(now_ms, plan)
        for strike_micro in strikes_micro(spot, expiry_ms - now_ms, plan)
        for is_call in (True, False)
    ]
