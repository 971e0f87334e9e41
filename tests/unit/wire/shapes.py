"""Required fields of the dialect's objects and their JSON types, as its public reference lists them."""

from __future__ import annotations

from typing import Final

NUM: Final = (int, float)
_NULL: Final = type(None)
# Prices of an empty side or an untraded instrument are null on the wire, and typed so by its clients.
OPTIONAL_NUM: Final = (int, float, _NULL)

Shape = dict[str, type | tuple[type, ...]]

ORDER: Final[Shape] = {
    "order_id": str,
    "order_state": str,
    "order_type": str,
    "time_in_force": str,
    "instrument_name": str,
    "creation_timestamp": int,
    "last_update_timestamp": int,
    "direction": str,
    "price": (int, float, str),
    "label": str,
    "post_only": bool,
    "api": bool,
    # read by clients although the reference calls them optional
    "amount": NUM,
    "filled_amount": NUM,
    "average_price": NUM,
    "seq": int,
}
PUBLIC_TRADE: Final[Shape] = {
    "trade_id": str,
    "trade_seq": int,
    "instrument_name": str,
    "timestamp": int,
    "direction": str,
    "tick_direction": int,
    "index_price": NUM,
    "price": NUM,
    "amount": NUM,
    "mark_price": NUM,
    "seq": int,
}
USER_TRADE: Final[Shape] = {
    **PUBLIC_TRADE,
    "order_id": str,
    "order_type": str,
    "matching_id": _NULL,
    "fee": NUM,
    "fee_currency": str,
    "liquidity": str,
    "state": str,
}
STATS: Final[Shape] = {"volume": NUM, "low": OPTIONAL_NUM, "high": OPTIONAL_NUM}
TICKER: Final[Shape] = {
    "instrument_name": str,
    "timestamp": int,
    "state": str,
    "stats": dict,
    "open_interest": NUM,
    "best_bid_price": OPTIONAL_NUM,
    "best_bid_amount": NUM,
    "best_ask_price": OPTIONAL_NUM,
    "best_ask_amount": NUM,
    "index_price": NUM,
    "min_price": NUM,
    "max_price": NUM,
    "mark_price": NUM,
    "last_price": OPTIONAL_NUM,
    "estimated_delivery_price": NUM,
}
OPTION_TICKER: Final[Shape] = {
    **TICKER,
    "underlying_price": NUM,
    "underlying_index": str,
    "interest_rate": NUM,
    "bid_iv": NUM,
    "ask_iv": NUM,
    "mark_iv": NUM,
    "greeks": dict,
}
GREEKS: Final[Shape] = {"delta": NUM, "gamma": NUM, "rho": NUM, "theta": NUM, "vega": NUM}
BOOK_SUMMARY: Final[Shape] = {
    "instrument_name": str,
    "high": OPTIONAL_NUM,
    "low": OPTIONAL_NUM,
    "base_currency": str,
    "quote_currency": str,
    "volume": NUM,
    "bid_price": OPTIONAL_NUM,
    "ask_price": OPTIONAL_NUM,
    "mid_price": OPTIONAL_NUM,
    "mark_price": NUM,
    "last": OPTIONAL_NUM,
    "open_interest": NUM,
    "creation_timestamp": int,
}
INSTRUMENT: Final[Shape] = {
    "kind": str,
    "base_currency": str,
    "quote_currency": str,
    "counter_currency": str,
    "settlement_currency": str,
    "min_trade_amount": NUM,
    "instrument_name": str,
    "is_active": bool,
    "settlement_period": str,
    "creation_timestamp": int,
    "tick_size": NUM,
    "tick_size_steps": list,
    "expiration_timestamp": int,
    "contract_size": int,
    "maker_commission": NUM,
    "taker_commission": NUM,
    "price_index": str,
    "underlying_type": str,
    "state": str,
}
POSITION: Final[Shape] = {
    "instrument_name": str,
    "kind": str,
    "average_price": NUM,
    "direction": str,
    "mark_price": NUM,
    "delta": NUM,
    "index_price": NUM,
    "initial_margin": NUM,
    "maintenance_margin": NUM,
    "settlement_price": NUM,
    "total_profit_loss": NUM,
    "floating_profit_loss": NUM,
    "realized_profit_loss": NUM,
    "size": NUM,
    "estimated_liquidation_price": OPTIONAL_NUM,
    "open_orders_margin": NUM,
}
PORTFOLIO: Final[Shape] = {
    "currency": str,
    **dict.fromkeys(
        (
            "equity",
            "maintenance_margin",
            "initial_margin",
            "available_funds",
            "available_withdrawal_funds",
            "balance",
            "margin_balance",
            "session_upl",
            "session_rpl",
            "total_pl",
            "options_pl",
            "options_session_rpl",
            "options_session_upl",
            "options_delta",
            "options_gamma",
            "options_theta",
            "options_value",
            "options_vega",
            "futures_pl",
            "futures_session_rpl",
            "futures_session_upl",
            "projected_delta_total",
            "projected_maintenance_margin",
        ),
        NUM,
    ),
    "delta_total_map": dict,
    "options_gamma_map": dict,
    "options_theta_map": dict,
    "options_vega_map": dict,
    "portfolio_margining_enabled": bool,
    "cross_collateral_enabled": bool,
    "margin_model": str,
}
SUMMARY: Final[Shape] = {
    **{name: kind for name, kind in PORTFOLIO.items() if name != "delta_total_map"},
    "delta_total": NUM,
    "email": str,
    "id": int,
    "security_keys_enabled": bool,
    "system_name": str,
    "type": str,
    "username": str,
}
CURRENCY: Final[Shape] = {
    "withdrawal_fee": NUM,
    "currency": str,
    "currency_long": str,
    "min_confirmations": int,
    "coin_type": str,
    "in_cross_collateral_pool": bool,
}


def check_shape(found: object, shape: Shape) -> None:
    """Every field is there with its JSON type (a bool is no number)."""
    assert isinstance(found, dict)
    for name, kind in shape.items():
        assert name in found, f"{name} is missing"
        value = found[name]
        assert isinstance(value, kind), f"{name} is {value!r}"
        if kind is int or kind is NUM or kind is OPTIONAL_NUM:
            assert not isinstance(value, bool), f"{name} is {value!r}"
