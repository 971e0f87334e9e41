"""The JSON objects of figures: ticker, order book, book summary, positions and account summary.

Figures are given in the venue's units (ticks, lots, micro-USDC); what floats by nature (volatilities in
percent, Greeks) is given as floats. An absent figure is None and becomes null or is left out, as the
dialect has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.wire import names
from exchange.wire.credits import CreditPolicy
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.objects import JsonObject, Level, best_fields, levels


@dataclass(slots=True)
class Greeks:
    """Per unit of the underlying: delta, gamma; vega per vol point, theta per day, rho per percent."""

    delta: float = 0.0
    gamma: float = 0.0
    rho: float = 0.0
    theta: float = 0.0
    vega: float = 0.0


@dataclass(slots=True)
class MarketFigures:
    """What the venue knows of one instrument's market at one moment.

    Prices in ticks where they are tradable, in micro-USDC where they are computed; sizes in lots;
    volatilities in percent; volumes over the last 24 hours. `settlement_micro` is the last perpetual
    settlement.
    """

    time_ms: int = 0
    best_bid: Level | None = None
    best_ask: Level | None = None
    last_ticks: int | None = None
    high_ticks: int | None = None
    low_ticks: int | None = None
    price_change: float | None = None
    volume_lots: int = 0
    volume_micro: int = 0
    open_interest_lots: int = 0
    index_micro: int = 0
    forward_micro: int = 0
    mark_micro: int = 0
    min_price_ticks: int = 0
    max_price_ticks: int = 0
    mark_iv: float | None = None
    bid_iv: float | None = None
    ask_iv: float | None = None
    greeks: Greeks | None = None
    interest_rate: float = 0.0
    delivery_micro: int | None = None
    settlement_micro: int | None = None
    current_funding: float = 0.0
    funding_8h: float = 0.0
    seq: int = 0


def _stats(view: InstrumentView, market: MarketFigures) -> JsonObject:
    return {
        "high": None if market.high_ticks is None else view.price(market.high_ticks),
        "low": None if market.low_ticks is None else view.price(market.low_ticks),
        "price_change": market.price_change,
        "volume": view.amount(market.volume_lots),
        "volume_usd": usdc(market.volume_micro),
        "volume_notional": usdc(market.volume_micro),
    }


def ticker_object(view: InstrumentView, market: MarketFigures) -> JsonObject:
    """`<TickerNotification>`; options carry volatilities and Greeks, perpetuals funding."""
    found: JsonObject = {
        "instrument_name": view.name,
        "timestamp": market.time_ms,
        "state": names.instrument_state(view.state),
        "stats": _stats(view, market),
        "open_interest": view.amount(market.open_interest_lots),
        **best_fields(view, market.best_bid, market.best_ask),
        "index_price": usdc(market.index_micro),
        "min_price": view.price(market.min_price_ticks),
        "max_price": view.price(market.max_price_ticks),
        "mark_price": usdc(market.mark_micro),
        "last_price": None if market.last_ticks is None else view.price(market.last_ticks),
        "estimated_delivery_price": usdc(market.index_micro),
        "seq": market.seq,
    }
    if market.settlement_micro is not None:
        found["settlement_price"] = usdc(market.settlement_micro)
    if market.delivery_micro is not None:
        found["delivery_price"] = usdc(market.delivery_micro)
    if view.is_option:
        greeks = market.greeks or Greeks()
        found["underlying_price"] = usdc(market.forward_micro)
        found["underlying_index"] = view.index_name
        found["interest_rate"] = market.interest_rate
        found["bid_iv"] = market.bid_iv or 0.0
        found["ask_iv"] = market.ask_iv or 0.0
        found["mark_iv"] = market.mark_iv or 0.0
        found["greeks"] = greeks_object(greeks)
    else:
        found["current_funding"] = market.current_funding
        found["funding_8h"] = market.funding_8h
        found["interest_value"] = 0.0
    return found


def greeks_object(greeks: Greeks) -> JsonObject:
    """`<greeks>`."""
    return {
        "delta": greeks.delta,
        "gamma": greeks.gamma,
        "rho": greeks.rho,
        "theta": greeks.theta,
        "vega": greeks.vega,
    }


def order_book_object(
    view: InstrumentView,
    market: MarketFigures,
    bids: Sequence[Level],
    asks: Sequence[Level],
    change_id: int,
) -> JsonObject:
    """`<TickerNotificationWithBidsAndAsks>` with the `change_id` the book channel would carry."""
    found = ticker_object(view, market)
    found["bids"] = levels(view, bids)
    found["asks"] = levels(view, asks)
    found["change_id"] = change_id
    return found


def book_summary_object(view: InstrumentView, market: MarketFigures) -> JsonObject:
    """`<book_summary>`, with our extra fields `bid_iv`, `ask_iv` and `greeks` for options."""
    bid = None if market.best_bid is None else view.price(market.best_bid[0])
    ask = None if market.best_ask is None else view.price(market.best_ask[0])
    found: JsonObject = {
        "instrument_name": view.name,
        "base_currency": view.symbol,
        "quote_currency": names.QUOTE_CURRENCY,
        "high": None if market.high_ticks is None else view.price(market.high_ticks),
        "low": None if market.low_ticks is None else view.price(market.low_ticks),
        "last": None if market.last_ticks is None else view.price(market.last_ticks),
        "price_change": market.price_change,
        "volume": view.amount(market.volume_lots),
        "volume_usd": usdc(market.volume_micro),
        "volume_notional": usdc(market.volume_micro),
        "bid_price": bid,
        "ask_price": ask,
        "mid_price": None if bid is None or ask is None else (bid + ask) / 2,
        "mark_price": usdc(market.mark_micro),
        "open_interest": view.amount(market.open_interest_lots),
        "creation_timestamp": market.time_ms,
        "estimated_delivery_price": usdc(market.index_micro),
    }
    if view.is_option:
        found["underlying_index"] = view.index_name
        found["underlying_price"] = usdc(market.forward_micro)
        found["interest_rate"] = market.interest_rate
        found["mark_iv"] = market.mark_iv or 0.0
        found["bid_iv"] = market.bid_iv or 0.0
        found["ask_iv"] = market.ask_iv or 0.0
        found["greeks"] = greeks_object(market.greeks or Greeks())
    else:
        found["current_funding"] = market.current_funding
        found["funding_8h"] = market.funding_8h
    return found


@dataclass(slots=True)
class PositionValues:
    """One position and what the edge derives from it. `entry_value_micro` is the core's signed sum."""

    size_lots: int = 0
    entry_value_micro: int = 0
    requirement_micro: int = 0
    open_orders_micro: int = 0
    realized_micro: int = 0
    mark_micro: int = 0
    index_micro: int = 0
    settlement_micro: int | None = None
    greeks: Greeks = field(default_factory=Greeks)

    def floating_micro(self, view: InstrumentView) -> int:
        """Marked value less entry value, rounded down."""
        value = self.size_lots * self.mark_micro * view.terms.lot_e8 // 100_000_000
        return value - self.entry_value_micro


