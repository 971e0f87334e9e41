"""Orders with a trigger, a link or a volatility in the store, against what a random stream's events told."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from exchange.domain.events_orders import Extended
from exchange.history import extras
from exchange.history.past import MAX, Past
from exchange.history.store import HistoryWriter
from tests.reference.engine import ReferenceEngine
from tests.reference.triggers_generator import TriggerTraffic
from tests.unit.core.harness import ALICE, BOB, INDEX, IOC, OPTION, PERPETUAL, SELL, Market, under_rules_3
from tests.unit.core.triggers import stop
from tests.unit.history.test_ledger import check

ALIVE: Final = (r.ORDER_STATE_OPEN, r.ORDER_STATE_UNTRIGGERED)
NEVER: Final = 1 << 62


class Told:
    """What the events told of orders, as docs/history.md says it is kept."""

    def __init__(self) -> None:
        self.extended: dict[int, bytes] = {}
        self.primaries: dict[int, int] = {}
        self.triggers: set[int] = set()
        self.fired: set[int] = set()
        self.closed: dict[int, bytes] = {}
        self.ends: dict[int, list[tuple[bytes, bytes, int]]] = {}
        self.again = 0

    def read(self, packed: bytes) -> None:
        at = 0
        for event in ev.read_events(packed):
            record = packed[at : at + event.head.units * r.UNIT_BYTES]
            at += len(record)
            if isinstance(event, Extended):
                if event.head.id not in self.extended:
                    is_member = event.link in (r.LINK_OTO, r.LINK_OTOCO) and event.members == 0
                    self.primaries[event.head.id] = event.other_order_id if is_member else 0
                    if event.trigger:
                        self.triggers.add(event.head.id)
                self.extended[event.head.id] = record
            elif isinstance(event, ev.Order):
                self._order(event, record)

    def _order(self, event: ev.Order, record: bytes) -> None:
        number = event.order_id
        self.again += number in self.fired and event.state == r.ORDER_STATE_UNTRIGGERED
        has_fired = event.kind == r.ORDER_TRIGGERED
        if number in self.triggers and (has_fired or event.state not in ALIVE):
            self.triggers.discard(number)
            end = (record, self.extended[number], self.primaries[number])
            self.ends.setdefault(event.head.account, []).append(end)
            if has_fired:
                self.fired.add(number)
        if event.state not in ALIVE:
            self.closed[number] = record


@pytest.mark.parametrize("seed", [0, 4, 6])
def test_every_end_of_a_random_stream_is_kept(seed: int, tmp_path: Path) -> None:
    """The writer is restarted now and then; cash and lots add up as ever."""
    engine, reference, told = Engine(), ReferenceEngine(), Told()
    traffic = TriggerTraffic(seed, reference)
    path = tmp_path / "history.db"
    writer = HistoryWriter(path, unfilled_kept_ms=NEVER)
    batch, number = traffic.opening(), 0
    while reference.next_seq <= 1_000:
        reference.apply(batch)
        events = engine.apply(batch)
        told.read(events)
        writer.add_events([events], engine.next_seq)
        number += 1
        if number % 9 == 8:
            writer.close()
            writer = HistoryWriter(path, unfilled_kept_ms=NEVER)
        batch = traffic.batch(60)
    writer.close()
    assert check(engine, path)
    assert len(told.fired) > 3
    assert len(told.ends) > 1
    past = Past(path)
    for order_id, record in told.closed.items():
        stored = past.order(order_id)
        assert stored is not None
        assert stored.record == record
        more = (stored.extended, stored.fired, stored.primary_id)
        fired = int(order_id in told.fired)
        assert more == (told.extended.get(order_id, b""), fired, told.primaries.get(order_id, 0))
    for account, ends in told.ends.items():
        kept = past.triggers(account, None, (MAX, MAX), 10_000)
        assert [(end.order_record, end.extended, end.primary_id) for end in kept[::-1]] == ends
    waiting = {
        order.id
        for order in traffic.untriggered()
        if order.extra is not None and order.extra.has_trigger and not order.extra.fired
    }
    assert waiting == told.triggers
    opening = past.opening(0)
    alive = {number: record for number, record in told.extended.items() if number not in told.closed}
    assert {ev.read_event(record).head.id: record for record, _, _ in opening.extended} == alive
    unfired = {ev.read_event(record).head.id for record, fired, _ in opening.extended if not fired}
    assert waiting <= unfired
    past.close()


def kept(market: Market, path: Path, *commands: bytes) -> Past:
    """A store that has been told of these commands."""
    writer = HistoryWriter(path, unfilled_kept_ms=1_000)
    engine = market.engine
    assert isinstance(engine, Engine)
    for command in commands:
        writer.add_events([engine.apply(command)], engine.next_seq)
    writer.close()
    return Past(path)


def test_what_is_known_of_an_order_goes_with_it_and_stays_with_its_fills(tmp_path: Path) -> None:
    market = under_rules_3(Market(Engine()))
    trigger = stop(INDEX - 10, r.SOURCE_INDEX)
    waits = co.extended_order(ALICE, OPTION, SELL, 13_000, 2, trigger=trigger)
    index = c.marks(0, (INDEX - 11) * 10**6, market.feed + 1, [])
    sells = c.new_order(BOB, OPTION, 0, 13_000, 1)
    past = kept(market, tmp_path / "h.db", c.time(10), waits * 2 + c.cancel(ALICE, 1), index, sells)
    cancelled, filled = past.order(1), past.order(2)
    assert cancelled is not None
    assert cancelled.extended
    assert filled is None  # it is open
    assert len(past.triggers(ALICE, [OPTION], (MAX, MAX), 9)) == 2
    past.close()
    ends = c.cancel(ALICE, 2)
    later = co.extended_order(ALICE, OPTION, SELL, 13_000, 2, trigger=stop(100, r.SOURCE_INDEX))
    past = kept(market, tmp_path / "h.db", c.time(20_000), ends, c.time(30_000) + later)
    assert past.order(1) is None
    filled = past.order(2)
    assert filled is not None
    assert (bool(filled.extended), filled.fired) == (True, 1)
    assert past.triggers(ALICE, [PERPETUAL], (MAX, MAX), 9) == []
    assert len(past.triggers(ALICE, None, (MAX, MAX), 9)) == 2
    assert [ev.read_event(record).head.id for record, _, _ in past.opening(0).extended] == [4]
    past.close()


def test_of_an_account_the_newest_ends_of_triggers_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "LOG_MAX", 3)
    market = under_rules_3(Market(Engine()))
    waits = co.extended_order(ALICE, OPTION, SELL, 13_000, 2, trigger=stop(100, r.SOURCE_INDEX))
    commands = [waits + c.cancel(ALICE, number) for number in range(1, 6)]
    past = kept(market, tmp_path / "h.db", *commands)
    ends = past.triggers(ALICE, None, (MAX, MAX), 9)
    assert [ev.read_event(end.order_record).head.id for end in ends] == [5, 4, 3]
    past.close()


def test_a_block_leaves_the_fills_behind_it_their_orders(tmp_path: Path) -> None:
    market = under_rules_3(Market(Engine()))
    block = block_trade(ALICE, 1, [BlockTrade(BOB, PERPETUAL, 5, INDEX)])
    rests, takes = c.new_order(BOB, PERPETUAL, SELL, INDEX, 1), c.new_order(ALICE, PERPETUAL, IOC, INDEX, 1)
    past = kept(market, tmp_path / "h.db", block, rests + takes, block, takes)
    for account in (ALICE, BOB):
        normal, of_a_block = past.user_trades(account, None, before_trade_id=MAX, limit=9)
        assert of_a_block.order == b""
        order, trade = ev.read_event(normal.order), ev.read_event(normal.trade)
        assert isinstance(trade, ev.Trade)
        assert order.head.id == (trade.taker_order_id if account == ALICE else trade.maker_order_id)
    assert past.opening(0).fees == ()
    past.close()
