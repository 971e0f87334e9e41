"""Matching, fill-or-kill and the booking of a match (rules: New orders, Booking a match)."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import fees, triggers, tripping
from tests.reference.accounts import Order
from tests.reference.branches import MODELS, note
from tests.reference.extras import Place
from tests.reference.groups import Group
from tests.reference.looking import is_acceptable, offered_lots
from tests.reference.losing import is_losing, may_trade
from tests.reference.world import World


@dataclass(frozen=True, slots=True)
class Fill:
    """One match, at the maker's price."""

    trade_id: int
    maker: Order
    taker: Order
    lots: int
    value_micro: int
    maker_fee: int
    taker_fee: int


# --- joining and leaving the book --------------------------------------------------------------------


def rest(world: World, order: Order) -> None:
    """Put an order with open lots at the end of its level's queue and count it in its seat."""
    order.shown_lots = order.to_show()
    order.priority = world.take_priority()
    order.instrument.book.side(order.is_sell).join(order)
    world.orders[order.id] = order
    order.account.orders[order.id] = order
    if order.group:
        order.group.orders[order.id] = order
    count_open(order, order.open_lots)
    if order.is_quote:
        order.seat.quotes[order.is_sell, order.group_word] = order


def leave(world: World, order: Order) -> None:
    """Take a resting order out of the book; its open lots stay what they were."""
    order.instrument.book.side(order.is_sell).leave(order)
    _forget(world, order)


def count_open(order: Order, lots: int) -> None:
    """Add open lots (negative: fewer) to the seat and the protection group, and their hold."""
    if order.is_sell:
        order.seat.open_sell_lots += lots
    else:
        order.seat.open_buy_lots += lots
    order.seat.hold_micro += lots * order.hold_per_lot
    if order.group:
        order.group.open_lots[order.instrument.id, order.is_sell] += lots


def _forget(world: World, order: Order) -> None:
    del world.orders[order.id]
    del order.account.orders[order.id]
    if order.group:
        del order.group.orders[order.id]
    count_open(order, -order.open_lots)
    order.shown_lots = 0
    if order.is_quote:
        del order.seat.quotes[order.is_sell, order.group_word]


def cancel(world: World, order: Order, reason: int) -> None:
    """Cancel an open order and tell it."""
    if order.untriggered:
        triggers.leave(world, order)
    else:
        leave(world, order)
    order.open_lots = 0
    tell_ended(world, order, reason)


def tell_ended(world: World, order: Order, reason: int) -> None:
    """Tell an order that was just cancelled, and note that it ended."""
    follow(world, order)
    tell(world, order, r.ORDER_CANCELLED, reason)


def follow(world: World, order: Order) -> None:
    """Note that an order traded or ended: what that means for others is looked at later, once."""
    if order.extra is not None and order not in world.followed:
        world.followed.append(order)


def tell(
    world: World, order: Order, kind: int, reason: int = 0, old_price_ticks: int | None = None
) -> None:
    """The order's ORDER event, which dates its last change."""
    order.updated_ms = world.now_ms
    spent = not reason and not order.untriggered and order.open_lots == 0 and _may_get_more(world, order)
    world.events.order(order, kind, reason, world.now_ms, old_price_ticks, spent=spent)
    if spent:
        note(world, f"spent: as {'maker' if kind == r.ORDER_FILLED else 'taker'}")
        triggers.join(world, order, Place.SPENT)


def _may_get_more(world: World, order: Order) -> bool:
    """Is it a member whose primary may still bring it lots?"""
    extra = order.extra
    if extra is None or extra.primary is None or not world.lives(extra.primary):
        return False
    return extra.woken_lots < extra.sent_lots


def _note_stopped(world: World, order: Order, kind: int) -> None:
    if order.flags & r.FLAG_LIQUIDATION:
        what = "slice"
    elif order.is_quote:
        what = "quote"
    elif kind == r.ORDER_AMENDED:
        what = "amend"
    elif order.type == r.TYPE_MARKET:
        what = "market"
    else:
        what = "IOC" if order.time_in_force == r.TIF_IOC else "GTC"
    note(world, f"meetings: stopped, {what}")


# --- an order's whole way ----------------------------------------------------------------------------


def run(world: World, order: Order, kind: int, *, trades: bool, old_price_ticks: int | None = None) -> None:
    """Match an order that is in no queue (if `trades`), then rest, fill or cancel it, and tell it."""
    reason = 0
    if trades:
        reason = _cancel_reason(world, order)
        if reason == r.CANCEL_MEETINGS:
            _note_stopped(world, order, kind)
    if reason:
        order.open_lots = 0
        follow(world, order)
    elif order.open_lots:
        rest(world, order)
    tell(world, order, kind, reason, old_price_ticks)


def _cancel_reason(world: World, order: Order) -> int:
    """Match; why what remains is cancelled, or 0."""
    looks = order.time_in_force == r.TIF_FOK
    if looks and offered_lots(world, order) < order.open_lots:
        return r.CANCEL_FOK
    traded = order.instrument.trade_seq
    stopped = match(world, order)
    assert not looks or not order.open_lots, "a look found what is not filled"
    if order.instrument.trade_seq > traded:
        triggers.see_last(world, order.instrument)
        follow(world, order)
    tripped = _stop_tripped(world, order)
    if order.open_lots == 0:
        return 0
    if stopped:
        if order.group in tripped:
            how = "by its own order" if stopped == r.CANCEL_SELF_TRADE else "at its most meetings"
            note(world, f"group: a taker of a tripped group stopped {how}")
        return stopped
    if order.group in tripped:
        note(world, "group: a taker's rest is cancelled")
        return r.CANCEL_MMP
    if order.type == r.TYPE_MARKET:
        return r.CANCEL_NO_LIQUIDITY
    if order.time_in_force == r.TIF_IOC:
        return r.CANCEL_IOC
    return 0


