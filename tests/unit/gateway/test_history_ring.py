"""The rings are bounded, join fills with their orders, and hand over to the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.gateway import history_ring
from exchange.gateway.archive import InlineArchive
from exchange.gateway.settlement import NoSettlement
from exchange.history.past import Past
from exchange.history.store import HistoryReader, HistoryWriter
from tests.unit.gateway.rig import OPTION, Client, Rig


@pytest.fixture
def small_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_ring, "FILLS_PER_ACCOUNT", 4)
    monkeypatch.setattr(history_ring, "ORDERS_PER_ACCOUNT", 3)


def trade_ten(rig: Rig) -> tuple[Client, Client]:
    maker, taker = rig.client(), rig.client()
    for number in range(10):
        maker.sell(amount=1, price=5000 + 5 * number, label=f"ask {number}")
        taker.buy(amount=1, price=5000 + 5 * number)
    return maker, taker


@pytest.mark.usefixtures("small_rings")
def test_only_the_last_fills_and_orders_are_remembered() -> None:
    rig = Rig().open()
    maker, taker = trade_ten(rig)
    assert len(list(rig.venue.ring.fills(maker.account or 0))) == 4
    assert len(list(rig.venue.ring.closed_orders(taker.account or 0))) == 3
    assert rig.venue.ring.closed_order(taker.account or 0, 1) is None


@pytest.mark.usefixtures("small_rings")
def test_what_the_ring_forgot_comes_from_the_store(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    rig = Rig(history=HistoryReader(path), archive=lambda loop: InlineArchive(loop, Past(path))).open()
    maker, taker = trade_ten(rig)
    writer = HistoryWriter(path)
    writer.add_events([rig.listed], 10)
    writer.add_events([frame[3] for frame in rig.journal.event_frames], rig.engine.next_seq)
    labels = rig.venue.labels.section()[maker.account or 0]
    writer.add_commands([], [(maker.account or 0, label, text) for label, text in labels.items()], 5)
    rig.venue.views.markets[0].board.last_trade = 0
    found = maker.call("private/get_user_trades_by_currency", currency="BTC", count=100)
    assert [trade["price"] for trade in found["trades"]] == [5045 - 5 * n for n in range(10)]
    assert found["trades"][9]["label"] == "ask 0"
    assert found["trades"][9]["liquidity"] == "M"
    found = taker.call(
        "private/get_user_trades_by_instrument", instrument_name=OPTION, sorting="asc", count=2
    )
    assert ([trade["trade_seq"] for trade in found["trades"]], found["has_more"]) == ([1, 2], True)
    found = taker.call("public/get_last_trades_by_instrument", instrument_name=OPTION, count=8)
    assert [trade["trade_seq"] for trade in found["trades"]] == [10, 9, 8, 7, 6, 5, 4, 3]
    order_id = maker.call("private/get_user_trades_by_currency", currency="BTC", count=100)["trades"][9][
        "order_id"
    ]
    assert maker.call("private/get_order_state", order_id=order_id)["order_state"] == "filled"


def test_makers_and_takers_orders_are_joined_to_their_fills() -> None:
    rig = Rig().open()
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000, post_only=True)
    maker.sell(amount=1, price=5005, post_only=True)
    taker.buy(amount=3, price=5005, time_in_force="immediate_or_cancel")
    fills = list(rig.venue.ring.fills(taker.account or 0))
    assert len(fills) == 2
    for fill in fills:
        assert rig.venue.rendering.fill(fill, maker.account or 0)["post_only"] is True
        assert rig.venue.rendering.fill(fill, taker.account or 0)["state"] == "cancelled"


def test_finality_follows_the_settlement() -> None:
    class Settlement(NoSettlement):
        posted = confirmed = final = 0

        def posted_seq(self) -> int:
            return self.posted

        def confirmed_seq(self) -> int:
            return self.confirmed

        def final_seq(self) -> int:
            return self.final

    settlement = Settlement()
    rig = Rig(settlement=settlement).open()
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000)
    seq = taker.buy(amount=1, price=5000)["trades"][0]["seq"]
    seen = []
    reached = ((seq - 1, 0, 0), (seq, seq - 1, 0), (seq, seq, seq - 1), (seq, seq, seq))
    for settlement.posted, settlement.confirmed, settlement.final in reached:
        trades = taker.call("private/get_user_trades_by_currency", currency="any")["trades"]
        seen.append(trades[0]["finality"])
    assert seen == ["soft", "posted", "confirmed", "final"]
