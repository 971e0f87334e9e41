"""Rolling figures and the cost of open positions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.gateway.market import BUCKET_MS, DAY_MS, Holding, InstrumentMarket, RollingStats, Stats

T0 = 1_750_000_000_000 - 1_750_000_000_000 % BUCKET_MS


def test_without_a_trade_there_are_no_figures() -> None:
    assert RollingStats().at(T0) == Stats(None, None, None, 0, 0)


def test_figures_cover_the_last_day() -> None:
    stats = RollingStats()
    stats.add(T0, 10, 1, 100)
    stats.add(T0 + 1, 30, 2, 600)
    stats.add(T0 + BUCKET_MS, 20, 3, 600)
    assert stats.at(T0 + BUCKET_MS) == Stats(30, 10, 10, 6, 1300)
    assert stats.at(T0 + DAY_MS + BUCKET_MS) == Stats(20, 20, 20, 3, 600)
    assert stats.at(T0 + DAY_MS + 2 * BUCKET_MS).volume_lots == 0


def test_closed_lots_take_their_share_of_the_cost() -> None:
    holding = Holding()
    holding.fill(2, 200)
    holding.fill(2, 300)
    holding.fill(-1, -200)
    assert (holding.size_lots, holding.cost_micro) == (3, 375)
    holding.fill(-3, -600)
    assert (holding.size_lots, holding.cost_micro) == (0, 0)


def test_a_fill_through_zero_opens_at_its_own_price() -> None:
    holding = Holding()
    holding.fill(-1, -100)
    holding.fill(3, 450)
    assert (holding.size_lots, holding.cost_micro) == (2, 300)


@given(st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(1, 50)), max_size=40))
def test_cost_has_the_sign_of_the_position_and_ends_at_zero(fills: list[tuple[int, int]]) -> None:
    holding = Holding()
    entry = 0
    for lots, price in fills:
        holding.fill(lots, lots * price)
        entry += lots * price
        size, cost = holding.size_lots, holding.cost_micro
        assert cost == 0 if size == 0 else (cost >= 0) == (size > 0)
        assert abs(cost) <= abs(size) * 50 + abs(size)
    size = holding.size_lots
    if size:
        holding.fill(-size, -size)
        assert holding.cost_micro == 0


def test_open_interest_is_the_sum_of_longs() -> None:
    market = InstrumentMarket()
    market.set_holding(64, 5, 50)
    market.set_holding(65, -5, -50)
    assert market.open_interest_lots == 5
    market.fill(66, 2, 20)
    market.fill(64, -2, -20)
    assert market.open_interest_lots == 5
    market.fill(65, 5, 50)
    market.fill(64, -3, -30)
    market.fill(66, -2, -20)
    assert market.open_interest_lots == 0
    assert market.holdings == {}
