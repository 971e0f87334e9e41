"""Portfolio margin, worked out by hand; USDC in the comments.

Tables and parameters are those of `margins`: per lot CALL_50 gains -10, 0, 15, 30 in the scenarios, CALL_55
-6, 0, 9, 20 and the perpetual -80, 0, 80, 90; of the last (extended) loss 5 are left out. Deltas per lot, of
500 of index: CALL_50 275, CALL_55 175, CALL_50_LATER 300, perpetual 500. Roll 1 %, shock 2 % beyond 1,000,
0.5 % of the index (2.5) for a lot of options short, and 0.001 (the quantum) for the rounding of its table.
"""

from __future__ import annotations

import pytest

from exchange.core import folios
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import PERP, SELL, USDC, reason
from tests.unit.core.margins import (
    ALICE,
    BOB,
    CALL_50,
    CALL_50_LATER,
    CALL_55,
    PERPETUAL,
    RISK,
    TABLES,
    MarginMarket,
    figures,
)

MILLI = 1_000


def portfolio_market(engine: Engine | ReferenceEngine) -> MarginMarket:
    """The market with tables, and ALICE and BOB margined by portfolio."""
    market = MarginMarket(engine)
    market.tables()
    market.portfolio(ALICE, BOB)
    return market


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return portfolio_market(request.param())


@pytest.fixture
def core() -> MarginMarket:
    return portfolio_market(Engine())


