"""Combos at the limits of prices, lots and values, and one beyond: compiled integers must not wrap there."""

from __future__ import annotations

import pytest

from exchange.core import invariants
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_combos as cc
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits as m
from exchange.domain.legs import ComboLeg
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import parts
from tests.unit.core.harness import ALICE, BOB, CALL, FOK, IOC, RISK, SELL, Market, last, of, only, reason

COMBO = 4
INDEX_MICRO = 1 << 42
# The dearest ticks there are: one is a millionth of a lot, and a position of so many lots is the largest.
DEAR = CALL._replace(
    tick_micro=10**8, lot_e8=1, price_limit_ticks=m.MAX_PRICE_TICKS, position_limit_lots=256, strike_micro=1
)
# The most lots: each is worth at most so little.
MANY = CALL._replace(
    tick_micro=10**6, lot_e8=100, price_limit_ticks=1 << 20, position_limit_lots=m.MAX_POSITION_LOTS,
    strike_micro=1,
)  # fmt: skip


def extreme(engine: Engine | ReferenceEngine, terms: c.InstrumentTerms, ratios: list[int]) -> Market:
    """Four options of these terms and a combo of them, accounts with all the money there can be."""
    market = Market.__new__(Market)
    market.engine = engine
    market.deposits = market.feed = 0
    market.send(c.set_rules(2), c.set_rules(3), c.set_rules(4), c.list_underlying(0, "BTC"))
    only(market.send(cr.risk(0, RISK)), e.Risk)
    legs = range(len(ratios))
    for leg in range(4):
        only(market.send(c.list_instrument(leg, terms)), e.Instrument)
    named = [ComboLeg(leg, ratios[leg]) for leg in legs]
    only(market.send(cc.list_combo(COMBO, named)), e.Instrument)
    for account in (ALICE, BOB):
        market.send(c.create_account(account))
        market.deposit(account, m.MAX_DEPOSIT_MICRO)
    rate = m.MAX_FEE_PPM
    market.send(cr.set_fees([cr.FeeTier(-rate, rate, -rate, rate)], combo_discount_permille=1))
    return market


def marked(market: Market, marks: list[int], index_micro: int) -> None:
    """Mark the four options at ticks."""
    market.feed += 1
    units = [c.Mark(leg, 10**9, mark, 0, index_micro) for leg, mark in enumerate(marks)]
    only(market.send(c.marks(0, index_micro, market.feed, units)), e.Marked)


def check(market: Market) -> None:
    if isinstance(market.engine, Engine):
        invariants.check(market.engine)
        state = market.engine.state_bytes()
        assert Engine.restore(state).state_bytes() == state


RATIOS = [[4, 4, 4, 1], [1, -4, -4, -4], [4, -4, 4, -1], [1, -1]]


@pytest.mark.parametrize("ratios", RATIOS)
@pytest.mark.parametrize("marks", [[0] * 4, [INDEX_MICRO] * 4, [1, INDEX_MICRO] * 2, [INDEX_MICRO, 1] * 2])
def test_the_largest_prices(
    engine_class: type[Engine | ReferenceEngine], ratios: list[int], marks: list[int]
) -> None:
    market = extreme(engine_class(), DEAR, ratios)
    marked(market, marks, INDEX_MICRO)
    top = m.MAX_PRICE_TICKS
    lowest = max(-top, sum(ratio if ratio > 0 else ratio * top for ratio in ratios))
    highest = min(top, sum(ratio * top if ratio > 0 else ratio for ratio in ratios))
    lots = 256 // max(map(abs, ratios))
    for price in (lowest, lowest + 1, highest - 1, highest):
        placed = market.order(ALICE, price, lots, at=COMBO)
        found = market.order(BOB, price, lots, SELL | IOC, at=COMBO)
        assert last(placed, e.Order).open_lots == lots
        assert last(found, e.Order).filled_value == price * lots
        told = parts(found)
        assert sum(ratio * one[1] for ratio, one in zip(ratios, told, strict=True)) == price
        assert all(1 <= one[1] <= top for one in told)
        for trade in of(found, e.Trade):
            assert trade.value_micro == trade.price_ticks * trade.size_lots
        check(market)
        # Back again, so that the next one has room.
        market.order(BOB, price, lots, at=COMBO)
        assert last(market.order(ALICE, price, lots, SELL | IOC, at=COMBO), e.Order).filled_lots == lots
    for price in (lowest - 1, highest + 1):
        assert reason(market.order(ALICE, price, 1, at=COMBO)) == "bad_price"
    assert reason(market.order(ALICE, lowest, lots + 1, at=COMBO)) == "position_limit"


@pytest.mark.parametrize("ratios", RATIOS)
@pytest.mark.parametrize("flags", [IOC, FOK])
@pytest.mark.parametrize("model", [0, 1])
def test_the_most_lots(
    engine_class: type[Engine | ReferenceEngine], ratios: list[int], flags: int, model: int
) -> None:
    market = extreme(engine_class(), MANY, ratios)
    largest = max(map(abs, ratios))
    most = m.MAX_ORDER_LOTS // largest
    assert m.MAX_POSITION_LOTS // largest == most
    index_micro = (1 << 20) * 10**6
    # A fill-or-kill order's look counts nothing of what loses against the marks.
    marked(market, [index_micro, 0, index_micro, 0] if flags == IOC else [0] * 4, index_micro)
    for account in (ALICE, BOB):
        only(market.send(cr.set_margin_model(account, model)), e.Account)
    top = MANY.price_limit_ticks
    highest = min(top, sum(ratio * top if ratio > 0 else ratio for ratio in ratios))
    assert last(market.order(BOB, highest, most, SELL, at=COMBO), e.Order).open_lots == most
    found = market.order(ALICE, highest, most, flags, at=COMBO)
    assert last(found, e.Order).filled_value == highest * most
    assert sum(ratio * one[1] for ratio, one in zip(ratios, parts(found), strict=True)) == highest
    fee = -(-(index_micro * 100 // 10**8) * m.MAX_FEE_PPM // 1000)
    for trade, ratio in zip(of(found, e.Trade), ratios, strict=True):
        full = -(-fee * most * abs(ratio) // 1000)
        assert trade.taker_fee_micro == -(-full * 999 // 1000)
    check(market)
    assert reason(market.order(ALICE, highest, most + 1, at=COMBO)) == "bad_size"


@pytest.mark.parametrize("lots", [1 << 62, (1 << 63) - 1, -(1 << 63), -1, 0])
def test_absurd_sizes_and_prices(engine_class: type[Engine | ReferenceEngine], lots: int) -> None:
    market = extreme(engine_class(), MANY, [4, -1])
    marked(market, [1, 1, 1, 1], 1)
    assert reason(market.order(ALICE, 0, lots, at=COMBO)) == "bad_size"
    if abs(lots) > 1:
        assert reason(market.order(ALICE, lots, 1, at=COMBO)) == "bad_price"


def test_implied_prices_beyond_the_combos_own(engine_class: type[Engine | ReferenceEngine]) -> None:
    market = extreme(engine_class(), DEAR, [1, 1])
    marked(market, [INDEX_MICRO] * 4, INDEX_MICRO)
    top = m.MAX_PRICE_TICKS
    for leg in (0, 1):
        market.rests(ALICE, top, 100, at=leg)
    # Twice the highest price of the combo: a seller at any price takes it.
    found = market.order(BOB, top, 100, SELL | IOC, at=COMBO)
    assert [(trade.price_ticks, trade.lots) for trade in of(found, e.ComboTrade)] == [(2 * top, 100)]
    assert last(found, e.Order).filled_value == 2 * top * 100
    check(market)
