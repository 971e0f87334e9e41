"""Settlements of markets and losses as rows; an older store is taken over."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from exchange.core.engine import Engine
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.history.rows import LossRow, Rows, class_of, movement_class
from exchange.history.store import HistoryReader, HistoryWriter
from tests.unit.gateway.rig import listings
from tests.unit.history.packing import packed_event

NOW_MS = 1_750_000_000_000
HOLDERS = (64, 65, 66)


def settled_market() -> tuple[Engine, list[bytes]]:
    """Three accounts in a perpetual of one underlying; a funding, new marks, a settlement."""
    engine = Engine()
    found = [engine.apply(b"".join(listings()))]
    for number, account in enumerate(HOLDERS):
        found.append(engine.apply(commands.create_account(account)))
        found.append(engine.apply(commands.deposit(account, 10**12, number + 1)))
    for account, flags, lots in ((64, r.FLAG_SELL, 30), (65, 0, 10), (66, 0, 20)):
        found.append(engine.apply(commands.new_order(account, 2, flags, 200_000, lots)))
    found.append(engine.apply(commands.funding(2, 7)))
    found.append(engine.apply(commands.settle_perpetual(2, 201_000)))
    return engine, found


def test_all_holders_make_one_row() -> None:
    _, found = settled_market()
    rows = Rows()
    for packed in found:
        rows.add(packed)
    funding, settlement = rows.markets.values()
    assert (funding.kind, funding.price, funding.long_lots) == (r.SETTLED_FUNDING, 7, 30)
    assert funding.gained_micro == 210  # the short's
    assert (settlement.kind, settlement.price) == (r.SETTLED_PERPETUAL, 201_000)
    assert settlement.gained_micro == 30 * 1_000 * 500  # 1,000 ticks of 500 micro-USDC a lot
    assert {funding.index_micro, settlement.index_micro} == {100_000_000_000}
    assert len(rows.movements) == 3 + 6


def test_losses_add_up_by_command() -> None:
    rows = Rows()
    rows.add(packed_event(commands_liquidation(5, 64, r.LIQ_FUND, 300)))
    for index, account in enumerate((65, 66)):
        rows.add(packed_event(commands_liquidation(6, account, r.LIQ_SHARED, 40, 64, index)))
    rows.add(packed_event(commands_liquidation(7, 64, r.LIQ_STARTED, 0)))
    assert list(rows.losses.values()) == [
        LossRow(5, 64, r.LIQ_FUND, NOW_MS, 300),
        LossRow(6, 64, r.LIQ_SHARED, NOW_MS, 80),
    ]
    assert [row[0] for row in rows.movements] == [64, 65, 66, 64]


def test_a_position_that_moves_is_of_both_accounts() -> None:
    head = events.Header(r.EV_MOVED, 1, 2, 0, 9, 64, 2, 0)
    rows = Rows()
    rows.add(packed_event(events.Moved(head, 65, -5, 1_000, NOW_MS)))
    kind = movement_class(r.EV_MOVED, 0)
    assert [(row[0], row[3]) for row in rows.movements] == [(64, kind), (65, kind)]


def commands_liquidation(
    seq: int, account: int, kind: int, amount_micro: int, counter: int = 0, index: int = 0
) -> events.Liquidation:
    head = events.Header(r.EV_LIQUIDATION, 1, 4, index, seq, account, 0, 0)
    return events.Liquidation(head, kind, 1, 2, amount_micro, 0, counter, NOW_MS)


def test_every_movement_has_a_class_of_its_own() -> None:
    _, found = settled_market()
    classes = {class_of(event) for packed in found for event in events.read_events(packed)}
    assert {0, movement_class(r.EV_CASH, r.CASH_DEPOSIT)} < classes
    assert movement_class(r.EV_SETTLED, r.SETTLED_FUNDING) in classes


def test_a_store_without_classes_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    engine, found = settled_market()
    writer = HistoryWriter(path)
    writer.add_events(found, engine.next_seq)
    writer.close()
    with sqlite3.connect(path) as db:  # as it was before
        db.executescript(
            "DROP INDEX movements_by_class; ALTER TABLE movements DROP COLUMN class; DROP TABLE markets;"
            "DROP TABLE losses; DROP TABLE underlyings; DROP TABLE indices;"
        )
    db.close()
    writer = HistoryWriter(path)
    reader = HistoryReader(path)
    kinds = [movement_class(r.EV_CASH, r.CASH_DEPOSIT)]
    (deposit,) = reader.movements(64, kinds, before_seq=1 << 62, limit=9)
    assert deposit[0] == r.EV_CASH
    assert len(reader.movements(64, before_seq=1 << 62, limit=9)) == 3
    assert reader.markets(2, [r.SETTLED_FUNDING], before_seq=1 << 62, limit=9) == []
    more = engine.apply(commands.funding(2, 8))
    writer.add_events([more], engine.next_seq)
    (row,) = reader.markets(2, [r.SETTLED_FUNDING], before_seq=1 << 62, limit=9)
    assert (row.price, row.gained_micro) == (8, 240)
    assert reader.market(row.seq) == row
    assert reader.market(row.seq + 1) is None
    reader.close()
    writer.close()


def test_deliveries_are_one_row_a_day_and_price(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history.db")
    reader = HistoryReader(tmp_path / "history.db")
    assert reader.deliveries() == []
    day_ms = 86_400_000
    told = [(1, 0, NOW_MS, 70), (2, 1, NOW_MS + 5, 70), (3, 2, NOW_MS, 90), (4, 3, NOW_MS + day_ms, 70)]
    run = b"".join(
        packed_event(
            events.Settled(
                events.Header(r.EV_SETTLED, 1, 4, 0, seq, 64, instrument, r.SETTLED_DELIVERY),
                5, 0, 0, price, time_ms, 0, 0, 0,
            )
        )
        for seq, instrument, time_ms, price in told
    )
    writer.add_events([run], 5)
    assert [(row.seq, row.price) for row in reader.deliveries()] == [(1, 70), (3, 90), (4, 70)]
    assert reader.losses(before_seq=9, limit=9) == []
    writer.close()
    reader.close()
