"""What an account is told when its request to the bridge on the L1 is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.core import invariants
from exchange.domain import commands, events
from exchange.domain.commands_bridge import forced_withdrawal
from tests.unit.gateway.combo_rig import ComboRig
from tests.unit.gateway.rig import OPTION, PERPETUAL, Client

MICRO = 1_000_000


@pytest.fixture
def rig() -> Iterator[ComboRig]:
    found = ComboRig(rules=6).open()
    yield found
    invariants.check(found.engine)
    found.close()


def forced(rig: ComboRig, client: Client, usdc: int) -> events.Forced:
    """The venue answers the next request."""
    assert client.account is not None
    command = forced_withdrawal(client.account, usdc * MICRO, rig.engine.forced_through + 1)
    answer = rig.order(command)[-1]
    assert isinstance(answer, events.Forced), answer
    return answer


def told(client: Client) -> list[dict[str, Any]]:
    """The events of the account's stream since it was asked last."""
    return [each for frame in client.taken("user.stream") for each in frame.get("events", ())]


def test_its_orders_end_and_its_cash_leaves(rig: ComboRig) -> None:
    client, other = rig.client(1_000), rig.client()
    client.buy(OPTION, 0.1, 4_000.0)
    client.buy(PERPETUAL, 0.01, 90_000.0)
    theirs = other.buy(OPTION, 0.1, 4_000.0)["order"]["order_id"]
    channels = ["user.stream", "user.orders.any.any.raw", "user.changes.any.any.raw", "user.portfolio.usdc"]
    client.call("private/subscribe", channels=channels)
    rig.tick()
    told(client)
    assert forced(rig, client, 600).paid_micro == 600 * MICRO
    rig.tick()
    ends = {each["order_id"]: each["end_reason"] for each in client.taken("user.orders.any.any.raw")}
    assert list(ends.values()) == ["forced_withdrawal"] * 2
    assert theirs not in ends
    changes = client.taken("user.changes.any.any.raw")
    assert {each["order_id"] for change in changes for each in change["orders"]} == set(ends)
    stream = told(client)
    assert [each["type"] for each in stream] == ["order", "order", "cash", "forced_withdrawal"]
    cash, answer = stream[2]["cash"], stream[3]["forced_withdrawal"]
    assert (cash["kind"], cash["id"], cash["change"], cash["balance"]) == ("forced_withdrawal", 1, -600, 400)
    answered = {name: answer[name] for name in ("id", "asked", "paid", "cancelled_orders")}
    assert answered == {"id": 1, "asked": 600, "paid": 600, "cancelled_orders": 2}
    summary = client.call("private/get_account_summary", currency="USDC")
    assert (summary["balance"], summary["available_funds"]) == (400, 400)
    assert client.call("private/get_open_orders") == []


def test_a_request_that_frees_nothing_is_told_too(rig: ComboRig) -> None:
    client = rig.client(0)
    client.call("private/subscribe", channels=["user.stream"])
    forced(rig, client, 5)
    rig.tick()
    (answer,) = told(client)
    assert (answer["type"], answer["forced_withdrawal"]["paid"]) == ("forced_withdrawal", 0)


def test_it_stands_among_withdrawals_and_in_the_log(rig: ComboRig) -> None:
    client = rig.client(1_000)
    client.call("private/withdraw", currency="USDC", amount=100, address="0x" + "00" * 20)
    forced(rig, client, 10_000)
    page = client.call("private/get_withdrawals", currency="USDC")
    assert [(each["amount"], each["state"], each.get("forced")) for each in page["data"]] == [
        (900.0, "completed", True),
        (100.0, "unconfirmed", None),
    ]
    span = {"start_timestamp": 0, "end_timestamp": 4_000_000_000_000}
    row = client.call("private/get_transaction_log", currency="USDC", **span)["logs"][0]
    assert (row["type"], row["change"], row["balance"]) == ("withdrawal", -900.0, 0)
    assert row["info"] == {"id": 1, "state": "completed", "forced": True}


def test_what_is_refused_moves_nothing(rig: ComboRig) -> None:
    client = rig.client(1_000)
    assert client.account is not None
    (refused,) = rig.order(forced_withdrawal(client.account, 5, 2))
    assert isinstance(refused, events.Rejected)
    (taken,) = rig.order(commands.deposit(9_999, 5, 1_000))
    assert isinstance(taken, events.Rejected)
    assert client.call("private/get_account_summary", currency="USDC")["balance"] == 1_000
