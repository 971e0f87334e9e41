"""Cancels by id, by scope and at a day's end (rules: Cancels, Life cycle)."""

from __future__ import annotations

from itertools import islice

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import combos, following, resting
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.instruments import Instrument
from tests.reference.outcome import require
from tests.reference.world import Head, World

FLAGS_3 = r.FREEZE_QUOTES | r.TYPE_FILTER_MASK << r.TYPE_FILTER_SHIFT | r.MANY_DISCONNECTED


def cancel(world: World, head: Head, words: tuple[int, ...]) -> None:
    """CANCEL."""
    account = world.user(head.account)
    reason = r.CANCEL_USER
    if head.flags & r.ONE_DISCONNECTED:
        reason = r.CANCEL_DISCONNECTED
        note(world, "cancel: connection lost")
    resting.cancel(world, world.own_order(account, words[0]), reason)


def cancel_many(world: World, head: Head, words: tuple[int, ...]) -> None:
    """CANCEL_MANY."""
    account = world.user(head.account)
    scope, kind, which = head.flags & 15, head.flags >> 4 & 3, head.flags >> 6 & 3
    last_kind = r.KIND_COMBO if world.has_combo_rules else r.KIND_PERPETUAL
    defined = scope <= r.SCOPE_LABEL_UNDERLYING and kind <= last_kind and which <= r.WHICH_ORDERS
    type_filter = head.flags >> r.TYPE_FILTER_SHIFT & r.TYPE_FILTER_MASK
    more = FLAGS_3 if world.has_order_rules else 0
    defined = defined and type_filter <= r.FILTER_TRAILING
    require(defined and not head.flags >> 8 << 8 & ~more, why.BAD_FLAGS)
    if scope == r.SCOPE_INSTRUMENT:
        world.instrument(head.instrument)
    if scope in (r.SCOPE_UNDERLYING, r.SCOPE_LABEL_UNDERLYING):
        world.underlying(head.instrument)

    def matches(order: Order) -> bool:
        terms = order.instrument.terms
        if scope == r.SCOPE_INSTRUMENT and order.instrument.id != head.instrument:
            return False
        if scope in (r.SCOPE_UNDERLYING, r.SCOPE_LABEL_UNDERLYING) and terms.underlying != head.instrument:
            return False
        if scope in (r.SCOPE_LABEL, r.SCOPE_LABEL_UNDERLYING) and order.label != head.aux:
            return False
        if kind and terms.kind != kind:
            return False
        if not _is_of_type(order, type_filter):
            return False
        return which == 0 or order.is_quote == (which == r.WHICH_QUOTES)

    found = [order for _, order in sorted(account.orders.items()) if matches(order)]
    reason = r.CANCEL_USER
    if head.flags & r.MANY_DISCONNECTED:
        reason = r.CANCEL_DISCONNECTED
        note(world, "cancel many: connection lost")
    note(world, f"cancel many: type {type_filter}")
    if kind == r.KIND_COMBO and found:
        note(world, "combo: cancelled by kind")
    for order in found:
        resting.cancel(world, order, reason)
    following.carry_out(world)
    if head.flags & r.FREEZE_QUOTES:
        note(world, "cancel many: quotes frozen")
        account.quotes_frozen_until_ms = world.now_ms + limits.FREEZE_QUOTES_MS
    world.events.done(head, len(found), world.now_ms)


def _is_of_type(order: Order, type_filter: int) -> bool:
    """Of CANCEL_MANY's type: in the book, or untriggered with any or a certain trigger."""
    if type_filter == r.FILTER_ANY:
        return True
    if type_filter == r.FILTER_PLAIN:
        return not order.untriggered
    if type_filter == r.FILTER_TRIGGERS:
        return order.untriggered
    kinds = {
        r.FILTER_STOP: r.TRIGGER_STOP,
        r.FILTER_TAKE: r.TRIGGER_TAKE,
        r.FILTER_TRAILING: r.TRIGGER_TRAILING,
    }
    return order.untriggered and order.extra is not None and order.extra.trigger.kind == kinds[type_filter]


def end_combos(world: World, leg: Instrument) -> None:
    """Delist the open combos of a leg that ends: their orders are cancelled, and it is told."""
    for combo in combos.open_of_leg(world, leg):
        found = list(combo.book.orders())
        note(world, "combo: ends with a leg, with orders" if found else "combo: ends with a leg")
        for order in found:
            resting.cancel(world, order, r.CANCEL_DELIVERY)
        combo.state = r.STATE_DELISTED
        world.events.instrument(combo, world.now_ms)


def untriggered_of(world: World, instrument: Instrument) -> list[Order]:
    """The untriggered orders of an instrument, by order_id."""
    everything = sorted(world.orders.items())
    return [order for _, order in everything if order.untriggered and order.instrument is instrument]


def expire_day(world: World, head: Head, words: tuple[int, ...]) -> None:
    """EXPIRE_DAY."""
    instrument = world.instrument(head.instrument)
    everything = (*instrument.book.orders(), *untriggered_of(world, instrument))
    of_the_day = (order for order in everything if order.time_in_force == r.TIF_GTD)
    found = list(islice(of_the_day, limits.MAX_EXPIRE_DAY_CANCELS))
    for order in found:
        if order.untriggered:
            note(world, f"day end: {order.place.name.lower()}")
        resting.cancel(world, order, r.CANCEL_DAY_END)
    following.carry_out(world)
    world.events.done(head, len(found), world.now_ms)
