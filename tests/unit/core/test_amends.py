"""Amend and cancel (docs/rules.md, Amend, Cancels)."""

from __future__ import annotations

from typing import Any

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
    OPTION,
    PERPETUAL,
    POST,
    SELL,
    Engine,
    Market,
    last,
    of,
    only,
    reason,
    under_rules_2,
)


def queue(market: Market, price: int) -> list[int]:
    """Makers' order_ids at a bid price, in the order they trade."""
    found = of(market.order(CAROL, price, 100, SELL | r.TIF_IOC << r.TIF_SHIFT), e.Trade)
    return [trade.maker_order_id for trade in found]


def test_size_down_keeps_priority_and_size_up_loses_it(market: Market) -> None:
    first, second = market.rests(ALICE, 100, 5), market.rests(BOB, 100, 5)
    down = only(market.send(c.amend(ALICE, first, size_lots=3)), e.Order)
    assert (down.kind, down.size_lots, down.open_lots, down.level_lots) == (4, 3, 3, 8)
    assert down.old_price_ticks is None
    market.send(c.amend(BOB, second, size_lots=6))
    assert queue(market, 100) == [first, second]


def test_size_up_goes_to_the_back(market: Market) -> None:
    first, second = market.rests(ALICE, 100, 5), market.rests(BOB, 100, 5)
    market.send(c.amend(ALICE, first, size_lots=6))
    assert queue(market, 100) == [second, first]


def test_a_new_price_tells_the_old_level_and_may_trade(market: Market) -> None:
    bid = market.rests(ALICE, 90, 5)
    market.rests(BOB, 90, 2)
    market.rests(BOB, 100, 3, SELL)
    events = market.send(c.amend(ALICE, bid, price_ticks=100))
    assert of(events, e.Trade)[0].size_lots == 3
    moved = last(events, e.Order)
    assert (moved.order_id, moved.kind, moved.price_ticks, moved.open_lots) == (bid, 4, 100, 2)
    assert (moved.old_price_ticks, moved.old_level_lots, moved.level_lots) == (90, 2, 2)


def test_the_new_total_counts_fills(market: Market) -> None:
    bid = market.rests(ALICE, 100, 5)
    market.order(BOB, 100, 2, SELL)
    assert reason(market.send(c.amend(ALICE, bid, size_lots=2))) == "bad_size"
    assert only(market.send(c.amend(ALICE, bid, size_lots=3)), e.Order).open_lots == 1


def test_an_iceberg_cut_below_its_display_keeps_priority(market: Market) -> None:
    iceberg = market.rests(ALICE, 100, 10, display=6)
    plain = market.rests(BOB, 100, 5)
    cut = only(market.send(c.amend(ALICE, iceberg, size_lots=4)), e.Order)
    assert (cut.open_lots, cut.shown_lots) == (4, 4)
    assert queue(market, 100) == [iceberg, plain]


def test_another_display_loses_priority(market: Market) -> None:
    iceberg = market.rests(ALICE, 100, 10, display=6)
    plain = market.rests(BOB, 100, 5)
    assert only(market.send(c.amend(ALICE, iceberg, display_lots=0)), e.Order).shown_lots == 10
    assert queue(market, 100) == [plain, iceberg]


def test_a_reduce_only_cut_is_judged_after_the_cut(market: Market) -> None:
    market.long(BOB, ALICE, 21, 100)
    first = market.rests(ALICE, 100, 38, display=38)
    second = market.rests(BOB, 100, 5)
    amended = c.amend(ALICE, first, size_lots=39, display_lots=39, reduce_only=True)
    cut = only(market.send(amended), e.Order)
    assert (cut.size_lots, cut.open_lots, cut.shown_lots) == (21, 21, 21)
    assert queue(market, 100) == [first, second]


def test_a_post_only_amend_that_crosses_slides_or_cancels(market: Market) -> None:
    bid = market.rests(ALICE, 90, 5, POST)
    market.rests(BOB, 100, 3, SELL)
    slid = only(market.send(c.amend(ALICE, bid, price_ticks=105)), e.Order)
    assert (slid.price_ticks, slid.old_price_ticks, slid.state) == (99, 90, 1)
    asked = c.amend(ALICE, bid, price_ticks=101, size_lots=9, post_only=True, reject_post_only=True)
    gone = only(market.send(asked), e.Order)
    assert (gone.kind, gone.reason, gone.price_ticks) == (3, r.CANCEL_POST_ONLY_EDIT, 99)
    assert (gone.size_lots, gone.old_price_ticks) == (5, None)


