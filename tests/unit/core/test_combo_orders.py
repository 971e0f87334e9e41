"""Orders of combos: what they may be, what they have open in their legs' seats, what they hold."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.combos import CALLS, FAR, NEAR, TICK_MICRO, WING, ComboMarket, end, parts
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    FOK,
    IOC,
    MARKET_LIMIT,
    POST,
    REDUCE,
    REJECT_POST,
    RISK,
    SELL,
    USDC,
    last,
    of,
    only,
    reason,
)

EngineClass = type[Engine | ReferenceEngine]


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return ComboMarket(request.param())


# --- flags, sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [REDUCE, REDUCE | SELL])
def test_no_reduce_only(market: ComboMarket, flags: int) -> None:
    assert reason(market.order(ALICE, 3_000, 1, flags, at=market.spread())) == "bad_flags"


def test_no_icebergs(market: ComboMarket) -> None:
    spread = market.spread()
    assert reason(market.order(ALICE, 3_000, 10, at=spread, display=1)) == "bad_flags"
    order_id = market.rests(ALICE, 3_000, 10, at=spread)
    assert reason(market.send(c.amend(ALICE, order_id, display_lots=5))) == "bad_flags"
    assert reason(market.send(c.amend(ALICE, order_id, reduce_only=True))) == "bad_flags"
    assert last(market.send(c.amend(ALICE, order_id, reduce_only=False)), e.Order).open_lots == 10


def test_no_protection(market: ComboMarket) -> None:
    spread = market.spread()
    assert reason(market.order(ALICE, 3_000, 1, r.FLAG_MMP, at=spread)) == "unknown_mmp_group"
    market.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 0, 0, 0, 1 << 50)))
    assert reason(market.order(ALICE, 3_000, 1, r.FLAG_MMP, at=spread)) == "bad_flags"
    quote = c.Quote(spread, 3_000, 1, 3_100, 0)
    found = of(market.send(c.mass_quote(ALICE, [quote], mmp_group=1)), e.Rejected)
    assert [(event.reason, event.position) for event in found] == [(4, 0), (4, 1)]


def test_no_triggers_links_or_volatility(market: ComboMarket) -> None:
    spread = market.spread()
    trigger = co.Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, 50_000 * USDC)
    for sent in (
        co.extended_order(ALICE, spread, 0, 3_000, 1, trigger=trigger),
        co.extended_order(ALICE, spread, 0, 3_000, 1, volatility_e6=500_000),
        co.extended_order(
            ALICE, spread, 0, 3_000, 1, link=r.LINK_OCO, members=[co.Member(0, 3_000, 1)]
        ),
    ):
        assert reason(market.send(sent)) == "bad_flags"
    placed = market.send(co.extended_order(ALICE, spread, 0, 3_000, 1))
    assert last(placed, e.Order).state == r.ORDER_STATE_OPEN


def test_sizes_count_the_largest_ratio(engine_class: EngineClass) -> None:
    most = limits.MAX_POSITION_LOTS
    calls = [
        call._replace(position_limit_lots=most, price_limit_ticks=100, lot_e8=1_000) for call in CALLS
    ]
    market = ComboMarket(engine_class(), calls, {NEAR: 1, FAR: 1, WING: 1})
    combo = market.combo((NEAR, 1), (FAR, -3))
    most = limits.MAX_ORDER_LOTS // 3
    assert reason(market.order(ALICE, -2, most + 1, IOC, at=combo)) == "bad_size"
    assert reason(market.order(ALICE, -2, most, IOC, at=combo)) == "insufficient_funds"
    order_id = market.rests(ALICE, -2, 1, at=combo)
    assert reason(market.send(c.amend(ALICE, order_id, size_lots=most + 1))) == "bad_size"


# --- seats -----------------------------------------------------------------------------------------


def test_open_lots_are_counted_in_every_leg(engine_class: EngineClass) -> None:
    calls = [call._replace(position_limit_lots=20) for call in CALLS]
    market = ComboMarket(engine_class(), calls)
    combo = market.combo((NEAR, 1), (FAR, -2))
    market.rests(ALICE, -1_000, 6, at=combo)  # 6 bought of the first, 12 sold of the second
    assert reason(market.order(ALICE, -1_000, 5, at=combo)) == "position_limit"
    assert reason(market.order(ALICE, 4_000, 9, SELL, at=FAR)) == "position_limit"
    market.rests(ALICE, 7_000, 14, at=NEAR)
    assert reason(market.order(ALICE, 7_000, 1, at=NEAR)) == "position_limit"
    # The other side is free: a sale of the combo sells the first and buys the second.
    market.rests(ALICE, 9_000, 10, SELL, at=combo)
    assert reason(market.order(ALICE, 9_000, 1, SELL, at=combo)) == "position_limit"
    assert reason(market.order(ALICE, 4_000, 1, at=FAR)) == "position_limit"
    market.rests(ALICE, 20_000, 10, SELL, at=NEAR)
    assert reason(market.order(ALICE, 20_000, 1, SELL, at=NEAR)) == "position_limit"


def test_lots_are_free_again_when_it_is_cancelled_or_shrinks(engine_class: EngineClass) -> None:
    calls = [call._replace(position_limit_lots=20) for call in CALLS]
    market = ComboMarket(engine_class(), calls)
    combo = market.combo((NEAR, 1), (FAR, -2))
    order_id = market.rests(ALICE, -1_000, 10, at=combo)
    assert reason(market.send(c.amend(ALICE, order_id, size_lots=11))) == "position_limit"
    market.send(c.amend(ALICE, order_id, size_lots=4))
    second = market.rests(ALICE, 4_000, 12, SELL, at=FAR)
    assert reason(market.order(ALICE, 4_000, 1, SELL, at=FAR)) == "position_limit"
    market.send(c.cancel(ALICE, order_id))
    market.rests(ALICE, 4_000, 8, SELL, at=FAR)
    market.send(c.cancel(ALICE, second))
    market.rests(ALICE, -1_000, 6, at=combo)


def test_the_missing_seats_must_fit_together(market: ComboMarket) -> None:
    spread = market.spread()
    butterfly = market.combo((NEAR, 1), (FAR, -2), (WING, 1))
    market.send(cr.set_caps(ALICE, 0, 2))
    assert reason(market.order(ALICE, 1_500, 1, at=butterfly)) == "too_many_seats"
    market.rests(ALICE, 3_000, 1, at=spread)
    assert reason(market.order(ALICE, 1_500, 1, at=butterfly)) == "too_many_seats"
    market.send(cr.set_caps(ALICE, 0, 3))
    market.rests(ALICE, 1_500, 1, at=butterfly)


def test_a_refused_order_makes_no_seats(market: ComboMarket) -> None:
    spread = market.spread()
    market.leave(ALICE, 10 * USDC)
    market.send(cr.set_caps(ALICE, 0, 1))
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "too_many_seats"
    market.send(cr.set_caps(ALICE, 0, 2))
    assert reason(market.order(ALICE, 3_000, 1, at=spread)) == "insufficient_funds"
    market.send(cr.set_caps(ALICE, 0, 1))
    market.rests(ALICE, 1, 1, at=WING)  # the one seat it may have


# --- funds -----------------------------------------------------------------------------------------


def wanted(
    market: ComboMarket, account: int, combo: int, price: int, lots: int, flags: int = 0
) -> int:
    """The least cash with which the order is taken, micro-USDC; the account has no position."""
    low, high = 0, 1 << 34
    while high - low > 1:
        has = _give(market, account, (low + high) // 2)
        found = market.order(account, price, lots, flags, at=combo)
        if isinstance(found[0], e.Rejected):
            low = has
        else:
            high = has
            market.send(c.cancel(account, last(found, e.Order).order_id))
    return _give(market, account, high)


def _give(market: ComboMarket, account: int, micro: int) -> int:
    """Have the account's cash be this much, and return it."""
    market.leave(account, 0)
    market.deposit(account, micro)
    return micro