def test_short_calls(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    # worst: 300 less 5 when the index doubles; delta 2,750: shock 2 % of 1,750; charges 25 and 0.01
    initial = (295 + 35 + 25) * USDC + 10 * MILLI
    # equity: 10,000 + 200 of premium, less the calls' 200
    assert figures(core, ALICE) == (initial, initial * 8 // 10, 10_000 * USDC, 10_000 * USDC)


def test_the_balance_is_equity(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -10)
    # cash 10,200, equity 10,000
    market.has_free(ALICE, 10_000 * USDC - 355 * USDC - 10 * MILLI)
    market.hold(BOB, CALL_50, 10)
    # worst 100, shock 35; equity 10,000 is above cash 9,800
    market.has_free(BOB, 9_800 * USDC - 135 * USDC)


def test_a_perpetual_nets_with_options_and_pays_for_the_roll(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    core.hold(ALICE, PERPETUAL, 5)
    # gains of both: 100 - 400, 0, -150 + 400, -300 + 450; deltas -2,750 and 2,500: 2,500 offset at 1 %
    initial = (300 + 25 + 25) * USDC + 10 * MILLI
    assert figures(core, ALICE)[:2] == (initial, initial * 8 // 10)


def test_deltas_of_one_expiry_offset_without_charge(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    core.hold(ALICE, CALL_55, 10)
    # losses 40, 0, 60, 95; net delta -1,000 is not beyond the threshold
    assert figures(core, ALICE)[0] == (95 + 25) * USDC + 10 * MILLI


def test_an_extended_loss_below_the_dampener_counts_nothing(core: MarginMarket) -> None:
    core.tables({CALL_55: (6_000, 0, -9_000, -24_000)})  # now 0, 0, 0, -4
    core.hold(ALICE, CALL_55, 1)
    assert figures(core, ALICE)[0] == 0
    core.hold(ALICE, CALL_55, 1)
    assert figures(core, ALICE)[0] == 3 * USDC


def test_an_option_without_a_table_is_margined_by_its_own_rate(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50_LATER, -4)
    # no scenario; 4 · 105.75 (67.875 to be kept), 4 · 2.5; delta 1,200: 2 % of 200
    initial = 4 * 105_750_000 + 10 * USDC + 4 * USDC
    kept = 4 * 67_875_000 + 10 * USDC + 4 * USDC
    assert figures(core, ALICE)[:2] == (initial, -(-kept * 8 // 10))


def test_an_option_bought_without_a_table_counts_all_it_is_worth(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50_LATER, 3)
    # no scenario; 3 · 30; delta 900 is not beyond the threshold
    assert figures(core, ALICE)[:2] == (90 * USDC, 72 * USDC)
    core.rests(ALICE, CALL_50_LATER, 2_900, 2)
    # as if bought: 2 · 30, and 2 · 300 of delta at 3 %
    assert figures(core, ALICE)[:2] == (150 * USDC + 18 * USDC, 72 * USDC)
    core.rests(ALICE, CALL_50_LATER, 3_100, 4, SELL)
    # or sold: one short at 105.75 and 2.50; the larger side pays for 4 · 300 of delta
    assert figures(core, ALICE)[0] == 150 * USDC + 108_250_000 + 36 * USDC
    core.tables({CALL_50_LATER: (-1_000, 0, 1_000, 2_000)})
    assert figures(core, ALICE)[1] == 24 * 100_000  # worst 3, times 0.8


def test_bids_for_what_is_held_short_without_a_table_count_beyond_it(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50_LATER, -4)
    market.rests(ALICE, CALL_50_LATER, 2_900, 4)
    # 4 · 108.25; delta 1,200: 2 % of 200; 4 · 300 at 3 %
    needed = 4 * 108_250_000 + 4 * USDC + 36 * USDC
    market.has_free(ALICE, 10_000 * USDC - needed)
    market.rests(ALICE, CALL_50_LATER, 2_900, 1)  # one may end up long
    market.has_free(ALICE, 10_000 * USDC - needed - 30 * USDC - 9 * USDC)


def test_so_is_a_perpetual_either_way(market: MarginMarket) -> None:
    market.send(cr.risk(0, RISK._replace(quantum_micro=2_000)))  # all tables go
    market.hold(ALICE, PERPETUAL, 2)
    market.has_free(ALICE, 10_000 * USDC - 2 * 10_002_000)  # delta 1,000 is not beyond the threshold
    market.rests(ALICE, PERPETUAL, 51_010, 5, SELL)
    # |2 - 5| lots; delta of the five open at 3 %
    market.has_free(ALICE, 10_000 * USDC - 3 * 10_002_000 - 75 * USDC)


def test_open_orders_at_their_worst(market: MarginMarket) -> None:
    market.rests(ALICE, CALL_55, 900, 4, SELL)
    # hold 10 - 9; worst 4 · 20.001 - 5; short 4 · 2.5; roll and shock of 4 · 175 at 3 %
    initial = 4 * USDC + (75 * USDC + 4 * MILLI) + 10 * USDC + 21 * USDC
    market.has_free(ALICE, 10_000 * USDC - initial)
    market.rests(ALICE, CALL_55, 800, 4)
    # bids can lose 4 · 6, in another scenario; the larger side pays roll and shock
    market.has_free(ALICE, 10_000 * USDC - initial)
    market.rests(ALICE, CALL_55, 800, 1)
    market.has_free(ALICE, 10_000 * USDC - initial - 175 * USDC * 3 // 100)


def test_open_orders_do_not_count_for_maintenance(core: MarginMarket) -> None:
    core.rests(ALICE, CALL_55, 900, 4, SELL)
    core.rests(ALICE, PERPETUAL, 50_000, 4)
    assert figures(core, ALICE)[1] == 0


def test_marks_move_charges_and_leave_the_scenarios(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    core.mark(index=60_000, marks={CALL_50: 2_000})
    # the tables stand; delta 600 · 0.55 · 10 = 3,300, shock 46; short 10 · 3
    assert figures(core, ALICE)[0] == (295 + 46 + 30) * USDC + 10 * MILLI


def test_tables_move_the_scenarios(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    core.tables({CALL_50: (0, 0, 20_000, 0)})  # 35 when the index rises
    assert figures(core, ALICE)[0] == (350 + 35 + 25) * USDC + 10 * MILLI


def test_underlyings_are_margined_each_for_itself(market: MarginMarket) -> None:
    market.send(c.list_underlying(1, "ETH"), cr.risk(1, RISK))
    market.must(c.list_instrument(6, PERP._replace(underlying=1)), e.Instrument)
    units = [c.Mark(6, 0, 2_500 * USDC, 0, 2_500 * USDC)]
    stream = cr.table_stream([(6, (-4_000, 0, 4_000, 5_000))])
    market.must(cr.risk_snapshot(1, 2_500 * USDC, 1, units, 1, stream), e.Marked)
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, 6, 100, 2_500)
    # 355.01 as alone; ETH: worst 400, delta 100 · 25: shock 2 % of 1,500
    market.has_free(ALICE, 10_000 * USDC - 355_010_000 - 430 * USDC)


def test_a_model_is_changed_only_where_the_account_stands_it(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -80)
    # portfolio: 2,395 + 2 % of 21,000 + 200 + 0.08 = 3,015.08; standard: 80 · 95 = 7,600 of cash 11,600
    market.must(cr.set_margin_model(ALICE, r.MODEL_STANDARD), e.Account)
    market.must(cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO), e.Account)
    market.withdraw(ALICE, 4_000 * USDC)
    market.must(cr.set_margin_model(ALICE, r.MODEL_STANDARD), e.Account)  # 7,600 of 7,600
    market.must(cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO), e.Account)
    market.withdraw(ALICE, 1)
    assert reason(market.send(cr.set_margin_model(ALICE, r.MODEL_STANDARD))) == "margin_breach"
    market.has_free(ALICE, 6_000 * USDC - 1 - 3_015_080_000)  # as before


def test_what_refuses_a_change_of_model(market: MarginMarket) -> None:
    assert reason(market.send(cr.set_margin_model(63, 0))) == "unknown_account"
    assert reason(market.send(cr.set_margin_model(ALICE, 2))) == "bad_flags"
    market.rests(ALICE, CALL_50, 1_000, 1)
    assert reason(market.send(cr.set_margin_model(ALICE, 0))) == "not_empty"
    market.send(cr.set_lock(ALICE, True))
    assert reason(market.send(cr.set_margin_model(ALICE, 0))) == "account_locked"


def test_the_sums_of_a_model_left_do_not_come_back(core: MarginMarket) -> None:
    core.hold(ALICE, CALL_50, -10)
    core.must(cr.set_margin_model(ALICE, r.MODEL_STANDARD), e.Account)
    core.hold(ALICE, CALL_50, 4)
    core.must(cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO), e.Account)
    core.has_free(ALICE, 10_000 * USDC - (175 + 13 + 15) * USDC - 6 * MILLI)  # six short: 180 - 5, 2 % of 650
    assert isinstance(core.engine, Engine)
    assert folios.follows(core.engine.world, ALICE)


def test_tables_of_this_market_are_what_the_comments_say() -> None:
    assert TABLES[CALL_50] == (-10_000, 0, 15_000, 30_000)
    assert TABLES[CALL_55] == (-6_000, 0, 9_000, 20_000)
    assert TABLES[PERPETUAL] == (-80_000, 0, 80_000, 90_000)
