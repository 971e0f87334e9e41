"""How each method is called on the market: what of its parameters the facts alone cannot choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.conformance.schema import facts
from tests.conformance.schema.market import PROTECTION, SOON, STRADDLE, Market
from tests.conformance.schema.market_blocks import LEGS, NAMED, TRADES
from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, Client

Params = dict[str, Any]

# Values of parameters by name, wherever they are required. An enumeration takes its first word.
_VALUES: Final[Mapping[str, object]] = {
    "instrument_name": OPTION,
    "currency": "USDC",
    "range": "1d",
    "currency_pair": "btc_usdc",
    "index_name": "btc_usdc",
    "start_timestamp": 0,
    "end_timestamp": 4_000_000_000_000,
    "amount": 0.1,
    "price": 4_500.0,
    "type": "limit",
    "language": "en",
    "email": "sub@example.org",
    "name": "another",
    "combo_id": STRADDLE,
}
_STRADDLE: Final = [
    {"instrument_name": name, "amount": 0.1, "direction": "buy"} for name in (OPTION, PUT)
]
_NOT_CHOSEN: Final = "a value for every required parameter"


def _quotes(market: Market) -> Params:
    """One that trades, one that rests, one that is off tick."""
    bids = ((OPTION, 5_000.0), (PUT, 4_700.0), (PERPETUAL, 99_000.1))
    quotes = [
        {"instrument_name": name, "quote_set_id": "2", "bid": {"price": price, "amount": 0.1}}
        for name, price in bids
    ]
    return {"quote_id": "q2", "mmp_group": "g", "quotes": quotes}


def _open_order(market: Market) -> Params:
    return {"order_id": market.resting()}


def _edited(market: Market) -> Params:
    return {"order_id": market.resting(), "amount": 0.2, "price": 5_000.0}


def _edited_by_label(market: Market) -> Params:
    market.alice.buy(PUT, 0.1, 4_600.0, label="mine")
    return {"label": "mine", "instrument_name": PUT, "amount": 0.1, "price": 5_000.0}


def _done_order(market: Market) -> Params:
    order = market.bob.sell(OPTION, 0.1, 5_000.0)["order"]
    market.alice.buy(OPTION, 0.1, 5_000.0)
    return {"order_id": order["order_id"], "_client": market.bob}


def _withdrawal(market: Market) -> Params:
    made = market.alice.call("private/withdraw", currency="USDC", amount=5)
    return {"currency": "USDC", "id": made["id"]}


def _empty_subaccount(market: Market) -> Params:
    _, made = market.rig.sub(market.alice)
    return {"subaccount_id": made["id"]}


def _auth(market: Market) -> Params:
    key = market.key
    return {
        "grant_type": "client_credentials",
        "client_id": key.client_id,
        "client_secret": key.secret,
        "_client": market.rig.connect(),
    }


def _transfer(market: Market) -> Params:
    return {"currency": "USDC", "amount": 10, "destination": market.sub.account}


def _moved(market: Market) -> Params:
    """A position of a family of its own, which may move as often as the walk asks."""
    main = market.rig.main(1_000_000)
    sub, _ = market.rig.sub(main)
    main.call(
        "private/submit_transfer_to_subaccount", currency="USDC", amount=10_000, destination=sub.account
    )
    main.buy(OPTION, 0.1, 5_000.0)
    market.bob.sell(OPTION, 0.1, 5_000.0)
    trades = [{"instrument_name": OPTION, "amount": 0.1}]
    return {"source_uid": main.account, "target_uid": sub.account, "trades": trades, "_client": main}


def _subaccount(market: Market, name: str = "sid") -> Params:
    return {name: market.sub.account}


def _key(market: Market) -> int:
    """A key that a method may change or end."""
    made: int = market.alice.call("private/create_api_key", max_scope=["trade:read"])["id"]
    return made


def _spare_key(market: Market) -> Params:
    keys = market.alice.call("private/list_api_keys")
    if not keys:
        _key(market)  # the last one is not to be removed
    if len(keys) >= 8:
        market.alice.call("private/remove_api_key", id=keys[-1]["id"])
    return {"id": _key(market), "max_scope": ["trade:read"], "name": "walk"}


def _refresh(market: Market) -> Params:
    grant = {**_auth(market), "scope": "session:walk"}
    client = grant.pop("_client")
    return {"refresh_token": client.call("public/auth", **grant)["refresh_token"], "_client": client}


def _quote(market: Market, **more: Any) -> Params:
    """A quote of Alice's, and what may be changed of it."""
    return {"block_rfq_quote_id": market.blocks.own_quote()["block_rfq_quote_id"], **more}


def _asked(market: Market) -> Params:
    market.blocks.to_approve()
    return {}


