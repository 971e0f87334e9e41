"""Edits that name the total or what remains, and take effect only as long as nothing else was filled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.gateway.rig import OPTION, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    found.close()


def half_filled(rig: RiskRig) -> tuple[Client, Client, str]:
    alice, bob = rig.main(), rig.main(name="bob")
    order = alice.buy(OPTION, 1.0, 4_900.0)["order"]["order_id"]
    bob.sell(OPTION, 0.5, 4_900.0)
    return alice, bob, order


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ({"new_total": 0.8}, 0.8),
        ({"amount": 0.8}, 0.8),
        ({"new_remaining": 0.2}, 0.7),
        ({"new_remaining": 0.2, "expected_filled": 0.5}, 0.7),
        ({"new_total": 0.8, "expected_filled": 0.5}, 0.8),
        ({"price": 4_800, "expected_filled": 0.5}, 1.0),
    ],
)
def test_what_is_meant(rig: RiskRig, given: dict[str, Any], amount: float) -> None:
    alice, _, order = half_filled(rig)
    found = alice.call("private/edit", order_id=order, **given)["order"]
    assert (found["amount"], found["filled_amount"]) == (amount, 0.5)


@pytest.mark.parametrize("given", [{"new_total": 2}, {"new_remaining": 2}, {"price": 4_000}])
def test_a_fill_in_between_refuses_the_whole_edit(rig: RiskRig, given: dict[str, Any]) -> None:
    alice, bob, order = half_filled(rig)
    # Both leave before either is answered; the fill comes first.
    bob.send("private/sell", instrument_name=OPTION, amount=0.1, price=4_900.0)
    asked = alice.send("private/edit", order_id=order, expected_filled=0.5, **given)
    rig.loop.run()
    with pytest.raises(CallFailed) as refused:
        alice.reply(asked)
    assert (refused.value.code, refused.value.data["reason"]) == (11030, "filled_mismatch")
    assert refused.value.data["filled_amount"] == 0.6
    left = alice.call("private/get_order_state", order_id=order)
    assert (left["amount"], left["price"], left["filled_amount"]) == (1.0, 4_900.0, 0.6)


def test_what_remains_is_judged_when_its_turn_comes(rig: RiskRig) -> None:
    alice, bob, order = half_filled(rig)
    bob.send("private/sell", instrument_name=OPTION, amount=0.1, price=4_900.0)
    asked = alice.send("private/edit", order_id=order, new_remaining=1)
    rig.loop.run()
    assert alice.reply(asked)["order"]["amount"] == 1.6


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"new_total": 0.8, "amount": 0.8}, 11047),
        ({"new_total": 0.8, "new_remaining": 0.1}, 11047),
        ({"new_remaining": 0}, 10021),
        ({"new_remaining": "x"}, -32602),
        ({"new_total": 0.8, "expected_filled": -1}, 10021),
        ({"new_total": 0.8, "expected_filled": "much"}, -32602),
        ({"expected_filled": 0.5}, -32602),
        ({"new_total": 0.5}, 10021),
        ({"trigger_price": 5}, 11047),
        ({"trigger_offset": 5}, 11047),
        ({"advanced": "implv", "price": 50}, 11041),
    ],
)
def test_what_is_wrong_has_its_code(rig: RiskRig, given: dict[str, Any], code: int) -> None:
    alice, _, order = half_filled(rig)
    with pytest.raises(CallFailed) as refused:
        alice.call("private/edit", order_id=order, **given)
    assert refused.value.code == code


def test_by_label_too(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    alice.buy(OPTION, 1.0, 4_900.0, label="mine")
    bob.sell(OPTION, 0.5, 4_900.0)
    found = alice.call(
        "private/edit_by_label", label="mine", instrument_name=OPTION, new_remaining=0.1, expected_filled=0.5
    )
    assert found["order"]["amount"] == 0.6
