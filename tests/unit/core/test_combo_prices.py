"""Prices of combos: which are valid, the band, and how one is divided among the legs (docs/rules-4.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import CALLS, FAR, MARKS, NEAR, WING, ComboMarket, parts
from tests.unit.core.harness import ALICE, BOB, IOC, MARKET, SELL, last, of, only, reason

EngineClass = type[Engine | ReferenceEngine]


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return ComboMarket(request.param())


def meet(market: ComboMarket, combo: int, price_ticks: int, lots: int = 1) -> list[tuple[int, int]]:
    """Have BOB sell the combo to ALICE at a price: the legs' prices."""
    market.rests(ALICE, price_ticks, lots, at=combo)
    found = market.order(BOB, price_ticks, lots, SELL | IOC, at=combo)
    trade = only(of(found, e.ComboTrade), e.ComboTrade)
    assert (trade.price_ticks, trade.lots) == (price_ticks, lots)
    return [(leg, price) for leg, price, _ in parts(found)]


def small(
    engine: Engine | ReferenceEngine, limits: list[int], marks: list[int], step: int = 1
) -> ComboMarket:
    """A market whose calls have these price limits and marks."""
    calls = [
        call._replace(price_limit_ticks=limit, tick_steps=((0, step),))
        for call, limit in zip(CALLS, limits, strict=False)
    ]
    return ComboMarket(engine, calls, {NEAR + number: mark for number, mark in enumerate(marks)})


@pytest.mark.parametrize(
    ("legs", "lowest", "highest"),
    [
        ([(NEAR, 1), (FAR, -1)], 1 - 30, 20 - 1),  # H: 20, 30, 40; the combo's limit is 20
        ([(NEAR, 1), (FAR, 1)], 2, 20),
        ([(NEAR, 1), (FAR, -1), (WING, -1)], -20, 18),
        ([(NEAR, 4), (FAR, -1)], 4 - 30, 20),
        ([(FAR, 1), (WING, -4)], -30, 30 - 4),
    ],
)
def test_the_lowest_and_the_highest_price(
    engine_class: EngineClass, legs: list[tuple[int, int]], lowest: int, highest: int
) -> None:
    market = small(engine_class(), [20, 30, 40], [10, 10, 10])
    combo = market.combo(*legs)
    lowest, highest = max(lowest, -20 if legs[0][0] == NEAR else -30), highest
    for flags, price in ((0, lowest), (SELL, highest)):
        market.rests(ALICE, price, 1, flags, at=combo)
    for price in (lowest - 1, highest + 1):
        assert reason(market.order(BOB, price, 1, at=combo)) == "bad_price"


def test_prices_are_multiples_of_the_step(engine_class: EngineClass) -> None:
    market = small(engine_class(), [203, 300, 400], [100, 50, 20], step=10)
    spread = market.spread()
    for price in (-190, 0, 10):
        market.rests(ALICE, price, 1, at=spread)
    market.rests(BOB, 190, 1, SELL, at=spread)
    assert reason(market.order(BOB, -5, 1, at=spread)) == "price_off_tick"
    assert reason(market.order(BOB, 195, 1, at=spread)) == "bad_price"  # beyond the highest comes first
    assert reason(market.order(BOB, -210, 1, at=spread)) == "bad_price"
    market.rests(ALICE, -200, 1, at=spread)


@pytest.mark.parametrize("price", [3_000, 3_100, 2_900, 1, 0, -1, -1_000])
def test_the_first_single_leg_gives_way(market: ComboMarket, price: int) -> None:
    assert meet(market, market.spread(), price) == [(NEAR, 4_000 + price), (FAR, 4_000)]


def test_then_the_next_one(market: ComboMarket) -> None:
    # 7,000 - 4,000 is 11,000 too much: the first leg falls to 1, the second rises by the rest.
    assert meet(market, market.spread(), -8_000) == [(NEAR, 1), (FAR, 8_001)]


def test_a_leg_with_a_larger_ratio_keeps_its_mark(market: ComboMarket) -> None:
    combo = market.combo((NEAR, 2), (FAR, -3), (WING, 1))
    # 14,000 - 12,000 + 2,500 = 4,500
    assert meet(market, combo, 4_321) == [(NEAR, 7_000), (FAR, 4_000), (WING, 2_321)]


def test_larger_ratios_move_when_the_single_legs_cannot(engine_class: EngineClass) -> None:
    market = small(engine_class(), [20, 200], [10, 100])
    combo = market.combo((NEAR, 1), (FAR, -2))
    # 10 - 200; 185 more are wanted: the first gives 10, 88 steps of the second 176, the first takes 1 back.
    assert meet(market, combo, -5) == [(NEAR, 19), (FAR, 12)]


