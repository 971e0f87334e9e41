"""Which expiries and strikes are listed."""

import math
from datetime import UTC, date, datetime
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain.names import expiry_code
from exchange.oracle.chain_spec import ChainPlan, chain_spec, expiries, last_friday, strikes_micro

DAY_MS = 86_400_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def codes(now: str, plan: ChainPlan | None = None) -> list[str]:
    return [expiry_code(expiry_ms) for expiry_ms in expiries(at(now), plan or ChainPlan())]


def test_dailies_weeklies_monthlies_and_quarterlies() -> None:
    # A Wednesday; 27NOV26 is a Friday and the last of its month.
    assert codes("2026-11-18T12:00") == [
        "19NOV26", "20NOV26", "27NOV26", "25DEC26", "26MAR27", "25JUN27",
    ]  # fmt: skip


def test_one_moment_before_and_after_eight_o_clock() -> None:
    plan = ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=0, lead_ms=0)
    assert codes("2026-11-18T07:59:59", plan) == ["18NOV26"]
    assert codes("2026-11-18T08:00", plan) == ["19NOV26"]
    assert all(ms % 86_400_000 == 8 * 3_600_000 for ms in expiries(at("2026-11-18T12:00")))


def test_an_expiry_within_the_lead_is_not_listed() -> None:
    plan = ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=0)
    assert codes("2026-11-18T06:59:59", plan) == ["18NOV26"]
    assert codes("2026-11-18T07:00", plan) == ["19NOV26"]


def test_a_month_whose_last_friday_has_passed_is_skipped() -> None:
    plan = ChainPlan(dailies=0, weeklies=0, monthlies=2, quarterlies=1)
    assert codes("2026-12-28T12:00", plan) == ["29JAN27", "26FEB27", "26MAR27"]


@pytest.mark.parametrize(
    ("year", "month", "day"), [(2026, 11, 27), (2026, 12, 25), (2027, 1, 29), (2028, 2, 25), (2024, 5, 31)]
)
def test_last_friday(year: int, month: int, day: int) -> None:
    assert last_friday(year, month) == date(year, month, day)


@pytest.mark.parametrize("spot", [98_000.0, 3_400.0, 0.52, 43_217.77])
@pytest.mark.parametrize("days", [0.04, 1, 7, 30, 90, 365, 700])
def test_strikes_are_round_distinct_and_around_the_spot(spot: float, days: float) -> None:
    strikes = strikes_micro(spot, int(days * DAY_MS))
    assert strikes == sorted(set(strikes))
    assert len(strikes) == 15
    spot_micro = spot * 1e6
    steps = [later - earlier for earlier, later in pairwise(strikes)]
    assert strikes[0] < spot_micro < strikes[-1]
    assert abs(strikes[7] - spot_micro) <= max(steps) / 2
    assert all(len(str(strike).rstrip("0")) <= 4 for strike in strikes)


@pytest.mark.parametrize("days", [2, 8, 32, 95, 190, 380])
def test_strikes_reach_about_as_far_as_the_delta_asked_for(days: int) -> None:
    plan = ChainPlan(strikes_per_expiry=41, delta_min=0.02, vol=0.6)
    strikes = strikes_micro(98_000.0, days * DAY_MS, plan)
    stdev = 0.6 * math.sqrt(days / 365)
    for strike in (strikes[0], strikes[-1]):
        distance = abs(math.log(strike / 98_000e6)) / stdev
        assert 0.001 < NormalDist().cdf(-distance) < 0.06  # steps are round: the nearest to the wanted one


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.5, 200_000.0),
    st.lists(st.floats(0.97, 1.03), min_size=1, max_size=12),
    st.sampled_from([1, 6, 30, 80, 180, 360]),
)
def test_as_the_market_moves_strikes_are_added_at_the_ends(
    spot: float, moves: list[float], days: int
) -> None:
    """What was listed stays on the grid: all strikes together are those of one unbroken run of it."""
    listed = set(strikes_micro(spot, days * DAY_MS))
    for move in moves:
        spot *= move
        wanted = strikes_micro(spot, days * DAY_MS)
        new = sorted(set(wanted) - listed)
        assert all(strike < min(listed) or strike > max(listed) for strike in new)
        listed.update(new)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-5, 1e6), st.floats(0.02, 0.49), st.integers(1, 400))
def test_the_grid_is_the_same_from_wherever_one_looks(spot: float, delta_min: float, days: int) -> None:
    """Two looks a strike apart agree on all they share."""
    plan = ChainPlan(strikes_per_expiry=9, delta_min=delta_min)
    near = strikes_micro(spot, days * DAY_MS, plan)
    for other in near:
        again = strikes_micro(other / 1e6, days * DAY_MS, plan)
        assert other in again
        low, high = max(near[0], again[0]), min(near[-1], again[-1])
        assert [k for k in near if low <= k <= high] == [k for k in again if low <= k <= high]


def test_as_many_strikes_as_asked_for_while_there_is_room() -> None:
    for count in (1, 2, 9, 30):
        assert len(strikes_micro(50_000.0, 30 * DAY_MS, ChainPlan(strikes_per_expiry=count))) == count
    few = strikes_micro(2e-6, 30 * DAY_MS, ChainPlan(strikes_per_expiry=9))
    assert few[0] == 1
    assert len(few) < 9


def test_a_chain_is_every_strike_twice_in_order() -> None:
    now_ms = at("2026-11-18T12:00")
    spec = chain_spec(now_ms, 98_000.0, ChainPlan(strikes_per_expiry=5))
    assert len(spec) == 6 * 5 * 2
    assert len(set(spec)) == len(spec)
    assert spec == sorted(spec, key=lambda o: (o.expiry_ms, o.strike_micro, not o.is_call))
    assert chain_spec(now_ms, 98_000.0, ChainPlan(strikes_per_expiry=5)) == spec


def test_senseless_plans_and_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ChainPlan(dailies=-1)
    with pytest.raises(ValueError, match="strike"):
        ChainPlan(strikes_per_expiry=0)
    with pytest.raises(ValueError, match="delta_min"):
        ChainPlan(delta_min=0.5)
    for spot, left_ms in ((0.0, 1), (1.0, 0), (float("nan"), 1)):
        with pytest.raises(ValueError, match="positive"):
            strikes_micro(spot, left_ms)
