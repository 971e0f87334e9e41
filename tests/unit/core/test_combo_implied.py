"""Implied orders: what takers of combos and of their legs meet across books (docs/rules-4.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import (
    CALLS,
    DORA,
    FAR,
    NEAR,
    WING,
    ComboMarket,
    end,
    implied,
    kinds,
    parts,
    with_dora,
)
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    FOK,
    IOC,
    MARKET,
    MARKET_LIMIT,
    POST,
    SELL,
    last,
    of,
)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return with_dora(ComboMarket(request.param()))


EngineClass = type[Engine | ReferenceEngine]


# --- in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "flags", "price", "legs"),
    [
        (-1, 0, 7_100 - 3_950, [(NEAR, 7_100, 2), (FAR, 3_950, -2)]),
        (-1, SELL, 6_900 - 4_050, [(NEAR, 6_900, -2), (FAR, 4_050, 2)]),
        (1, 0, 7_100 + 4_050, [(NEAR, 7_100, 2), (FAR, 4_050, 2)]),
        (1, SELL, 6_900 + 3_950, [(NEAR, 6_900, -2), (FAR, 3_950, -2)]),
    ],
)
def test_a_taker_of_the_combo_meets_both_legs(
    market: ComboMarket, ratio: int, flags: int, price: int, legs: list[tuple[int, int, int]]
) -> None:
    combo = market.combo((NEAR, 1), (FAR, ratio))
    for at, bid, ask in ((NEAR, 6_900, 7_100), (FAR, 3_950, 4_050)):
        market.rests(ALICE, bid, 2, at=at)
        market.rests(BOB, ask, 3, SELL, at=at)
    worse = 1 if flags else -1
    assert implied(market.order(CAROL, price + worse, 1, flags | IOC, at=combo)) == []
    found = market.order(CAROL, price, 2, flags, at=combo)
    assert implied(found) == [(r.COMBO_IN, price, 2)]
    assert parts(found) == legs
    assert kinds(found) == ["ComboTrade", "Trade", "Order", "Trade", "Order", "Order"]
    told = of(found, e.ComboTrade)[0]
    assert (told.head.account, told.maker_order_id, told.maker_account) == (CAROL, 0, 0)
    assert (told.taker_order_id, told.side) == (last(found, e.Order).order_id, flags)
    assert end(found)[2:] == (2, 2 * price)
    for trade in of(found, e.Trade):
        assert trade.flags & ~r.FLAG_SELL == r.TRADE_COMBO
        assert trade.taker_order_id == told.taker_order_id


def test_the_smallest_of_three_sizes_trades(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 5, SELL, at=NEAR)
    market.rests(BOB, 3_950, 3, at=FAR)
    market.rests(BOB, 3_940, 9, at=FAR)
    found = market.order(CAROL, 3_155, 7, at=spread)
    assert implied(found) == [(r.COMBO_IN, 3_150, 3)]
    assert last(found, e.Order).open_lots == 4
    found = market.order(DORA, 3_160, 7, at=spread)
    assert implied(found) == [(r.COMBO_IN, 3_160, 2)]


def test_icebergs_of_the_legs_show_again(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 10, SELL, at=NEAR, display=4)
    market.rests(BOB, 7_100, 1, SELL, at=NEAR)
    market.rests(BOB, 3_950, 100, at=FAR)
    found = market.order(CAROL, 3_150, 7, at=spread)
    assert implied(found) == [(r.COMBO_IN, 3_150, lots) for lots in (4, 1, 2)]
    assert [order.shown_lots for order in of(found, e.Order) if order.head.account == ALICE] == [4, 2]


def test_its_own_book_first_at_the_same_price(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 5, SELL, at=NEAR)
    market.rests(ALICE, 3_950, 5, at=FAR)
    market.rests(BOB, 3_151, 1, SELL | POST, at=spread)
    market.rests(BOB, 3_150, 1, SELL | POST, at=spread)
    found = market.order(CAROL, 3_151, 9, IOC, at=spread)
    assert implied(found) == [(0, 3_150, 1), (1, 3_150, 5), (0, 3_151, 1)]


def test_prices_of_implied_orders_need_not_be_the_combos(engine_class: EngineClass) -> None:
    calls = [CALLS[0], CALLS[1]._replace(tick_steps=((0, 5),)), CALLS[2]]
    market = ComboMarket(engine_class(), calls)
    spread = market.spread()
    market.rests(ALICE, 7_101, 5, SELL, at=NEAR)
    market.rests(ALICE, 3_950, 5, at=FAR)
    assert implied(market.order(BOB, 3_150, 1, IOC, at=spread)) == []
    found = market.order(BOB, 3_155, 2, at=spread)
    assert implied(found) == [(r.COMBO_IN, 3_151, 2)]
    assert end(found)[3] == 2 * 3_151


@pytest.mark.parametrize(
    "legs", [[(NEAR, 1), (FAR, -2)], [(NEAR, 1), (FAR, -1), (WING, 1)], [(NEAR, 2), (FAR, 1)]]
)
def test_only_of_two_legs_with_ratios_of_one(market: ComboMarket, legs: list[tuple[int, int]]) -> None:
    combo = market.combo(*legs)
    for at in (NEAR, FAR, WING):
        market.rests(ALICE, 500, 9, at=at)
        market.rests(ALICE, 10_000, 9, SELL, at=at)
    for flags, price in ((0, 200_000), (SELL, -200_000)):
        assert implied(market.order(BOB, price, 1, flags | IOC, at=combo)) == []
    market.rests(BOB, 100, 5, at=combo)
    assert implied(market.order(CAROL, 1, 1, SELL | IOC, at=NEAR)) == []


# --- out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "leg", "flags", "price", "other"),
    [
        (-1, NEAR, 0, 3_000 + 4_050, (FAR, 4_050, 2)),
        (-1, NEAR, SELL, 2_900 + 3_950, (FAR, 3_950, -2)),
        (-1, FAR, 0, 7_100 - 2_900, (NEAR, 7_100, 2)),
        (-1, FAR, SELL, 6_900 - 3_000, (NEAR, 6_900, -2)),
        (1, NEAR, 0, 11_000 - 3_950, (FAR, 3_950, -2)),
        (1, NEAR, SELL, 10_900 - 4_050, (FAR, 4_050, 2)),
        (1, FAR, 0, 11_000 - 6_900, (NEAR, 6_900, -2)),
        (1, FAR, SELL, 10_900 - 7_100, (NEAR, 7_100, 2)),
    ],
)
def test_a_taker_of_a_leg_meets_the_combo_and_the_other_leg(
    market: ComboMarket, ratio: int, leg: int, flags: int, price: int, other: tuple[int, int, int]
) -> None:
    combo = market.combo((NEAR, 1), (FAR, ratio))
    bid, ask = (2_900, 3_000) if ratio < 0 else (10_900, 11_000)
    bought = market.rests(ALICE, bid, 2, at=combo)
    sold = market.rests(ALICE, ask, 2, SELL, at=combo)
    away = FAR if leg == NEAR else NEAR
    for at, low, high in ((NEAR, 6_900, 7_100), (FAR, 3_950, 4_050)):
        if at == away:
            market.rests(BOB, low, 3, at=at)
            market.rests(BOB, high, 3, SELL, at=at)
    worse = 1 if flags else -1
    assert implied(market.order(CAROL, price + worse, 1, flags | IOC, at=leg)) == []
    found = market.order(CAROL, price, 2, flags, at=leg)
    (told,) = of(found, e.ComboTrade)
    middle = sold if told.maker_order_id == sold else bought
    at_price = ask if middle == sold else bid
    assert (told.kind, told.price_ticks, told.lots) == (r.COMBO_OUT, at_price, 2)
    assert (told.head.account, told.taker_order_id, told.maker_account) == (0, 0, ALICE)
    assert told.side == (0 if middle == sold else r.FLAG_SELL)
    assert parts(found) == [(leg, price, -2 if flags else 2), other]
    assert kinds(found) == ["ComboTrade", "Trade", "Trade", "Order", "Order", "Order"]
    first, second = of(found, e.Trade)
    assert (first.maker_order_id, first.taker_account, first.maker_account) == (middle, CAROL, ALICE)
    assert (second.taker_order_id, second.taker_account, second.maker_account) == (middle, ALICE, BOB)
    assert first.flags & ~r.FLAG_SELL == r.TRADE_COMBO
    assert second.flags & ~r.FLAG_SELL == r.TRADE_COMBO | r.TRADE_RESTS
    made, rested, took = of(found, e.Order)
    assert (made.order_id, made.state, made.filled_value) == (middle, r.ORDER_STATE_FILLED, 2 * at_price)
    assert (rested.order_id, rested.open_lots) == (second.maker_order_id, 1)
    assert (took.head.account, took.filled_value) == (CAROL, 2 * price)


def test_what_rounding_brings_is_the_combos(engine_class: EngineClass) -> None:
    calls = [CALLS[0]._replace(tick_steps=((0, 10),)), CALLS[1], CALLS[2]]
    market = ComboMarket(engine_class(), calls)
    spread = market.spread()
    market.rests(ALICE, 3_000, 2, SELL, at=spread)
    market.rests(BOB, 4_003, 2, SELL, at=FAR)
    # ALICE sells at 3,000 and buys at 4,003: a buyer of the first leg pays 7,003 or, in tens, 7,010.
    assert implied(market.order(CAROL, 7_000, 1, IOC, at=NEAR)) == []
    found = market.order(CAROL, 7_010, 1, at=NEAR)
    assert implied(found) == [(r.COMBO_OUT, 3_007, 1)]
    assert of(found, e.Order)[0].filled_value == 3_007
    market.rests(ALICE, 2_990, 2, at=spread)
    market.rests(BOB, 3_999, 2, at=FAR)
    found = market.order(CAROL, 6_980, 1, SELL, at=NEAR)  # 6,989: down to 6,980
    assert implied(found) == [(r.COMBO_OUT, 2_981, 1)]


def test_no_valid_price_no_implied_order(engine_class: EngineClass) -> None:
    calls = [CALLS[0]._replace(price_limit_ticks=7_000), CALLS[1], CALLS[2]]
    market = ComboMarket(engine_class(), calls)
    spread = market.spread()
    market.rests(ALICE, 3_000, 2, SELL, at=spread)
    market.rests(BOB, 4_001, 2, SELL, at=FAR)
    assert end(market.order(CAROL, 0, 1, MARKET, at=NEAR))[2] == 0
    market.rests(BOB, 4_000, 2, SELL, at=FAR)
    assert implied(market.order(CAROL, 0, 1, MARKET, at=NEAR)) == [(r.COMBO_OUT, 3_000, 1)]
    # Below the lowest price of the first leg: a seller gets nothing, a buyer pays the lowest.
    market.rests(ALICE, -5_000, 1, at=spread)
    market.rests(BOB, 3_000, 1, at=FAR)
    assert implied(market.order(CAROL, 1, 1, SELL | IOC, at=NEAR)) == []
    market.rests(ALICE, -3_999, 1, SELL, at=spread)
    found = market.order(CAROL, 1, 1, IOC, at=NEAR)
    assert (implied(found), parts(found)) == ([(r.COMBO_OUT, -3_999, 1)], [(NEAR, 1, 1), (FAR, 4_000, 1)])


def test_the_lowest_combo_at_the_same_price(market: ComboMarket) -> None:
    first = market.combo((NEAR, 1), (WING, -1))
    second = market.spread()
    for combo, away, price in ((first, WING, 2_500), (second, FAR, 4_000)):
        market.rests(ALICE, 7_000 - price, 1, SELL, at=combo)
        market.rests(BOB, price, 1, SELL, at=away)
    market.rests(BOB, 7_000, 1, SELL, at=NEAR)
    found = market.order(CAROL, 7_000, 5, IOC, at=NEAR)
    assert [trade.head.instrument for trade in of(found, e.ComboTrade)] == [first, second]
    assert parts(found)[0] == (NEAR, 7_000, 1)
    assert of(found, e.Trade)[0].flags == 0  # its own book came first


def test_the_better_combo_first(market: ComboMarket) -> None:
    first = market.combo((NEAR, 1), (WING, -1))
    second = market.spread()
    for combo, away, price, more in ((first, WING, 2_500, 1), (second, FAR, 4_000, 0)):
        market.rests(ALICE, 7_000 - price + more, 1, SELL, at=combo)
        market.rests(BOB, price, 1, SELL, at=away)
    found = market.order(CAROL, 7_001, 5, IOC, at=NEAR)
    assert [trade.head.instrument for trade in of(found, e.ComboTrade)] == [second, first]


def test_none_of_one_accounts_orders(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 3_000, 1, SELL, at=spread)
    market.rests(ALICE, 4_000, 1, SELL, at=FAR)
    market.rests(BOB, 4_000, 1, SELL, at=FAR)
    assert implied(market.order(CAROL, 9_000, 1, IOC, at=NEAR)) == []


def test_as_long_as_both_legs_are_open(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 3_000, 1, SELL, at=spread)
    market.rests(BOB, 4_000, 1, SELL, at=FAR)
    for target in (FAR, spread):
        market.send(c.set_instrument_state(target, r.STATE_HALTED))
        assert implied(market.order(CAROL, 7_000, 1, IOC, at=NEAR)) == []
        market.send(c.set_instrument_state(target, r.STATE_OPEN))
    assert implied(market.order(CAROL, 7_000, 1, IOC, at=NEAR)) == [(2, 3_000, 1)]


# --- who takes them ------------------------------------------------------------------------------------


def test_orders_that_trade_with_their_own_book_only(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 5, SELL, at=NEAR)
    market.rests(ALICE, 3_950, 5, at=FAR)
    market.rests(ALICE, 2_000, 5, SELL | POST, at=spread)
    market.rests(BOB, 3_000, 5, SELL, at=WING)
    assert end(market.order(CAROL, 3_200, 6, FOK, at=spread))[1] == r.CANCEL_FOK
    assert end(market.order(CAROL, 9_000, 1, FOK, at=NEAR))[2] == 1
    assert end(market.order(CAROL, 5_950, 1, FOK, at=NEAR))[1] == r.CANCEL_FOK
    rested = market.order(CAROL, 6_000, 1, POST, at=NEAR)
    assert (implied(rested), last(rested, e.Order).open_lots) == ([], 1)
    # A quote may be post-only, too; what it is no more, it meets.
    quote = c.Quote(spread, ask_price_ticks=1_900, ask_lots=1)
    market.rests(DORA, 6_950, 1, at=NEAR)
    market.rests(DORA, 5_000, 1, SELL, at=FAR)
    assert implied(market.send(c.mass_quote(BOB, [quote._replace(post_only=True)]))) == []
    assert implied(market.send(c.mass_quote(BOB, [quote._replace(ask_lots=2)]))) == [(1, 1_950, 1)]


def test_market_limit_prices_see_the_book_only(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 1, SELL, at=NEAR)
    market.rests(ALICE, 3_950, 1, at=FAR)
    assert end(market.order(CAROL, 0, 1, MARKET_LIMIT, at=spread))[1] == r.CANCEL_NO_LIQUIDITY
    market.rests(BOB, 3_200, 1, SELL, at=spread)
    found = market.order(CAROL, 0, 2, MARKET_LIMIT, at=spread)
    assert implied(found) == [(1, 3_150, 1), (0, 3_200, 1)]


def test_an_amended_order_takes_them(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 5, SELL, at=NEAR)
    order_id = market.rests(CAROL, 3_000, 2, at=spread)
    market.rests(ALICE, 3_950, 5, at=FAR)
    assert implied(market.send(c.amend(CAROL, order_id, size_lots=3))) == []
    found = market.send(c.amend(CAROL, order_id, price_ticks=3_150))
    assert implied(found) == [(1, 3_150, 3)]
    leg = market.rests(CAROL, 6_000, 2, at=NEAR)
    market.rests(BOB, 3_000, 2, SELL, at=spread)
    market.rests(DORA, 4_000, 2, SELL, at=FAR)
    assert implied(market.send(c.amend(CAROL, leg, price_ticks=7_000))) == [(2, 3_000, 2)]
