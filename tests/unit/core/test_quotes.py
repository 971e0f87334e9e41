"""Mass quotes (docs/rules.md, Mass quotes)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.unit.core.harness import ALICE, BOB, OPTION, PERPETUAL, SELL, Market, last, of, reason


def quote(market: Market, *quotes: c.Quote, account: int = ALICE, label: int = 0) -> list[e.Event]:
    return market.send(c.mass_quote(account, quotes, quote_label=label))


def shape(events: list[e.Event]) -> list[tuple[str, int]]:
    """(what, price or position) of each event, for reading a sequence at a glance."""
    found: list[tuple[str, int]] = []
    for event in events:
        if isinstance(event, e.Order):
            found.append((f"kind {event.kind} reason {event.reason}", event.price_ticks))
        elif isinstance(event, e.Rejected):
            found.append((rejects.REJECT_NAMES[event.reason], event.position))
        elif isinstance(event, e.Done):
            found.append(("done", event.affected))
        else:
            found.append((type(event).__name__, 0))
    return found


def test_two_sides_rest_bid_first(market: Market) -> None:
    events = quote(market, c.Quote(OPTION, 90, 3, 110, 4), c.Quote(PERPETUAL, 49_000, 1, 51_000, 1), label=7)
    assert shape(events) == [
        ("kind 1 reason 0", 90),
        ("kind 1 reason 0", 110),
        ("kind 1 reason 0", 49_000),
        ("kind 1 reason 0", 51_000),
        ("done", 4),
    ]
    orders = of(events, e.Order)
    assert {o.label for o in orders} == {7}
    assert all(o.flags & r.FLAG_QUOTE for o in orders)


def test_a_new_quote_keeps_the_order_and_tells_the_old_level(market: Market) -> None:
    first = of(quote(market, c.Quote(OPTION, 90, 3, 110, 4)), e.Order)
    events = quote(market, c.Quote(OPTION, 91, 5, 110, 4))
    assert shape(events) == [("kind 4 reason 0", 91), ("kind 4 reason 0", 110), ("done", 2)]
    bid, ask = of(events, e.Order)
    assert (bid.order_id, bid.old_price_ticks, bid.open_lots) == (first[0].order_id, 90, 5)
    assert (ask.order_id, ask.old_price_ticks) == (first[1].order_id, None)


@pytest.mark.parametrize(("lots", "stays"), [(2, True), (3, False), (4, False)])
def test_only_a_smaller_quote_keeps_its_place(market: Market, lots: int, stays: bool) -> None:
    own = of(quote(market, c.Quote(OPTION, 90, 3)), e.Order)[0].order_id
    other = market.rests(BOB, 90, 3)
    quote(market, c.Quote(OPTION, 90, lots))
    trades = of(market.order(66, 90, 100, SELL), e.Trade)
    assert [t.maker_order_id for t in trades] == ([own, other] if stays else [other, own])


def test_a_quote_moving_up_through_itself_moves_the_ask_first(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    events = quote(market, c.Quote(OPTION, 100, 3, 110, 3))
    assert shape(events) == [("kind 4 reason 0", 110), ("kind 4 reason 0", 100), ("done", 2)]


def test_a_quote_moving_down_through_itself_moves_the_bid_first(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    events = quote(market, c.Quote(OPTION, 80, 3, 90, 3))
    assert shape(events) == [("kind 4 reason 0", 80), ("kind 4 reason 0", 90), ("done", 2)]


def test_a_crossed_quote_fails_and_takes_the_resting_ones(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    events = quote(market, c.Quote(PERPETUAL, 49_000, 1), c.Quote(OPTION, 95, 3, 95, 3))
    assert shape(events) == [
        ("kind 1 reason 0", 49_000),
        ("quote_crossed", 2),
        ("kind 3 reason 7", 90),
        ("quote_crossed", 3),
        ("kind 3 reason 7", 100),
        ("done", 1),
    ]


def test_a_failing_side_touches_no_other(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    events = quote(market, c.Quote(OPTION, 0, 3, 101, 3))
    assert shape(events) == [("bad_price", 0), ("kind 3 reason 7", 90), ("kind 4 reason 0", 101), ("done", 1)]


def test_size_zero_cancels_a_side_and_absent_sides_stay(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    assert shape(quote(market, c.Quote(OPTION, 0, 0))) == [("kind 3 reason 1", 90), ("done", 1)]
    assert shape(quote(market, c.Quote(OPTION, 0, 0))) == [("done", 0)]
    assert last(market.send(c.cancel_many(ALICE)), e.Done).affected == 1


def test_a_closed_instrument_leaves_quotes_alone(market: Market) -> None:
    quote(market, c.Quote(OPTION, 90, 3, 100, 3))
    market.send(c.set_instrument_state(OPTION, r.STATE_HALTED))
    events = quote(market, c.Quote(OPTION, 91, 0, 101, 4), c.Quote(99, 1, 1))
    assert shape(events) == [
        ("instrument_not_open", 0),
        ("instrument_not_open", 1),
        ("unknown_instrument", 2),
        ("done", 0),
    ]
    assert of(events, e.Rejected)[2].head.instrument == 99


def test_quotes_trade_as_takers(market: Market) -> None:
    market.rests(BOB, 95, 2, SELL)
    events = quote(market, c.Quote(OPTION, 95, 3, 100, 3))
    bid = next(o for o in of(events, e.Order) if o.head.account == ALICE)
    assert (bid.filled_lots, bid.open_lots, bid.size_lots) == (2, 1, 3)
    again = of(quote(market, c.Quote(OPTION, 94, 3)), e.Order)[0]
    assert (again.order_id, again.size_lots, again.filled_lots, again.open_lots) == (bid.order_id, 5, 2, 3)


def test_a_quote_stopped_by_a_self_trade_took_effect(market: Market) -> None:
    market.rests(ALICE, 95, 2, SELL)
    events = quote(market, c.Quote(OPTION, 95, 3))
    assert shape(events) == [("kind 1 reason 5", 95), ("done", 1)]


def test_post_only_sides(market: Market) -> None:
    market.rests(BOB, 95, 2, SELL)
    slid = quote(market, c.Quote(OPTION, 97, 3, post_only=True))
    assert shape(slid) == [("kind 1 reason 0", 94), ("done", 1)]
    refused = quote(market, c.Quote(OPTION, 97, 3, post_only=True, reject_post_only=True))
    assert shape(refused) == [("post_only_reject", 0), ("kind 3 reason 7", 94), ("done", 0)]
    lone_bit = quote(market, c.Quote(OPTION, 90, 3, reject_post_only=True))
    assert shape(lone_bit) == [("bad_flags", 0), ("done", 0)]


def test_a_replaced_quotes_hold_does_not_count_twice(market: Market) -> None:
    lots = 1_999
    quote(market, c.Quote(PERPETUAL, 50_000, lots))
    assert shape(quote(market, c.Quote(PERPETUAL, 49_999, lots)))[0] == ("kind 4 reason 0", 49_999)
    assert reason(market.order(ALICE, 49_998, 2, at=PERPETUAL)) == "insufficient_funds"


def test_whole_command_rejects(market: Market) -> None:
    assert reason(market.send(c.mass_quote(ALICE, [], mmp_group=1))) == "bad_flags"
    assert reason(market.send(c.mass_quote(99, []))) == "unknown_account"
    assert reason(market.send(c.mass_quote(ALICE, [c.Quote(OPTION)] * 101))) == "malformed"
    spoiled = bytearray(c.mass_quote(ALICE, [c.Quote(OPTION, 1, 1)]))
    spoiled[-1] = 0x80
    assert reason(market.send(bytes(spoiled))) == "malformed"
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))
    assert reason(market.send(c.mass_quote(ALICE, []))) == "venue_cancel_only"
