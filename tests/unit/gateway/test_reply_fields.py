"""Every reply has the fields the dialect requires, of the types it documents.

The field names and types are those the Deribit API v2 documentation marks as required in the results of
the methods named below; enumerations are strings here, and `matching_id` and `estimated_liquidation_price`
are null by our table of deviations or by the dialect's own words.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.gateway.rig import OPTION, PERPETUAL, Client, Rig

Fields = dict[str, tuple[type, ...]]
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
OWNER: Final = {"id", "system_name", "username", "type", "email", "security_keys_enabled"}
NULLABLE: Final = {"matching_id", "estimated_liquidation_price"}


def _fields(**names_by_type: str) -> Fields:
    return {name: _TYPES[kind] for kind, names in names_by_type.items() for name in names.split()}


INSTRUMENT: Final = _fields(
    boolean="is_active",
    integer="contract_size creation_timestamp expiration_timestamp",
    number="min_trade_amount tick_size",
    string="base_currency instrument_name kind price_index quote_currency settlement_period",
)
CURRENCY: Final = _fields(
    boolean="in_cross_collateral_pool",
    integer="min_confirmations",
    number="withdrawal_fee",
    string="coin_type currency currency_long",
)
TICKER: Final = _fields(
    object="stats",
    integer="timestamp",
    number=(
        "best_ask_amount best_ask_price best_bid_amount best_bid_price estimated_delivery_price "
        "index_price last_price mark_price max_price min_price open_interest"
    ),
    string="instrument_name state",
)
ORDER_BOOK: Final = _fields(
    object="stats",
    array="asks bids",
    integer="timestamp",
    number=(
        "best_ask_amount best_ask_price best_bid_amount best_bid_price index_price last_price "
        "mark_price max_price min_price open_interest"
    ),
    string="instrument_name state",
)
SUMMARY: Final = _fields(
    integer="creation_timestamp",
    number="ask_price bid_price high last low mark_price mid_price open_interest volume",
    string="base_currency instrument_name quote_currency",
)
TRADE: Final = _fields(
    integer="tick_direction timestamp trade_seq",
    number="amount index_price mark_price price",
    string="direction instrument_name trade_id",
)
ORDER: Final = _fields(
    boolean="api post_only",
    integer="creation_timestamp last_update_timestamp",
    number="price",
    string="direction instrument_name label order_id order_state order_type time_in_force",
)
OWN_TRADE: Final = _fields(
    integer="tick_direction timestamp trade_seq",
    number="amount fee index_price mark_price price",
    string="direction fee_currency instrument_name matching_id order_id state trade_id",
)
POSITION: Final = _fields(
    number=(
        "average_price delta estimated_liquidation_price floating_profit_loss index_price "
        "initial_margin maintenance_margin mark_price open_orders_margin realized_profit_loss "
        "settlement_price size total_profit_loss"
    ),
    string="direction instrument_name kind",
)
ACCOUNT: Final = _fields(
    boolean="security_keys_enabled",
    integer="id",
    number=(
        "available_funds available_withdrawal_funds balance delta_total equity futures_pl "
        "futures_session_rpl futures_session_upl initial_margin maintenance_margin options_delta "
        "options_gamma options_pl options_session_rpl options_session_upl options_theta "
        "options_value options_vega projected_delta_total projected_maintenance_margin "
        "session_rpl session_upl total_pl"
    ),
    object="options_gamma_map options_theta_map options_vega_map",
    string="currency email system_name type username",
)

def missing(found: Any, fields: Fields) -> list[str]:
    """What an object lacks, or has of another type."""
    wrong = []
    for name, types in fields.items():
        value = found.get(name, ...)
        if value is None and name in NULLABLE:
            continue
        if not isinstance(value, types) or (bool not in types and isinstance(value, bool)):
            wrong.append(f"{name}: {value!r}")
    return wrong


@pytest.fixture
def client() -> Client:
    """A trader who has bought an option and a future, and has an order resting."""
    rig = Rig().open()
    maker, taker = rig.client(), rig.client()
    for instrument, price in ((OPTION, 5_000.0), (PERPETUAL, 100_000.0)):
        maker.sell(instrument, 1.0, price)
        taker.buy(instrument, 0.5, price)
    for instrument, price in ((OPTION, 4_900.0), (PERPETUAL, 99_000.0)):
        taker.buy(instrument, 0.1, price, label="resting")
    return taker


@pytest.mark.parametrize("instrument", [OPTION, PERPETUAL])
def test_of_an_instrument(client: Client, instrument: str) -> None:
    name = {"instrument_name": instrument}
    assert missing(client.call("public/get_instrument", **name), INSTRUMENT) == []
    assert missing(client.call("public/ticker", **name), TICKER) == []
    assert missing(client.call("public/get_order_book", **name), ORDER_BOOK) == []
    (summary,) = client.call("public/get_book_summary_by_instrument", **name)
    assert missing(summary, SUMMARY) == []
    (trade,) = client.call("public/get_last_trades_by_instrument", **name)["trades"]
    assert missing(trade, TRADE) == []
    assert missing(client.call("private/get_position", **name), POSITION) == []
    (mine,) = client.call("private/get_user_trades_by_instrument", **name)["trades"]
    assert missing(mine, OWN_TRADE) == []


def test_of_lists(client: Client) -> None:
    for method, params, fields in (
        ("public/get_currencies", {}, CURRENCY),
        ("public/get_instruments", {"currency": "USDC"}, INSTRUMENT),
        ("public/get_book_summary_by_currency", {"currency": "USDC"}, SUMMARY),
        ("private/get_open_orders", {}, ORDER),
        ("private/get_positions", {"currency": "USDC"}, POSITION),
    ):
        found = client.call(method, **params)
        if fields is SUMMARY:  # where nobody has quoted or traded yet, prices are null
            found = [each for each in found if each["instrument_name"] in (OPTION, PERPETUAL)]
        assert found
        assert [missing(each, fields) for each in found] == [[]] * len(found), method


def test_of_an_order_and_its_trades(client: Client) -> None:
    placed = client.buy(OPTION, 0.2, 5_000.0)
    assert missing(placed["order"], ORDER) == []
    assert [missing(trade, OWN_TRADE) for trade in placed["trades"]] == [[]]
    resting = client.buy(OPTION, 0.2, 4_000.0)["order"]["order_id"]
    edited = client.call("private/edit", order_id=resting, amount=0.1, price=4_000.0)
    assert missing(edited["order"], ORDER) == []
    assert missing(client.call("private/get_order_state", order_id=resting), ORDER) == []
    assert missing(client.call("private/cancel", order_id=resting), ORDER) == []


def test_of_an_account(client: Client) -> None:
    assert missing(client.call("private/get_account_summary", currency="USDC"), ACCOUNT) == []
    found = client.call("private/get_account_summaries")
    owner = {name: types for name, types in ACCOUNT.items() if name in OWNER}
    assert missing(found, owner) == []
    figures = {name: types for name, types in ACCOUNT.items() if name not in OWNER}
    assert [missing(each, figures) for each in found["summaries"]] == [[]] * len(found["summaries"])


def test_of_a_quote(client: Client) -> None:
    found = client.call(
        "private/mass_quote",
        quote_id="q",
        mmp_group="g",
        quotes=[{"instrument_name": OPTION, "quote_set_id": "1", "bid": {"price": 4_000, "amount": 0.1}}],
    )
    assert [missing(order, ORDER) for order in found["orders"]] == [[]]
