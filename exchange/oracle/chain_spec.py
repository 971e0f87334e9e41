"""Which options to list: expiries at 08:00 UTC and strikes around the spot. Pure: time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from pricing.european import MS_PER_YEAR
from pricing.quantize import MICRO_PER_UNIT, half_even_units

EXPIRY_HOUR_UTC: Final = 8

_DAY_MS: Final = 86_400_000
_EXPIRY_OFFSET_MS: Final = EXPIRY_HOUR_UTC * 3_600_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_FRIDAY: Final = 4
_QUARTER_MONTHS: Final = (3, 6, 9, 12)


class OptionSpec(NamedTuple):
    """One option to list."""

    expiry_ms: int
    strike_micro: int
    is_call: bool


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """How many expiries of each kind, how many strikes in each, and how far out they reach.

    Weeklies are Fridays, monthlies the last Friday of a month, quarterlies that of March, June, September
    and December; an expiry of two kinds is listed once. Strikes reach `width_stdevs` standard deviations
    either way at volatility `vol`.
    """

    dailies: int = 2
    weeklies: int = 2
    monthlies: int = 2
    quarterlies: int = 3
    strikes_per_expiry: int = 15
    width_stdevs: float = 2.5
    vol: float = 0.6
    lead_ms: int = 3_600_000
    """An expiry nearer than this is not listed any more."""

    def __post_init__(self) -> None:
        if min(self.dailies, self.weeklies, self.monthlies, self.quarterlies, self.lead_ms) < 0:
            raise ValueError("counts of expiries and lead_ms cannot be negative")
        if self.strikes_per_expiry < 1 or not (self.width_stdevs > 0.0 and self.vol > 0.0):
            raise ValueError("a plan needs at least one strike, a positive width and a positive vol")


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


def strikes_micro(spot: float, years: float, plan: ChainPlan = DEFAULT_PLAN) -> list[int]:
    """Strikes for one expiry, ascending: round numbers about one even share of the width apart.

    The middle one is the round number nearest the spot; the others are multiples of a step of 1, 2 or 5
    times a power of ten, which grows and shrinks with the strike. ``plan.strikes_per_expiry`` of them, fewer
    only where there is no room left above zero.
    """
    if not (math.isfinite(spot) and spot > 0.0 and math.isfinite(years) and years > 0.0):
        raise ValueError(f"strikes need a positive spot and time, not {spot} and {years}")
    below = (plan.strikes_per_expiry - 1) // 2
    above = plan.strikes_per_expiry - 1 - below
    spacing = plan.width_stdevs * plan.vol * math.sqrt(years) / max(above, 1)
    share_up, share_down = math.expm1(spacing), -math.expm1(-spacing)
    spot_micro = int(half_even_units(spot, MICRO_PER_UNIT, low=1))
    step = _round_step(spot_micro * share_down)
    middle = max((spot_micro + step // 2) // step, 1) * step
    found = [middle]
    for _ in range(above):
        step = _round_step(found[-1] * share_up)
        found.append((found[-1] // step + 1) * step)
    for _ in range(below):
        # A step above half the strike could round the next one down to nothing.
        step = _round_step(found[0] * min(share_down, 1.0 / 3.0))
        lower = (found[0] - 1) // step * step
        if lower <= 0:
            break
        found.insert(0, lower)
    return found


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
        for strike_micro in strikes_micro(spot, (expiry_ms - now_ms) / MS_PER_YEAR, plan)
        for is_call in (True, False)
    ]