def test_standard_holds_what_is_paid_and_margins_what_could_be_short(market: ComboMarket) -> None:
    spread = market.spread()
    bought = wanted(market, ALICE, spread, 3_000, 2)
    alone = wanted(market, ALICE, FAR, 500_000, 2, SELL)
    assert bought == alone + 2 * 3_000 * TICK_MICRO
    # Sold for more than nothing: it holds nothing, the other leg may be short.
    sold = wanted(market, BOB, spread, 3_000, 2, SELL)
    assert sold == wanted(market, BOB, NEAR, 500_000, 2, SELL)
    # Sold for less than nothing: that is paid, and held.
    paying = wanted(market, BOB, spread, -10, 2, SELL)
    assert paying == sold + 2 * 10 * TICK_MICRO


def test_fees_are_held_for_all_legs(market: ComboMarket) -> None:
    butterfly = market.combo((NEAR, 1), (FAR, -2), (WING, 1))
    before = wanted(market, ALICE, butterfly, 1_500, 1)
    market.send(cr.set_fees([cr.FeeTier(100, 300, 0, 0)], combo_discount_permille=500))
    # 0.03 % of 500 USDC a lot, four lots of legs in one of the combo, no discount on holds.
    assert wanted(market, ALICE, butterfly, 1_500, 1) == before + 4 * 150_000


