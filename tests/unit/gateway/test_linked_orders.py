"""Orders that cancel or trigger each other, as their owner sends and reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.gateway.rig import PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

BRACKET: list[dict[str, Any]] = [
    {"direction": "sell", "type": "limit", "price": 101_000, "label": "take"},
    {"direction": "sell", "type": "stop_market", "trigger": "mark_price", "trigger_price": 99_000},
]


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    found.close()


def placed(client: Client, link: str, members: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    order: dict[str, Any] = client.call(
        "private/buy", instrument_name=PERPETUAL, amount=0.2, price=99_500, linked_order_type=link,
        otoco_config=members, **more,
    )["order"]  # fmt: skip
    return order


def states(client: Client) -> dict[str, str]:
    return {order["order_id"]: order["order_state"] for order in client.call("private/get_open_orders")}


def test_one_cancels_the_other(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    alice.call("private/subscribe", channels=["user.orders.any.any.raw"])
    order = placed(alice, "one_cancels_other", [{"direction": "buy", "type": "limit", "price": 99_400}])
    other = str(int(order["order_id"]) + 1)
    assert states(alice) == {order["order_id"]: "open", other: "open"}
    refs = {o["order_id"]: o["oco_ref"] for o in alice.taken("user.orders.any.any.raw")}
    assert refs == {order["order_id"]: f"oco-{order['order_id']}", other: f"oco-{order['order_id']}"}
    bob.sell(PERPETUAL, 0.1, 99_500.0)
    assert states(alice) == {order["order_id"]: "open"}
    gone = alice.call("private/get_order_state", order_id=other)
    assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oco_other_closed")


def test_one_triggers_a_pair(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    order = placed(alice, "one_triggers_one_cancels_other", BRACKET, trigger_fill_condition="complete_fill")
    first, second = (str(int(order["order_id"]) + n) for n in (1, 2))
    assert order["oto_order_ids"] == [first, second]
    assert order["is_primary_otoco"] is True
    assert order["trigger_fill_condition"] == "complete_fill"
    assert states(alice) == {order["order_id"]: "open", first: "untriggered", second: "untriggered"}
    bob.sell(PERPETUAL, 0.1, 99_500.0)
    assert states(alice)[first] == "untriggered", "a part is not all"
    dormant = alice.call("private/get_order_state", order_id=second)
    assert (dormant["primary_order_id"], dormant["is_secondary_oto"]) == (order["order_id"], True)
    assert (dormant["order_type"], dormant["amount"]) == ("stop_market", 0.2)
    assert dormant["oco_ref"] == f"oco-{first}"
    bob.sell(PERPETUAL, 0.1, 99_500.0)
    assert states(alice) == {first: "open", second: "untriggered"}
    woken = alice.call("private/get_order_state", order_id=first)
    assert (woken["oco_ref"], woken["primary_order_id"]) == (f"oco-{first}", order["order_id"])
    assert woken["label"] == "take"
    bob.buy(PERPETUAL, 0.05, 101_000.0)
    gone = alice.call("private/get_order_state", order_id=second)
    assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oco_other_closed")
    assert states(alice) == {first: "open"}


def test_each_fill_wakes_as_much(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    order = placed(alice, "one_triggers_other", BRACKET[:1], trigger_fill_condition="incremental")
    member = str(int(order["order_id"]) + 1)
    bob.sell(PERPETUAL, 0.05, 99_500.0)
    assert alice.call("private/get_order_state", order_id=member)["amount"] == 0.05
    bob.sell(PERPETUAL, 0.1, 99_500.0)
    woken = alice.call("private/get_order_state", order_id=member)
    assert (woken["amount"], woken["order_state"]) == (0.15, "open")
    alice.call("private/cancel", order_id=order["order_id"])
    assert states(alice) == {member: "open"}, "what woke stays"


def test_members_end_with_their_primary(rig: RiskRig) -> None:
    alice = rig.main()
    order = placed(alice, "one_triggers_other", BRACKET[1:])
    alice.call("private/cancel", order_id=order["order_id"])
    gone = alice.call("private/get_order_state", order_id=str(int(order["order_id"]) + 1))
    assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "oto_primary_closed")
    assert states(alice) == {}


def test_cancelling_a_pair_by_instrument_tells_of_both(rig: RiskRig) -> None:
    alice = rig.main()
    placed(alice, "one_cancels_other", [{"direction": "buy", "type": "limit", "price": 99_400}])
    gone = alice.call("private/cancel_all_by_instrument", instrument_name=PERPETUAL, detailed=True)
    assert len(gone) == 2
    assert states(alice) == {}


def test_names_of_links_survive_a_restart(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    dormant = placed(alice, "one_triggers_one_cancels_other", BRACKET)
    awake = placed(alice, "one_triggers_one_cancels_other", BRACKET, time_in_force="good_til_cancelled")
    bob.sell(PERPETUAL, 0.2, 99_500.0)
    ids = [int(order["order_id"]) + n for order in (dormant, awake) for n in (1, 2)]
    wanted = ("primary_order_id", "oco_ref", "order_type", "label")

    def shown(client: Client) -> list[dict[str, Any]]:
        found = [client.call("private/get_order_state", order_id=str(each)) for each in ids]
        return [{name: order.get(name) for name in wanted} for order in found]

    before = shown(alice)
    assert before[0]["primary_order_id"] == dormant["order_id"]
    assert before[3]["primary_order_id"] == awake["order_id"]
    section = rig.venue.labels.section()
    other = RiskRig.over(rig)
    other.venue.labels.restore(section)
    other.open()
    assert shown(other.connect(alice.account)) == before


@pytest.mark.parametrize(
    ("link", "members", "more", "code", "param"),
    [
        ("one_cancels_other", [], {}, -32602, "otoco_config"),
        ("one_triggers_one_cancels_other", BRACKET[:1], {}, -32602, "otoco_config"),
        ("one_triggers_other", BRACKET, {}, -32602, "otoco_config"),
        ("one_of_both", BRACKET, {}, -32602, "linked_order_type"),
        ("one_triggers_other", [{"direction": "up", "price": 5}], {}, -32602, "otoco_config[0].direction"),
        ("one_triggers_other", [{"direction": "buy", "price": 5.1}], {}, 10043, "otoco_config[0].price"),
        (
            "one_triggers_one_cancels_other",
            [BRACKET[0], {**BRACKET[1], "trigger_price": 0}],
            {},
            11036,
            "otoco_config[1].trigger_price",
        ),
        (
            "one_triggers_other",
            [{**BRACKET[0], "linked_order_type": "one_cancels_other"}],
            {},
            11047,
            "otoco_config[0].linked_order_type",
        ),
        (
            "one_cancels_other",
            [{"direction": "buy", "price": 99_400}],
            {"trigger_fill_condition": "incremental"},
            11047,
            "trigger_fill_condition",
        ),
    ],
)
def test_what_is_wrong_has_its_code(
    rig: RiskRig, link: str, members: list[dict[str, Any]], more: dict[str, Any], code: int, param: str
) -> None:
    alice = rig.main()
    with pytest.raises(CallFailed) as refused:
        placed(alice, link, members, **more)
    assert (refused.value.code, refused.value.data["param"]) == (code, param)
    assert states(alice) == {}


def test_the_core_names_the_member_at_fault(rig: RiskRig) -> None:
    alice = rig.main()
    members = [BRACKET[0], {**BRACKET[0], "type": "market_limit", "price": None}]
    with pytest.raises(CallFailed) as refused:
        placed(alice, "one_triggers_one_cancels_other", members)
    assert (refused.value.code, refused.value.data["param"]) == (11047, "otoco_config[1]")
    assert states(alice) == {}
