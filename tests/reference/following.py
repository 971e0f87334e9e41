"""What follows from links when orders trade and end (rules 3: Linked orders)."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference import changing, resting, triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.extras import Extra, Place
from tests.reference.outcome import Reject
from tests.reference.triggers import extra_of
from tests.reference.world import World

CONDITIONS = {r.FILL_FIRST_HIT: "first hit", r.FILL_COMPLETE: "complete", r.FILL_INCREMENTAL: "incremental"}


def carry_out(world: World) -> None:
    """Do what follows for every order noted, and for those that end by it."""
    for order in world.followed:  # grows as it is read
        _follow(world, order, extra_of(order))
    world.followed.clear()


def _follow(world: World, order: Order, extra: Extra) -> None:
    ended = not world.lives(order)
    other = extra.other
    if other is not None and (order.filled_lots or ended):
        extra.other = extra_of(other).other = None
        if world.lives(other):
            how = "filled" if order.filled_lots else "ended"
            note(world, f"pair: {how}, the other {other.place.name.lower()}")
            resting.cancel(world, other, r.CANCEL_OCO)
    if extra.members:
        if extra.is_incremental:
            _incremental(world, order, extra, ended=ended)
        else:
            _at_once(world, order, extra, ended=ended)
    if ended and extra.primary is not None:
        extra_of(extra.primary).members.remove(order)
        extra.primary = None


# --- members that wake whole -----------------------------------------------------------------------------


def _at_once(world: World, primary: Order, extra: Extra, *, ended: bool) -> None:
    """First hit and complete: all members wake, or none is left."""
    filled = primary.filled_lots
    wakes = filled > 0 if extra.condition == r.FILL_FIRST_HIT else filled == primary.size_lots
    if not wakes and not ended:
        return
    for member in extra.members:
        extra_of(member).primary = None
    members, extra.members = [m for m in extra.members if world.lives(m)], []
    how = "wake" if wakes else "cancelled"
    note(world, f"link {extra.link}: {CONDITIONS[extra.condition]}, {how}")
    if wakes and extra.link == r.LINK_OTOCO:
        _pair(world, members)
    for member in members:
        if wakes:
            _wake(world, member)
        else:
            resting.cancel(world, member, r.CANCEL_PRIMARY_CLOSED)


def _pair(world: World, members: list[Order]) -> None:
    if len(members) < 2:
        note(world, "pair: not made, one is left")
        return
    one, two = members
    extra_of(one).other, extra_of(two).other = two, one


def _wake(world: World, member: Order) -> None:
    """A dormant member becomes an untriggered order like any, or is due at once."""
    member.place = Place.WAITS
    if extra_of(member).has_trigger:
        triggers.follow_now(world, member)
    world.events.extended(member, world.now_ms)
    resting.tell(world, member, r.ORDER_AMENDED)
    if extra_of(member).has_trigger:
        triggers.look(world, member)
    else:
        triggers.make_due(world, member)


# --- members that wake as the primary fills --------------------------------------------------------------


def _incremental(world: World, primary: Order, extra: Extra, *, ended: bool) -> None:
    for member in extra.members:
        if world.lives(member):
            _bring(world, primary, member)
    if not ended:
        return
    members, extra.members = extra.members, []
    for member in members:
        extra_of(member).primary = None
        if member.place in (Place.DORMANT, Place.SPENT) and world.lives(member):
            note(world, f"incremental: cancelled {member.place.name.lower()}")
            resting.cancel(world, member, r.CANCEL_PRIMARY_CLOSED)
        elif world.lives(member):
            note(world, "incremental: goes on alone")


def _bring(world: World, primary: Order, member: Order) -> None:
    """Bring a member the lots that the primary's fills have woken."""
    extra, place = extra_of(member), member.place
    target = min(extra.sent_lots, primary.filled_lots)
    more = target - extra.woken_lots
    if more <= 0:
        return
    how = f"incremental: more, {place.name.lower()}"
    if place is Place.BOOK:
        try:
            changing.grow(world, member, more)
        except Reject:
            note(world, "incremental: refused in the book")
            return
    elif place is Place.DORMANT:
        member.size_lots = member.open_lots = more
        member.display_lots = min(member.display_lots, more)
        if extra.link == r.LINK_OTOCO and extra.other is None:
            _pair(world, [m for m in extra_of(primary).members if world.lives(m)])
        _wake(world, member)
    else:
        member.size_lots += more
        member.open_lots += more
        resting.tell(world, member, r.ORDER_AMENDED)
        if place is Place.SPENT:
            triggers.make_due(world, member)
    extra.woken_lots = target
    note(world, how)