_QUOTED: Final[Params] = {
    "amount": 0.1,
    "legs": [{**NAMED[0], "price": 5_005}, {**NAMED[1], "price": 5_000}],
}
_BLOCKS: Final[Mapping[str, Callable[[Market], Params]]] = {
    "private/verify_block_trade": lambda m: {**m.blocks.side(), "trades": TRADES},
    "private/execute_block_trade": lambda m: m.blocks.to_execute(),
    "private/simulate_block_trade": lambda m: {"trades": TRADES},
    "private/invalidate_block_trade_signature": lambda m: {"signature": m.blocks.signature()},
    "private/approve_block_trade": lambda m: m.blocks.to_approve(),
    "private/reject_block_trade": lambda m: m.blocks.to_approve(),
    "private/get_block_trade_requests": _asked,
    "private/get_block_trade": lambda m: {"id": m.blocks.executed()},
    "private/create_block_rfq": lambda m: {"legs": LEGS},
    "private/cancel_block_rfq": lambda m: {"block_rfq_id": m.blocks.rfq()},
    "private/accept_block_rfq": lambda m: m.blocks.to_accept(m.blocks.rfq()),
    "private/cancel_block_rfq_trigger": lambda m: {"block_rfq_id": m.blocks.waiting()},
    "private/get_block_rfqs": lambda m: {"role": m.blocks.rfq() and "any"},
    "private/add_block_rfq_quote": lambda m: {
        "block_rfq_id": m.blocks.own_quote()["block_rfq_id"], "direction": "sell", **_QUOTED
    },
    "private/edit_block_rfq_quote": lambda m: _quote(m, **_QUOTED),
    "private/cancel_block_rfq_quote": _quote,
    "private/cancel_all_block_rfq_quotes": lambda m: {"block_rfq_id": m.blocks.own_quote()["block_rfq_id"]},
    "private/get_block_rfq_quotes": lambda m: {"block_rfq_id": m.blocks.own_quote()["block_rfq_id"]},
}


def _log(market: Market) -> Params:
    _spare_key(market)
    return {}


