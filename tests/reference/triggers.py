"""Untriggered orders: the prices they see, when they are reached, the queue of those due (rules 3)."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_orders import Trigger
from tests.reference.accounts import Order, Seat
from tests.reference.branches import note
from tests.reference.extras import Extra, Place
from tests.reference.instruments import Instrument, Underlying
from tests.reference.outcome import Reject, require
from tests.reference.world import World

KINDS = {
    r.TRIGGER_NONE: "none",
    r.TRIGGER_STOP: "stop",
    r.TRIGGER_TAKE: "take",
    r.TRIGGER_TRAILING: "trailing",
}
SOURCES = {r.SOURCE_INDEX: "index", r.SOURCE_MARK: "mark", r.SOURCE_LAST: "last"}


def extra_of(order: Order) -> Extra:
    """What an order that has something beyond price and size has."""
    assert order.extra is not None
    return order.extra


# --- checks --------------------------------------------------------------------------------------------


def check_trigger(trigger: Trigger) -> None:
    """Known kind and source, and the price it needs, alone."""
    kind, source, at, offset = trigger
    most = limits.MAX_PRICE_MICRO
    if kind == r.TRIGGER_NONE:
        good = source == at == offset == 0
    elif kind == r.TRIGGER_TRAILING:
        good = source in SOURCES and at == 0 and 1 <= offset <= most
    else:
        good = kind in KINDS and source in SOURCES and offset == 0 and 1 <= at <= most
    require(good, why.BAD_TRIGGER)


def check_room(world: World, instrument: Instrument, wanted: list[Trigger]) -> None:
    """Room for the last of `wanted` beside those before it: in the shard, and at a trailing one's source."""
    untriggered = [order for order in world.orders.values() if order.untriggered]
    require(len(untriggered) + len(wanted) <= limits.MAX_TRIGGERS, why.TOO_MANY_TRIGGERS)
    last = wanted[-1]
    if last.kind != r.TRIGGER_TRAILING:
        return
    trailing = [order for order in untriggered if extra_of(order).is_trailing and not extra_of(order).fired]
    same = sum(_same_source(order, instrument, last.source) for order in trailing)
    same += sum(trigger.kind == last.kind and trigger.source == last.source for trigger in wanted)
    require(same <= limits.MAX_TRAILING, why.TOO_MANY_TRIGGERS)


def _same_source(order: Order, instrument: Instrument, source: int) -> bool:
    """Does the order's trigger look at the price that `source` is of this instrument?"""
    if extra_of(order).trigger.source != source:
        return False
    if source == r.SOURCE_INDEX:
        return order.instrument.terms.underlying == instrument.terms.underlying
    return order.instrument is instrument


def check_none_due(world: World, instrument: Instrument) -> None:
    """No order of the instrument is due."""
    require(all(order.instrument is not instrument for order in world.due), why.TRIGGERS_DUE)


# --- coming and going ----------------------------------------------------------------------------------


def join(world: World, order: Order, place: Place) -> None:
    """An order is, or is again, untriggered: it holds nothing, has no seat and belongs to no group."""
    order.place = place
    order.seat = Seat(order.instrument)
    order.group = None
    order.hold_per_lot = order.shown_lots = 0
    if order.type == r.TYPE_MARKET:
        order.price_ticks = 0
    world.orders[order.id] = order
    order.account.orders[order.id] = order


def leave(world: World, order: Order) -> None:
    """An untriggered order fires or ends."""
    if order in world.due:
        world.due.remove(order)
    del world.orders[order.id]
    del order.account.orders[order.id]


def make_due(world: World, order: Order) -> None:
    """Put an order at the end of the queue."""
    order.place = Place.DUE
    world.due.append(order)


# --- prices --------------------------------------------------------------------------------------------


def _price_now(world: World, order: Order) -> int | None:
    """The price of the moment of an order's source, if there is one."""
    source, instrument = extra_of(order).trigger.source, order.instrument
    if source == r.SOURCE_MARK:
        return instrument.mark_micro if instrument.marked else None
    if source == r.SOURCE_INDEX:
        return world.underlying_of(instrument).index_micro or None
    return instrument.last_micro or None  # 0: no trade yet


def follow_now(world: World, order: Order) -> None:
    """A trailing order that is to wait begins with, or takes note of, the price of the moment."""
    price_micro = _price_now(world, order)
    if price_micro is not None:
        extra_of(order).follow(price_micro, is_sell=order.is_sell)


def look(world: World, order: Order) -> None:
    """A waiting order sees the price of the moment, and may be reached by it."""
    price_micro = _price_now(world, order)
    if price_micro is None:
        note(world, "trigger: no price of the moment")
        return
    _see(world, [order], price_micro)
    if order.place is Place.DUE:
        note(world, "trigger: reached at once")


def see_marks(world: World, underlying: Underlying, instruments: Iterable[Instrument]) -> None:
    """A block of marks took effect: the index is seen, then the mark of each instrument, once."""
    if not world.has_order_rules:
        return
    waiting = _waiting(world, r.SOURCE_INDEX)
    of_index = [order for order in waiting if order.instrument.terms.underlying == underlying.id]
    _see(world, _that_see(world, of_index), underlying.index_micro)
    of_marks = _waiting(world, r.SOURCE_MARK)
    for instrument in dict.fromkeys(instruments):
        mine = [order for order in of_marks if order.instrument is instrument]
        _see(world, _that_see(world, mine), instrument.mark_micro)


def see_last(world: World, instrument: Instrument) -> None:
    """An order is through with matching; the price of its last trade is seen."""
    if not world.has_order_rules:
        return
    instrument.last_seen_ticks = instrument.last_ticks
    mine = [order for order in _waiting(world, r.SOURCE_LAST) if order.instrument is instrument]
    _see(world, mine, instrument.last_micro)


def _waiting(world: World, source: int) -> list[Order]:
    return [
        order
        for order in world.orders.values()
        if order.place is Place.WAITS and extra_of(order).trigger.source == source
    ]


def is_open(world: World, instrument: Instrument) -> bool:
    """Check 3."""
    try:
        world.check_venue_open()
        world.check_instrument_open(instrument)
    except Reject:
        return False
    return True


def _that_see(world: World, orders: list[Order]) -> list[Order]:
    """Those whose instrument is open."""
    found = [order for order in orders if is_open(world, order.instrument)]
    if len(found) < len(orders):
        note(world, "trigger: a price not seen, not open")
    return found


def _see(world: World, orders: list[Order], price_micro: int) -> None:
    """Waiting orders see a price; those it reaches become due, in the order the price meets them."""
    up: list[tuple[int, int, Order]] = []
    down: list[tuple[int, int, Order]] = []
    for order in orders:
        extra, is_sell = extra_of(order), order.is_sell
        extra.follow(price_micro, is_sell=is_sell)
        at = extra.stands_at(is_sell=is_sell)
        assert at is not None
        if extra.is_up(is_sell=is_sell):
            if price_micro >= at:
                up.append((at, order.id, order))
        elif price_micro <= at:
            down.append((-at, order.id, order))
    if up and down:
        note(world, "trigger: one price reaches up and down")
    if len(up) > 1 or len(down) > 1:
        note(world, "trigger: one price reaches several")
    for _, _, order in (*sorted(up, key=lambda t: t[:2]), *sorted(down, key=lambda t: t[:2])):
        kind, source = extra_of(order).trigger[:2]
        note(world, f"trigger: {KINDS[kind]} {'sale' if order.is_sell else 'purchase'} by {SOURCES[source]}")
        make_due(world, order)
