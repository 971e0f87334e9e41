"""Due orders fire: at most so many a command, the rest by later ones (rules 3: Firing)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import following, matching, placing, protection, resting, triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.extras import Place
from tests.reference.outcome import Reject
from tests.reference.placing import Draft
from tests.reference.world import Head, World

# Commands before which those fire that are due.
AFTER_FIRING = frozenset({r.NEW_ORDER, r.EXTENDED_ORDER, r.AMEND, r.MASS_QUOTE, r.REPRICE})


def fire(world: World, head: Head) -> None:
    """FIRE."""
    fired = fire_some(world)
    world.events.done(head, fired, world.now_ms)
    tell_due(world)


def before(world: World, head: Head) -> None:
    """What fires before an order's command is looked at."""
    if head.type in AFTER_FIRING and fire_some(world):
        note(world, "fire: before an order")
        if world.due:
            note(world, "fire: before an order, some left")


def after(world: World, head: Head) -> None:
    """What fires behind a command that applied; FIRE has fired all it may."""
    if head.type == r.FIRE:
        return
    if fire_some(world) and world.due:
        note(world, "fire: behind a command, some left")
    tell_due(world)


def tell_due(world: World) -> None:
    """DUE, if orders are."""
    if world.due:
        world.events.due(len(world.due), world.now_ms)


def fire_some(world: World) -> int:
    """Take as many from the queue as one command may; how many fired or were refused."""
    fired = 0
    for _ in range(limits.FIRE_MOST):
        if not world.due:
            break
        fired += _take(world, world.due[0])
    return fired


def _take(world: World, order: Order) -> bool:
    """Fire the first of the queue, refuse it, or (False) let it wait again: its instrument is not open."""
    extra = triggers.extra_of(order)
    if not triggers.is_open(world, order.instrument) and extra.has_trigger and not extra.fired:
        note(world, "fire: put back, not open")
        world.due.pop(0)
        order.place = Place.WAITS
        return False
    triggers.leave(world, order)
    draft = Draft(
        order.account, order.instrument, order.flags, order.price_ticks, order.open_lots, order.display_lots
    )
    draft.display_lots = min(draft.display_lots, draft.size_lots)
    try:
        _check(world, order, draft)
    except Reject:
        how = "fired before" if extra.fired else "triggered" if extra.has_trigger else "woken"
        note(world, f"fire: refused, {how}")
        order.open_lots = 0
        resting.tell_ended(world, order, r.CANCEL_TRIGGER_REFUSED)
    else:
        _place(world, order, draft)
    following.carry_out(world)
    return True


def _check(world: World, order: Order, draft: Draft) -> None:
    """3, 1b, 5 to 16, as a new order now."""
    world.check_venue_open()
    world.check_instrument_open(order.instrument)
    world.check_free(order.account)
    if order.flags & r.FLAG_MMP:
        draft.group = protection.group_for(world, order.account, order.instrument, group_word=1)
        protection.check_frozen(world, draft.group)
    placing.check(world, draft)


def _place(world: World, order: Order, draft: Draft) -> None:
    """The order is in the book's world now: it has a seat, trades, and rests or ends."""
    extra = triggers.extra_of(order)
    note(world, "fire: once more" if extra.fired else "fire: fired" if extra.has_trigger else "fire: woken")
    if draft.size_lots < order.open_lots:
        note(world, "fire: cut to reduce only")
    extra.fired = True
    order.place = Place.BOOK
    order.seat = order.account.take_seat(order.instrument)
    order.group = draft.group
    order.hold_per_lot = draft.hold_per_lot
    order.price_ticks = draft.use_price or 0
    order.size_lots = order.filled_lots + draft.size_lots
    order.open_lots, order.display_lots = draft.size_lots, draft.display_lots
    matching.run(world, order, r.ORDER_TRIGGERED, trades=True)
