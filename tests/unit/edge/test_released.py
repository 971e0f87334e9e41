"""One pass over released events: what it keeps is what a slow reading of the same events gives."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.edge import released
from exchange.edge.boards import Board
from exchange.edge.released import FILLED, FILLS, UNFILLED, Counts, Past, Shown
from tests.unit.core.harness import ALICE, BOB, CAROL, IOC, OPTION, PERPETUAL, SELL, Market

ACCOUNTS = (ALICE, BOB, CAROL)
Step = tuple[int, int, int, int, bool, bool]  # account, instrument, price, lots, sells, immediate or cancel
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.integers(0, 1),
        st.integers(0, 5),
        st.integers(1, 4),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)


class Slow:
    """What the events come to, read one by one."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self.held: dict[tuple[int, int], int] = defaultdict(int)
        self.fills: dict[int, list[int]] = defaultdict(list)
        self.closed: dict[tuple[int, bool], list[int]] = defaultdict(list)
        self.fees: dict[int, int] = defaultdict(int)
        self.counts: dict[int, int] = defaultdict(int)
        self.traded: dict[int, list[int]] = defaultdict(list)

    def take(self, event: e.Event) -> None:
        if isinstance(event, e.Order):
            side = self.levels[event.head.instrument, int(event.is_sell)]
            side[event.price_ticks] = event.level_lots
            if event.old_price_ticks is not None:
                side[event.old_price_ticks] = event.old_level_lots or 0
            self.counts[event.head.account] += 1
            if event.state != r.ORDER_STATE_OPEN:
                self.closed[event.head.account, event.filled_lots > 0].append(event.order_id)
        elif isinstance(event, e.Trade):
            sign = -1 if event.taker_sells else 1
            self.held[event.head.instrument, event.taker_account] += sign * event.size_lots
            self.held[event.head.instrument, event.maker_account] -= sign * event.size_lots
            self.fees[event.maker_order_id] += event.maker_fee_micro
            self.fees[event.taker_order_id] += event.taker_fee_micro
            self.traded[event.head.instrument].append(event.trade_id)
            for account in {event.maker_account, event.taker_account}:
                self.fills[account].append(event.trade_id)
                self.counts[account] += 1


def shown(past: Past, watched: dict[int, int] | None = None) -> Shown:
    found = Shown(past, Counts(), watched or {}, ())
    found.boards.extend(Board() for _ in range(2))
    return found


def chain_of(past: Past, number: int) -> list[int]:
    """The ids of the records of a chain, the oldest first."""
    found: list[int] = []
    while True:
        place, number, _ = past.entry(number)
        if place < 0:
            return found[::-1]
        at = (place >> released.UNIT_SHIFT & released.UNIT_MASK) * r.UNIT_BYTES + 24
        events = past.buffers[place >> released.NUMBER_SHIFT]
        found.append(int.from_bytes(events[at : at + 8], "little"))


def orders(market: Market, steps: list[Step]) -> list[bytes]:
    """The events of each order."""
    base = (12_000, 50_000)
    return [
        market.engine.apply(
            c.new_order(account, at, SELL * sells | IOC * now, base[at] + price, lots)
        )
        for account, at, price, lots, sells, now in steps
    ]


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_it_keeps_what_the_events_tell(steps: list[Step]) -> None:
    slow, past = Slow(), Past(1 << 16)
    fast = shown(past)
    for packed in orders(Market(Engine()), steps):
        assert fast.take(packed, 0, past.keep(packed)) == len(packed)
        for event in e.read_events(packed):
            slow.take(event)
    for instrument in (OPTION, PERPETUAL):
        board = fast.boards[instrument]
        for side in (0, 1):
            levels = sorted((p, lots) for p, lots in slow.levels[instrument, side].items() if lots)
            assert board.levels(side, -1) == (levels if side else levels[::-1])
            assert all(board.lots_at(side, price) == lots for price, lots in levels)
        held = {a: slow.held[instrument, a] for a in ACCOUNTS if slow.held[instrument, a]}
        assert {account: found.size_lots for account, found in board.holdings.items()} == held
        assert board.open_interest == sum(lots for lots in held.values() if lots > 0)
        assert chain_of(past, board.last_trade) == slow.traded[instrument]
    for account in ACCOUNTS:
        assert fast.counts.of(account) == slow.counts[account]
        assert chain_of(past, past.first(account, FILLS)) == slow.fills[account]
        for chain in (FILLED, UNFILLED):
            ids = slow.closed[account, chain == FILLED]
            assert chain_of(past, past.first(account, chain)) == ids
            for order_id in ids:
                entry = past.entry(past.find(account, chain, order_id, len(ids)))
                assert entry[2] == slow.fees.pop(order_id, 0)
    still_open = {order_id: fee for order_id, fee in slow.fees.items() if fee}
    assert {order_id: fee for order_id, fee in past.fees.items() if fee} == still_open


def test_what_is_rare_stops_the_pass() -> None:
    market = Market(Engine())
    past = Past(100)
    packed = b"".join(
        market.engine.apply(each)
        for each in (c.new_order(ALICE, OPTION, 0, 12_000, 1), c.deposit(BOB, 5, 99), c.cancel(ALICE, 99))
    )
    fast = shown(past)
    number = past.keep(packed)
    at = fast.take(packed, 0, number)
    assert packed[at] == r.EV_CASH
    at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    assert fast.take(packed, at, number) == len(packed)  # a reject is none of its business


def test_events_of_watched_accounts_are_noted_with_their_numbers() -> None:
    market = Market(Engine())
    past = Past(100)
    fast = shown(past, {BOB: 1})
    steps: list[Step] = [(ALICE, 0, 0, 2, True, False)]
    steps += [(account, 0, 0, 1, False, True) for account in (BOB, CAROL)]
    for packed in orders(market, steps):
        fast.take(packed, 0, past.keep(packed))
    told = [fast.noted[n : n + 3] for n in range(0, len(fast.noted), 3)]
    assert [(account, number) for _, account, number in told] == [(BOB, 1), (BOB, 2)]
    assert fast.counts.listed()[ALICE] == 5


def test_beyond_its_size_the_trail_forgets_the_oldest() -> None:
    market = Market(Engine())
    past = Past(4)
    fast = shown(past)
    assert past.oldest() == 0
    for n in range(10):
        packed = orders(market, [(ALICE, 0, n % 3, 1, False, True)])[0]
        fast.take(packed, 0, past.keep(packed))
    assert len(chain_of(past, past.first(ALICE, UNFILLED))) == 4
    assert past.oldest() >> released.NUMBER_SHIFT == 6
    del past.buffers[6], past.buffers[7]
    assert len(chain_of(past, past.first(ALICE, UNFILLED))) == 2
    assert past.find(ALICE, UNFILLED, 1, 100) == 0
    past.clear()
    assert past.entry(3) == (-1, 0, 0)


@pytest.mark.parametrize("broken", [bytes((r.EV_REJECTED, *bytes(31))), bytes((r.EV_ORDER, *bytes(127)))])
def test_events_without_units_are_refused(broken: bytes) -> None:
    past = Past(10)
    with pytest.raises(released.ReleasedError):
        shown(past).take(broken, 0, past.keep(broken))