def test_a_self_trade_stops_an_amend(market: Market) -> None:
    bid = market.rests(ALICE, 90, 5)
    market.rests(ALICE, 100, 3, SELL)
    gone = last(market.send(c.amend(ALICE, bid, price_ticks=100)), e.Order)
    assert (gone.kind, gone.state, gone.reason, gone.old_price_ticks) == (4, 3, r.CANCEL_SELF_TRADE, 90)


def test_growth_needs_funds_and_position_room(market: Market) -> None:
    bid = market.rests(ALICE, 1_000, 100)
    dear = c.amend(ALICE, bid, price_ticks=400_000, size_lots=5_000)
    assert reason(market.send(dear)) == "insufficient_funds"
    large = c.amend(ALICE, bid, price_ticks=1, size_lots=10_001)
    assert reason(market.send(large)) == "position_limit"
    largest = c.amend(ALICE, bid, price_ticks=1, size_lots=10_000)
    assert only(market.send(largest), e.Order).open_lots == 10_000


def test_shrinking_needs_no_funds(market: Market) -> None:
    ask = market.rests(ALICE, 50_000, 1_900, SELL, at=PERPETUAL)
    market.mark(index=400_000)
    assert reason(market.send(c.amend(ALICE, ask, size_lots=1_901))) == "insufficient_funds"
    assert only(market.send(c.amend(ALICE, ask, size_lots=1_899)), e.Order).open_lots == 1_899


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "bad_flags"),
        ({"size_lots": 0}, "bad_size"),
        ({"size_lots": 1 << 28}, "bad_size"),
        ({"display_lots": 6}, "bad_display"),
        ({"display_lots": -1}, "bad_display"),
        ({"price_ticks": 0}, "bad_price"),
        ({"price_ticks": 500_001}, "bad_price"),
        ({"reduce_only": True}, "reduce_only"),
        ({"size_lots": 4, "valid_until_ms": 9}, "timed_out"),
        ({"size_lots": 4, "valid_until_ms": -1}, "malformed"),
    ],
)
def test_rejects(market: Market, changes: dict[str, Any], why: str) -> None:
    bid = market.rests(ALICE, 90, 5)
    market.send(c.time(10))
    events = market.send(c.amend(ALICE, bid, **changes))
    assert reason(events) == why
    assert only(events, e.Rejected).head.id == (bid if why != "malformed" else 0)


def test_whose_order_it_is(market: Market) -> None:
    bid = market.rests(ALICE, 90, 5)
    quoted = of(market.send(c.mass_quote(ALICE, [c.Quote(OPTION, 80, 3)])), e.Order)[0].order_id
    assert reason(market.send(c.amend(BOB, bid, size_lots=1))) == "not_owner"
    assert reason(market.send(c.amend(ALICE, bid + 77, size_lots=1))) == "order_not_found"
    assert reason(market.send(c.amend(ALICE, quoted, size_lots=1))) == "quote_order"
    assert reason(market.send(c.cancel(BOB, bid))) == "not_owner"
    assert reason(market.send(c.cancel(ALICE, bid + 77))) == "order_not_found"
    assert only(market.send(c.cancel(ALICE, quoted)), e.Order).reason == r.CANCEL_USER


def test_fields_not_given_must_be_zero(market: Market) -> None:
    bid = market.rests(ALICE, 90, 5)
    spoiled = bytearray(c.amend(ALICE, bid, size_lots=4))
    spoiled[40] = 1  # a price that is not given
    assert reason(market.send(bytes(spoiled))) == "bad_flags"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"scope": r.SCOPE_ALL}, "abcdefg"),
        ({"scope": r.SCOPE_ALL, "kind": r.KIND_OPTION}, "abcfg"),
        ({"scope": r.SCOPE_ALL, "kind": r.KIND_PERPETUAL}, "de"),
        ({"scope": r.SCOPE_ALL, "which": r.WHICH_QUOTES}, "fg"),
        ({"scope": r.SCOPE_ALL, "which": r.WHICH_ORDERS}, "abcde"),
        ({"scope": r.SCOPE_INSTRUMENT, "target": PERPETUAL}, "de"),
        ({"scope": r.SCOPE_UNDERLYING, "target": 0}, "abcdefg"),
        ({"scope": r.SCOPE_UNDERLYING, "target": 1}, ""),
        ({"scope": r.SCOPE_LABEL, "label": 5}, "bcdg"),
        ({"scope": r.SCOPE_LABEL, "label": 0}, "ae"),
        ({"scope": r.SCOPE_LABEL_UNDERLYING, "target": 1, "label": 5}, ""),
        ({"scope": r.SCOPE_LABEL_UNDERLYING, "label": 5, "kind": r.KIND_PERPETUAL}, "d"),
    ],
)
def test_cancel_many(market: Market, scope: dict[str, int], expected: str) -> None:
    market.send(c.list_underlying(1, "ETH"))
    made = {}
    for name, at, label in (
        ("a", OPTION, 0),
        ("b", OPTION, 5),
        ("c", OPTION, 5),
        ("d", PERPETUAL, 5),
        ("e", PERPETUAL, 0),
    ):
        placed = market.send(c.new_order(ALICE, at, DAY, 10, 1, label=label))
        made[name] = only(placed, e.Order).order_id
    market.rests(BOB, 9, 1)
    for name, label in (("f", 6), ("g", 5)):
        quote = c.Quote(OPTION, 5, 1) if name == "f" else c.Quote(OPTION, ask_price_ticks=50, ask_lots=1)
        placed = market.send(c.mass_quote(ALICE, [quote], quote_label=label))
        made[name] = of(placed, e.Order)[0].order_id
    events = market.send(c.cancel_many(ALICE, **scope))
    assert [o.order_id for o in of(events, e.Order)] == [made[name] for name in expected]
    assert last(events, e.Done).affected == len(expected)