def test_larger_ratios_move_one_after_the_other(engine_class: EngineClass) -> None:
    market = small(engine_class(), [16, 40, 60], [8, 20, 30])
    combo = market.combo((NEAR, 1), (FAR, 3), (WING, -4))
    # 8 + 60 - 120 = -52, wanted 16: the first gives 8, the second all its 20 steps (3 each): 0 left.
    assert meet(market, combo, 16) == [(NEAR, 16), (FAR, 40), (WING, 30)]
    market.mark_calls({NEAR: 8, FAR: 25, WING: 30})
    # 8 + 75 - 120 = -37, wanted 16: 8, then 15 steps (45).
    assert meet(market, combo, 16) == [(NEAR, 16), (FAR, 40), (WING, 30)]
    market.mark_calls({NEAR: 8, FAR: 30, WING: 33})
    # 8 + 90 - 132 = -34, wanted 16: 8 leave 42; ten steps of the second 30; three of the third 12.
    assert meet(market, combo, 16) == [(NEAR, 16), (FAR, 40), (WING, 30)]
    market.mark_calls({NEAR: 8, FAR: 30, WING: 34})
    # 8 + 90 - 136 = -38, wanted 13: 8 leave 43, 30 leave 13; four of the third give 16, the first takes 3.
    assert meet(market, combo, 13) == [(NEAR, 13), (FAR, 40), (WING, 30)]


@pytest.mark.parametrize(
    ("step", "ticks", "part_micro", "nearest"),
    [
        (1, 7_000, 499_999, 7_000),
        (1, 7_000, 500_000, 7_000),
        (1, 7_000, 500_001, 7_001),
        (2, 7_001, 0, 7_000),
        (2, 7_001, 1, 7_002),
        (5, 7_002, 499_999, 7_000),
        (5, 7_002, 500_000, 7_000),
        (5, 7_002, 500_001, 7_005),
        (10, 7_004, 999_999, 7_000),
        (10, 7_005, 0, 7_000),
        (10, 7_005, 1, 7_010),
    ],
)
def test_parts_begin_at_the_multiple_of_the_step_nearest_to_the_mark(
    engine_class: EngineClass, step: int, ticks: int, part_micro: int, nearest: int
) -> None:
    market = small(engine_class(), [500_000] * 3, [100, 100, 100], step)
    combo = market.combo((NEAR, 1), (FAR, -2))
    market.mark_calls({FAR: ticks}, part_micro)
    price = -13_000
    assert meet(market, combo, price) == [(NEAR, price + 2 * nearest), (FAR, nearest)]


def test_a_mark_beyond_the_bounds_starts_at_the_bound(engine_class: EngineClass) -> None:
    market = small(engine_class(), [40, 500_000], [39, 100], step=2)
    combo = market.combo((NEAR, 1), (FAR, 2))
    market.mark_calls({NEAR: 300, FAR: 0})
    # The first starts at 40, the second at 2: four too much.
    assert meet(market, combo, 40) == [(NEAR, 36), (FAR, 2)]


def test_the_band_adds_up(engine_class: EngineClass) -> None:
    calls = [CALLS[0]._replace(band_ppm=1_000), CALLS[1]._replace(band_ppm=3_000), CALLS[2]]
    market = ComboMarket(engine_class(), calls)
    spread = market.spread()
    # 7,000 - 4,000, the wider band each way: 150.
    refused = only(market.order(ALICE, 3_151, 1, at=spread), e.Rejected)
    assert (rejects.REJECT_NAMES[refused.reason], refused.detail) == ("price_too_high", 3_150)
    assert only(market.order(ALICE, 2_849, 1, SELL, at=spread), e.Rejected).detail == 2_850
    market.rests(ALICE, 3_150, 1, at=spread)
    # A leg without a band: none.
    wide = market.combo((NEAR, 1), (WING, -1))
    market.rests(ALICE, 400_000, 1, at=wide)


def test_the_band_rounds_outwards(engine_class: EngineClass) -> None:
    calls = [call._replace(band_ppm=1_000, tick_steps=((0, 20),)) for call in CALLS]
    market = ComboMarket(engine_class(), calls)
    spread = market.spread()
    market.mark_calls({NEAR: 7_007}, 3)  # 3,007 and a bit, 50 each way: 2,957 and 3,058
    assert only(market.order(ALICE, 3_080, 1, at=spread), e.Rejected).detail == 3_060
    assert only(market.order(ALICE, 2_920, 1, SELL, at=spread), e.Rejected).detail == 2_940


def test_a_market_order_takes_the_edge(engine_class: EngineClass) -> None:
    calls = [call._replace(band_ppm=1_000) for call in CALLS]
    market = ComboMarket(engine_class(), calls)
    combo = market.combo((NEAR, 1), (FAR, -2))  # -1,000, 50 each way
    market.rests(BOB, -955, 3, SELL, at=combo)
    assert reason(market.order(ALICE, -950, 1, MARKET, at=combo)) == "bad_price"
    done = last(market.order(ALICE, 0, 5, MARKET, at=combo), e.Order)
    assert (done.price_ticks, done.filled_lots, done.filled_value) == (-950, 3, -955 * 3)
    assert done.reason == r.CANCEL_NO_LIQUIDITY


def test_no_mark(engine_class: EngineClass) -> None:
    market = ComboMarket(engine_class(), marks={NEAR: 7_000, WING: 100})
    spread = market.spread()
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "no_mark"
    assert reason(market.order(ALICE, 0, 1, MARKET, at=spread)) == "no_mark"
    market.mark_calls(MARKS)
    market.rests(ALICE, 3_000, 1, at=spread)
