"""Memory and store together tell every movement once, newest first, wherever memory ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from exchange.domain import events
from exchange.domain import records as r
from exchange.gateway import money_ring
from exchange.gateway.money_ring import MoneyRing
from exchange.gateway.ports import NoHistory
from exchange.history.rows import LossRow, MarketRow, class_of, movement_class
from tests.unit.history.packing import packed_event

FUNDING = (movement_class(r.EV_SETTLED, r.SETTLED_FUNDING),)
STEPS = money_ring.LIQUIDATIONS


class Stored(NoHistory):
    """A store that holds what it was given, as `exchange.history` answers."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.rows: list[MarketRow] = []
        self.lost: list[LossRow] = []

    def movements(
        self, account: int, classes: Sequence[int] | None = None, *, before_seq: int, limit: int
    ) -> Sequence[bytes]:
        found = [(events.read_event(record), record) for record in reversed(self.records)]
        return [
            record
            for event, record in found
            if event.head.account == account
            and event.head.seq < before_seq
            and (classes is None or class_of(event) in classes)
        ][:limit]

    def markets(
        self, instrument: int | None, kinds: Sequence[int], *, before_seq: int, limit: int
    ) -> Sequence[MarketRow]:
        rows = [row for row in reversed(self.rows) if row.seq < before_seq and row.kind in kinds]
        return rows[:limit]

    def losses(self, *, before_seq: int, limit: int) -> Sequence[LossRow]:
        return [row for row in reversed(self.lost) if row.seq < before_seq][:limit]


def funding(seq: int, account: int = 64) -> events.Settled:
    head = events.Header(r.EV_SETTLED, 1, 4, 0, seq, account, 2, r.SETTLED_FUNDING)
    return events.Settled(head, 5, -10, 0, 2, 1_000 + seq, 0, 0, 0)


def step(seq: int, index: int, kind: int = r.LIQ_FUND) -> events.Liquidation:
    head = events.Header(r.EV_LIQUIDATION, 1, 4, index, seq, 64, 0, 0)
    return events.Liquidation(head, kind, 0, 0, 1, 0, 0, seq)


@pytest.mark.parametrize("stored", [0, 3, 7, 10])
@pytest.mark.parametrize("remembered", [0, 4, 10])
@pytest.mark.parametrize("page", [2, 3, 200])
def test_movements_are_told_once(
    monkeypatch: pytest.MonkeyPatch, stored: int, remembered: int, page: int
) -> None:
    monkeypatch.setattr(money_ring, "PAGE", page)
    store = Stored()
    ring = MoneyRing(store)
    whole = [funding(seq) for seq in range(1, 11)]
    store.records = [packed_event(event) for event in whole[:stored]]
    for event in whole[10 - remembered :]:
        ring.add(event, packed_event(event), 7)
    known = sorted({*range(1, stored + 1), *range(11 - remembered, 11)}, reverse=True)
    assert [event.head.seq for event in ring.movements(64, FUNDING)] == known
    assert [event.head.seq for event in ring.movements(64, FUNDING, 6)] == [s for s in known if s < 6]
    assert list(ring.movements(64, STEPS)) == []
    assert list(ring.movements(65, FUNDING)) == []


@pytest.mark.parametrize("page", [2, 3])
def test_a_command_with_two_movements_is_not_cut_by_a_page(
    monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(money_ring, "PAGE", page)
    store = Stored()
    told = [step(1, 0), step(2, 0), step(2, 1), step(3, 0), step(3, 1)]
    store.records = [packed_event(event) for event in told]
    ring = MoneyRing(store)
    ring.add(told[-1], packed_event(told[-1]), 0)
    found = [(event.head.seq, event.head.event_index) for event in ring.movements(64, STEPS)]
    assert found == [(3, 1), (3, 0), (2, 1), (2, 0), (1, 0)]


def test_an_account_s_memory_is_bounded() -> None:
    ring = MoneyRing(NoHistory())
    for seq in range(1, money_ring.RECORDS_PER_ACCOUNT + 50):
        event = funding(seq)
        ring.add(event, packed_event(event), 7)
    assert len(list(ring.movements(64, FUNDING))) == money_ring.RECORDS_PER_ACCOUNT


def test_markets_add_up_and_go_on_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money_ring, "PAGE", 2)
    monkeypatch.setattr(money_ring, "MARKET_ROWS", 3)
    store = Stored()
    ring = MoneyRing(store)
    store.rows = [MarketRow(seq, 2, r.SETTLED_FUNDING, 1_000 + seq, 2, 7, 10, 0) for seq in range(1, 6)]
    for seq in range(3, 8):
        for account in (64, 65):
            event = funding(seq, account)
            ring.add(event, packed_event(event), 7)
    found = list(ring.markets(None, (r.SETTLED_FUNDING,)))
    assert [row.seq for row in found] == [7, 6, 5, 4, 3, 2, 1]
    assert {row.long_lots for row in found} == {10}
    assert [row.seq for row in ring.markets(9, (r.SETTLED_FUNDING,))][:1] != [7]
    assert list(ring.markets(2, (r.SETTLED_DELIVERY,))) == []
    assert ring.market_at(7) == found[0]
    assert ring.market_at(99) is None


def test_losses_of_a_command_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money_ring, "PAGE", 1)
    store = Stored()
    store.lost = [LossRow(1, 64, r.LIQ_FUND, 1, 5), LossRow(2, 64, r.LIQ_FUND, 2, 6)]
    ring = MoneyRing(store)
    for index in range(3):
        event = step(4, index, r.LIQ_SHARED)
        ring.add(event, packed_event(event), 0)
    ring.add(step(5, 0, r.LIQ_STARTED), packed_event(step(5, 0, r.LIQ_STARTED)), 0)
    assert [(row.seq, row.amount_micro) for row in ring.losses()] == [(4, 3), (2, 6), (1, 5)]
    assert [row.seq for row in ring.losses(2)] == [1]
