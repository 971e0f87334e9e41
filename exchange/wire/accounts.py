"""The JSON objects of accounts: portfolio, account summary and summaries, fees and limits.

Figures are given in micro-USDC; what floats by nature (Greeks) is given as floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from exchange.domain.records import MODEL_PORTFOLIO
from exchange.wire import names
from exchange.wire.credits import CreditPolicy
from exchange.wire.figures import Greeks
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject

# What is traded here, in the words of `set_disabled_trading_products`; the dialect has more.
PRODUCTS: Final = ("perpetual", "options", "option_combos")
PRODUCTS_KNOWN: Final = (*PRODUCTS, "futures", "future_combos", "spots")


class AccountSettings(msgspec.Struct, frozen=True):
    """What an account, or its main account, has chosen at the edge."""

    email: str = ""
    language: str = "en"
    notifications: bool = False
    disabled_products: tuple[str, ...] = ()


@dataclass(slots=True)
class AccountValues:
    """One account's figures in its settlement currency, as the core enforces them.

    `funds_micro` is cash with the perpetuals marked in, `equity_micro` also values the options,
    `balance_micro` is what margin is held against (funds, or equity under the portfolio model); initial
    margin counts open orders as the core does, `projected_…` leaves them out. Maps are per expiry or
    index, as the dialect draws them. `main` is 0 for a main account.
    """

    account: int = 0
    name: str = ""
    currency: str = names.QUOTE_CURRENCY
    created_ms: int = 0
    cash_micro: int = 0
    funds_micro: int = 0
    equity_micro: int = 0
    balance_micro: int = 0
    initial_micro: int = 0
    maintenance_micro: int = 0
    projected_initial_micro: int = 0
    projected_maintenance_micro: int = 0
    held_micro: int = 0
    main: int = 0
    model: int = 0
    tier: int = 0
    is_locked: bool = False
    liquidation: int = 0
    available_micro: int = 0
    withdrawable_micro: int = 0
    options_value_micro: int = 0
    options_session_upl_micro: int = 0
    options_session_rpl_micro: int = 0
    futures_session_upl_micro: int = 0
    futures_session_rpl_micro: int = 0
    delta_total: float = 0.0
    options_greeks: Greeks = field(default_factory=Greeks)
    delta_total_map: dict[str, float] = field(default_factory=dict)
    options_gamma_map: dict[str, float] = field(default_factory=dict)
    options_theta_map: dict[str, float] = field(default_factory=dict)
    options_vega_map: dict[str, float] = field(default_factory=dict)
    options_delta_map: dict[str, float] = field(default_factory=dict)
    options_rho_map: dict[str, float] = field(default_factory=dict)
    delta_usd: float = 0.0
    cancels_maker: bool = False
    settings: AccountSettings = field(default_factory=AccountSettings)
    seq: int = 0


def portfolio_data(values: AccountValues) -> JsonObject:
    """A frame of `user.portfolio.{currency}`, and the core of the account summary."""
    upl = values.options_session_upl_micro + values.futures_session_upl_micro
    rpl = values.options_session_rpl_micro + values.futures_session_rpl_micro
    initial = usdc(values.initial_micro)
    maintenance = usdc(values.maintenance_micro)
    equity = usdc(values.equity_micro)
    margin_balance = usdc(values.balance_micro)
    return {
        "currency": values.currency,
        "balance": usdc(values.cash_micro),
        "equity": equity,
        "margin_balance": margin_balance,
        "available_funds": usdc(values.available_micro),
        "available_withdrawal_funds": usdc(values.withdrawable_micro),
        "initial_margin": initial,
        "maintenance_margin": maintenance,
        "projected_initial_margin": usdc(values.projected_initial_micro),
        "projected_maintenance_margin": usdc(values.projected_maintenance_micro),
        "total_pl": usdc(upl + rpl),
        "session_upl": usdc(upl),
        "session_rpl": usdc(rpl),
        "options_value": usdc(values.options_value_micro),
        "options_pl": usdc(values.options_session_upl_micro + values.options_session_rpl_micro),
        "options_session_upl": usdc(values.options_session_upl_micro),
        "options_session_rpl": usdc(values.options_session_rpl_micro),
        "options_delta": values.options_greeks.delta,
        "options_gamma": values.options_greeks.gamma,
        "options_theta": values.options_greeks.theta,
        "options_vega": values.options_greeks.vega,
        "options_rho": values.options_greeks.rho,
        "options_delta_map": values.options_delta_map,
        "options_gamma_map": values.options_gamma_map,
        "options_theta_map": values.options_theta_map,
        "options_vega_map": values.options_vega_map,
        "options_rho_map": values.options_rho_map,
        "futures_pl": usdc(values.futures_session_upl_micro + values.futures_session_rpl_micro),
        "futures_session_upl": usdc(values.futures_session_upl_micro),
        "futures_session_rpl": usdc(values.futures_session_rpl_micro),
        "delta_total": values.delta_total,
        "delta_total_map": values.delta_total_map,
        "projected_delta_total": values.delta_total,
        "spot_reserve": 0.0,
        "additional_reserve": 0.0,
        "fee_balance": 0.0,
        "locked_balance": usdc(values.held_micro),
        "portfolio_margining_enabled": values.model == MODEL_PORTFOLIO,
        "cross_collateral_enabled": False,
        "margin_model": names.margin_model(values.model),
        "total_equity_usd": equity,
        "total_initial_margin_usd": initial,
        "total_maintenance_margin_usd": maintenance,
        "total_margin_balance_usd": margin_balance,
        "total_delta_total_usd": values.delta_usd,
        "seq": values.seq,
    }


def _identity(values: AccountValues) -> JsonObject:
    return {
        "id": values.account,
        "username": values.name,
        "system_name": values.name,
        "email": values.settings.email,
        "type": "subaccount" if values.main else "main",
        "creation_timestamp": values.created_ms,
        "login_enabled": True,
        "security_keys_enabled": False,
        "mmp_enabled": False,
        "interuser_transfers_enabled": False,
        "self_trading_reject_mode": "cancel_maker" if values.cancels_maker else "reject_taker",
        "self_trading_extended_to_subaccounts": "false",
        "receive_notifications": values.settings.notifications,
        "block_rfq_self_match_prevention": "false",
        "has_non_block_chain_equity": False,
    }


def account_summary_object(
    values: AccountValues,
    triggers: Mapping[str, int],
    *,
    extended: bool = False,
    fees: Sequence[JsonObject] = (),
) -> JsonObject:
    """`private/get_account_summary`; `extended` adds who the account is and its fees.

    `triggers`: how many orders may wait for one, of the account and its family (`limits.trigger_orders`).
    """
    found = portfolio_data(values)
    found["fee_group"] = fee_group(values.tier)
    found["limits"] = {**api_limits(tier=values.tier), "trigger_orders": {**triggers}}
    identity = _identity(values)
    # Strict clients require these few with or without `extended`.
    for name in ("id", "username", "system_name", "email", "type", "security_keys_enabled"):
        found[name] = identity[name]
    if extended:
        found.update(identity)
        found["fees"] = list(fees)
    return found


def account_summaries_object(
    summaries: Sequence[AccountValues],
    triggers: Mapping[str, int],
    *,
    extended: bool = False,
    fees: Sequence[JsonObject] = (),
) -> JsonObject:
    """`private/get_account_summaries`: the account once, its currencies in `summaries` (not empty)."""
    found = _identity(summaries[0])
    rows: list[JsonObject] = []
    for values in summaries:
        row = portfolio_data(values)
        row["fee_group"] = fee_group(values.tier)
        row["limits"] = {**api_limits(tier=values.tier), "trigger_orders": {**triggers}}
        if extended:
            row["fees"] = list(fees)
        rows.append(row)
    found["summaries"] = rows
    return found


def subaccount_object(values: AccountValues) -> JsonObject:
    """One account of a family, as `private/get_subaccounts` and `private/create_subaccount` show it.

    There are no passwords or security keys here: what the dialect requires of them is empty.
    """
    return {
        "id": values.account,
        "type": "subaccount" if values.main else "main",
        "username": values.name,
        "system_name": values.name,
        "email": values.settings.email,
        "is_password": False,
        "login_enabled": not values.is_locked,
        "receive_notifications": values.settings.notifications,
        "security_keys_enabled": False,
        "security_keys_assignments": [],
        "margin_model": names.margin_model(values.model),
        "disabled_trading_products": list(values.settings.disabled_products),
        "trading_products_details": _products(values.settings),
        "proof_id": "",
        "proof_id_signature": "",
        "referrals_count": 0,
    }


def _products(settings: AccountSettings) -> list[JsonObject]:
    return [
        {
            "product": product,
            "enabled": product not in settings.disabled_products,
            "overwriteable": True,
            "requires_consent": False,
        }
        for product in PRODUCTS
    ]


def currency_portfolio(values: AccountValues) -> JsonObject:
    """`<currency_portfolio>`: the few figures of a portfolio a list of accounts shows."""
    return {
        "currency": values.currency.lower(),
        "balance": usdc(values.cash_micro),
        "equity": usdc(values.equity_micro),
        "margin_balance": usdc(values.balance_micro),
        "initial_margin": usdc(values.initial_micro),
        "maintenance_margin": usdc(values.maintenance_micro),
        "available_funds": usdc(values.available_micro),
        "available_withdrawal_funds": usdc(values.withdrawable_micro),
        "additional_reserve": 0.0,
        "spot_reserve": 0.0,
    }


def fee_group(tier: int) -> str:
    """The dialect's `fee_group`: the account's volume tier."""
    return f"tier_{tier}" if tier else "default"


def fee_object(kind: str, index: str, maker_ppm: int, taker_ppm: int) -> JsonObject:
    """One entry of `fees`: fractions of the index notional for an instrument type of an index."""
    return {
        "index_name": index,
        "kind": kind,
        "instrument_type": kind,
        "maker_fee": maker_ppm / 1_000_000,
        "taker_fee": taker_ppm / 1_000_000,
    }


def api_limits(policy: CreditPolicy | None = None, tier: int = 0) -> JsonObject:
    """`<api_limits>` in requests: what wire/credits.py grants an account of a fee tier."""
    general, _, _, matching = (policy or CreditPolicy()).pools(tier)
    trading = {"rate": int(matching.rate_per_s), "burst": matching.burst}
    return {
        "non_matching_engine": {"rate": int(general.rate_per_s), "burst": general.burst},
        "matching_engine": {
            "trading": {"total": trading},
            "maximum_mass_quotes": trading,
            "cancel_all": trading,
        },
        "limits_per_currency": False,
    }
