"""Client order ids: sent twice they are placed once, and they find their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.domain import commands_orders
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig
from tests.unit.gateway.stored import Store

LOOK_UP = "private/strikebook_get_order_state_by_client_order_id"


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    found.close()


def buy(client: Client, number: int | str, **more: Any) -> Any:
    given = {"amount": 0.1, "price": 4_900.0, **more}
    return client.call("private/buy", instrument_name=OPTION, client_order_id=str(number), **given)


def plain(order: dict[str, Any]) -> dict[str, Any]:
    """An order without the command its last change came with: what is read now has none."""
    return {name: value for name, value in order.items() if name != "seq"}


def test_sent_twice_it_is_placed_once(rig: RiskRig) -> None:
    alice = rig.main()
    first = buy(alice, 7)
    assert first["order"]["client_order_id"] == "7"
    again = buy(alice, 7, price=4_800.0)
    assert again["repeated"] is True
    assert plain(again["order"]) == plain(first["order"])
    assert again["trades"] == []
    assert len(alice.call("private/get_open_orders")) == 1
    assert buy(alice, 8)["order"]["order_id"] != first["order"]["order_id"]


def test_the_first_result_has_the_first_trades(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    bob.sell(OPTION, 0.1, 4_900.0)
    first = buy(alice, 1, amount=0.2)
    bob.sell(OPTION, 0.05, 4_900.0)
    again = buy(alice, 1, amount=0.2)
    assert again["trades"] == first["trades"]
    assert again["order"]["filled_amount"] == 0.15, "the order as it is now"


def test_a_refusal_is_the_result_too(rig: RiskRig) -> None:
    poor = rig.main(usdc=10)
    for _ in range(2):
        with pytest.raises(CallFailed) as refused:
            buy(poor, 3, amount=100)
        assert refused.value.code == 10009
    assert refused.value.data["repeated"] is True
    found = poor.call(LOOK_UP, client_order_id="3")
    assert (found["state"], found["error"]["code"]) == ("rejected", 10009)


def test_it_finds_its_order_before_any_reply(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    asked = [
        alice.send("private/buy", instrument_name=OPTION, amount=0.1, price=4_900.0, client_order_id="5"),
        alice.send(LOOK_UP, client_order_id="5"),
    ]
    rig.loop.run()
    placed, found = (alice.reply(each) for each in asked)
    assert (found["state"], plain(found["order"])) == ("accepted", plain(placed["order"]))
    bob.sell(OPTION, 0.1, 4_900.0)
    assert alice.call(LOOK_UP, client_order_id="5")["order"]["order_state"] == "filled"
    with pytest.raises(CallFailed) as refused:
        alice.call(LOOK_UP, client_order_id="6")
    assert refused.value.code == 13020


def test_an_id_below_those_remembered_is_refused_for_good(rig: RiskRig) -> None:
    alice = rig.main()
    rig.order(commands_orders.set_id_window(2))
    for number in (10, 11, 12):
        buy(alice, number)
    for number in (10, 9):
        with pytest.raises(CallFailed) as refused:
            buy(alice, number)
        assert (refused.value.code, refused.value.data["reason"]) == (11030, "id_expired")
        assert refused.value.data["last_client_order_id"] == "12"
        with pytest.raises(CallFailed) as unknown:
            alice.call(LOOK_UP, client_order_id=str(number))
        assert unknown.value.data["reason"] == "id_expired"
    assert len(alice.call("private/get_open_orders")) == 3


def test_ids_of_trigger_orders_and_of_accounts(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    largest = str((1 << 64) - 1)
    stop = {"type": "stop_market", "trigger": "mark_price", "trigger_price": 101_000}
    for _ in range(2):
        found = alice.call(
            "private/buy", instrument_name=PERPETUAL, amount=0.1, client_order_id=largest, **stop
        )
    assert found["repeated"] is True
    assert found["order"]["client_order_id"] == largest
    assert buy(bob, 1)["order"]["order_state"] == "open", "another account's ids are its own"


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "x", "", 1 << 64, "01", "１", [1], "1e3"])
def test_what_is_no_id(rig: RiskRig, given: object) -> None:
    alice = rig.main()
    if given == "":
        assert "client_order_id" not in buy(alice, "")["order"]
        return
    with pytest.raises(CallFailed) as refused:
        alice.buy(OPTION, 0.1, 4_900.0, client_order_id=given)
    assert (refused.value.code, refused.value.data["param"]) == (-32602, "client_order_id")


def test_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    rig = RiskRig(**store.ports())
    store.begin(b"".join(RiskRig.prologue()), rig.engine.next_seq)
    rig.open()
    alice, bob = rig.main(), rig.main(name="bob")
    bob.sell(OPTION, 0.3, 4_900.0)
    first = buy(alice, 21)
    resting = buy(alice, 22, price=4_000.0)
    store.feed(rig)
    other = RiskRig.over(rig, **store.ports())
    other.open()
    again = other.connect(alice.account)
    repeated = buy(again, 21)
    assert repeated["trades"] == first["trades"]
    assert repeated["order"]["order_id"] == first["order"]["order_id"]
    assert buy(again, 22)["order"]["order_id"] == resting["order"]["order_id"]
    found = again.call(LOOK_UP, client_order_id="21")
    assert found["order"]["order_state"] == "filled"
