"""Orders join, leave and change in a book, and are told (rules: New orders, Events)."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference import triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.extras import Place
from tests.reference.world import World


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
    """Add open lots (negative: fewer) to the seat and the protection group, and their hold.

    An order of a combo counts in the seat of each leg, and holds in that of the first.
    """
    for leg in order.instrument.legs:
        seat = order.account.seats[leg.instrument.id]
        seat.count(lots * leg.times, is_sell=leg.sells(is_sell=order.is_sell))
    if order.instrument.is_combo:
        order.seat.count(lots, is_sell=order.is_sell)
    first = order.account.seats[order.instrument.legs[0].instrument.id]
    first.hold_micro += lots * order.hold_per_lot
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
    world: World,
    order: Order,
    kind: int,
    reason: int = 0,
    old_price_ticks: int | None = None,
    *,
    priced: bool = True,
) -> None:
    """The order's ORDER event, which dates its last change. Not `priced`: it never found a price."""
    order.updated_ms = world.now_ms
    spent = not reason and not order.untriggered and order.open_lots == 0 and _may_get_more(world, order)
    world.events.order(order, kind, reason, world.now_ms, old_price_ticks, spent=spent, priced=priced)
    if spent:
        note(world, f"spent: as {'maker' if kind == r.ORDER_FILLED else 'taker'}")
        triggers.join(world, order, Place.SPENT)


def _may_get_more(world: World, order: Order) -> bool:
    """Is it a member whose primary may still bring it lots?"""
    extra = order.extra
    if extra is None or extra.primary is None or not world.lives(extra.primary):
        return False
    return extra.woken_lots < extra.sent_lots
