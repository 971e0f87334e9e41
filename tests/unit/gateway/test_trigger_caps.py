"""How many orders with a trigger one account may have waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.gateway.trigger_caps import TRIGGER_LIMITS, TriggerLimits
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

STOP: dict[str, Any] = {"type": "stop_market", "trigger": "index_price", "trigger_price": 100_500}
TRAILING: dict[str, Any] = {"type": "trailing_stop", "trigger": "index_price", "trigger_offset": 700}
LIMITS = TriggerLimits(orders_max=4, trailing_max=2)


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig(trigger_limits=LIMITS).open()
    yield found
    found.close()


def send(client: Client, instrument: str = PERPETUAL, **more: Any) -> int:
    return client.send("private/buy", **{"instrument_name": instrument, "amount": 0.1, **STOP, **more})


def place(client: Client, instrument: str = PERPETUAL, **more: Any) -> dict[str, Any]:
    request = send(client, instrument, **more)
    client.rig.loop.run()
    order: dict[str, Any] = client.reply(request)["order"]
    return order


def trail(client: Client, instrument: str = PERPETUAL, **more: Any) -> dict[str, Any]:
    return place(client, instrument, **{**TRAILING, "trigger_price": None, **more})


def refused(client: Client, request: int) -> dict[str, Any]:
    client.rig.loop.run()
    with pytest.raises(CallFailed) as told:
        client.reply(request)
    assert (told.value.code, told.value.message) == (11035, "no_more_triggers")
    data: dict[str, Any] = told.value.data
    return data


def cap(name: str, limit: int) -> dict[str, Any]:
    return {"reason": "too_many_triggers", "limit_name": name, "limit": limit}


def test_the_usual_limits() -> None:
    assert TRIGGER_LIMITS == (200, 8, 500, 8)
    rig = RiskRig().open()
    limits = rig.main().call("private/get_account_summary", currency="USDC")["limits"]
    assert limits["trigger_orders"] == {
        "account_triggers": 200, "account_trailing": 8, "family_triggers": 500, "family_trailing": 8,
    }  # fmt: skip
    rig.close()


def test_an_account_has_so_many_waiting_and_no_more(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    orders = [place(alice) for _ in range(4)]
    assert refused(alice, send(alice)) == cap("account_triggers", 4)
    assert place(bob)["order_state"] == "untriggered", "another account has its own"
    assert alice.buy(PERPETUAL, 0.1, 99_000.0)["order"]["order_state"] == "open", "plain orders are not meant"
    alice.call("private/cancel", order_id=orders[0]["order_id"])
    place(alice)
    assert refused(alice, send(alice)) == cap("account_triggers", 4)



def test_a_family_has_its_own_limit_which_subaccounts_share() -> None:
    rig = RiskRig(trigger_limits=TriggerLimits(4, 2, 6, 3)).open()
    alice, bob = rig.main(), rig.main(name="bob")
    one, other = (rig.sub(alice)[0] for _ in range(2))
    for client in (alice, one):
        for _ in range(2):
            trail(client, trigger="index_price" if client is alice else "mark_price")
    trail(one, OPTION)
    request = send(other, **{**TRAILING, "trigger_price": None})
    assert refused(other, request) == cap("family_trailing", 3), "two of the main account, one of another"
    place(other)
    requests = [send(client) for client in (alice, other)]
    assert refused(alice, requests[0]) == refused(other, requests[1]) == cap("family_triggers", 6)
    assert place(bob)["order_state"] == "untriggered", "who is of no family has its own limit"
    alice.call("private/cancel_all")
    place(other)
    place(alice)
    assert refused(one, send(one)) == cap("family_triggers", 6)
    rig.close()


def test_a_family_s_orders_under_way_count() -> None:
    rig = RiskRig(trigger_limits=TriggerLimits(4, 2, 3, 2)).open()
    alice = rig.main()
    sub = rig.sub(alice)[0]
    requests = [(client, send(client)) for client in (alice, sub, alice, sub)]
    rig.loop.run()
    for client, request in requests[:3]:
        assert client.reply(request)["order"]["order_state"] == "untriggered"
    assert refused(*requests[3]) == cap("family_triggers", 3)
    rig.close()


def test_what_has_fired_does_not_count(rig: RiskRig) -> None:
    alice = rig.main()
    for _ in range(4):
        place(alice, type="stop_limit", price=99_000)
    rig.move(101_000_000_000)
    place(alice, trigger_price=102_000)


def test_pipelined_orders_do_not_pass_the_limit(rig: RiskRig) -> None:
    alice = rig.main()
    requests = [send(alice, label=f"mine {n}") for n in range(6)]
    rig.loop.run()
    assert [alice.reply(request)["order"]["order_state"] for request in requests[:4]] == ["untriggered"] * 4
    for request in requests[4:]:
        assert refused(alice, request) == cap("account_triggers", 4)
    assert len(alice.call("private/get_open_orders")) == 4
    alice.call("private/cancel_all")
    trailing = [
        send(alice, **{**TRAILING, "trigger_price": None}, instrument=instrument)
        for instrument in (PERPETUAL, OPTION, PERPETUAL)
    ]
    assert refused(alice, trailing[2]) == cap("account_trailing", 2), "of one index, whatever the instrument"
    assert len(alice.call("private/get_open_orders")) == 2


def test_what_the_core_refused_is_under_way_no_more(rig: RiskRig) -> None:
    alice = rig.main()
    for _ in range(6):
        with pytest.raises(CallFailed) as told:
            place(alice, valid_until=1)
        assert told.value.code == 13888
    for _ in range(4):
        place(alice)


def test_trailing_ones_are_counted_by_source(rig: RiskRig) -> None:
    alice = rig.main()
    orders = [trail(alice) for _ in range(2)]
    request = send(alice, **{**TRAILING, "trigger_price": None})
    assert refused(alice, request) == cap("account_trailing", 2)
    trail(alice, trigger="mark_price")
    alice.call("private/cancel", order_id=orders[0]["order_id"])
    trail(alice, OPTION)


def test_members_of_links_count(rig: RiskRig) -> None:
    alice = rig.main()
    pair: list[dict[str, Any]] = [
        {"direction": "sell", "type": "limit", "price": 101_000},
        {"direction": "sell", "type": "stop_market", "trigger": "mark_price", "trigger_price": 99_000},
    ]
    linked: dict[str, Any] = {
        "type": "limit", "price": 99_500, "trigger": None, "trigger_price": None,
        "linked_order_type": "one_triggers_one_cancels_other", "otoco_config": pair,
    }  # fmt: skip
    place(alice, **linked)
    place(alice)
    assert refused(alice, send(alice, **linked)) == cap("account_triggers", 4)
    place(alice, **{**linked, "linked_order_type": "one_cancels_other", "otoco_config": pair[:1]})
    place(alice)
    assert refused(alice, send(alice)) == cap("account_triggers", 4)


def test_an_order_sent_again_is_told_what_it_came_to(rig: RiskRig) -> None:
    alice = rig.main()
    first = place(alice, client_order_id=7)
    for _ in range(3):
        place(alice)
    assert place(alice, client_order_id=7)["order_id"] == first["order_id"]
    assert refused(alice, send(alice, client_order_id=8)) == cap("account_triggers", 4)


def test_a_venue_that_starts_again_counts_what_waits(rig: RiskRig) -> None:
    alice = rig.main()
    for put in (trail, trail, place):
        put(alice)
    again = RiskRig.over(rig, trigger_limits=LIMITS).open()
    client = Client(again, 77, alice.account)
    request = send(client, **{**TRAILING, "trigger_price": None})
    assert refused(client, request) == cap("account_trailing", 2)
    place(client)
    assert refused(client, send(client)) == cap("account_triggers", 4)


def test_none_of_the_venue_s_own() -> None:
    rig = RiskRig(trigger_limits=TriggerLimits(0, 0, 0, 0)).open()
    alice = rig.main()
    for _ in range(9):
        trail(alice)
    rig.close()