def test_cancel_many_rejects(market: Market) -> None:
    assert reason(market.send(c.cancel_many(ALICE, 5))) == "bad_flags"
    assert reason(market.send(c.cancel_many(ALICE, kind=3))) == "bad_flags"
    assert reason(market.send(c.cancel_many(ALICE, which=3))) == "bad_flags"
    assert reason(market.send(c.cancel_many(ALICE, 256))) == "bad_flags"
    assert reason(market.send(c.cancel_many(ALICE, r.SCOPE_INSTRUMENT, target=2))) == "unknown_instrument"
    assert reason(market.send(c.cancel_many(ALICE, r.SCOPE_UNDERLYING, target=1))) == "unknown_underlying"
    assert reason(market.send(c.cancel_many(99))) == "unknown_account"


def test_day_end_takes_the_days_orders(market: Market) -> None:
    day = [market.rests(ALICE, price, 1, DAY) for price in (10, 12, 11)]
    asks = [market.rests(ALICE, price, 1, DAY | SELL) for price in (22, 21)]
    market.rests(ALICE, 12, 1)
    events = market.send(c.expire_day(OPTION))
    found = [(o.order_id, o.reason) for o in of(events, e.Order)]
    assert [order_id for order_id, _ in found] == [day[1], day[2], day[0], asks[1], asks[0]]
    assert {why for _, why in found} == {r.CANCEL_DAY_END}
    assert last(market.send(c.expire_day(OPTION)), e.Done).affected == 0


def test_the_smallest_size_is_the_listings(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), option=CALL._replace(min_size_lots=5))
    bid = market.rests(ALICE, 90, 5)
    assert reason(market.send(c.amend(ALICE, bid, size_lots=4))) == "bad_size"
    assert reason(market.order(ALICE, 90, 4)) == "bad_size"


@pytest.mark.parametrize(
    ("total", "display", "refused"),
    [(101, None, True), (100, None, False), (101, 1, True), (101, 2, False), (201, 2, True), (50, 0, False)],
)
def test_an_amended_iceberg_shows_a_hundredth_too(
    market_2: Market, total: int, display: int | None, refused: bool
) -> None:
    resting = market_2.rests(ALICE, 49_000, 100, at=PERPETUAL, display=1)
    events = market_2.send(c.amend(ALICE, resting, size_lots=total, display_lots=display))
    if refused:
        assert reason(events) == "bad_display"
    else:
        assert last(events, e.Order).open_lots == total


def test_one_from_before_rules_2_must_show_more_to_be_amended(market: Market) -> None:
    resting = market.rests(ALICE, 49_000, 500, at=PERPETUAL, display=1)
    under_rules_2(market)
    market.mark()
    assert reason(market.send(c.amend(ALICE, resting, price_ticks=49_001))) == "bad_display"
    assert reason(market.send(c.amend(ALICE, resting, price_ticks=49_001, size_lots=0))) == "bad_size"
    assert reason(market.send(c.amend(ALICE, resting, price_ticks=1 << 40))) == "bad_display"
    moved = last(market.send(c.amend(ALICE, resting, price_ticks=49_001, display_lots=5)), e.Order)
    assert (moved.price_ticks, moved.shown_lots) == (49_001, 5)
