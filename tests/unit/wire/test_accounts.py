"""Account summaries and portfolio frames as the dialect's clients read them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.wire import accounts
from exchange.wire.accounts import AccountValues
from exchange.wire.credits import CreditPolicy
from tests.unit.wire import shapes


def through_json(found: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(found))


VALUES = AccountValues(
    account=64,
    name="alice",
    cash_micro=1_000_000_000,
    funds_micro=1_100_000_000,
    equity_micro=1_200_000_000,
    balance_micro=1_100_000_000,
    initial_micro=100_000_000,
    maintenance_micro=80_000_000,
    projected_initial_micro=90_000_000,
    projected_maintenance_micro=70_000_000,
    available_micro=1_000_000_000,
    options_session_upl_micro=1_500_000,
    futures_session_rpl_micro=-500_000,
    seq=5,
)


TRIGGERS = {"account_triggers": 4, "account_trailing": 3, "family_triggers": 2, "family_trailing": 1}


@pytest.mark.parametrize("extended", [False, True])
def test_an_account_summary(extended: bool) -> None:
    fees = [accounts.fee_object("option", "btc_usdc", 300, 300)]
    found = accounts.account_summary_object(VALUES, TRIGGERS, extended=extended, fees=fees)
    shapes.check_shape(through_json(found), shapes.SUMMARY)
    assert (found["balance"], found["equity"], found["margin_balance"]) == (1000.0, 1200.0, 1100.0)
    assert (found["total_pl"], found["options_pl"], found["futures_pl"]) == (1.0, 1.5, -0.5)
    assert ("fees" in found) is extended
    limits = found["limits"]
    assert isinstance(limits, dict)
    assert limits["trigger_orders"] == TRIGGERS


def test_summaries_list_each_currency_once() -> None:
    both = [VALUES, AccountValues(64, "alice", "BTC")]
    found = accounts.account_summaries_object(both, TRIGGERS, extended=True)
    rows = found["summaries"]
    assert isinstance(rows, list)
    assert [row["currency"] for row in rows] == ["USDC", "BTC"]
    for row in rows:
        shapes.check_shape(row, shapes.PORTFOLIO)
    assert (found["id"], found["username"], found["type"]) == (64, "alice", "main")


def test_a_portfolio_frame() -> None:
    shapes.check_shape(through_json(accounts.portfolio_data(VALUES)), shapes.PORTFOLIO)


def test_limits_are_those_of_the_credit_policy() -> None:
    assert accounts.api_limits(CreditPolicy.of_the_field())["non_matching_engine"] == {
        "rate": 20,
        "burst": 100,
    }
    matching: Any = accounts.api_limits(CreditPolicy.of_the_field(), 3)["matching_engine"]
    trading = matching["trading"]
    assert trading == {"total": {"rate": 30, "burst": 100}}


def test_a_subaccount_and_its_portfolio() -> None:
    values = AccountValues(65, "alice_1", main=64, model=1, tier=2, is_locked=True)
    found = accounts.subaccount_object(values)
    shapes.check_shape(
        through_json(found),
        {
            **dict.fromkeys(("email", "system_name", "username", "margin_model", "type"), str),
            **dict.fromkeys(("login_enabled", "is_password", "receive_notifications"), bool),
            **dict.fromkeys(("security_keys_assignments", "disabled_trading_products"), list),
            "trading_products_details": list,
            "security_keys_enabled": bool,
            "proof_id": str,
            "proof_id_signature": str,
            "referrals_count": int,
            "id": int,
        },
    )
    assert (found["type"], found["margin_model"], found["login_enabled"]) == (
        "subaccount",
        "segregated_pm",
        False,
    )
    assert accounts.account_summary_object(values, TRIGGERS)["fee_group"] == "tier_2"
    portfolio = accounts.currency_portfolio(VALUES)
    shapes.check_shape(
        through_json(portfolio),
        {
            "currency": str,
            **dict.fromkeys(
                (
                    "margin_balance",
                    "maintenance_margin",
                    "initial_margin",
                    "equity",
                    "balance",
                    "available_withdrawal_funds",
                    "available_funds",
                    "additional_reserve",
                    "spot_reserve",
                ),
                shapes.NUM,
            ),
        },
    )
    assert (portfolio["initial_margin"], portfolio["maintenance_margin"]) == (100.0, 80.0)
