"""The JSON objects of figures: ticker, order book, book summary and positions.

Figures are given in the venue's units (ticks, lots, micro-USDC); what floats by nature (volatilities in
percent, Greeks) is given as floats. An absent figure is None and becomes null or is left out, as the
dialect has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exchange.domain import records as r
from exchange.wire import names
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.messages import market as market_messages
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
    settlement, `estimated_delivery_micro` the average that will become the delivery price (0: none yet).
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
    implied: tuple[int | None, int | None] | None = None
    """Of a combo: the best bid and ask in ticks that orders of its legs make together."""
    interest_rate: float = 0.0
    delivery_micro: int | None = None
    settlement_micro: int | None = None
    estimated_delivery_micro: int = 0
    current_funding: float = 0.0
    funding_8h: float = 0.0
    seq: int = 0


def _stats(view: InstrumentView, market: MarketFigures) -> market_messages.Stats:
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
        "state": view.state_name,
        "stats": _stats(view, market),
        "open_interest": view.amount(market.open_interest_lots),
        **best_fields(view, market.best_bid, market.best_ask),
        "index_price": usdc(market.index_micro),
        "min_price": view.price(market.min_price_ticks),
        "max_price": view.price(market.max_price_ticks),
        "mark_price": usdc(market.mark_micro),
        "last_price": None if market.last_ticks is None else view.price(market.last_ticks),
        "estimated_delivery_price": usdc(market.estimated_delivery_micro or market.index_micro),
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
    elif view.is_combo:
        found |= _combo_fields(view, market)
    else:
        found["current_funding"] = market.current_funding
        found["funding_8h"] = market.funding_8h
        found["interest_value"] = 0.0
    return found


def _combo_fields(view: InstrumentView, market: MarketFigures) -> JsonObject:
    """What a combo's ticker has besides: Greeks of its legs together, what these imply, whether it trades."""
    bid, ask = market.implied or (None, None)
    return {
        "underlying_price": usdc(market.forward_micro),
        "underlying_index": view.index_name,
        "interest_rate": market.interest_rate,
        "greeks": greeks_object(market.greeks or Greeks()),
        "implied_bid": None if bid is None else view.price(bid),
        "implied_ask": None if ask is None else view.price(ask),
        "combo_state": combo_state(view),
    }


def combo_state(view: InstrumentView) -> str:
    """`active` until the combo is delisted, with the first of its legs that ends."""
    return "inactive" if view.state >= r.STATE_DELISTED else "active"


def greeks_object(greeks: Greeks) -> market_messages.Greeks:
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
        "estimated_delivery_price": usdc(market.estimated_delivery_micro or market.index_micro),
    }
    if view.is_option:
        found["underlying_index"] = view.index_name
        found["underlying_price"] = usdc(market.forward_micro)
        found["interest_rate"] = market.interest_rate
        found["mark_iv"] = market.mark_iv or 0.0
        found["bid_iv"] = market.bid_iv or 0.0
        found["ask_iv"] = market.ask_iv or 0.0
        found["greeks"] = greeks_object(market.greeks or Greeks())
    elif view.is_combo:
        found["underlying_index"] = view.index_name
        found["underlying_price"] = usdc(market.forward_micro)
        found["interest_rate"] = market.interest_rate
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
    initial_micro: int = 0
    maintenance_micro: int = 0
    open_orders_micro: int = 0
    realized_micro: int = 0
    funding_micro: int = 0
    mark_micro: int = 0
    index_micro: int = 0
    settlement_micro: int | None = None
    liquidation_price: float | None = None
    leverage: int = 1
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
        "initial_margin": usdc(values.initial_micro),
        "maintenance_margin": usdc(values.maintenance_micro),
        "open_orders_margin": usdc(values.open_orders_micro),
        "floating_profit_loss": floating,
        "realized_profit_loss": realized,
        "total_profit_loss": floating + realized,
        "estimated_liquidation_price": values.liquidation_price,
        "delta": values.greeks.delta * size,
        "gamma": values.greeks.gamma * size,
        "vega": values.greeks.vega * size,
        "theta": values.greeks.theta * size,
        "rho": values.greeks.rho * size,
    }
    if view.is_option:
        found["average_price_usd"] = average
        found["floating_profit_loss_usd"] = floating
    else:
        found["leverage"] = values.leverage
        found["realized_funding"] = usdc(values.funding_micro)
        found["interest_value"] = 0.0
    return found