def test_holds_count_what_delivery_will_cost(engine_class: EngineClass) -> None:
    calls = [CALLS[0]._replace(delivery_fee_ppm=150), CALLS[1]._replace(delivery_fee_ppm=250), CALLS[2]]
    market, without = ComboMarket(engine_class(), calls), ComboMarket(engine_class())
    each = {NEAR: 75_000, FAR: 125_000}  # of 500 USDC a lot
    for legs, price, flags, more in (
        ([(NEAR, 1), (FAR, -2)], -1_000, 0, each[NEAR]),
        ([(NEAR, 1), (FAR, -2)], -1_000, SELL, 2 * each[FAR]),
        ([(NEAR, 1), (FAR, 1)], 11_000, 0, each[NEAR] + each[FAR]),
        ([(NEAR, 1), (FAR, 1)], 11_000, SELL, 0),
    ):
        found = []
        for one in (market, without):
            named = one.listing(*legs)
            combo = one.next_id - 1 if isinstance(named[0], e.Instrument) else only(named, e.Rejected).detail
            found.append(wanted(one, ALICE, combo, price, 2, flags))
        assert found[0] - found[1] == 2 * more
    # So does an option bought.
    assert wanted(market, BOB, NEAR, 7_000, 3) == 3 * (7_000 * TICK_MICRO + each[NEAR])
    assert wanted(without, BOB, NEAR, 7_000, 3) == 3 * 7_000 * TICK_MICRO


def test_portfolio_holds_what_is_lost_against_the_marks(market: ComboMarket) -> None:
    spread = market.spread()
    for account in (ALICE, BOB):
        only(market.send(cr.set_margin_model(account, 1)), e.Account)
    fair = wanted(market, ALICE, spread, 3_000, 2)
    assert wanted(market, ALICE, spread, 2_000, 2) == fair
    assert wanted(market, ALICE, spread, 3_100, 2) == fair + 2 * 100 * TICK_MICRO
    fair = wanted(market, BOB, spread, 3_000, 2, SELL)
    assert wanted(market, BOB, spread, 3_100, 2, SELL) == fair
    assert wanted(market, BOB, spread, 2_900, 2, SELL) == fair + 2 * 100 * TICK_MICRO


