"""AMEND of an untriggered order (rules 3: Orders with a trigger)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import changing, placing, resting, triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.changing import Wanted
from tests.reference.extras import Place
from tests.reference.outcome import require
from tests.reference.placing import ExtendedDraft
from tests.reference.world import World


def amend(world: World, order: Order, wanted: Wanted) -> None:
    """What comes behind the flags and the comparison: nothing that the market decides is checked."""
    flags, extra = wanted.flags, triggers.extra_of(order)
    draft = _draft(world, order, wanted)
    trigger = extra.trigger
    if flags & r.AMEND_TRIGGER:
        good = trigger.kind in (r.TRIGGER_STOP, r.TRIGGER_TAKE) and not extra.fired
        require(good and _is_price(wanted.trigger_micro), why.BAD_TRIGGER)
        trigger = trigger._replace(trigger_micro=wanted.trigger_micro)
    if flags & r.AMEND_OFFSET:
        require(extra.is_trailing and not extra.fired and _is_price(wanted.trigger_micro), why.BAD_TRIGGER)
        trigger = trigger._replace(offset_micro=wanted.trigger_micro)
    moved = bool(flags & (r.AMEND_TRIGGER | r.AMEND_OFFSET))
    note(world, f"amend: {order.place.name.lower()}{', its trigger' if moved else ''}")
    extra.trigger = trigger
    if flags & r.AMEND_SIZE and order.place is Place.DORMANT and extra.is_incremental:
        extra.sent_lots = draft.size_lots
    order.flags, order.price_ticks = draft.flags, draft.price_ticks
    order.size_lots, order.display_lots = draft.size_lots, draft.display_lots
    order.open_lots = draft.size_lots - order.filled_lots
    if moved:
        if order.place is Place.WAITS:
            triggers.follow_now(world, order)
        world.events.extended(order, world.now_ms)
    resting.tell(world, order, r.ORDER_AMENDED)
    if moved and order.place is Place.WAITS:
        triggers.look(world, order)


def _is_price(price_micro: int) -> bool:
    return 1 <= price_micro <= limits.MAX_PRICE_MICRO


def _draft(world: World, order: Order, wanted: Wanted) -> ExtendedDraft:
    """The order as it would be: check 5, then total, display and price if given."""
    flags = wanted.flags
    total = changing.total_after(world, order, wanted)
    display = wanted.display_lots if flags & r.AMEND_DISPLAY else _cut(order.display_lots, total)
    price = wanted.price_ticks if flags & r.AMEND_PRICE else order.price_ticks
    new_flags = changing.flags_after(order, flags)
    draft = ExtendedDraft(order.account, order.instrument, new_flags, price, total, display)
    placing.check_flags(draft)
    if flags & r.AMEND_SIZE:
        changing.check_total(order, total)
    placing.check_display(world, display, total, "given" if flags & r.AMEND_DISPLAY else "kept")
    if flags & r.AMEND_PRICE:
        placing.check_price(draft)
    return draft


def _cut(display_lots: int, total: int) -> int:
    """A display that stays, at most the total; 0 is all, whatever the total."""
    return min(display_lots, total) if display_lots else 0
