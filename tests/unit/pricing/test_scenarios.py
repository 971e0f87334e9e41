"""Scenario tables: values, volatility rules, both venues' grids, integers."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import engines
from pricing.european import black76
from pricing.quantize import MICRO_PER_UNIT, QuantizeError, value_table
from pricing.scenarios import (
    UNCHANGED,
    DeribitParameters,
    DeriveParameters,
    Scenario,
    VolRule,
    grid_of,
    scenario_values,
)

ENGINES = ("numpy", "numba") if engines.numba_installed() else ("numpy",)
GRIDS = {"deribit": DeribitParameters().scenarios(), "derive": DeriveParameters().scenarios()}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engines.current()
    yield engines.select(request.param)
    engines.select(before)


@pytest.mark.parametrize("grid", GRIDS)
def test_every_value_is_black76_at_the_moved_forward_and_shocked_volatility(engine: str, grid: str) -> None:
    random = np.random.default_rng(3)
    count = 200
    forward = random.uniform(90_000.0, 110_000.0, count)
    strike = np.round(random.uniform(30_000.0, 300_000.0, count))
    years = random.choice([1e-4, 0.01, 0.1, 1.0, 2.0], count)
    vol, is_call = random.uniform(0.05, 3.0, count), random.random(count) < 0.5
    moves, rules, _ = grid_of(GRIDS[grid])
    got = scenario_values(forward, strike, years, vol, is_call, moves, rules)
    assert got.shape == (len(rules), count)
    for row, (move, rule) in enumerate(zip(moves, rules, strict=True)):
        want = black76(forward * (1.0 + move), strike, years, rule.apply(vol, years), is_call).price
        assert np.abs(got[row] - want).max() <= 1e-14 * 600_000.0
        assert (got[row] >= 0.0).all()


def test_call_and_put_in_turn_are_valued_as_they_are_apart(engine: str) -> None:
    strike = np.repeat([60_000.0, 95_000.0, 98_000.0, 150_000.0], 2)
    years = np.repeat([0.002, 0.1, 0.5, 1.0], 2)
    moves, rules, _ = grid_of(GRIDS["deribit"])
    for is_call in (np.tile([True, False], 4), np.array([True, False, False, True] * 2)):
        together = scenario_values(98_000.0, strike, years, 0.6, is_call, moves, rules)
        apart = [
            scenario_values(98_000.0, strike[j : j + 1], years[j], 0.6, is_call[j], moves, rules)[:, 0]
            for j in range(8)
        ]
        assert np.abs(together - np.array(apart).T).max() <= 1e-14 * 600_000.0
        assert (together >= 0.0).all()


def test_without_time_or_volatility_only_intrinsic_value_is_left(engine: str) -> None:
    got = scenario_values(
        [100.0, 100.0, 100.0], [90.0, 110.0, 120.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [True, False, True],
        [0.0, 0.2, -0.2], [UNCHANGED] * 3,
    )  # fmt: skip
    assert got == pytest.approx(np.array([[10.0, 10.0, 0.0], [30.0, 0.0, 0.0], [0.0, 30.0, 0.0]]), abs=1e-12)


def test_nan_stays_with_its_option(engine: str) -> None:
    got = scenario_values(100.0, 100.0, 1.0, [0.5, math.nan, 0.5], True, [0.1], [UNCHANGED])
    assert np.isnan(got).tolist() == [[False, True, False]]
    assert scenario_values([], [], [], [], [], [0.1], [UNCHANGED]).shape == (1, 0)


def test_both_engines_agree() -> None:
    if len(ENGINES) == 1:
        pytest.skip("numba is not installed")
    moves, rules, _ = grid_of(GRIDS["deribit"])
    strike = np.linspace(30_000.0, 300_000.0, 101)
    before = engines.current()
    tables = []
    for name in ENGINES:
        engines.select(name)
        tables.append(scenario_values(98_000.0, strike, 0.1, 0.6, strike > 98_000.0, moves, rules))
    engines.select(before)
    assert np.abs(tables[0] - tables[1]).max() <= 1e-14 * 600_000.0


@given(
    strike=st.floats(1.0, 1e4), years=st.floats(0.0, 3.0), vol=st.floats(0.0, 5.0),
    move=st.floats(-0.9, 5.0),
)  # fmt: skip
def test_parity_holds_in_every_scenario(strike: float, years: float, vol: float, move: float) -> None:
    call, put = scenario_values(100.0, strike, years, vol, [True, False], [move], [UNCHANGED])[0]
    assert call - put == pytest.approx(100.0 * (1.0 + move) - strike, abs=1e-10)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"forward": 0.0}, "forward"), ({"strike": math.inf}, "strike"), ({"years": [-1.0]}, "years"),
        ({"vol": -0.1}, "vol"), ({"moves": [-1.0]}, "moves"), ({"moves": [math.nan]}, "moves"),
        ({"moves": [0.1, 0.2]}, "moves"), ({"strike": np.ones((1, 1))}, "one-dimensional"),
    ],
)  # fmt: skip
def test_senseless_arguments_are_refused(bad: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"forward": 1.0, "strike": 1.0, "years": [1.0], "vol": 0.5, "is_call": True}
    arguments = {**good, "moves": [0.1], "vol_rules": [UNCHANGED], **bad}
    with pytest.raises(ValueError, match=message):
        scenario_values(**arguments)


# --- rules and grids --------------------------------------------------------------------------------


def test_a_volatility_shock_grows_toward_expiry() -> None:
    up = VolRule(0.50, floor=0.50)
    years = np.array([7.5, 30.0, 120.0]) / 365.0
    raised = [0.6 * (1 + 0.5 * 4**0.3), 0.9, 0.6 * (1 + 0.5 * 0.25**0.13)]
    assert up.apply(0.6, years) == pytest.approx(raised)
    assert up.apply(0.2, years[1]) == pytest.approx(0.5)  # no less than the floor
    down = VolRule(-0.25)
    fallen = [0.6 * (1 - 0.25 * 4**0.3), 0.45, 0.6 * (1 - 0.25 * 0.25**0.13)]
    assert down.apply(0.6, years) == pytest.approx(fallen)
    assert down.apply(0.6, 1e-9) == 0.6 * max(0.0, 1 - 0.25 * (30 * 24) ** 0.3) == 0.0
    assert VolRule(0.5, days_min=1.0).apply(0.6, 0.0) == pytest.approx(0.6 * (1 + 0.5 * 30**0.3))
    assert UNCHANGED.apply([0.6, 0.7], 1.0).tolist() == [0.6, 0.7]


def test_deribits_grid() -> None:
    grid = GRIDS["deribit"]
    assert len(grid) == 35
    moves = [s.move for s in grid[:9]]
    assert moves == pytest.approx([-0.16, -0.12, -0.08, -0.04, 0.0, 0.04, 0.08, 0.12, 0.16])
    assert len({(s.move, s.rule) for s in grid}) == 35
    assert {s.weight for s in grid[:27]} == {1.0}
    assert [s.move for s in grid[27:]] == [-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert {s.rule for s in grid[27:]} == {DeribitParameters().up}
    weights = [s.weight for s in grid[27:]]
    assert weights[0] == pytest.approx(0.16 / 0.66 * 0.34 / 0.84)
    assert weights[3] == pytest.approx(0.16 / 1.0 * 2.0 / 1.16)
    # At the edge of the range the extended weight is that of the grid itself.
    assert DeribitParameters(extended=(0.16, -0.16)).scenarios()[-2:] == (
        Scenario(0.16, DeribitParameters().up), Scenario(-0.16, DeribitParameters().up),
    )  # fmt: skip


def test_derives_grid() -> None:
    grid = GRIDS["derive"]
    assert len(grid) == 33
    moves = [-0.18, -0.135, -0.09, -0.045, 0.0, 0.045, 0.09, 0.135, 0.18]
    assert sorted({s.move for s in grid[:27]}) == moves
    assert [(s.move, s.weight) for s in grid[27:]] == list(DeriveParameters().tails)


def test_senseless_rules_and_scenarios_are_refused() -> None:
    for rule in ({"change": math.nan}, {"change": 0.5, "floor": -1.0}, {"change": 0.5, "days_min": 0.0}):
        with pytest.raises(ValueError, match="volatility rule"):
            VolRule(**rule)
    for move, weight in ((-1.0, 1.0), (math.inf, 1.0), (0.1, -1.0)):
        with pytest.raises(ValueError, match="scenario"):
            Scenario(move, UNCHANGED, weight)


# --- integers ---------------------------------------------------------------------------------------


def test_a_table_has_an_integer_for_either_side() -> None:
    table = value_table([[0.0, 1.25, 2.0000004], [1e-9, 3.0, 0.1]], MICRO_PER_UNIT)
    assert table.low.tolist() == [[0, 1_250_000, 2_000_000], [0, 3_000_000, 100_000]]
    assert table.high.tolist() == [[0, 1_250_000, 2_000_001], [1, 3_000_000, 100_000]]
    per_lot = value_table([1.23905], 10_000)  # a hundredth of the underlying
    assert (per_lot.low.item(), per_lot.high.item()) == (12_390, 12_391)
    for bad in (-1.0, math.nan):
        with pytest.raises(QuantizeError):
            value_table([bad], 1)
