"""Settings outlive the venue, and a product that is switched off cannot be traded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.gateway.account_settings import FileSettings, MemorySettings, SettingsError
from tests.unit.gateway.rig import OPTION, PERPETUAL, CallFailed, Client
from tests.unit.gateway.risk_rig import RiskRig


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


def refused(client: Client, method: str, **params: Any) -> int:
    with pytest.raises(CallFailed) as failed:
        client.call(method, **params)
    return failed.value.code


def family(rig: RiskRig) -> tuple[Client, Client]:
    """A main account and its subaccount, both with money."""
    main = rig.main(20_000_000)
    sub, _ = rig.sub(main)
    main.call(
        "private/submit_transfer_between_subaccounts",
        currency="USDC", amount=5_000_000, destination=sub.account,
    )
    return main, sub


def switch_off(main: Client, sub: Client, *products: str) -> None:
    main.call(
        "private/set_disabled_trading_products", user_id=sub.account, trading_products=list(products)
    )


def test_what_was_chosen_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    first = FileSettings(path)
    first.change(64, language="ja", email="a@b.c")
    first.change(64, disabled_products=("options",))
    first.mark_read(64, 7)
    first.close()
    again = FileSettings(path)
    assert (again.of(64).language, again.of(64).email) == ("ja", "a@b.c")
    assert again.restricted == {64}
    assert again.has_read(64, 7)
    assert not again.has_read(65, 7)
    again.change(64, disabled_products=())
    assert again.restricted == set()
    again.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at as if it were one" * 40)
    with pytest.raises(SettingsError):
        FileSettings(path)


def test_an_account_that_chose_nothing_has_the_defaults() -> None:
    chosen = MemorySettings().of(64)
    assert (chosen.language, chosen.email) == ("en", "")
    assert (chosen.notifications, chosen.disabled_products) == (False, ())


def test_language_email_and_notifications_are_shown(rig: RiskRig) -> None:
    main, sub = family(rig)
    assert sub.call("private/get_email_language") == "en"
    sub.call("private/set_email_language", language="ko")
    assert (sub.call("private/get_email_language"), main.call("private/get_email_language")) == ("ko", "en")
    main.call("private/set_email_for_subaccount", sid=sub.account, email="sub@example.org")
    assert sub.call("private/get_access_log", count=1)[0]["log"] == "changed_email"
    main.call("private/toggle_notifications_from_subaccount", sid=sub.account, state=True)
    shown = {each["id"]: each for each in main.call("private/get_subaccounts")}
    assert shown[sub.account]["email"] == "sub@example.org"
    assert shown[sub.account]["receive_notifications"] is True
    assert shown[main.account]["receive_notifications"] is False
    assert sub.call("private/get_account_summary", currency="USDC")["email"] == "sub@example.org"


def test_settings_of_others_and_nonsense_are_refused(rig: RiskRig) -> None:
    main, sub = family(rig)
    other = rig.main(1_000, "bob")
    assert refused(main, "private/set_email_language", language="xx") == -32602
    assert refused(main, "private/set_email_for_subaccount", sid=sub.account, email="nobody") == -32602
    assert refused(other, "private/set_email_for_subaccount", sid=sub.account, email="a@b.c") == 13021
    assert refused(sub, "private/set_email_for_subaccount", sid=sub.account, email="a@b.c") == 13012
    name = "private/set_disabled_trading_products"
    assert refused(main, name, user_id=sub.account, trading_products=["shares"]) == -32602
    assert refused(main, name, user_id=main.account, trading_products=["options"]) == 13021
    assert refused(main, "private/toggle_notifications_from_subaccount", sid=sub.account) == -32602


def test_a_product_that_is_switched_off_cannot_be_traded(rig: RiskRig) -> None:
    main, sub = family(rig)
    maker = rig.main(20_000_000, "maker")
    maker.sell(OPTION, 2.0, 5_000.0)
    sub.buy(OPTION, 1.0, 5_000.0)
    resting = sub.buy(OPTION, 0.1, 4_900.0)["order"]["order_id"]
    switch_off(main, sub, "options")
    order = {"instrument_name": OPTION, "amount": 0.1, "price": 5_000.0}
    assert refused(sub, "private/buy", **order) == 13021
    assert refused(sub, "private/edit", order_id=resting, amount=0.2, price=4_900.0) == 13021
    quote = {"instrument_name": OPTION, "bid": {"price": 4_800, "amount": 0.1}}
    found = sub.call("private/mass_quote", quote_id="q", quotes=[quote])
    assert [wrong["code"] for wrong in found["errors"]] == [13021]
    # What rests can be cancelled, what is held can be reduced, the rest can be traded.
    assert sub.call("private/cancel", order_id=resting)["order_state"] == "cancelled"
    maker.buy(OPTION, 0.5, 4_950.0)
    sold = sub.sell(OPTION, 0.5, 4_950.0, reduce_only=True)
    assert sold["order"]["order_state"] == "filled"
    assert sub.buy(PERPETUAL, 0.1, 99_000.0)["order"]["order_state"] == "open"
    assert main.buy(OPTION, 0.1, 4_900.0)["order"]["order_state"] == "open"


def test_the_list_replaces_the_one_before_and_is_shown(rig: RiskRig) -> None:
    main, sub = family(rig)
    switch_off(main, sub, "options")
    switch_off(main, sub, "perpetual", "spots")
    shown = {each["id"]: each for each in main.call("private/get_subaccounts")}[sub.account]
    assert shown["disabled_trading_products"] == ["perpetual", "spots"]
    enabled = {item["product"]: item["enabled"] for item in shown["trading_products_details"]}
    assert enabled == {"perpetual": False, "options": True, "option_combos": True}
    assert refused(sub, "private/buy", instrument_name=PERPETUAL, amount=0.1, price=99_000.0) == 13021
    switch_off(main, sub)
    assert sub.buy(PERPETUAL, 0.1, 99_000.0)["order"]["order_state"] == "open"
