"""Market-maker protection as its owner sets, trips, reads and resets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.account_settings import FileSettings
from exchange.gateway.group_names import GroupNames
from exchange.wire.session import RpcError
from tests.unit.gateway.rig import ETH_PERPETUAL, OPTION, PERPETUAL, PUT, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig

CONFIG: dict[str, Any] = {
    "index_name": "btc_usdc",
    "interval": 10,
    "frozen_time": 5,
    "quantity_limit": 0.3,
    "max_quote_quantity": 5,
}


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    found = RiskRig().open()
    yield found
    found.close()


def protect(client: Client, **more: Any) -> Any:
    return client.call("private/set_mmp_config", **{**CONFIG, **more})


def quote(client: Client, group: str | None, name: str = OPTION, bid: float = 4_900.0, **more: Any) -> Any:
    given = {"quotes": [{"instrument_name": name, "bid": {"price": bid, "amount": 1}}], "quote_id": "q"}
    if group is not None:
        more["mmp_group"] = group
    return client.call("private/mass_quote", **{**given, **more})


def test_a_config_is_shown_as_it_was_set(rig: RiskRig) -> None:
    alice = rig.main()
    shown = protect(alice, delta_limit=0.2, vega_limit=12.5, mmp_group="mm")
    assert shown == [
        {
            **CONFIG,
            "mmp_group": "mm",
            "delta_limit": 0.2,
            "vega_limit": 12.5,
            "block_rfq": False,
        }
    ]
    assert alice.call("private/get_mmp_config") == shown
    protect(alice, quantity_limit=None)
    found = alice.call("private/get_mmp_config", index_name="btc_usd")
    assert [each["mmp_group"] for each in found] == ["default", "mm"]
    assert "quantity_limit" not in found[0]
    assert alice.call("private/get_mmp_config", index_name="eth_usdc") == []
    assert alice.call("private/get_mmp_config", mmp_group="other") == []
    protect(alice, interval=0, mmp_group="mm")
    assert [each["mmp_group"] for each in alice.call("private/get_mmp_config")] == ["default"]


def test_a_trip_cancels_freezes_and_is_told(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    channels = ["user.mmp_trigger.btc_usdc", "user.mmp_trigger.all", "user.mmp_trigger.eth_usdc"]
    alice.call("private/subscribe", channels=channels)
    protect(alice, mmp_group="mm")
    quote(alice, "mm")
    quote(alice, "mm", PUT)
    unprotected = alice.buy(OPTION, 1.0, 4_800.0)["order"]["order_id"]
    bob.sell(OPTION, 0.2, 4_900.0)
    assert alice.call("private/get_mmp_status") == []
    bob.sell(OPTION, 0.1, 4_900.0)
    left = alice.call("private/get_open_orders")
    assert [order["order_id"] for order in left] == [unprotected]
    until = rig.engine.now_ms + 5_000
    status = {"index_name": "btc_usdc", "mmp_group": "mm", "frozen_until": until, "block_rfq": False}
    assert alice.call("private/get_mmp_status") == [status]
    for channel in channels[:2]:
        (told,) = alice.taken(channel)
        assert told.items() >= {"frozen_until": until, "index_name": "btc_usdc", "mmp_group": "mm"}.items()
    assert alice.taken(channels[2]) == []
    (refused,) = quote(alice, "mm")["errors"]
    assert (refused["code"], refused["error"]["data"]["frozen_until"]) == (13030, until)
    history = alice.call(
        "private/get_order_history_by_currency", currency="USDC", include_unfilled=True, count=5
    )
    gone = [order for order in history if order.get("mmp_cancelled")]
    assert {order["cancel_reason"] for order in gone} == {"mmp_trigger"}
    assert len(gone) == 2
    rig.tick(5.0)
    assert quote(alice, "mm")["errors"] == []


def test_until_it_is_reset(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    alice.call("private/subscribe", channels=["user.mmp_trigger.btc_usdc"])
    protect(alice, frozen_time=0)
    order = alice.buy(OPTION, 1.0, 4_900.0, mmp=True)["order"]
    assert order["mmp"] is True
    found = alice.call("private/get_order_state", order_id=order["order_id"])
    assert found["mmp_group"] == "default"
    bob.sell(OPTION, 0.3, 4_900.0)
    assert [told["frozen_until"] for told in alice.taken("user.mmp_trigger.btc_usdc")] == [0]
    assert alice.call("private/get_mmp_status")[0]["frozen_until"] == 0
    rig.tick(60.0)
    rig.move(100_000_000_000)
    with pytest.raises(CallFailed) as refused:
        alice.buy(OPTION, 1.0, 4_900.0, mmp=True)
    assert (refused.value.code, refused.value.data["frozen_until"]) == (13030, 0)
    assert alice.call("private/reset_mmp", index_name="btc_usdc") == "ok"
    assert alice.call("private/get_mmp_status") == []
    assert alice.buy(OPTION, 1.0, 4_900.0, mmp=True)["order"]["order_state"] == "open"


def test_groups_are_apart(rig: RiskRig) -> None:
    alice, bob = rig.main(), rig.main(name="bob")
    for group in ("one", "two"):
        protect(alice, mmp_group=group)
    quote(alice, "one", bid=4_900.0)
    quote(alice, "two", bid=4_850.0)
    quote(alice, None, bid=4_800.0)
    found = alice.call("private/get_open_orders")
    assert [order.get("mmp_group") for order in found] == ["one", "two", None]
    bob.sell(OPTION, 0.3, 4_900.0)
    assert [o.get("mmp_group") for o in alice.call("private/get_open_orders")] == ["two", None]


def test_a_smaller_config_curtails_what_is_open(rig: RiskRig) -> None:
    alice = rig.main()
    protect(alice, mmp_group="mm")
    quote(alice, "mm")
    protect(alice, mmp_group="mm", max_quote_quantity=0.5)
    assert alice.call("private/get_open_orders") == []
    history = alice.call(
        "private/get_order_history_by_instrument", instrument_name=OPTION, include_unfilled=True
    )
    assert history[0]["cancel_reason"] == "mmp_config_curtailment"
    (refused,) = quote(alice, "mm")["errors"]
    assert refused["error"]["data"]["reason"] == "mmp_quantity"


def test_quotes_can_be_frozen_with_their_cancel(rig: RiskRig) -> None:
    alice = rig.main()
    quote(alice, None)
    assert alice.call("private/cancel_quotes", cancel_type="all", freeze_quotes=True) == 1
    with pytest.raises(CallFailed) as refused:
        quote(alice, None)
    assert refused.value.code == 13043
    assert refused.value.data["frozen_until"] == rig.engine.now_ms + 1_000
    rig.tick(1.0)
    assert quote(alice, None)["errors"] == []


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("set_mmp_config", {"index_name": "moon_usdc"}, 10020),
        ("set_mmp_config", {"index_name": None}, -32602),
        ("set_mmp_config", {"interval": 3_601}, -32602),
        ("set_mmp_config", {"interval": None}, -32602),
        ("set_mmp_config", {"frozen_time": -1}, -32602),
        ("set_mmp_config", {"max_quote_quantity": None}, -32602),
        ("set_mmp_config", {"max_quote_quantity": 0}, -32602),
        ("set_mmp_config", {"quantity_limit": "x"}, -32602),
        ("set_mmp_config", {"quantity_limit": -1}, -32602),
        ("set_mmp_config", {"delta_limit": 0.3}, -32602),
        ("set_mmp_config", {"trade_count_limit": 5}, -32602),
        ("reset_mmp", {"mmp_group": "nobody"}, 13040),
        ("reset_mmp", {"index_name": "eth_usdc"}, 13040),
        ("get_mmp_config", {"index_name": "moon_usdc"}, 10020),
    ],
)
def test_what_is_wrong_has_its_code(rig: RiskRig, method: str, given: dict[str, Any], code: int) -> None:
    alice = rig.main()
    params = {**CONFIG, **given} if method == "set_mmp_config" else {"index_name": "btc_usdc", **given}
    with pytest.raises(CallFailed) as refused:
        alice.call(f"private/{method}", **{name: each for name, each in params.items() if each is not None})
    assert refused.value.code == code


def test_without_a_group_there_is_no_protection(rig: RiskRig) -> None:
    alice = rig.main()
    with pytest.raises(CallFailed) as refused:
        quote(alice, "nobody")
    assert refused.value.code == 13040
    with pytest.raises(CallFailed) as single:
        alice.buy(OPTION, 1.0, 4_900.0, mmp=True)
    assert single.value.code == 13040
    protect(alice, mmp_group="mm")
    (wrong,) = quote(alice, "mm", ETH_PERPETUAL, 3_900.0)["errors"]
    assert wrong["code"] == 13040, "the group has no limits for that index"


def test_a_trip_by_another_order_of_the_same_command(rig: RiskRig) -> None:
    """A quote that trips its own group as it takes: what it left does not rest."""
    alice, bob = rig.main(), rig.main(name="bob")
    protect(alice, mmp_group="mm")
    bob.sell(PERPETUAL, 0.3, 99_900.0)
    done = quote(alice, "mm", PERPETUAL, 100_000.0)
    assert [trade["amount"] for trade in done["trades"]] == [0.3]
    assert alice.call("private/get_open_orders") == []


def test_names_outlive_the_process_and_make_room(tmp_path: Path) -> None:
    settings = FileSettings(tmp_path / "settings.sqlite")
    names = settings.groups
    for n in range(15):
        assert names.give(7, f"g{n}", lambda _: True) == n + 1
    settings.close()
    again = FileSettings(tmp_path / "settings.sqlite").groups
    assert (again.number(7, "g3"), again.name(7, 4), again.number(8, "g3")) == (4, "g3", None)
    with pytest.raises(RpcError):
        again.give(7, "one more", lambda _: True)
    assert again.give(7, "one more", lambda number: number != 9) == 9
    assert again.number(7, "g8") is None
    assert GroupNames().number(7, "default") == 0
