"""The store keeps fills with their orders, closed orders, movements; cursor and effect are one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.history.feeder import Feeder
from exchange.history.past import OrderQuery, Past
from exchange.history.store import HistoryReader, HistoryWriter
from exchange.journal import MemoryStorage
from tests.unit.history.journal import MAKER, TAKER, Market


def test_an_absent_store_answers_with_nothing(tmp_path: Path) -> None:
    reader = HistoryReader(tmp_path / "none.db")
    assert reader.user_trades(64, None, before_trade_id=1 << 63, limit=10) == []
    assert reader.market_trades(0, before_trade_seq=1 << 63, limit=10) == []
    assert reader.order(1) is None
    assert reader.listing_times() == {}
    assert reader.movements(64, before_seq=1 << 63, limit=10) == []


def stored(tmp_path: Path) -> tuple[Market, HistoryWriter, HistoryReader]:
    market = Market(MemoryStorage())
    for price in (1000, 1001, 1002):
        market.trade(0, price)
    market.trade(1, 990)
    writer = HistoryWriter(tmp_path / "history.db")
    while Feeder(market.storage, writer).step():
        pass
    return market, writer, HistoryReader(tmp_path / "history.db")


def test_both_sides_find_their_fills_newest_first(tmp_path: Path) -> None:
    _, _, reader = stored(tmp_path)
    for account, side in ((MAKER, r.FLAG_SELL), (TAKER, 0)):
        fills = reader.user_trades(account, None, before_trade_id=1 << 63, limit=10)
        trades = [events.read_event(fill.trade) for fill in fills]
        assert [t.price_ticks for t in trades if isinstance(t, events.Trade)] == [990, 1002, 1001, 1000]
        for fill in fills:
            order = events.read_event(fill.order)
            assert isinstance(order, events.Order)
            assert (order.head.account, order.flags & 1, order.state) == (account, side, 2)
    page = reader.user_trades(TAKER, [0], before_trade_id=trades[1].head.id, limit=1)
    assert [fill.trade for fill in page] == [fills[2].trade]
    assert reader.user_trades(TAKER, [], before_trade_id=1 << 63, limit=10) == []


def test_labels_come_with_the_fills(tmp_path: Path) -> None:
    market, writer, reader = stored(tmp_path)
    assert writer.labels_next_seq < market.engine.next_seq  # the newest frame is held back
    fills = reader.user_trades(MAKER, None, before_trade_id=1 << 63, limit=10)
    assert [fill.label for fill in fills] == ["ask 4", "ask 3", "ask 2", "ask 1"]


def test_market_trades_orders_and_movements(tmp_path: Path) -> None:
    _, _, reader = stored(tmp_path)
    trades = [events.read_event(raw) for raw in reader.market_trades(0, before_trade_seq=3, limit=10)]
    assert [t.trade_seq for t in trades if isinstance(t, events.Trade)] == [2, 1]
    assert isinstance(trades[0], events.Trade)
    stored_order = reader.order(trades[0].maker_order_id)
    assert stored_order is not None
    order = events.read_event(stored_order.record)
    assert isinstance(order, events.Order)
    assert order.order_id == trades[0].maker_order_id
    (movement,) = reader.movements(MAKER, before_seq=1 << 63, limit=10)
    cash = events.read_event(movement)
    assert isinstance(cash, events.Cash)
    assert reader.listing_times() == dict.fromkeys(range(4), cash.time_ms)


def test_unfilled_orders_are_kept_for_a_time_and_up_to_a_number(tmp_path: Path) -> None:
    market = Market(MemoryStorage())
    writer = HistoryWriter(tmp_path / "history.db", unfilled_kept_ms=60_000, unfilled_max=3)
    past = Past(tmp_path / "history.db")

    def place_and_cancel(count: int) -> None:
        for _ in range(count):
            order_id = market.engine.next_seq
            packed = market.run(commands.new_order(MAKER, 0, 0, 500, 2))
            assert isinstance(events.read_event(packed), events.Order)
            packed += market.run(commands.cancel(MAKER, events.read_event(packed).head.id))
            writer.add_events([packed], market.engine.next_seq)
        assert order_id

    def kept() -> list[int]:
        query = OrderQuery(MAKER, None, 0, 0, (1 << 62, 0), 100)
        found = past.closed_orders(query)
        assert past.closed_orders(query._replace(instruments=(1,))) == []
        return [events.read_event(row.record).head.id for row in found]

    place_and_cancel(6)
    newest = kept()
    only_filled = OrderQuery(MAKER, None, None, 0, (1 << 62, 0), 100)
    assert past.closed_orders(only_filled) == []
    assert len(newest) == 3
    assert newest == sorted(newest, reverse=True)
    market.run(commands.time(1_750_000_000_000 + 60_001))
    market.run(commands.new_order(MAKER, 0, r.FLAG_SELL, 1000, 2))
    writer.add_events([market.run(commands.new_order(TAKER, 0, 0, 1000, 2))], market.engine.next_seq)
    assert [number in newest for number in kept()] == [False]
    (order,) = past.closed_orders(only_filled)
    assert order.fee_micro == 600_000  # 0.03 % of the index, 0.02 BTC


def test_events_that_cannot_be_read_leave_no_trace(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history.db")
    with pytest.raises(events.EventError):
        writer.add_events([bytes(64)], 9)
    assert writer.next_seq == 1
    writer.add_events([], 9)
    with pytest.raises(ValueError, match="not before 3"):
        writer.add_events([], 3)


def test_a_repeat_is_refused_and_rolled_back(tmp_path: Path) -> None:
    market = Market(MemoryStorage())
    market.run(commands.new_order(MAKER, 0, r.FLAG_SELL, 1000, 2))
    packed = market.run(commands.new_order(TAKER, 0, 0, 1000, 2))
    writer = HistoryWriter(tmp_path / "history.db")
    writer.add_events([packed], 100)
    with pytest.raises(Exception, match="UNIQUE"):
        writer.add_events([packed], 200)
    assert writer.next_seq == 100


def test_a_store_from_before_orders_were_listed_is_brought_up_to_date(tmp_path: Path) -> None:
    market, writer, _ = stored(tmp_path)
    writer.close()
    past = Past(tmp_path / "history.db")
    query = OrderQuery(TAKER, (0,), None, 0, (1 << 62, 0), 100)
    before = [order.record for order in past.closed_orders(query)]
    past.close()
    with sqlite3.connect(tmp_path / "history.db") as db:
        for name in ("orders_by_account", "orders_by_age", "orders_by_label", "trades_by_category"):
            db.execute(f"DROP INDEX {name}")
        for table in ("extended", "trigger_log"):
            db.execute(f"DROP TABLE {table}")
        for table, names in (
            ("orders", ("instrument", "seq", "event_index", "filled", "time_ms", "label", "fee_micro")),
            ("trades", ("category", "tick")),
        ):
            for name in names:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        for table in ("bars", "ledger", "balances", "holdings", "terms", "fees"):
            db.execute(f"DROP TABLE {table}")
    db.close()
    assert HistoryReader(tmp_path / "history.db").opening(0).next_seq == 0, "not before it is"
    writer = HistoryWriter(tmp_path / "history.db")
    past = Past(tmp_path / "history.db")
    assert [order.record for order in past.closed_orders(query)] == before
    assert len(before) == 3
    market.trade(0, 1003)
    while Feeder(market.storage, writer).step():
        pass
    assert len(past.closed_orders(query)) == 4
    writer.close()
    past.close()