def position_object(view: InstrumentView, values: PositionValues) -> JsonObject:
    """`<position_with_elp>`: sizes in the underlying, signed; Greeks of the whole position."""
    size = view.amount(values.size_lots)
    average = view.value_price(values.entry_value_micro, values.size_lots)
    floating = usdc(values.floating_micro(view))
    requirement = usdc(values.requirement_micro)
    realized = usdc(values.realized_micro)
    found: JsonObject = {
        "instrument_name": view.name,
        "kind": view.kind,
        "direction": "zero" if not values.size_lots else names.direction(values.size_lots < 0),
        "size": size,
        "size_currency": size,
        "average_price": average,
        "mark_price": usdc(values.mark_micro),
        "index_price": usdc(values.index_micro),
        "settlement_price": usdc(
            values.mark_micro if values.settlement_micro is None else values.settlement_micro
        ),
        "initial_margin": requirement,
        "maintenance_margin": requirement,
        "open_orders_margin": usdc(values.open_orders_micro),
        "floating_profit_loss": floating,
        "realized_profit_loss": realized,
        "total_profit_loss": floating + realized,
        "estimated_liquidation_price": None,
        "delta": values.greeks.delta * size,
        "gamma": values.greeks.gamma * size,
        "vega": values.greeks.vega * size,
        "theta": values.greeks.theta * size,
    }
    if view.is_option:
        found["average_price_usd"] = average
        found["floating_profit_loss_usd"] = floating
    else:
        found["leverage"] = 1
        found["realized_funding"] = 0.0
        found["interest_value"] = 0.0
    return found


@dataclass(slots=True)
class AccountValues:
    """One account's figures in its settlement currency, as the funds rule sees them.

    `funds_micro` is cash with the perpetuals marked in, `equity_micro` also values the options;
    maps are per expiry or index, as the dialect draws them.
    """

    account: int = 0
    name: str = ""
    currency: str = names.QUOTE_CURRENCY
    created_ms: int = 0
    cash_micro: int = 0
    funds_micro: int = 0
    equity_micro: int = 0
    requirement_micro: int = 0
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
    cancels_maker: bool = False
    seq: int = 0


