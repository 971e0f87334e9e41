"""Combos of the past: the same from memory, from the store, from both, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.domain import commands
from tests.unit.gateway.combo_rig import FAR, HIGHER, SPREAD, ComboRig, legs, spread
from tests.unit.gateway.rig import OPTION, CallFailed, Client
from tests.unit.gateway.stored import Store, restarted

_SPAN = {"start_timestamp": 0, "end_timestamp": 4_000_000_000_000}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "history.db")
    yield store
    store.close()


@pytest.fixture
def rig(store: Store) -> Iterator[ComboRig]:
    rig = ComboRig(**store.ports())
    store.begin(b"".join(ComboRig.prologue()), rig.engine.next_seq)
    rig.open()
    rig.discount()
    yield rig
    rig.close()


def trade(rig: ComboRig) -> tuple[Client, Client, str]:
    """A match of the combo's book, one implied in, one implied out, a combo that has ended; the buyer, the
    seller and the id of the seller's order, which is filled."""
    alice, bob = rig.client(), rig.client()
    spread(alice)
    ended = alice.call("private/create_combo", trades=legs((OPTION, 1), (FAR, -1)))
    rig.tick(1)
    rig.order(commands.set_instrument_state(ended["instrument_id"], 3))
    order = alice.sell(SPREAD, 2.0, 2_000.0, label="mine")["order"]["order_id"]
    rig.tick(60)
    bob.buy(SPREAD, 1.0, 2_050.0, label="taken")
    rig.client().sell(HIGHER, 1.0, 3_000.0)
    bob.buy(OPTION, 1.0, 5_000.0)  # implied out
    rig.tick(60)
    alice.sell(OPTION, 1.0, 5_100.0)
    rig.client().buy(HIGHER, 1.0, 3_000.0)
    bob.buy(SPREAD, 1.0, 2_100.0)  # implied in
    return bob, alice, order


def answers(client: Client, other: Client, order: str) -> dict[str, Any]:
    """Everything that is told of it. Finality and tick directions apart, which no store has of legs."""
    return {
        "mine": client.call("private/get_user_trades_by_currency", currency="BTC", count=50),
        "combos": client.call("private/get_user_trades_by_currency", currency="BTC", kind="option_combo"),
        "theirs": other.call("private/get_user_trades_by_instrument", instrument_name=SPREAD),
        "by order": other.call("private/get_user_trades_by_order", order_id=order),
        "state": other.call("private/get_order_state", order_id=order),
        "orders": other.call("private/get_order_history_by_currency", currency="BTC", kind="combo"),
        "public": client.call("public/get_last_trades_by_currency", currency="BTC", kind="combo"),
        "legs": client.call("public/get_last_trades_by_instrument", instrument_name=OPTION),
        "candles": client.call(
            "public/get_tradingview_chart_data", instrument_name=SPREAD, resolution="1", **_SPAN
        ),
        "log": client.call("private/get_transaction_log", currency="USDC", **_SPAN)["logs"],
        "volumes": client.call("public/get_trade_volumes", extended=True),
    }


def test_it_is_told_the_same_by_memory_and_store_and_after_a_restart(rig: ComboRig, store: Store) -> None:
    client, other, order = trade(rig)
    remembered = answers(client, other, order)
    assert [each["price"] for each in remembered["combos"]["trades"]] == [2_100.0, 2_000.0]
    assert [len(each["legs"]) for each in remembered["theirs"]["trades"]] == [2, 2]
    assert [each["instrument_name"] for each in remembered["by order"]] == [SPREAD, SPREAD]
    assert remembered["state"]["commission"] == sum(each["fee"] for each in remembered["by order"])
    assert remembered["candles"]["close"] == [2_000.0, 2_100.0]
    store.feed(rig, but=4)
    assert answers(client, other, order) == remembered
    store.feed(rig)
    assert answers(client, other, order) == remembered
    for behind in (0, 1):
        again = restarted(rig, store, ComboRig, behind=behind).open()
        mine, theirs = again.connect(client.account), again.connect(other.account)
        assert answers(mine, theirs, order) == remembered
        ticker = mine.call("public/ticker", instrument_name=SPREAD)
        assert ticker["last_price"] == 2_100.0
        assert ticker["stats"]["volume"] == 3.0


def test_when_a_combo_was_made_and_ended_is_known_after_a_restart(rig: ComboRig, store: Store) -> None:
    _, other, _ = trade(rig)
    names = other.call("public/get_combo_ids", currency="any")
    before = [other.call("public/get_combo_details", combo_id=name) for name in names]
    assert [each["state"] for each in before] == ["active", "inactive"]
    assert [each["state_timestamp"] - each["creation_timestamp"] for each in before] == [0, 1_000]
    again = restarted(rig, store, ComboRig).open()  # out of what is replayed
    client = again.connect(other.account)
    assert [client.call("public/get_combo_details", combo_id=name) for name in names] == before
    store.feed(rig)
    again = ComboRig(engine=rig.engine, **store.ports()).open()  # out of the store alone
    client = again.connect(other.account)
    assert [client.call("public/get_combo_details", combo_id=name) for name in names] == before


def test_a_store_that_crashed_between_goes_on(rig: ComboRig, store: Store) -> None:
    client, other, order = trade(rig)
    remembered = answers(client, other, order)
    store.feed(rig, but=6)
    store.crash()
    store.feed(rig)
    assert answers(client, other, order) == remembered


@pytest.mark.parametrize("product", ["options", "option_combos"])
def test_who_may_not_trade_options_may_not_trade_combos(product: str) -> None:
    rig = ComboRig().open()
    main = rig.main(20_000_000)
    spread(main)
    sub, _ = rig.sub(main)
    main.call("private/set_disabled_trading_products", user_id=sub.account, trading_products=[product])
    with pytest.raises(CallFailed) as refused:
        sub.buy(SPREAD, 0.1, 2_000.0)
    assert refused.value.code == 13021
