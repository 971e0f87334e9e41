"""The fast backtester against what theory says a hedge comes to, and its books."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from clients.backtest import (
    Costs,
    DeltaBand,
    FixedInterval,
    Leg,
    Leland,
    Outcome,
    Paths,
    Strategy,
    Structure,
    Unhedged,
    WhalleyWilmott,
    backtest,
    gbm,
)
from clients.backtest.closed_forms import hedging_error
from pricing import black76

SPOT, VOL, YEARS = 100.0, 0.2, 1 / 3
SHORT_CALL = Structure([Leg(SPOT, -1.0)])


@lru_cache
def hedged(hedges: int) -> Paths:
    """Paths to hedge so often; so many that they know the deviation to 1.5 %."""
    return gbm(SPOT, VOL, YEARS, hedges, 6_144 if hedges < 1_000 else 3_072, seed=hedges)


@pytest.mark.parametrize("hedges", [84, 252, 1_008])
@pytest.mark.parametrize("strike", [90.0, 95.0, 100.0, 105.0, 110.0])
def test_the_hedging_error_is_derman_and_kamal_s(strike: float, hedges: int) -> None:
    """Within 5 %, and no profit on average."""
    paths = hedged(hedges)
    profit = backtest(paths, Structure([Leg(strike, -1.0)]), FixedInterval(), vol=VOL).profit
    assert profit.std() == pytest.approx(hedging_error(strike, SPOT, VOL, YEARS, hedges), rel=0.05)
    assert abs(profit.mean()) < 4 * profit.std() / np.sqrt(paths.paths)


def test_at_the_money_it_is_vega_over_the_root_of_the_hedges() -> None:
    vega = 100 * float(black76(SPOT, SPOT, YEARS, VOL, True).vega)
    simple = np.sqrt(np.pi / 4) * vega * VOL / np.sqrt(84)
    assert hedging_error(SPOT, SPOT, VOL, YEARS, 84) == pytest.approx(simple, rel=0.01)


def test_sold_dear_and_hedged_at_what_comes_every_path_earns_the_difference() -> None:
    paths = gbm(SPOT, 0.2, YEARS, 4_000, 200, seed=3)
    profit = backtest(paths, SHORT_CALL, FixedInterval(), vol=0.3, hedge_vol=0.2).profit
    start = np.array([SPOT])
    earned = float(SHORT_CALL.value(start, YEARS, 0.2)[0] - SHORT_CALL.value(start, YEARS, 0.3)[0])
    assert profit.mean() == pytest.approx(earned, rel=0.01)
    assert profit.std() < 0.05 * earned


def test_each_path_s_profit_is_gamma_times_implied_less_realised_variance() -> None:
    paths = gbm(SPOT, 0.25, YEARS, 4_000, 50, seed=4)
    profit = backtest(paths, SHORT_CALL, FixedInterval(), vol=0.2).profit
    expected = np.zeros(paths.paths)
    for step in range(paths.steps):
        row = paths.spot[step]
        left = (paths.steps - step) * paths.years_a_step
        gamma = -SHORT_CALL.gamma(np.log(row), left, 0.2)
        moved = (paths.spot[step + 1] - row) / row
        expected += 0.5 * gamma * row**2 * (0.2**2 * paths.years_a_step - moved**2)
    assert np.abs(profit - expected).max() < 0.05 * np.abs(profit).max()


def test_leland_s_volatility_pays_for_the_trading() -> None:
    hedges, costs = 84, Costs(half_spread=0.002)
    strategy = Leland(2 * costs.a_trade)
    paths = gbm(SPOT, VOL, YEARS, hedges, 20_000, seed=5)
    dear = strategy.vol(VOL, paths.years_a_step)
    found = backtest(paths, SHORT_CALL, strategy, vol=dear, hedge_vol=VOL, costs=costs)
    # His argument is about what lies between: the first trade and the last are half the underlying each.
    ends = costs.a_trade * SPOT
    between = found.costs.mean() - ends
    assert between > 2 * ends
    assert abs(found.profit.mean() + ends) < 0.02 * between
    plain = backtest(paths, SHORT_CALL, FixedInterval(), vol=VOL, costs=costs)
    assert plain.profit.mean() + ends < -0.95 * between


def test_wider_bands_trade_less_and_err_more() -> None:
    paths = gbm(SPOT, VOL, YEARS, 252, 2_000, seed=6)
    found = [backtest(paths, SHORT_CALL, DeltaBand(width), vol=VOL) for width in (0.0, 0.05, 0.2)]
    turnover, error = [one.turnover.mean() for one in found], [one.profit.std() for one in found]
    assert turnover == sorted(turnover, reverse=True)
    assert error == sorted(error)


def test_a_band_worth_its_costs_is_worth_more_than_any_fixed_interval() -> None:
    """To the risk averse that it is made for: by what certain sum they would take instead."""
    costs, aversion = Costs(half_spread=0.005), 1.0
    paths = gbm(SPOT, VOL, YEARS, 252, 4_000, seed=7)

    def certain(strategy: Strategy) -> float:
        profit = backtest(paths, SHORT_CALL, strategy, vol=VOL, costs=costs).profit
        return float(-np.log(np.exp(-aversion * profit).mean()) / aversion)

    bands = certain(WhalleyWilmott(costs.a_trade, aversion))
    assert bands > max(certain(FixedInterval(every)) for every in (1, 3, 7, 14, 28, 63)) + 0.1


def books(found: Outcome, costs: Costs) -> None:
    assert np.allclose(found.profit, found.options + found.hedge - found.costs)
    assert np.allclose(found.costs, costs.a_trade * found.turnover)


@pytest.mark.parametrize(
    "strategy", [Unhedged(), FixedInterval(3), DeltaBand(0.1), WhalleyWilmott(0.001, 2.0), Leland(0.002)]
)
def test_books_add_up_and_blocks_do_not_show(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, costs = gbm(SPOT, VOL, YEARS, 60, 300, seed=8), Costs(0.001, 0.0005)
    structure = Structure([Leg(95.0, -1.0, is_call=False), Leg(110.0, -2.0)], units=0.3)
    whole = backtest(paths, structure, strategy, vol=VOL, costs=costs)
    books(whole, costs)
    monkeypatch.setattr("clients.backtest.vectorised.BLOCK_PATHS", 77)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(whole, backtest(paths, structure, strategy, vol=VOL, costs=costs), strict=True)
    )


def test_who_never_hedges_earns_what_the_options_do() -> None:
    paths = gbm(SPOT, VOL, YEARS, 10, 50, seed=9)
    found = backtest(paths, SHORT_CALL, Unhedged(), vol=VOL)
    assert np.array_equal(found.profit, found.options)
    assert not found.trades.any()


def test_a_hedge_by_hand() -> None:
    """Two steps: sell a call at the money, buy its delta, adjust once, close at expiry."""
    paths = Paths(np.array([[100.0], [110.0], [120.0]]), YEARS / 2)
    found = backtest(paths, SHORT_CALL, FixedInterval(), vol=VOL, costs=Costs(fee=0.01))
    first = float(black76(100.0, 100.0, YEARS, VOL, True).delta)
    second = float(black76(110.0, 100.0, YEARS / 2, VOL, True).delta)
    premium = float(black76(100.0, 100.0, YEARS, VOL, True).price)
    turnover = first * 100 + (second - first) * 110 + second * 120
    assert found.turnover[0] == pytest.approx(turnover)
    assert found.profit[0] == pytest.approx(premium - 20 + first * 10 + second * 10 - 0.01 * turnover)
    assert found.trades[0] == 3


def test_volatilities_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        backtest(gbm(SPOT, VOL, YEARS, 2, 2, seed=1), SHORT_CALL, FixedInterval(), vol=0.0)
