"""New orders: checks, prices, matching, and how each ends (docs/rules.md, New orders)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    DAY,
    FOK,
    IOC,
    MARKET,
    MARKET_LIMIT,
    OPTION,
    PERP,
    PERPETUAL,
    POST,
    REDUCE,
    REJECT_POST,
    SELL,
    Engine,
    Market,
    last,
    of,
    only,
    reason,
)


def test_price_then_time_priority_at_the_makers_price(market: Market) -> None:
    late_best = market.rests(BOB, 90, 5, SELL)
    first = market.rests(BOB, 100, 5, SELL)
    second = market.rests(CAROL, 100, 5, SELL)
    events = market.order(ALICE, 105, 12)
    assert [(t.maker_order_id, t.price_ticks, t.size_lots) for t in of(events, e.Trade)] == [
        (late_best, 90, 5),
        (first, 100, 5),
        (second, 100, 2),
    ]
    taker = last(events, e.Order)
    assert (taker.state, taker.filled_value) == (r.ORDER_STATE_FILLED, 90 * 5 + 100 * 7)
    makers = [o for o in of(events, e.Order) if o.kind == r.ORDER_FILLED]
    assert [(o.open_lots, o.level_lots) for o in makers] == [(0, 0), (0, 5), (3, 3)]


def test_the_rest_of_a_limit_order_rests(market: Market) -> None:
    market.rests(BOB, 100, 5, SELL)
    taker = last(market.order(ALICE, 101, 8), e.Order)
    assert (taker.kind, taker.state, taker.filled_lots, taker.open_lots, taker.level_lots) == (1, 1, 5, 3, 3)
    assert last(market.order(BOB, 101, 3, SELL), e.Order).filled_lots == 3


@pytest.mark.parametrize(
    ("flags", "price", "end"),
    [
        (IOC, 101, r.CANCEL_IOC),
        (MARKET, 0, r.CANCEL_NO_LIQUIDITY),
        (MARKET | IOC, 0, r.CANCEL_NO_LIQUIDITY),
        (FOK, 101, r.CANCEL_FOK),
        (MARKET | FOK, 0, r.CANCEL_FOK),
    ],
)
def test_orders_that_do_not_rest(market: Market, flags: int, price: int, end: int) -> None:
    market.rests(BOB, 100, 5, SELL)
    taker = last(market.order(ALICE, price, 6, flags), e.Order)
    filled = 0 if end == r.CANCEL_FOK else 5
    assert (taker.state, taker.reason, taker.filled_lots, taker.open_lots) == (3, end, filled, 0)


def test_a_market_order_tells_the_edge_it_used(market: Market) -> None:
    assert only(market.order(ALICE, 0, 1, MARKET), e.Order).price_ticks == CALL.price_limit_ticks
    assert only(market.order(ALICE, 0, 1, MARKET | SELL), e.Order).price_ticks == 1


def test_market_limit_rests_at_the_best_price(market: Market) -> None:
    market.rests(BOB, 100, 2, SELL)
    market.rests(BOB, 101, 2, SELL)
    taker = last(market.order(ALICE, 0, 5, MARKET_LIMIT), e.Order)
    assert (taker.state, taker.price_ticks, taker.filled_lots, taker.open_lots) == (1, 100, 2, 3)


def test_market_limit_without_a_price_is_cancelled(market: Market) -> None:
    taker = only(market.order(ALICE, 0, 5, MARKET_LIMIT), e.Order)
    assert (taker.state, taker.reason, taker.price_ticks) == (3, r.CANCEL_NO_LIQUIDITY, 0)


def test_fill_or_kill_counts_hidden_lots_and_levels(market: Market) -> None:
    market.rests(BOB, 100, 6, SELL, display=1)
    market.rests(CAROL, 101, 4, SELL)
    assert last(market.order(ALICE, 101, 11, FOK), e.Order).reason == r.CANCEL_FOK
    assert last(market.order(ALICE, 101, 10, FOK), e.Order).filled_lots == 10


def test_fill_or_kill_stops_looking_at_its_own_order(market: Market) -> None:
    market.rests(BOB, 100, 6, SELL, display=2)
    market.rests(ALICE, 100, 1, SELL)
    market.rests(CAROL, 100, 9, SELL)
    assert last(market.order(ALICE, 100, 3, FOK), e.Order).reason == r.CANCEL_FOK
    assert last(market.order(ALICE, 100, 2, FOK), e.Order).filled_lots == 2


def test_an_iceberg_shows_again_at_the_end_of_the_queue(market: Market) -> None:
    iceberg = market.rests(BOB, 100, 5, SELL, display=2)
    plain = market.rests(CAROL, 100, 4, SELL)
    events = market.order(ALICE, 100, 7)
    assert [(t.maker_order_id, t.size_lots) for t in of(events, e.Trade)] == [
        (iceberg, 2),
        (plain, 4),
        (iceberg, 1),
    ]
    shown = [(o.shown_lots, o.level_lots) for o in of(events, e.Order) if o.kind == r.ORDER_FILLED]
    assert shown == [(2, 6), (0, 2), (1, 1)]


def test_self_trade_rejects_the_taker_by_default(market: Market) -> None:
    market.rests(BOB, 99, 1, SELL)
    market.rests(ALICE, 100, 5, SELL)
    taker = last(market.order(ALICE, 100, 3), e.Order)
    assert (taker.state, taker.reason, taker.filled_lots) == (3, r.CANCEL_SELF_TRADE, 1)


def test_self_trade_may_cancel_the_maker(market: Market) -> None:
    market.send(c.configure_account(ALICE, cancel_maker=True))
    own = market.rests(ALICE, 100, 5, SELL)
    market.rests(BOB, 100, 5, SELL)
    events = market.order(ALICE, 100, 3)
    cancelled = of(events, e.Order)[0]
    assert (cancelled.order_id, cancelled.kind, cancelled.reason) == (own, 3, r.CANCEL_SELF_TRADE)
    assert last(events, e.Order).filled_lots == 3


@pytest.mark.parametrize(
    ("flags", "touch", "price", "slid"), [(POST, 100, 103, 99), (POST | SELL, 100, 95, 101)]
)
def test_post_only_slides(market: Market, flags: int, touch: int, price: int, slid: int) -> None:
    market.rests(BOB, touch, 1, SELL ^ (flags & SELL))
    placed = only(market.order(ALICE, price, 2, flags), e.Order)
    assert (placed.state, placed.price_ticks) == (1, slid)


def test_post_only_rejects_if_asked_or_with_nowhere_to_slide(market: Market) -> None:
    market.rests(BOB, 1, 1, SELL)
    assert reason(market.order(ALICE, 5, 1, REJECT_POST)) == "post_only_reject"
    assert reason(market.order(ALICE, 5, 1, POST)) == "post_only_reject"


def test_reduce_only_is_cut_to_the_position(market: Market) -> None:
    market.long(ALICE, BOB, 10, 100)
    assert reason(market.order(ALICE, 90, 1, REDUCE)) == "reduce_only"
    market.rests(ALICE, 120, 4, SELL)
    cut = only(market.order(ALICE, 110, 50, SELL | REDUCE, display=8), e.Order)
    assert (cut.size_lots, cut.open_lots, cut.shown_lots) == (6, 6, 6)
    assert reason(market.order(ALICE, 111, 1, SELL | REDUCE)) == "reduce_only"


def test_a_reduce_only_maker_never_flips_its_position(market: Market) -> None:
    market.long(ALICE, BOB, 10, 100)
    maker = market.rests(ALICE, 110, 10, SELL | REDUCE)
    market.rests(BOB, 90, 7)
    assert last(market.order(ALICE, 90, 7, SELL | IOC), e.Order).filled_lots == 7
    events = market.order(CAROL, 110, 10)
    assert [t.size_lots for t in of(events, e.Trade)] == [3]
    ends = [(o.kind, o.reason) for o in of(events, e.Order) if o.order_id == maker]
    assert ends == [(r.ORDER_FILLED, 0), (r.ORDER_CANCELLED, r.CANCEL_REDUCE_ONLY)]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (c.new_order(63, 0, 0, 1, 1), "unknown_account"),
        (c.new_order(99, 0, 0, 1, 1), "unknown_account"),
        (c.new_order(ALICE, 2, 0, 1, 1), "unknown_instrument"),
        (c.new_order(ALICE, 0, 3 << r.TYPE_SHIFT, 1, 1), "bad_flags"),
        (c.new_order(ALICE, 0, POST | IOC, 1, 1), "bad_flags"),
        (c.new_order(ALICE, 0, r.FLAG_REJECT_POST_ONLY, 1, 1), "bad_flags"),
        (c.new_order(ALICE, 0, MARKET_LIMIT | IOC, 0, 1), "bad_flags"),
        (c.new_order(ALICE, 0, MARKET | DAY, 0, 1), "bad_flags"),
        (c.new_order(ALICE, 0, IOC, 1, 2, display_lots=1), "bad_flags"),
        (c.new_order(ALICE, 0, r.FLAG_QUOTE, 1, 1), "bad_flags"),
        (c.new_order(ALICE, 0, 1 << 31, 1, 1), "bad_flags"),
        (c.new_order(ALICE, 0, 0, 1, 0), "bad_size"),
        (c.new_order(ALICE, 0, 0, 1, 1 << 28), "bad_size"),
        (c.new_order(ALICE, 0, 0, 1, 2, display_lots=3), "bad_display"),
        (c.new_order(ALICE, 0, 0, 1, 2, display_lots=-1), "bad_display"),
        (c.new_order(ALICE, 0, 0, 0, 1), "bad_price"),
        (c.new_order(ALICE, 0, 0, 500_001, 1), "bad_price"),
        (c.new_order(ALICE, 0, MARKET, 1, 1), "bad_price"),
        (c.new_order(ALICE, 0, 0, 1, 10_001), "position_limit"),
        (c.new_order(ALICE, 0, 0, 1, 1, valid_until_ms=-1), "malformed"),
        (c.new_order(ALICE, 0, 0, 500_000, 10_000), "insufficient_funds"),
    ],
)
def test_rejects(market: Market, command: bytes, why: str) -> None:
    assert reason(market.send(command)) == why


def test_an_order_may_come_too_late(market: Market) -> None:
    market.send(c.time(500))
    assert reason(market.send(c.new_order(ALICE, 0, 0, 1, 1, valid_until_ms=499))) == "timed_out"
    assert only(market.send(c.new_order(ALICE, 0, 0, 1, 1, valid_until_ms=500)), e.Order).state == 1


def test_an_expired_option_takes_no_orders_but_cancels(market: Market) -> None:
    order_id = market.rests(ALICE, 10, 1)
    market.send(c.time(CALL.expiry_ms))
    assert reason(market.order(ALICE, 10, 1)) == "instrument_not_open"
    assert only(market.send(c.cancel(ALICE, order_id)), e.Order).reason == r.CANCEL_USER


@pytest.mark.parametrize("state", [r.STATE_CANCEL_ONLY, r.STATE_HALTED])
def test_a_closed_instrument_and_a_closed_venue_take_only_cancels(market: Market, state: int) -> None:
    first, second = market.rests(ALICE, 10, 1), market.rests(ALICE, 11, 1)
    market.send(c.set_instrument_state(OPTION, state))
    assert reason(market.order(ALICE, 10, 1)) == "instrument_not_open"
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))
    assert reason(market.order(ALICE, 10, 1)) == "venue_cancel_only"
    assert only(market.send(c.cancel(ALICE, first)), e.Order).state == 3
    assert last(market.send(c.cancel_many(ALICE)), e.Done).affected == 1
    assert reason(market.send(c.cancel(ALICE, second))) == "order_not_found"


def test_no_order_before_the_first_mark(market: Market) -> None:
    market.send(c.list_instrument(2, PERP))
    assert reason(market.order(ALICE, 10, 1, at=2)) == "no_mark"


def test_band_and_tick_steps(engine_class: type[Engine]) -> None:
    stepped = PERP._replace(band_ppm=100_000, tick_steps=((0, 1), (1_000, 10), (45_000, 100)))
    market = Market(engine_class(), perpetual=stepped)
    high = only(market.order(ALICE, 55_100, 1, at=PERPETUAL), e.Rejected)
    low = only(market.order(ALICE, 44_990, 1, SELL, at=PERPETUAL), e.Rejected)
    assert (high.detail, low.detail) == (55_000, 45_000)
    assert reason(market.order(ALICE, 45_010, 1, at=PERPETUAL)) == "price_off_tick"
    assert reason(market.order(ALICE, 1_005, 1, at=PERPETUAL)) == "price_off_tick"
    market.rests(ALICE, 999, 1, at=PERPETUAL)
    market.rests(BOB, 500_000, 1, SELL, at=PERPETUAL)


@pytest.mark.parametrize(
    ("lots", "display", "refused"),
    [(100, 1, False), (101, 1, True), (101, 2, False), (200, 2, False), (201, 2, True), (1_000, 0, False)],
)
def test_an_iceberg_shows_at_least_a_hundredth(
    market_2: Market, lots: int, display: int, refused: bool
) -> None:
    events = market_2.order(ALICE, 49_000, lots, at=PERPETUAL, display=display)
    if refused:
        assert reason(events) == "bad_display"
    else:
        assert last(events, e.Order).shown_lots == (display or lots)


def test_under_rules_1_any_part_is_enough(market: Market) -> None:
    market.rests(ALICE, 49_000, 101, at=PERPETUAL, display=1)
