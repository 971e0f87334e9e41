"""Transfers within a family, withdrawals held until they are paid or cancelled, deposits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands, commands_risk
from exchange.domain import records as r
from exchange.domain.limits import MAX_PENDING_PER_ACCOUNT
from tests.unit.gateway.rig import PERPETUAL, CallFailed, Client, Rig
from tests.unit.gateway.risk_rig import RiskRig


class Payer:
    """An L1 side that has begun to pay the ids it was told."""

    def __init__(self) -> None:
        self.begun: set[int] = set()
        self.given_up: list[int] = []

    def give_up(self, withdrawal_id: int) -> bool:
        if withdrawal_id in self.begun:
            return False
        self.given_up.append(withdrawal_id)
        return True

    def resume(self, withdrawal_id: int) -> None:
        self.given_up.remove(withdrawal_id)


@pytest.fixture
def payer() -> Payer:
    return Payer()


@pytest.fixture
def rig(payer: Payer) -> Iterator[RiskRig]:
    rig = RiskRig(withdrawals=payer)
    rig.open()
    yield rig
    rig.close()


def refusal(client: Client, method: str, **params: object) -> CallFailed:
    with pytest.raises(CallFailed) as refused:
        client.call(method, **params)
    return refused.value


def balance(client: Client) -> Any:
    return client.call("private/get_account_summary", currency="USDC")["balance"]


TRANSFER = "private/submit_transfer_between_subaccounts"


def test_a_transfer_has_two_sides(rig: RiskRig) -> None:
    alice = rig.main(1_000)
    sub, _ = rig.sub(alice)
    sent = alice.call(TRANSFER, currency="USDC", amount=250.5, destination=sub.account)
    assert (sent["amount"], sent["direction"], sent["other_side"]) == (250.5, "payment", "alice_1")
    assert (sent["type"], sent["state"]) == ("subaccount", "confirmed")
    assert (balance(alice), balance(sub)) == (749.5, 250.5)
    (got,) = sub.call("private/get_transfers", currency="USDC")["data"]
    assert (got["id"], got["direction"], got["other_side"]) == (sent["id"], "income", "alice")
    back = sub.call("private/submit_transfer_to_subaccount", currency="USDC", amount=0.5, destination=64)
    assert back["id"] > sent["id"]
    fetched = alice.call(TRANSFER, currency="USDC", amount=50, source=sub.account, destination=alice.account)
    assert fetched["other_side"] == "alice"
    listed = alice.call("private/get_transfers", currency="USDC")
    assert [each["amount"] for each in listed["data"]] == [50, 0.5, 250.5]
    second = alice.call("private/get_transfers", currency="USDC", count=1, offset=1)["data"]
    assert second == listed["data"][1:2]
    assert alice.call("private/get_transfers", currency="BTC") == {"count": 0, "data": []}


def test_money_stays_in_the_family_and_with_its_holder(rig: RiskRig) -> None:
    alice, bob = rig.main(1_000), rig.main(1_000, "bob")
    sub, _ = rig.sub(alice)
    for source, params, code in (
        (alice, {"amount": 1, "destination": bob.account}, 12100),
        (alice, {"amount": 1, "destination": 9_999}, 12100),
        (alice, {"amount": 1, "destination": 2}, 12100),
        (alice, {"amount": 1, "destination": sub.account, "source": bob.account}, 12100),
        (sub, {"amount": 1, "destination": sub.account, "source": alice.account}, 13012),
        (alice, {"amount": 1, "destination": alice.account}, -32602),
        (alice, {"amount": 0, "destination": sub.account}, 10021),
        (alice, {"amount": -1, "destination": sub.account}, 10021),
        (alice, {"amount": 1e-7, "destination": sub.account}, 10021),
        (alice, {"amount": "NaN", "destination": sub.account}, 10021),
        (alice, {"amount": 1_000.000001, "destination": sub.account}, 10009),
        (alice, {"amount": 1e30, "destination": sub.account}, 10021),
    ):
        assert refusal(source, TRANSFER, currency="USDC", **params).code == code, params
    wrong = refusal(alice, TRANSFER, currency="BTC", amount=1, destination=sub.account)
    assert wrong.code == -32602
    assert (balance(alice), balance(bob), balance(sub)) == (1_000, 1_000, 0)


def test_a_withdrawal_is_held_then_paid(rig: RiskRig) -> None:
    alice = rig.main(1_000)
    held = alice.call("private/withdraw", currency="USDC", amount=400)
    assert (held["id"], held["state"], held["amount"]) == (1, "unconfirmed", 400)
    assert held["address"] == "0x" + "00" * 20
    found = alice.call("private/get_account_summary", currency="USDC")
    assert (found["balance"], found["locked_balance"]) == (600, 400)
    rig.clock.ms += 5_000
    rig.order(commands.time(rig.clock.ms))
    rig.order(commands_risk.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    (paid,) = alice.call("private/get_withdrawals", currency="USDC")["data"]
    assert paid["state"] == "completed"
    assert paid["confirmed_timestamp"] == paid["updated_timestamp"] == rig.clock.ms
    assert paid["created_timestamp"] == held["created_timestamp"]
    assert balance(alice) == 600
    assert refusal(alice, "private/cancel_withdrawal", currency="USDC", id=1).code == 13020


def test_only_what_is_free_is_withdrawn(rig: RiskRig) -> None:
    alice = rig.main(3_000)
    alice.buy(PERPETUAL, 1.0, 100_000.0)
    free = alice.call("private/get_account_summary", currency="USDC")["available_withdrawal_funds"]
    assert free == 950
    assert refusal(alice, "private/withdraw", currency="USDC", amount=950.000001).code == 10009
    owner = "0x" + "11" * 20
    wrong = refusal(alice, "private/withdraw", currency="USDC", amount=1, address=owner)
    assert wrong.code == 11090
    owner = "0x" + "00" * 20
    held = alice.call("private/withdraw", currency="USDC", amount=950, address=owner)
    assert held["state"] == "unconfirmed"
    rig.order(commands_risk.set_lock(alice.account or 0, True))
    assert refusal(alice, "private/withdraw", currency="USDC", amount=1).code == 11098


def test_ids_of_withdrawals_under_way_differ(rig: RiskRig) -> None:
    alice = rig.main(1_000)
    asked = [alice.send("private/withdraw", currency="USDC", amount=10) for _ in range(3)]
    rig.loop.run()
    assert [alice.reply(each)["id"] for each in asked] == [1, 2, 3]


def test_a_withdrawal_is_cancelled_until_its_payment_has_begun(rig: RiskRig, payer: Payer) -> None:
    alice, bob = rig.main(1_000), rig.main(1_000, "bob")
    for amount in (100, 200):
        alice.call("private/withdraw", currency="USDC", amount=amount)
    assert refusal(bob, "private/cancel_withdrawal", currency="USDC", id=1).code == 13020
    payer.begun.add(1)
    late = refusal(alice, "private/cancel_withdrawal", currency="USDC", id=1)
    assert (late.code, late.message) == (11030, "other_reject payment_under_way")
    cancelled = alice.call("private/cancel_withdrawal", currency="USDC", id=2)
    assert (cancelled["id"], cancelled["state"], cancelled["amount"]) == (2, "cancelled", 200)
    assert payer.given_up == [2]
    assert balance(alice) == 900
    states = [each["state"] for each in alice.call("private/get_withdrawals", currency="USDC")["data"]]
    assert states == ["cancelled", "unconfirmed"]
    assert refusal(alice, "private/cancel_withdrawal", currency="USDC", id=2).code == 13020


def test_a_cancelling_that_is_not_taken_leaves_the_payment_as_it_was(
    rig: RiskRig, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = rig.main(1_000)
    alice.call("private/withdraw", currency="USDC", amount=100)
    with monkeypatch.context() as full:
        full.setattr(rig.venue.sequencer.pending, "most", 0)
        assert refusal(alice, "private/cancel_withdrawal", currency="USDC", id=1).code == 10047
    assert (payer.given_up, rig.venue.cancelling) == ([], set())
    # Paid in the same batch, in front of it: the core refuses the cancelling.
    rig.venue.submit(commands_risk.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    assert refusal(alice, "private/cancel_withdrawal", currency="USDC", id=1).code == 13020
    assert (payer.given_up, rig.venue.cancelling) == ([], set())
    assert balance(alice) == 900


def test_two_cancellings_at_a_time_are_one(rig: RiskRig, payer: Payer) -> None:
    alice = rig.main(1_000)
    alice.call("private/withdraw", currency="USDC", amount=100)
    first, second = (alice.send("private/cancel_withdrawal", currency="USDC", id=1) for _ in range(2))
    rig.loop.run()
    assert alice.reply(first)["state"] == "cancelled"
    with pytest.raises(CallFailed, match="cancel_under_way"):
        alice.reply(second)
    assert payer.given_up == [1]


def test_what_is_free_is_told_to_the_last_micro_unit(rig: RiskRig) -> None:
    alice = rig.main(17_428_600)
    alice.call("private/withdraw", currency="USDC", amount=1.000001)
    wrong = refusal(alice, "private/withdraw", currency="USDC", amount=0.5)
    assert wrong.data["reason"] == "at least 1 USDC, or all that is free (17428598.999999)"


def test_dust_is_withdrawn_only_where_it_is_all_there_is(rig: RiskRig) -> None:
    alice = rig.main(2)
    wrong = refusal(alice, "private/withdraw", currency="USDC", amount=0.999999)
    assert wrong.code == -32602
    assert wrong.data == {"param": "amount", "reason": "at least 1 USDC, or all that is free (2)"}
    alice.call("private/withdraw", currency="USDC", amount=1.5)
    assert refusal(alice, "private/withdraw", currency="USDC", amount=0.4).code == -32602
    assert alice.call("private/withdraw", currency="USDC", amount=0.5)["state"] == "unconfirmed"
    assert balance(alice) == 0


def test_so_many_withdrawals_are_held_for_an_account(rig: RiskRig) -> None:
    alice, bob = rig.main(1_000), rig.main(1_000, "bob")
    for _ in range(MAX_PENDING_PER_ACCOUNT):
        alice.call("private/withdraw", currency="USDC", amount=1)
    wrong = refusal(alice, "private/withdraw", currency="USDC", amount=1)
    assert (wrong.code, wrong.message) == (11030, "other_reject limit_reached")
    assert bob.call("private/withdraw", currency="USDC", amount=1)["state"] == "unconfirmed"
    alice.call("private/cancel_withdrawal", currency="USDC", id=3)
    assert alice.call("private/withdraw", currency="USDC", amount=1)["state"] == "unconfirmed"


def test_deposits_are_listed(rig: RiskRig) -> None:
    alice = rig.main(1_000)
    (found,) = alice.call("private/get_deposits", currency="USDC")["data"]
    assert (found["amount"], found["state"], found["currency"]) == (1_000, "completed", "USDC")
    assert found["transaction_id"].isdigit()


def test_under_older_rules_coins_leave_at_once() -> None:
    rig = Rig().open()
    client = rig.client(1_000)
    assert client.account is not None
    rig.venue.submit(commands.withdraw(client.account, 5_000_000, 1))
    rig.loop.run()
    (found,) = client.call("private/get_withdrawals", currency="USDC")["data"]
    assert (found["state"], found["amount"]) == ("completed", 5)
    assert refusal(client, "private/withdraw", currency="USDC", amount=1).code == 13028