def _stop_tripped(world: World, taker: Order) -> list[Group]:
    """Freeze the groups that tripped by an order's trades and cancel what they have open."""
    tripped = tripping.take_tripped(world, taker)
    for group in tripped:
        tripping.freeze(world, group)
        found = group.in_order()
        note(world, f"group: trips with {'orders' if found else 'nothing else'} open")
        for order in found:
            cancel(world, order, r.CANCEL_MMP)
    return tripped


def match(world: World, taker: Order) -> int:
    """Trade against the book while it crosses. Why the taker was stopped on the way, or 0."""
    side = taker.instrument.book.side(not taker.is_sell)
    meetings = 0
    cancelled: set[str] = set()
    while taker.open_lots:
        best = side.best_price()
        if best is None or not is_acceptable(taker, best):
            if meetings == limits.MEETINGS_MOST and world.has_risk_rules:
                note(world, "meetings: the most, and nobody left to meet")
            return 0
        maker = next(iter(side.best_queue().values()))
        if meetings == limits.MEETINGS_MOST and world.has_risk_rules:
            _note_stop(world, maker, taker, cancelled)
            return r.CANCEL_MEETINGS
        meetings += 1
        if maker.account is taker.account:
            if not taker.account.cancels_maker:
                return r.CANCEL_SELF_TRADE
            cancel(world, maker, r.CANCEL_SELF_TRADE)
            cancelled.add("its own")
            continue
        lots = min(taker.open_lots, maker.shown_lots)
        if maker.reduce_only:
            lots = min(lots, maker.seat.opposite_lots(maker.is_sell))
            if lots == 0:
                cancel(world, maker, r.CANCEL_REDUCE_ONLY)
                cancelled.add("reduce-only")
                continue
        if is_losing(world, maker) and not _passes_losing(world, maker, lots):
            cancel(world, maker, r.CANCEL_MARGIN)
            cancelled.add("losing")
            continue
        _trade(world, maker, taker, lots)
    if meetings == limits.MEETINGS_MOST and world.has_risk_rules:
        note(world, "meetings: the most, and filled by the last")
    return 0


def _note_stop(world: World, maker: Order, taker: Order, cancelled: set[str]) -> None:
    for what in cancelled:
        note(world, f"meetings: stopped, some cancelled: {what}")
    if maker.account is taker.account and not taker.account.cancels_maker:
        note(world, "meetings: stopped before its own order")


def _passes_losing(world: World, maker: Order, lots: int) -> bool:
    passes = may_trade(world, maker, lots)
    kind = "option sold" if maker.instrument.is_option and maker.is_sell else "option bought"
    kind = kind if maker.instrument.is_option else "perpetual"
    outcome = "trades" if passes else "cancelled"
    note(world, f"losing maker: {outcome}, {kind}, {MODELS[maker.account.model]}")
    return passes


def _trade(world: World, maker: Order, taker: Order, lots: int) -> None:
    book_match(world, maker, taker, lots)
    tripping.count(world, maker, lots, role="maker")
    tripping.count(world, taker, lots, role="taker")
    maker.instrument.last_ticks = maker.price_ticks
    follow(world, maker)
    _after_fill(world, maker, lots)
    tell(world, maker, r.ORDER_FILLED)


def book_match(world: World, maker: Order, taker: Order, lots: int, *, in_block: bool = False) -> None:
    """Positions, premium and fees of a match at the maker's price, and its TRADE."""
    instrument = maker.instrument
    value = maker.price_ticks * lots * instrument.multiplier_micro
    instrument.trade_seq += 1
    taker_fee = fees.taker_fee(world, taker.account, instrument, lots, value)
    fill = Fill(
        world.take_trade_id(),
        maker,
        taker,
        lots,
        value,
        maker_fee=fees.maker_fee(world, maker.account, instrument, lots, value, taker_fee),
        taker_fee=taker_fee,
    )
    _book_side(world, maker, fill, fill.maker_fee)
    _book_side(world, taker, fill, fill.taker_fee)
    world.events.trade(fill, world.now_ms, in_block=in_block)


def _book_side(world: World, order: Order, fill: Fill, fee: int) -> None:
    """Position, premium and fee of one side; and its order's filled lots."""
    sign = -1 if order.is_sell else 1
    order.seat.size_lots += sign * fill.lots
    order.seat.entry_value_micro += sign * fill.value_micro
    if order.instrument.is_option:
        order.account.cash_micro -= sign * fill.value_micro
    order.account.cash_micro -= fee
    world.accounts[limits.ACCOUNT_FEES].cash_micro += fee
    if world.has_risk_rules:
        traded = order.account.volume_micro + order.instrument.index_per_lot * fill.lots
        if traded > limits.MAX_VOLUME_MICRO:
            note(world, "fees: volume counts no more")
        order.account.volume_micro = min(traded, limits.MAX_VOLUME_MICRO)
    order.filled_lots += fill.lots
    order.filled_value += fill.maker.price_ticks * fill.lots
    if order is fill.taker:
        order.open_lots -= fill.lots


def _after_fill(world: World, maker: Order, lots: int) -> None:
    """Fewer open lots; out of the book when none is left, to the back when a hidden part shows."""
    side = maker.instrument.book.side(maker.is_sell)
    count_open(maker, -lots)
    maker.open_lots -= lots
    maker.shown_lots -= lots
    if maker.open_lots == 0:
        leave(world, maker)
    elif maker.shown_lots == 0:
        maker.shown_lots = maker.to_show()
        maker.priority = world.take_priority()
        side.to_back(maker)