def portfolio_data(values: AccountValues) -> JsonObject:
    """A frame of `user.portfolio.{currency}`, and the core of the account summary."""
    upl = values.options_session_upl_micro + values.futures_session_upl_micro
    rpl = values.options_session_rpl_micro + values.futures_session_rpl_micro
    requirement = usdc(values.requirement_micro)
    equity = usdc(values.equity_micro)
    margin_balance = usdc(values.funds_micro)
    return {
        "currency": values.currency,
        "balance": usdc(values.cash_micro),
        "equity": equity,
        "margin_balance": margin_balance,
        "available_funds": usdc(values.available_micro),
        "available_withdrawal_funds": usdc(values.withdrawable_micro),
        "initial_margin": requirement,
        "maintenance_margin": requirement,
        "projected_initial_margin": requirement,
        "projected_maintenance_margin": requirement,
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
        "options_gamma_map": {},
        "options_theta_map": {},
        "options_vega_map": {},
        "futures_pl": usdc(values.futures_session_upl_micro + values.futures_session_rpl_micro),
        "futures_session_upl": usdc(values.futures_session_upl_micro),
        "futures_session_rpl": usdc(values.futures_session_rpl_micro),
        "delta_total": values.delta_total,
        "delta_total_map": values.delta_total_map,
        "projected_delta_total": values.delta_total,
        "spot_reserve": 0.0,
        "additional_reserve": 0.0,
        "fee_balance": 0.0,
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
        "margin_model": "segregated_sm",
        "total_equity_usd": equity,
        "total_initial_margin_usd": requirement,
        "total_maintenance_margin_usd": requirement,
        "total_margin_balance_usd": margin_balance,
        "total_delta_total_usd": 0.0,
        "seq": values.seq,
    }


def _identity(values: AccountValues) -> JsonObject:
    return {
        "id": values.account,
        "username": values.name,
        "system_name": values.name,
        "email": "",
        "type": "main",
        "creation_timestamp": values.created_ms,
        "login_enabled": True,
        "security_keys_enabled": False,
        "mmp_enabled": False,
        "interuser_transfers_enabled": False,
        "self_trading_reject_mode": "cancel_maker" if values.cancels_maker else "reject_taker",
        "self_trading_extended_to_subaccounts": "false",
        "receive_notifications": False,
        "referrer_id": None,
        "block_rfq_self_match_prevention": False,
        "has_non_block_chain_equity": False,
    }


def account_summary_object(
    values: AccountValues, *, extended: bool = False, fees: Sequence[JsonObject] = ()
) -> JsonObject:
    """`private/get_account_summary`; `extended` adds who the account is and its fees."""
    found = portfolio_data(values)
    found["fee_group"] = "default"
    found["limits"] = api_limits()
    identity = _identity(values)
    # Strict clients require these few with or without `extended`.
    for name in ("id", "username", "system_name", "email", "type", "security_keys_enabled"):
        found[name] = identity[name]
    if extended:
        found.update(identity)
        found["fees"] = list(fees)
    return found


def account_summaries_object(
    summaries: Sequence[AccountValues], *, extended: bool = False, fees: Sequence[JsonObject] = ()
) -> JsonObject:
    """`private/get_account_summaries`: the account once, its currencies in `summaries` (not empty)."""
    found = _identity(summaries[0])
    rows: list[JsonObject] = []
    for values in summaries:
        row = portfolio_data(values)
        row["fee_group"] = "default"
        row["limits"] = api_limits()
        if extended:
            row["fees"] = list(fees)
        rows.append(row)
    found["summaries"] = rows
    return found


def fee_object(kind: str, index: str, maker_ppm: int, taker_ppm: int) -> JsonObject:
    """One entry of `fees`: fractions of the index notional for an instrument type of an index."""
    return {
        "index_name": index,
        "kind": kind,
        "instrument_type": kind,
        "maker_fee": maker_ppm / 1_000_000,
        "taker_fee": taker_ppm / 1_000_000,
    }


def api_limits(policy: CreditPolicy | None = None) -> JsonObject:
    """`<api_limits>` in requests: what wire/credits.py grants. The matching engine has no such limit."""
    policy = policy or CreditPolicy()
    return {
        "non_matching_engine": {
            "rate": policy.refill_per_s // policy.cost,
            "burst": policy.pool // policy.cost,
        },
        "limits_per_currency": False,
    }