Script = Callable[[Market], Params]
# Parameters of a method, beside those the facts require; `_client` is who calls (alice otherwise).
SCRIPTS: Final[Mapping[str, Script]] = {
    **_BLOCKS,
    "private/create_api_key": lambda m: {"max_scope": ["trade:read"]},
    "private/list_api_keys": _log,
    "private/get_access_log": _log,
    **{
        f"private/{name}": _spare_key
        for name in (
            "edit_api_key",
            "change_api_key_name",
            "change_scope_in_api_key",
            "enable_api_key",
            "disable_api_key",
            "reset_api_key",
            "remove_api_key",
        )
    },
    "private/toggle_subaccount_login": lambda m: {**_subaccount(m), "state": "enable"},
    "public/fork_token": lambda m: {**_refresh(m), "session_name": "robot"},
    "public/exchange_token": lambda m: {**_refresh(m), "subject_id": m.sub.account},
    "public/auth": _auth,
    "public/hello": lambda m: {"client_name": "walk", "client_version": "1"},
    "public/set_heartbeat": lambda m: {"interval": 30, "_client": m.rig.connect()},
    "public/disable_heartbeat": lambda m: {"_client": m.rig.connect()},
    "public/subscribe": lambda m: {"channels": [f"book.{OPTION}.100ms"], "_client": m.rig.connect()},
    "public/unsubscribe": lambda m: {"channels": [f"book.{OPTION}.100ms"]},
    "public/unsubscribe_all": lambda m: {"_client": m.rig.connect()},
    "private/subscribe": lambda m: {"channels": ["user.portfolio.usdc"]},
    "private/unsubscribe": lambda m: {"channels": ["user.portfolio.usdc"]},
    "private/unsubscribe_all": lambda m: {"_client": m.rig.connect(m.sub.account)},
    "public/get_instruments": lambda m: {"currency": "any"},
    "public/get_book_summary_by_currency": lambda m: {"currency": "USDC"},
    "public/get_apr_history": lambda m: {"currency": "usdc"},
    "public/get_order_book_by_instrument_id": lambda m: {"instrument_id": 0},
    "public/get_funding_chart_data": lambda m: {"instrument_name": PERPETUAL, "length": "1m"},
    "public/get_funding_rate_history": lambda m: {"instrument_name": PERPETUAL},
    "public/get_funding_rate_value": lambda m: {"instrument_name": PERPETUAL},
    "public/get_last_settlements_by_instrument": lambda m: {"instrument_name": PERPETUAL},
    "private/get_settlement_history_by_instrument": lambda m: {"instrument_name": SOON},
    "private/create_combo": lambda m: {"trades": _STRADDLE},
    "private/get_leg_prices": lambda m: {"legs": _STRADDLE, "price": 10_000.0},
    "private/buy": lambda m: {"instrument_name": OPTION, "amount": 0.1, "price": 5_000.0},
    "private/sell": lambda m: {"instrument_name": OPTION, "amount": 0.1, "price": 4_850.0, "_client": m.bob},
    "private/edit": _edited,
    "private/cancel": _open_order,
    "private/edit_by_label": _edited_by_label,
    "private/move_positions": _moved,
    "private/close_position": lambda m: {"instrument_name": m.held(), "type": "market"},
    "private/cancel_all_by_currency_pair": lambda m: {"currency_pair": m.resting() and "btc_usdc"},
    "private/cancel_all_by_kind_or_type": lambda m: {"currency": m.resting() and ["BTC", "ETH"]},
    "private/get_order_state": _open_order,
    "public/get_volatility_index_data": lambda m: {"currency": "BTC"},
    "public/get_mark_price_history": lambda m: {"instrument_name": OPTION},
    "public/get_trade_volumes": lambda m: {"extended": True},
    "private/get_open_orders_by_label": lambda m: {"label": m.resting() and "resting"},
    "private/get_order_state_by_label": lambda m: {"label": m.resting() and "resting"},
    "private/get_order_margin_by_ids": lambda m: {"ids": [m.resting()]},
    "private/get_order_history_by_currency": lambda m: {"include_unfilled": True, "count": 1000},
    "private/get_user_trades_by_order": _done_order,
    "private/cancel_all_by_instrument": lambda m: {"instrument_name": m.resting() and OPTION},
    "private/cancel_by_label": lambda m: {"label": m.resting() and "resting"},
    "private/cancel_quotes": lambda m: {"cancel_type": "all", "_client": m.bob},
    "private/mass_quote": _quotes,
    "private/set_mmp_config": lambda m: {**PROTECTION, "mmp_group": "walk"},
    "private/reset_mmp": lambda m: {"index_name": "btc_usdc", "mmp_group": "g"},
    "private/get_mmp_status": lambda m: {"index_name": m.trip()},
    "private/get_margins": lambda m: {"amount": 1, "price": 5_000.0},
    "private/simulate_portfolio": lambda m: {"simulated_positions": {OPTION: 1}},
    "private/change_margin_model": lambda m: {
        "margin_model": "segregated_pm", "dry_run": True, "_client": m.rig.main(1_000)
    },
    "private/set_self_trading_config": lambda m: {"mode": "reject_taker", "extended_to_subaccounts": False},
    "private/submit_transfer_between_subaccounts": _transfer,
    "private/submit_transfer_to_subaccount": _transfer,
    "private/cancel_withdrawal": _withdrawal,
    "private/remove_subaccount": _empty_subaccount,
    "private/set_announcement_as_read": lambda m: {"announcement_id": 2},
    "private/toggle_notifications_from_subaccount": lambda m: {**_subaccount(m), "state": True},
    "private/set_email_for_subaccount": _subaccount,
    "private/set_disabled_trading_products": lambda m: {
        "user_id": m.sub.account, "trading_products": ["options"]
    },
    "private/change_subaccount_name": lambda m: {**_subaccount(m), "name": "another"},
    "private/get_subaccounts": lambda m: {"with_portfolio": True},
    "private/get_subaccounts_details": lambda m: {"with_open_orders": True},
    "private/get_account_summary": lambda m: {"currency": "USDC", "extended": True},
    "private/get_account_summaries": lambda m: {"extended": True},
}
# Lists that stay empty on the market, by `method path`, and why. Everything else shows at least one item.
MAY_BE_BARE: Final[Mapping[str, str]] = {
    "private/mass_quote pending_requests": "a reply comes when nothing is pending any more",
    "private/create_block_rfq asks": "nobody has quoted yet",
    "private/create_block_rfq bids": "nobody has quoted yet",
    "private/cancel_block_rfq asks": "its quotes are gone with it",
    "private/cancel_block_rfq bids": "its quotes are gone with it",
    "public/get_apr_history data": "no coin yields anything here",
    "public/get_historical_volatility .": "it takes a day of index prices",
    "public/get_currencies [].withdrawal_priorities": "a withdrawal costs nothing: there is nothing to buy",
}


def params_of(market: Market, method: str) -> tuple[Client, Params]:
    """Who calls a method, and with what: its script, and the facts' required parameters.

    Raises:
        AssertionError: a required parameter has neither a script nor a usual value.
    """
    given = SCRIPTS[method](market) if method in SCRIPTS else {}
    client: Client = given.pop("_client", market.alice)
    if not method.startswith("private/") and client is market.alice:
        client = market.nobody
    for fact in facts.methods()[method].params:
        if fact.required and fact.path not in given and method not in _OWN_CHOICE:
            given[fact.path] = _usual(method, fact)
    return client, given


# Their required parameters exclude each other (`cancel_type` and `grant_type` choose among them).
_OWN_CHOICE: Final = frozenset({"public/auth", "private/cancel_quotes"})


def _usual(method: str, fact: facts.Fact) -> object:
    if fact.path in _VALUES:
        return _VALUES[fact.path]
    if fact.kind.startswith("enum("):
        return fact.kind[len("enum(") : -1].split("|")[0]
    raise AssertionError(f"{method}: {_NOT_CHOSEN}, `{fact.path}` has none")