def test_fill_or_kill_is_judged_as_filled(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(CAROL, 3_000, 2, SELL, at=spread)
    market.leave(ALICE, 2 * 3_000 * TICK_MICRO)
    # Filled, the short call is covered by the one of a lower strike: nothing but the price is wanted.
    assert reason(market.order(ALICE, 3_000, 2, IOC, at=spread)) == "insufficient_funds"
    assert end(market.order(ALICE, 3_000, 2, FOK, at=spread))[2] == 2


def test_fill_or_kill_needs_what_it_holds(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(CAROL, 3_000, 2, SELL, at=spread)
    market.leave(ALICE, 2 * 3_000 * TICK_MICRO - 2)
    assert reason(market.order(ALICE, 3_000, 2, FOK, at=spread)) == "insufficient_funds"


def test_closing_passes_with_nothing_left(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(BOB, 3_000, 5, SELL, at=spread)
    market.rests(CAROL, 2_500, 9, at=spread)
    assert end(market.order(ALICE, 3_000, 5, FOK, at=spread))[2] == 5
    market.leave(ALICE, 0)
    found = market.order(ALICE, 2_500, 6, SELL | IOC, at=spread)
    assert reason(found) == "insufficient_funds"
    assert end(market.order(ALICE, 2_500, 5, SELL | IOC, at=spread))[2] == 5


def test_amends_ask_for_more_only(market: ComboMarket) -> None:
    spread = market.spread()
    wanted(market, ALICE, spread, -100, 3, SELL)
    order_id = market.rests(ALICE, -100, 3, SELL, at=spread)
    market.mark_calls({NEAR: 9_000, FAR: 4_000})  # what it could be short of costs more now
    assert reason(market.order(ALICE, 50, 1, SELL, at=spread)) == "insufficient_funds"
    for price in (-50, 0, 50):  # no worse: nothing is asked
        assert last(market.send(c.amend(ALICE, order_id, price_ticks=price)), e.Order).open_lots == 3
    # Worse, but filled it is a spread, which asks less than what it could be short of, and what it pays.
    assert last(market.send(c.amend(ALICE, order_id, price_ticks=-100)), e.Order).price_ticks == -100
    assert reason(market.send(c.amend(ALICE, order_id, price_ticks=-20_000))) == "insufficient_funds"


# --- prices as ever ----------------------------------------------------------------------------------


@pytest.mark.parametrize("touch", [-7, 0, 1, 2_000])
def test_post_only_slides_by_the_step(market: ComboMarket, touch: int) -> None:
    spread = market.spread()
    market.rests(BOB, touch, 1, SELL, at=spread)
    market.rests(BOB, touch - 5, 1, at=spread)
    assert last(market.order(ALICE, touch + 3, 1, POST, at=spread), e.Order).price_ticks == touch - 1
    assert last(market.order(ALICE, touch - 9, 1, SELL | POST, at=spread), e.Order).price_ticks == touch
    assert reason(market.order(ALICE, touch, 1, REJECT_POST, at=spread)) == "post_only_reject"


def test_post_only_slides_no_further_than_the_bounds(engine_class: EngineClass) -> None:
    calls = [call._replace(price_limit_ticks=20) for call in CALLS]
    market = ComboMarket(engine_class(), calls, {NEAR: 5, FAR: 4, WING: 3})
    spread = market.spread()
    market.rests(BOB, -19, 1, SELL, at=spread)
    assert reason(market.order(ALICE, -19, 1, POST, at=spread)) == "post_only_reject"
    other = market.combo((NEAR, 1), (WING, -1))
    market.rests(BOB, 19, 1, at=other)
    assert reason(market.order(ALICE, 19, 1, SELL | POST, at=other)) == "post_only_reject"


def test_market_limit_takes_the_best_price_even_nothing(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(BOB, 0, 2, SELL, at=spread)
    found = market.order(ALICE, 0, 5, MARKET_LIMIT, at=spread)
    resting = last(found, e.Order)
    assert (resting.price_ticks, resting.filled_lots, resting.open_lots) == (0, 2, 3)
    assert end(market.order(BOB, 0, 3, SELL | IOC, at=spread))[2:] == (3, 0)


def test_market_limit_without_a_price_stands_at_no_level(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 0, 2, at=spread)
    ended = last(market.order(ALICE, 0, 5, MARKET_LIMIT, at=spread), e.Order)
    assert (ended.state, ended.reason) == (r.ORDER_STATE_CANCELLED, r.CANCEL_NO_LIQUIDITY)
    assert (ended.price_ticks, ended.level_lots) == (0, 0)


def test_quotes(market: ComboMarket) -> None:
    spread = market.spread()
    quote = c.Quote(spread, -20, 5, 10, 4)
    found = market.send(c.mass_quote(ALICE, [quote]))
    bid, ask = of(found, e.Order)
    assert (bid.price_ticks, ask.price_ticks, last(found, e.Done).affected) == (-20, 10, 2)
    # Replaced, one side; then shrunk in place; then taken away.
    (moved,) = of(market.send(c.mass_quote(ALICE, [c.Quote(spread, -30, 6)])), e.Order)
    assert (moved.order_id, moved.price_ticks, moved.open_lots) == (bid.order_id, -30, 6)
    (shrunk,) = of(market.send(c.mass_quote(ALICE, [c.Quote(spread, -30, 2)])), e.Order)
    assert (shrunk.order_id, shrunk.open_lots) == (bid.order_id, 2)
    (gone,) = of(market.send(c.mass_quote(ALICE, [c.Quote(spread, -30, 0)])), e.Order)
    assert (gone.order_id, gone.state) == (bid.order_id, r.ORDER_STATE_CANCELLED)
    # Its own price crosses: both are refused, and the resting one goes.
    crossed = market.send(c.mass_quote(ALICE, [c.Quote(spread, -1, 1, -1, 1)]))
    assert [event.reason for event in of(crossed, e.Rejected)] == [29, 29]
    assert only(of(crossed, e.Order), e.Order).order_id == ask.order_id


def test_a_quote_is_its_accounts_alone(market: ComboMarket) -> None:
    spread = market.spread()
    for account in (ALICE, BOB):
        market.send(c.mass_quote(account, [c.Quote(spread, -20, 5)]))
    assert end(market.order(CAROL, -20, 10, SELL | IOC, at=spread))[2] == 10
    (again,) = of(market.send(c.mass_quote(ALICE, [c.Quote(spread, -20, 5)])), e.Order)
    assert (again.kind, again.filled_lots) == (r.ORDER_PLACED, 0)


def test_cancel_many_by_kind(market: ComboMarket) -> None:
    spread = market.spread()
    for kind, expected in ((r.KIND_OPTION, [NEAR]), (r.KIND_COMBO, [spread]), (0, [spread, NEAR])):
        market.send(c.cancel_many(ALICE))
        market.rests(ALICE, -5, 1, at=spread)
        market.rests(ALICE, 5, 1, at=NEAR)
        found = market.send(c.cancel_many(ALICE, kind=kind))
        assert [event.head.instrument for event in of(found, e.Order)] == expected


def test_risk_is_not_needed_twice(market: ComboMarket) -> None:
    """The parameters of the underlying count for a combo as for its legs."""
    spread = market.spread()
    market.send(cr.risk(0, RISK))
    assert parts(market.order(ALICE, 3_000, 1, at=spread)) == []
