"""The JSON objects of orders, trades and instruments, built from events and instrument views.

Integers become JSON numbers here and nowhere else: prices and amounts as the nearest float, which
prints the exact decimal for every value within the limits clients meet. `seq` is our extra field: the
sequence number of the command behind a change of state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.records import FLAG_POST_ONLY, FLAG_REDUCE_ONLY, FLAG_REJECT_POST_ONLY
from exchange.wire import extended, names
from exchange.wire.extended import OrderExtra
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.limits import BLOCK_SMALLEST_ORDERS
from exchange.wire.messages import market as market_messages
from exchange.wire.messages import pushes as pushes_messages
from exchange.wire.quote_labels import split_label

JsonObject = dict[str, object]
Level = tuple[int, int]  # price_ticks, displayed lots

# Direction of a price against the trade before it: the dialect's tick_direction.
PLUS_TICK: Final = 0
ZERO_PLUS_TICK: Final = 1
MINUS_TICK: Final = 2
ZERO_MINUS_TICK: Final = 3
_COIN_TYPES: Final = {"BTC": "BITCOIN", "ETH": "ETHER"}


def tick_direction(price_ticks: int, last_price_ticks: int | None, last_direction: int) -> int:
    """0 up, 1 unchanged after up, 2 down, 3 unchanged after down."""
    if last_price_ticks is None or price_ticks > last_price_ticks:
        return PLUS_TICK
    if price_ticks < last_price_ticks:
        return MINUS_TICK
    return ZERO_PLUS_TICK if last_direction <= ZERO_PLUS_TICK else ZERO_MINUS_TICK


def order_object(
    order: events.Order,
    view: InstrumentView,
    label: str = "",
    *,
    replaced: bool = False,
    commission_micro: int | None = None,
    extra: OrderExtra | None = None,
) -> JsonObject:
    """`<order>`. `label` is the text behind `order.label`: of a quote what `join_label` joined. `extra`: what
    a trigger, linked or volatility order has besides."""
    flags = order.flags
    kind = names.order_type(flags)
    state = names.order_state(order.state)
    amount = view.amount(order.size_lots)
    found: JsonObject = {
        "order_id": str(order.order_id),
        "order_state": state if extra is None else extended.order_state(order, state),
        "order_type": kind if extra is None else extended.order_type(extra, order, kind),
        "time_in_force": names.time_in_force(flags),
        "is_rebalance": False,
        "is_liquidation": bool(flags & r.FLAG_LIQUIDATION),
        "instrument_name": view.name,
        "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.time_ms,
        "direction": names.direction(order.is_sell),
        "price": "market_price" if kind == "market" else view.price(order.price_ticks),
        "label": "" if flags & r.FLAG_QUOTE else label,
        "post_only": bool(flags & FLAG_POST_ONLY),
        "reject_post_only": bool(flags & FLAG_REJECT_POST_ONLY),
        "reduce_only": bool(flags & FLAG_REDUCE_ONLY),
        "api": True,
        "web": False,
        "mobile": False,
        "amount": amount,
        "contracts": amount,
        "filled_amount": view.amount(order.filled_lots),
        "average_price": view.average_price(order.filled_value, order.filled_lots),
        "replaced": replaced or order.kind == r.ORDER_AMENDED,
        "mmp": bool(flags & r.FLAG_MMP),
        "risk_reducing": False,
        "seq": order.head.seq,
    }
    _add_optional(found, order, view, label, commission_micro)
    if extra is not None:
        found |= extended.extended_fields(extra, order)
    return found


def _add_optional(
    found: JsonObject,
    order: events.Order,
    view: InstrumentView,
    label: str,
    commission_micro: int | None,
) -> None:
    """The fields an order has only in some states."""
    if names.is_market_limit(order.flags):
        found["original_order_type"] = "market_limit"
    if order.flags & r.FLAG_QUOTE:
        found["quote"] = True
        quote = split_label(label)
        found["quote_id"] = quote.quote_id
        if quote.quote_set_id:
            found["quote_set_id"] = quote.quote_set_id
        if quote.mmp_group:
            found["mmp_group"] = quote.mmp_group
    elif order.flags & r.FLAG_MMP:
        found["mmp_group"] = names.DEFAULT_GROUP
    if order.client_order_id:
        found["client_order_id"] = str(order.client_order_id)
    if order.shown_lots < order.open_lots and order.state != r.ORDER_STATE_UNTRIGGERED:
        found["display_amount"] = view.amount(order.shown_lots)
    if commission_micro is not None:
        found["commission"] = usdc(commission_micro)
    if order.state == r.ORDER_STATE_CANCELLED:
        found["end_reason"] = names.end_reason(order.reason)
        reason = names.cancel_reason(order.reason)
        if reason is not None:
            found["cancel_reason"] = reason
        if order.reason == r.CANCEL_MMP:
            found["mmp_cancelled"] = True


def public_trade_object(
    trade: events.Trade,
    view: InstrumentView,
    *,
    tick_direction: int = PLUS_TICK,
    iv: float | None = None,
    finality: str | None = None,
) -> JsonObject:
    """`<public_trade>`; `iv` in percent, `finality` one of soft, posted, confirmed, final."""
    amount = view.amount(trade.size_lots)
    found: JsonObject = {
        "trade_id": str(trade.trade_id),
        "trade_seq": trade.trade_seq,
        "instrument_name": view.name,
        "timestamp": trade.time_ms,
        "direction": names.direction(trade.taker_sells),
        "tick_direction": tick_direction,
        "index_price": usdc(trade.index_micro),
        "mark_price": usdc(trade.mark_micro),
        "price": view.price(trade.price_ticks),
        "amount": amount,
        "contracts": amount,
        "seq": trade.head.seq,
    }
    liquidated = names.liquidation_sides(bool(trade.flags & r.TRADE_LIQUIDATION))
    if liquidated is not None:
        found["liquidation"] = liquidated
    if iv is not None:
        found["iv"] = iv
    if finality is not None:
        found["finality"] = finality
    return found


def user_trade_object(
    trade: events.Trade,
    view: InstrumentView,
    *,
    is_maker: bool,
    order: events.Order | None = None,
    label: str = "",
    tick_direction: int = PLUS_TICK,
    iv: float | None = None,
    profit_loss_micro: int | None = None,
    finality: str | None = None,
) -> JsonObject:
    """`<user_trade>`: one side's fill. `order` is that side's order after the fill, if it is known."""
    found = public_trade_object(trade, view, tick_direction=tick_direction, iv=iv, finality=finality)
    flags = order.flags if order is not None else 0
    found["order_id"] = str(trade.maker_order_id if is_maker else trade.taker_order_id)
    liquidated = trade.flags & r.TRADE_LIQUIDATION and not is_maker
    found["order_type"] = "liquidation" if liquidated else names.order_type(flags)
    found["matching_id"] = None
    found["direction"] = names.direction(trade.taker_sells != is_maker)
    found["underlying_price"] = usdc(trade.forward_micro)
    found["liquidity"] = "M" if is_maker or trade.flags & r.TRADE_RESTS else "T"
    found["fee"] = usdc(trade.maker_fee_micro if is_maker else trade.taker_fee_micro)
    found["fee_currency"] = names.QUOTE_CURRENCY
    found["state"] = names.order_state(order.state) if order is not None else "filled"
    found["reduce_only"] = bool(flags & FLAG_REDUCE_ONLY)
    found["post_only"] = bool(flags & FLAG_POST_ONLY)
    found["mmp"] = bool(flags & r.FLAG_MMP)
    found["risk_reducing"] = False
    found["self_trade"] = trade.maker_account == trade.taker_account
    found["api"] = True
    if flags & r.FLAG_QUOTE:
        quote = split_label(label)
        found["quote_id"] = quote.quote_id
        if quote.quote_set_id:
            found["quote_set_id"] = quote.quote_set_id
    elif label:
        found["label"] = label
    if profit_loss_micro is not None:
        found["profit_loss"] = usdc(profit_loss_micro)
    return found


def instrument_object(
    view: InstrumentView,
    maker_fee_ppm: int | None = None,
    taker_fee_ppm: int | None = None,
    *,
    max_leverage: int = 1,
    block_orders: int = BLOCK_SMALLEST_ORDERS,
) -> JsonObject:
    """`<instrument>`. Commissions are fractions of the index notional: those of its listing, or of the
    fee schedule that is in force. `max_leverage` is shown of perpetuals;
    `block_orders` smallest orders are the smallest leg of a block."""
    terms = view.terms
    maker_fee_ppm = terms.maker_fee_ppm if maker_fee_ppm is None else maker_fee_ppm
    taker_fee_ppm = terms.taker_fee_ppm if taker_fee_ppm is None else taker_fee_ppm
    found: JsonObject = {
        "kind": view.kind,
        "instrument_name": view.name,
        "instrument_id": view.instrument,
        "base_currency": view.symbol,
        "counter_currency": names.QUOTE_CURRENCY,
        "quote_currency": names.QUOTE_CURRENCY,
        "settlement_currency": names.QUOTE_CURRENCY,
        "instrument_type": "linear",
        "settlement_period": view.settlement_period(),
        "is_active": view.state in (r.STATE_OPEN, r.STATE_CANCEL_ONLY, r.STATE_HALTED),
        "state": view.state_name,
        "creation_timestamp": view.created_ms,
        "expiration_timestamp": view.expiration_timestamp,
        "min_trade_amount": view.amount(terms.min_size_lots),
        "qty_tick_size": view.amount(1),
        "lot_size": view.amount(1),
        "tick_size": view.price(terms.tick_steps[0][1]),
        "tick_size_steps": [
            {"above_price": view.price(above), "tick_size": view.price(step)}
            for above, step in terms.tick_steps[1:]
        ],
        "contract_size": 1,
        "maker_commission": maker_fee_ppm / 1_000_000,
        "taker_commission": taker_fee_ppm / 1_000_000,
        "block_trade_commission": taker_fee_ppm / 1_000_000,
        "block_trade_min_trade_amount": view.amount(terms.min_size_lots * block_orders),
        "block_trade_tick_size": view.price(1),
        "price_index": view.index_name,
        "underlying_type": "crypto",
    }
    if view.is_option:
        found["strike"] = usdc(terms.strike_micro)
        found["option_type"] = "call" if terms.option_type == r.OPTION_CALL else "put"
    elif view.is_perpetual:
        found["future_type"] = "linear"
        found["max_leverage"] = max_leverage
    return found


def levels(view: InstrumentView, side: Iterable[Level]) -> list[list[float]]:
    """`[[price, amount]]` of one side, in the order given."""
    return [[view.price(ticks), view.amount(lots)] for ticks, lots in side]


def _actions(view: InstrumentView, side: Iterable[tuple[str, int, int]]) -> list[list[object]]:
    return [[action, view.price(ticks), view.amount(lots)] for action, ticks, lots in side]


def book_snapshot_data(
    view: InstrumentView,
    bids: Sequence[Level],
    asks: Sequence[Level],
    change_id: int,
    time_ms: int,
    checksum: int,
) -> JsonObject:
    """The first frame of a `book` channel: all levels, best first, as new."""
    return {
        "type": "snapshot",
        "timestamp": time_ms,
        "instrument_name": view.name,
        "change_id": change_id,
        "checksum": checksum,
        "bids": _actions(view, (("new", ticks, lots) for ticks, lots in bids)),
        "asks": _actions(view, (("new", ticks, lots) for ticks, lots in asks)),
    }


def book_change_data(
    view: InstrumentView,
    bids: Iterable[tuple[str, int, int]],
    asks: Iterable[tuple[str, int, int]],
    change_id: int,
    prev_change_id: int,
    time_ms: int,
    checksum: int,
) -> JsonObject:
    """A following frame of a `book` channel: (new|change|delete, price_ticks, lots after) a level."""
    return {
        "type": "change",
        "timestamp": time_ms,
        "prev_change_id": prev_change_id,
        "instrument_name": view.name,
        "change_id": change_id,
        "checksum": checksum,
        "bids": _actions(view, bids),
        "asks": _actions(view, asks),
    }


def grouped_book_data(
    view: InstrumentView, bids: Sequence[Level], asks: Sequence[Level], change_id: int, time_ms: int
) -> JsonObject:
    """A frame of `book.{i}.{group}.{depth}.{interval}`: the whole cut, every time."""
    return {
        "timestamp": time_ms,
        "instrument_name": view.name,
        "change_id": change_id,
        "bids": levels(view, bids),
        "asks": levels(view, asks),
    }


def quote_data(
    view: InstrumentView, best_bid: Level | None, best_ask: Level | None, time_ms: int
) -> JsonObject:
    """A frame of `quote.{i}`; an empty side has price null and amount 0."""
    return {
        "timestamp": time_ms,
        "instrument_name": view.name,
        **best_fields(view, best_bid, best_ask),
    }


def best_fields(view: InstrumentView, best_bid: Level | None, best_ask: Level | None) -> JsonObject:
    """The four best_… fields of ticker and quote."""
    return {
        "best_bid_price": view.price(best_bid[0]) if best_bid else None,
        "best_bid_amount": view.amount(best_bid[1]) if best_bid else 0.0,
        "best_ask_price": view.price(best_ask[0]) if best_ask else None,
        "best_ask_amount": view.amount(best_ask[1]) if best_ask else 0.0,
    }


def price_index_data(index_name: str, index_micro: int, time_ms: int) -> pushes_messages.PriceIndex:
    """A frame of `deribit_price_index.{index}`."""
    return {"index_name": index_name, "price": usdc(index_micro), "timestamp": time_ms}


def currency_object(currency: str, long_name: str, decimals: int) -> market_messages.Currency:
    """`<currency_with_apr>` of a currency the venue lists."""
    return {
        "currency": currency,
        "currency_long": long_name,
        "coin_type": _COIN_TYPES.get(currency, currency),
        "decimals": decimals,
        "min_confirmations": 1,
        "withdrawal_fee": 0.0,
        "min_withdrawal_fee": 0.0,
        "withdrawal_priorities": [],
        "in_cross_collateral_pool": currency == names.QUOTE_CURRENCY,
        "apr": 0.0,
    }


def instrument_state_data(view: InstrumentView, time_ms: int) -> pushes_messages.InstrumentState:
    """A frame of `instrument.state.{kind}.{currency}`."""
    return {"instrument_name": view.name, "state": view.state_name, "timestamp": time_ms}


def estimated_price_data(
    price_micro: int, seconds: int, *, is_estimated: bool, left_ticks: int, total_ticks: int, time_ms: int
) -> JsonObject:
    """A frame of `estimated_expiration_price.{index}`: `seconds` to the next expiry, the delivery price as
    far as it is known, and how much of the average is still to come."""
    return {
        "seconds": seconds,
        "price": usdc(price_micro),
        "is_estimated": is_estimated,
        "left_ticks": left_ticks,
        "total_ticks": total_ticks,
        "timestamp": time_ms,
    }
