from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.baseline_sorted import NO_ASK, NO_BID, SortedExchange
from loadtest.workload import (
    OP_AMEND,
    OP_CANCEL,
    OP_NEW_GTC,
    OP_NEW_IOC,
    SIDE_BUY,
    SIDE_SELL,
    Row,
    generate,
)
from tests.unit.loadtest.naive import NaiveExchange


def new(side: int, price: int, size: int, op: int = OP_NEW_GTC) -> Row:
    return (op, 0, side, price, size, 0, 64)


def amend(order_id: int, price: int, size: int) -> Row:
    return (OP_AMEND, 0, 0, price, size, order_id, 64)


def cancel(order_id: int) -> Row:
    return (OP_CANCEL, 0, 0, 0, 0, order_id, 64)


def events_of(*rows: Row) -> list[tuple[int, ...]]:
    exchange = SortedExchange(1)
    exchange.apply(rows)
    flat = exchange.events
    return [tuple(flat[at : at + 6]) for at in range(0, len(flat), 6)]


def test_a_match_tells_trade_then_maker_and_the_taker_last() -> None:
    events = events_of(new(SIDE_SELL, 101, 3), new(SIDE_SELL, 102, 4), new(SIDE_BUY, 102, 5))
    assert events[2:] == [
        (16, 1, 1, 3, 101, 3),
        (2, 1, 101, 3, 3, 0),
        (16, 2, 2, 3, 102, 2),
        (2, 2, 102, 4, 2, 2),
        (1, 3, 102, 5, 5, 0),
    ]


def test_a_good_til_cancelled_remainder_rests_and_becomes_the_touch() -> None:
    exchange = SortedExchange(1)
    exchange.apply([new(SIDE_SELL, 101, 3), new(SIDE_BUY, 101, 5)])
    assert exchange.events[-6:] == [1, 2, 101, 5, 3, 2]
    assert (exchange.books[0].best_bid, exchange.books[0].best_ask) == (101, NO_ASK)


def test_an_immediate_or_cancel_remainder_is_gone() -> None:
    exchange = SortedExchange(1)
    sells = [new(SIDE_SELL, 100, 5, OP_NEW_IOC), new(SIDE_SELL, 90, 1, OP_NEW_IOC)]
    exchange.apply([new(SIDE_BUY, 100, 3), *sells])
    assert exchange.events[-12:] == [1, 2, 100, 5, 3, 0, 1, 3, 90, 1, 0, 0]
    assert (exchange.books[0].best_bid, exchange.books[0].best_ask) == (NO_BID, NO_ASK)
    assert not exchange.orders


def test_size_down_keeps_priority_size_up_and_a_new_price_lose_it() -> None:
    book = (new(SIDE_SELL, 100, 5), new(SIDE_SELL, 100, 5), new(SIDE_BUY, 100, 1))
    assert events_of(book[0], book[1], amend(1, 100, 4), book[2])[3] == (16, 1, 1, 3, 100, 1)
    assert events_of(book[0], book[1], amend(1, 100, 6), book[2])[3] == (16, 1, 2, 3, 100, 1)
    back = (amend(1, 101, 5), amend(1, 100, 5))
    assert events_of(book[0], book[1], *back, book[2])[4] == (16, 1, 2, 3, 100, 1)


def test_an_amend_may_cross_and_tells_its_own_order_last() -> None:
    events = events_of(new(SIDE_SELL, 105, 2), new(SIDE_BUY, 100, 3), amend(2, 105, 3))
    assert events[2:] == [(16, 1, 1, 2, 105, 2), (2, 1, 105, 2, 2, 0), (4, 2, 105, 3, 2, 1)]


def test_an_amend_filled_whole_leaves_nothing() -> None:
    exchange = SortedExchange(1)
    exchange.apply([new(SIDE_SELL, 105, 3), new(SIDE_BUY, 100, 3), amend(2, 106, 3)])
    assert exchange.events[-6:] == [4, 2, 106, 3, 3, 0]
    assert not exchange.orders


def test_a_new_total_counts_what_is_filled() -> None:
    events = events_of(new(SIDE_SELL, 100, 5), new(SIDE_BUY, 100, 2), amend(1, 100, 4), amend(1, 100, 2))
    assert events[4:] == [(4, 1, 100, 4, 2, 2), (17, 1, 0, 0, 0, 0)]


def test_a_dead_order_can_be_neither_cancelled_nor_amended() -> None:
    events = events_of(new(SIDE_SELL, 100, 5), cancel(1), cancel(1), amend(1, 100, 4))
    assert events[1:] == [(3, 1, 100, 5, 0, 0), (17, 1, 0, 0, 0, 0), (17, 1, 0, 0, 0, 0)]


NEW = st.tuples(
    st.sampled_from((OP_NEW_GTC, OP_NEW_IOC)),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(1, 8),
    st.integers(1, 9),
    st.just(0),
    st.just(64),
)
CHANGE = st.tuples(
    st.sampled_from((OP_CANCEL, OP_AMEND)),
    st.just(0),
    st.just(0),
    st.integers(1, 8),
    st.integers(1, 9),
    st.integers(1, 40),
    st.just(64),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(NEW, NEW, CHANGE), max_size=60))
def test_events_equal_those_of_the_obvious_exchange(rows: list[Row]) -> None:
    fast, obvious = SortedExchange(2), NaiveExchange()
    fast.apply(rows)
    obvious.apply(rows)
    assert fast.events == obvious.events
    assert sorted(fast.orders) == sorted(order.order_id for order in obvious.resting)


def test_events_of_the_workload_equal_those_of_the_obvious_exchange() -> None:
    rows = generate(4_000, seed=5).rows()
    fast, obvious = SortedExchange(200), NaiveExchange()
    fast.apply(rows)
    obvious.apply(rows)
    assert fast.events == obvious.events
    assert 17 not in fast.events[::6]


def test_operations_may_come_in_any_number_of_calls() -> None:
    rows = generate(2_000).rows()
    whole, parts = SortedExchange(200), SortedExchange(200)
    whole.apply(rows)
    for at in range(0, len(rows), 7):
        parts.apply(rows[at : at + 7])
    assert whole.events == parts.events
