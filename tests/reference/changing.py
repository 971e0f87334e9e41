"""An order in the book takes another price, size, display or bits (rules: Amend)."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import funds, matching, placing, resting
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.outcome import Reject, require
from tests.reference.placing import Draft
from tests.reference.world import World

_POST_BITS = r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY


class Wanted(NamedTuple):
    """What an AMEND gives, by its flags. `lots` is the new total, or what is to remain open."""

    flags: int
    price_ticks: int = 0
    lots: int = 0
    display_lots: int = 0
    expected_lots: int = 0
    trigger_micro: int = 0
    volatility_e6: int = 0


def flags_after(order: Order, flags: int) -> int:
    """An order's flags with the bits that an AMEND gives."""
    found = order.flags
    if flags & r.AMEND_POST:
        found = found & ~_POST_BITS | flags & _POST_BITS
    if flags & r.AMEND_REDUCE:
        found = found & ~r.FLAG_REDUCE_ONLY | flags & r.FLAG_REDUCE_ONLY
    return found


def total_after(world: World, order: Order, wanted: Wanted) -> int:
    """An order's total, what is to remain open being at least one lot."""
    if not wanted.flags & r.AMEND_SIZE:
        return order.size_lots
    if wanted.flags & r.AMEND_REMAINING:
        return _total_of(world, order, remaining_lots=wanted.lots)
    return wanted.lots


def check_total(order: Order, total: int) -> None:
    """A new total: as of a new order, and more than is filled."""
    least = max(order.instrument.terms.min_size_lots, order.filled_lots + 1)
    require(least <= total <= placing.most_lots(order.instrument), why.BAD_SIZE)


def _total_of(world: World, order: Order, *, remaining_lots: int) -> int:
    """The total of an order of which so many lots are to remain open."""
    if remaining_lots < 1:
        note(world, "remaining: none")
        raise Reject(why.BAD_SIZE)
    note(world, f"remaining: of {'an order filled in part' if order.filled_lots else 'one not filled'}")
    return remaining_lots + order.filled_lots


def draft_of(world: World, order: Order, wanted: Wanted) -> Draft:
    """The order as it would be, with what is given checked. Size is the total, fills included."""
    flags, new_flags = wanted.flags, flags_after(order, wanted.flags)
    total = total_after(world, order, wanted)
    if flags & r.AMEND_SIZE:
        check_total(order, total)
    display = min(order.display_lots, total)
    if flags & r.AMEND_DISPLAY:
        display = wanted.display_lots
    placing.check_display(world, display, total, "given" if flags & r.AMEND_DISPLAY else "kept")
    draft = Draft(
        order.account, order.instrument, new_flags, order.price_ticks, total, display, replaces=order
    )
    draft.group = order.group
    placing.check_protected(draft, total - order.filled_lots)
    if flags & r.AMEND_PRICE:
        placing.check_limit_price(order.instrument, wanted.price_ticks)
        draft.price_ticks = wanted.price_ticks
        if draft.price_ticks != order.price_ticks:
            world.check_marked(order.instrument)
            placing.check_band(draft)
    return draft


def cut_to_capacity(draft: Draft, order: Order) -> None:
    capacity = draft.capacity()
    require(capacity > 0, why.REDUCE_ONLY)
    open_lots = min(draft.size_lots - order.filled_lots, capacity)
    draft.size_lots = order.filled_lots + open_lots
    draft.display_lots = min(draft.display_lots, draft.size_lots)


def stays_in_place(draft: Draft, order: Order) -> bool:
    return (
        draft.price_ticks == order.price_ticks
        and draft.display_lots == min(order.display_lots, draft.size_lots)
        and draft.size_lots - order.filled_lots <= order.open_lots
    )


def check_growth(world: World, draft: Draft, order: Order, in_place: bool) -> None:
    """Check 14 if the open lots grow; 15 and 16 if what the order requires does."""
    open_lots = draft.size_lots - order.filled_lots
    if open_lots > order.open_lots:
        placing.check_position(draft, open_lots)
    draft.hold_per_lot = (
        order.hold_per_lot
        if in_place
        else funds.hold_per_lot(world, draft.account, draft.instrument, draft.is_sell, draft.price_ticks)
    )
    draft.use_price = draft.price_ticks
    if _requires_more(world, draft, order, open_lots):
        placing.check_accumulation(draft)
        placing.check_covered(world, draft, open_lots)
    elif world.has_risk_rules:
        _check_price(world, draft, order, open_lots)


def _check_price(world: World, draft: Draft, order: Order, open_lots: int) -> None:
    """Rules 2: checks 15 and 16 of an order that requires no more, if its price is worse."""
    if order.is_sell:
        worse = draft.price_ticks < order.price_ticks
    else:
        worse = draft.price_ticks > order.price_ticks
    if not worse:
        note(world, "amend: not checked")
        return
    try:
        placing.check_accumulation(draft)
        placing.check_covered(world, draft, open_lots)
    except Reject:
        note(world, "amend: checked for its price alone, refused")
        raise
    note(world, "amend: checked for its price alone, passed")


def _requires_more(world: World, draft: Draft, order: Order, open_lots: int) -> bool:
    """Rules 1: the seat's requirement grows. Rules 2: the order's open lots or hold do."""
    if world.has_risk_rules:
        held = order.open_lots * order.hold_per_lot
        if open_lots > order.open_lots or open_lots * draft.hold_per_lot > held:
            note(world, "amend: checked for lots or hold")
            return True
        return False
    return placing.requirement_with(draft, open_lots) > funds.seat_requirement(order.seat)


def change(world: World, order: Order, draft: Draft, in_place: bool) -> None:
    """Do what passed: in place, or out of the queue, through the book if the price moved, and to the back."""
    open_lots = draft.size_lots - order.filled_lots
    old_price = order.price_ticks
    order.flags = draft.flags
    if in_place:
        resting.count_open(order, open_lots - order.open_lots)
        order.size_lots, order.display_lots, order.open_lots = draft.size_lots, draft.display_lots, open_lots
        order.shown_lots = min(order.shown_lots, open_lots)
        resting.tell(world, order, r.ORDER_AMENDED)
        return
    resting.leave(world, order)
    order.price_ticks, order.hold_per_lot = draft.price_ticks, draft.hold_per_lot
    order.size_lots, order.display_lots, order.open_lots = draft.size_lots, draft.display_lots, open_lots
    moved = draft.price_ticks != old_price
    matching.run(
        world, order, r.ORDER_AMENDED, trades=moved, old_price_ticks=old_price if moved else None
    )


def grow(world: World, order: Order, lots: int) -> None:
    """Add to an order's total as its AMEND would. Raises Reject; then nothing happened."""
    draft = draft_of(world, order, Wanted(r.AMEND_SIZE, lots=order.size_lots + lots))
    if draft.flags & r.FLAG_REDUCE_ONLY:
        cut_to_capacity(draft, order)
    in_place = stays_in_place(draft, order)
    check_growth(world, draft, order, in_place)
    change(world, order, draft, in_place)
