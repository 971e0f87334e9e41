"""Subaccounts: made by their main account, kept apart from strangers, retired when they are empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exchange.domain import commands_risk
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client, Rig
from tests.unit.gateway.risk_rig import SEALING_KEY, RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


def move(client: Client, amount: float, to: Client, **more: object) -> None:
    client.call(
        "private/submit_transfer_between_subaccounts",
        currency="USDC",
        amount=amount,
        destination=to.account,
        **more,
    )


def refusal(client: Client, method: str, **params: object) -> CallFailed:
    with pytest.raises(CallFailed) as refused:
        client.call(method, **params)
    return refused.value


def test_a_subaccount_is_an_account_with_a_key_of_its_own(rig: RiskRig) -> None:
    alice = rig.main()
    sub, made = rig.sub(alice)
    assert (made["type"], made["username"]) == ("subaccount", "alice_1")
    assert made["margin_model"] == "segregated_sm"
    key = rig.credentials.key(made["client_id"])
    assert key is not None
    assert (key.account, key.secret) == (sub.account, made["client_secret"])
    assert "mainaccount" not in key.scopes
    assert rig.venue.owner_of(sub.account or 0) == rig.venue.owner_of(alice.account or 0)
    found = sub.call("private/get_account_summary", currency="USDC")
    assert (found["type"], found["id"], found["equity"]) == ("subaccount", sub.account, 0)


def test_a_family_is_listed_by_its_main_account_alone(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    sub, _ = rig.sub(alice)
    move(alice, 1_000_000, sub)
    sub.buy(PERPETUAL, 1.0, 99_000.0)
    bob.sell(OPTION, 1.0, 5_000.0)
    sub.buy(OPTION, 1.0, 5_000.0)
    listed = alice.call("private/get_subaccounts", with_portfolio=True)
    assert [each["id"] for each in listed] == [alice.account, sub.account]
    assert [each["type"] for each in listed] == ["main", "subaccount"]
    assert listed[0]["portfolio"]["usdc"]["balance"] == 9_000_000
    assert "portfolio" not in alice.call("private/get_subaccounts")[0]
    details = alice.call("private/get_subaccounts_details", currency="BTC", with_open_orders=True)
    assert [each["uid"] for each in details] == [alice.account, sub.account]
    assert [each["instrument_name"] for each in details[1]["positions"]] == [OPTION]
    assert [each["instrument_name"] for each in details[1]["open_orders"]] == [PERPETUAL]
    assert alice.call("private/get_subaccounts_details", currency="ETH")[1]["positions"] == []
    for method in ("private/get_subaccounts", "private/create_subaccount"):
        assert refusal(sub, method).code == 13012
    mine = alice.call("private/get_positions", subaccount_id=sub.account)
    assert mine == sub.call("private/get_positions")
    assert refusal(bob, "private/get_positions", subaccount_id=sub.account).code == 13021
    assert refusal(sub, "private/get_positions", subaccount_id=alice.account).code == 13012
    alice.session.authenticate(alice.account or 0, "key", frozenset({"account:read_write"}))
    assert refusal(alice, "private/get_subaccounts").code == 13021


def test_there_are_at_most_twenty(rig: RiskRig) -> None:
    alice = rig.main()
    for _ in range(20):
        rig.sub(alice)
    assert refusal(alice, "private/create_subaccount").code == 12001
    assert len(alice.call("private/get_subaccounts")) == 21


def test_one_that_is_refused_by_the_core_leaves_no_key(rig: RiskRig) -> None:
    alice = rig.main()
    for _ in range(19):
        rig.sub(alice)
    waiting = [alice.send("private/create_subaccount") for _ in range(2)]
    rig.loop.run()
    assert alice.reply(waiting[0])["username"] == "alice_20"
    with pytest.raises(CallFailed) as refused:
        alice.reply(waiting[1])
    assert refused.value.code == 12001
    assert len(rig.credentials.keys_of(rig.engine.account_count - 1)) == 1
    assert rig.credentials.reconcile(rig.engine.account_count, rig.venue.owner_of).dropped == 0


def test_a_name_can_be_changed(rig: RiskRig) -> None:
    alice = rig.main()
    sub, _ = rig.sub(alice)
    assert alice.call("private/change_subaccount_name", sid=sub.account, name="hedges") == "ok"
    assert alice.call("private/get_subaccounts")[1]["username"] == "hedges"
    assert refusal(alice, "private/change_subaccount_name", sid=sub.account, name=" \n").code == 12002
    assert refusal(alice, "private/change_subaccount_name", sid=alice.account, name="x").code == 13021


def test_only_an_empty_subaccount_is_removed(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    sub, made = rig.sub(alice)
    move(alice, 1_000, sub)
    remove = {"subaccount_id": sub.account}
    assert refusal(alice, "private/remove_subaccount", **remove).message == "other_reject not_empty"
    held = sub.call("private/withdraw", currency="USDC", amount=1_000)
    assert refusal(alice, "private/remove_subaccount", **remove).message == "other_reject not_empty"
    sub.call("private/cancel_withdrawal", currency="USDC", id=held["id"])
    move(sub, 1_000, alice)
    assert refusal(bob, "private/remove_subaccount", **remove).code == 13021
    assert refusal(sub, "private/remove_subaccount", **remove).code == 13012
    assert alice.call("private/remove_subaccount", **remove) == "ok"
    assert [each["id"] for each in alice.call("private/get_subaccounts")] == [alice.account]
    assert rig.credentials.key(made["client_id"]) is None
    assert refusal(alice, "private/remove_subaccount", **remove).code == 13021
    assert refusal(sub, "private/buy", instrument_name=PERPETUAL, amount=1, price=1_000).code == 11098
    with pytest.raises(CallFailed) as refused:
        move(alice, 1, sub)
    assert refused.value.code == 12100


def test_money_under_way_to_it_keeps_a_subaccount(rig: RiskRig) -> None:
    alice = rig.main()
    sub, made = rig.sub(alice)
    assert alice.account is not None
    assert sub.account is not None
    rig.venue.submit(commands_risk.transfer(alice.account, sub.account, 5_000_000, 1))
    removal = alice.send("private/remove_subaccount", subaccount_id=sub.account)
    with pytest.raises(CallFailed) as refused:
        move(alice, 1, sub)
    assert refused.value.code == 12100
    with pytest.raises(CallFailed) as refused:
        alice.reply(removal)
    assert refused.value.message == "other_reject not_empty"
    assert rig.credentials.key(made["client_id"]) is not None
    rig.loop.run()
    move(sub, 5, alice)  # it is free again


def test_a_removal_is_finished_though_its_session_has_gone(rig: RiskRig) -> None:
    alice = rig.main()
    sub, made = rig.sub(alice)
    alice.send("private/remove_subaccount", subaccount_id=sub.account)
    alice.session.closed = True
    rig.loop.run()
    assert rig.credentials.key(made["client_id"]) is None
    assert rig.venue.is_removed(sub.account or 0)
    assert rig.venue.retiring == set()


def test_without_keys_there_are_no_subaccounts() -> None:
    rig = Rig().open()
    assert refusal(rig.client(), "private/create_subaccount").code == 13025


def test_retired_accounts_and_names_survive_a_restart(tmp_path: object) -> None:
    from exchange.keys.credentials import Credentials
    from tests.unit.gateway.fakes import ManualClock
    from tests.unit.gateway.risk_rig import Entropy

    path = f"{tmp_path}/credentials.db"
    clock = ManualClock(1)
    credentials = Credentials(path, Entropy(), clock, SEALING_KEY)
    credentials.adopt(64, "alice", bytes(20))
    key = credentials.add_key(64)
    credentials.rename(64, "alice the first")
    credentials.retire(64)
    credentials.close()
    credentials = Credentials(path, Entropy(), clock, SEALING_KEY)
    assert credentials.is_retired(64)
    assert credentials.key(key.client_id) is None
    profile = credentials.profile(64)
    assert profile is not None
    assert profile.name == "alice the first"
    credentials.close()
