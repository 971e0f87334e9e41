"""Replies of money and risk have the fields the dialect requires, of the types it documents.

As `test_reply_fields`: field names and types are those its documentation marks as required in the results.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.domain import commands
from tests.unit.gateway.rig import EXPIRY_MS, OPTION, PERPETUAL, Client
from tests.unit.gateway.risk_rig import RiskRig
from tests.unit.gateway.test_reply_fields import ACCOUNT, OWNER, POSITION, Fields, missing

_TYPES = {"s": (str,), "n": (int, float), "i": (int,), "b": (bool,), "o": (dict,), "a": (list,)}


def fields(**by_type: str) -> Fields:
    return {name: _TYPES[kind] for kind, names in by_type.items() for name in names.split()}


SUBACCOUNT = fields(
    s="email system_name username type",
    b="receive_notifications is_password security_keys_enabled",
    i="id",
)
CREATED = {
    **SUBACCOUNT,
    **fields(
        s="margin_model proof_id proof_id_signature",
        b="login_enabled",
        a="security_keys_assignments disabled_trading_products trading_products_details",
        i="referrals_count",
    ),
}
PORTFOLIO = fields(
    s="currency",
    n=(
        "margin_balance maintenance_margin initial_margin equity balance available_withdrawal_funds "
        "available_funds additional_reserve spot_reserve"
    ),
)
TRANSFER = fields(s="type currency other_side state", i="id created_timestamp updated_timestamp", n="amount")
WITHDRAWAL = fields(s="address currency state transaction_id", i="updated_timestamp", n="amount")
DEPOSIT = fields(
    s="currency address state transaction_id", i="received_timestamp updated_timestamp", n="amount"
)
SETTLEMENT = fields(
    s="instrument_name type", i="timestamp", n="funding index_price position session_profit_loss"
)
MARGIN_STATE = fields(n="maintenance_margin_rate initial_margin_rate available_balance")


@pytest.fixture
def rig() -> Iterator[RiskRig]:
    rig = RiskRig()
    rig.open()
    yield rig
    rig.close()


@pytest.fixture
def client(rig: RiskRig) -> Client:
    """A trader with an option and a future that were funded, settled and delivered."""
    maker, taker = rig.main(), rig.main(name="bob")
    for instrument, price in ((OPTION, 5_000.0), (PERPETUAL, 100_000.0)):
        maker.sell(instrument, 1.0, price)
        taker.buy(instrument, 0.5, price)
    rig.order(commands.funding(2, 1_000))
    rig.order(commands.settle_perpetual(2, 201_000))
    rig.clock.ms = EXPIRY_MS
    rig.order(commands.time(EXPIRY_MS))
    rig.order(commands.deliver(0, 103_000_000_000))
    return taker


def settlements(client: Client, method: str, **params: Any) -> None:
    found = client.call(method, **params)
    assert isinstance(found["continuation"], str)
    assert found["settlements"]
    assert [missing(each, SETTLEMENT) for each in found["settlements"]] == [[]] * len(found["settlements"])


def test_of_settlements(client: Client) -> None:
    for area, stem in (("private", "get_settlement_history"), ("public", "get_last_settlements")):
        settlements(client, f"{area}/{stem}_by_currency", currency="USDC")
        settlements(client, f"{area}/{stem}_by_instrument", instrument_name=PERPETUAL)
    prices = client.call("public/get_delivery_prices", index_name="btc_usdc")
    assert missing(prices, fields(n="records_total", a="data")) == []
    assert [missing(each, fields(s="date", n="delivery_price")) for each in prices["data"]] == [[]]


def test_of_funding(client: Client) -> None:
    period = {"instrument_name": PERPETUAL, "start_timestamp": 0, "end_timestamp": EXPIRY_MS}
    optional = fields(i="timestamp", n="prev_index_price index_price interest_1h interest_8h")
    (row,) = client.call("public/get_funding_rate_history", **period)
    assert missing(row, optional) == []
    assert isinstance(client.call("public/get_funding_rate_value", **period), float)
    chart = client.call("public/get_funding_chart_data", instrument_name=PERPETUAL, length="24h")
    assert missing(chart, fields(n="current_interest interest_8h", a="data")) == []


def test_of_margin(client: Client) -> None:
    found = client.call("private/get_margins", instrument_name=PERPETUAL, amount=1, price=100_000)
    assert missing(found, fields(n="buy sell min_price max_price")) == []
    figures = {name: types for name, types in ACCOUNT.items() if name not in OWNER}
    simulated = client.call(
        "private/simulate_portfolio", currency="USDC", simulated_positions={PERPETUAL: -1}
    )
    assert missing(simulated, figures) == []
    assert missing(simulated, fields(n="available_subaccount_transfer_funds locked_balance")) == []
    (change,) = client.call("private/change_margin_model", margin_model="segregated_pm", dry_run=True)
    assert missing(change, fields(s="currency", o="old_state new_state")) == []
    for state in ("old_state", "new_state"):
        assert missing(change[state], MARGIN_STATE) == []
    (lock,) = client.call("private/get_user_locks")
    assert missing(lock, fields(s="currency", b="enabled")) == []


def test_of_a_family(client: Client) -> None:
    created = client.call("private/create_subaccount")
    assert missing(created, CREATED) == []
    listed = client.call("private/get_subaccounts", with_portfolio=True)
    assert [missing(each, SUBACCOUNT) for each in listed] == [[], []]
    assert [missing(each["portfolio"]["usdc"], PORTFOLIO) for each in listed] == [[], []]
    details = client.call("private/get_subaccounts_details", currency="USDC", with_open_orders=True)
    assert [missing(each, fields(i="uid", a="positions open_orders")) for each in details] == [[], []]
    assert [missing(each, POSITION) for each in details[0]["positions"]] == [[]]


def test_of_money(client: Client) -> None:
    sub = client.call("private/create_subaccount")["id"]
    sent = client.call(
        "private/submit_transfer_between_subaccounts", currency="USDC", amount=1, destination=sub
    )
    held = client.call("private/withdraw", currency="USDC", amount=1)
    assert missing(sent, TRANSFER) == []
    assert missing(held, WITHDRAWAL) == []
    for method, shape in (
        ("private/get_transfers", TRANSFER),
        ("private/get_withdrawals", WITHDRAWAL),
        ("private/get_deposits", DEPOSIT),
    ):
        found = client.call(method, currency="USDC")
        assert missing(found, fields(i="count", a="data")) == []
        assert [missing(each, shape) for each in found["data"]] == [[]]
    cancelled = client.call("private/cancel_withdrawal", currency="USDC", id=held["id"])
    assert missing(cancelled, WITHDRAWAL) == []
