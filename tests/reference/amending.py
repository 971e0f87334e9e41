"""Amend (rules: Amend)."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import funds, matching, placing
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.outcome import Reject, require
from tests.reference.placing import Draft
from tests.reference.world import Head, World

_POST_BITS = r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY
_GIVEN_BITS = r.AMEND_PRICE | r.AMEND_SIZE | r.AMEND_DISPLAY | r.AMEND_POST | r.AMEND_REDUCE

_COMPARE_BITS = r.AMEND_REMAINING | r.AMEND_EXPECTED


class Wanted(NamedTuple):
    """What an AMEND gives, by its flags. `lots` is the new total, or what is to remain open."""

    flags: int
    price_ticks: int
    lots: int
    display_lots: int
    expected_lots: int
    trigger_micro: int
    volatility_e6: int


def amend(world: World, head: Head, words: tuple[int, ...]) -> None:
    """AMEND."""
    order_id, valid_until_ms = words[0], words[4]
    account = world.user(head.account)
    world.check_free(account)
    order = world.own_order(account, order_id)
    require(not order.is_quote, why.QUOTE_ORDER)
    world.check_venue_open()
    world.check_instrument_open(order.instrument)
    world.check_valid_until(valid_until_ms)
    wanted = Wanted(head.flags, *words[1:4], *words[5:8])
    _check_flags(world, wanted)
    if head.flags & r.AMEND_EXPECTED:
        _compare(world, order, wanted.expected_lots)
    draft = _draft(world, order, wanted)
    if draft.flags & r.FLAG_REDUCE_ONLY:
        _cut_to_capacity(draft, order)
    if draft.flags & r.FLAG_POST_ONLY and draft.price_ticks != order.price_ticks:
        try:
            draft.price_ticks = placing.passive_price(draft)
        except Reject:
            matching.cancel(world, order, r.CANCEL_POST_ONLY_EDIT)
            return
    in_place = _stays_in_place(draft, order)
    _check_growth(world, draft, order, in_place)
    _change(world, order, draft, in_place)


def _check_flags(world: World, wanted: Wanted) -> None:
    flags = wanted.flags
    allowed = r.AMEND_FLAGS_ALLOWED | (_COMPARE_BITS if world.has_order_rules else 0)
    good = not flags & ~allowed and bool(flags & _GIVEN_BITS)
    if flags & r.AMEND_REMAINING:
        good = good and bool(flags & r.AMEND_SIZE)
    if flags & r.FLAG_REJECT_POST_ONLY:
        good = good and bool(flags & r.FLAG_POST_ONLY)
    if not flags & r.AMEND_POST:
        good = good and not flags & _POST_BITS
    if not flags & r.AMEND_REDUCE:
        good = good and not flags & r.FLAG_REDUCE_ONLY
    for bit, value in (
        (r.AMEND_PRICE, wanted.price_ticks),
        (r.AMEND_SIZE, wanted.lots),
        (r.AMEND_DISPLAY, wanted.display_lots),
        (r.AMEND_EXPECTED, wanted.expected_lots),
        (r.AMEND_TRIGGER | r.AMEND_OFFSET, wanted.trigger_micro),
        (r.AMEND_VOLATILITY, wanted.volatility_e6),
    ):
        if not flags & bit:
            good = good and value == 0
    require(good, why.BAD_FLAGS)


def _compare(world: World, order: Order, expected_lots: int) -> None:
    """What the sender believes to be filled is filled."""
    filled = order.filled_lots
    how = "otherwise" if expected_lots != filled else f"{'some' if filled else 'nothing'}, as expected"
    note(world, f"compare: filled {how}")
    require(expected_lots == filled, why.FILLED_MISMATCH, filled)


def _total_of(world: World, order: Order, *, remaining_lots: int) -> int:
    """The total of an order of which so many lots are to remain open."""
    if remaining_lots < 1:
        note(world, "remaining: none")
        raise Reject(why.BAD_SIZE)
    note(world, f"remaining: of {'an order filled in part' if order.filled_lots else 'one not filled'}")
    return remaining_lots + order.filled_lots


def _draft(world: World, order: Order, wanted: Wanted) -> Draft:
    """The order as it would be, with what is given checked. Size is the total, fills included."""
    flags, new_flags = wanted.flags, order.flags
    if flags & r.AMEND_POST:
        new_flags = new_flags & ~_POST_BITS | flags & _POST_BITS
    if flags & r.AMEND_REDUCE:
        new_flags = new_flags & ~r.FLAG_REDUCE_ONLY | flags & r.FLAG_REDUCE_ONLY
    total = order.size_lots
    if flags & r.AMEND_SIZE:
        total = wanted.lots
        if flags & r.AMEND_REMAINING:
            total = _total_of(world, order, remaining_lots=total)
        least = max(order.instrument.terms.min_size_lots, order.filled_lots + 1)
        require(least <= total <= limits.MAX_ORDER_LOTS, why.BAD_SIZE)
    display = min(order.display_lots, total)
    if flags & r.AMEND_DISPLAY:
        display = wanted.display_lots
        require(0 <= display <= total, why.BAD_DISPLAY)
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


def _cut_to_capacity(draft: Draft, order: Order) -> None:
    capacity = draft.capacity()
    require(capacity > 0, why.REDUCE_ONLY)
    open_lots = min(draft.size_lots - order.filled_lots, capacity)
    draft.size_lots = order.filled_lots + open_lots
    draft.display_lots = min(draft.display_lots, draft.size_lots)


def _stays_in_place(draft: Draft, order: Order) -> bool:
    return (
        draft.price_ticks == order.price_ticks
        and draft.display_lots == min(order.display_lots, draft.size_lots)
        and draft.size_lots - order.filled_lots <= order.open_lots
    )


def _check_growth(world: World, draft: Draft, order: Order, in_place: bool) -> None:
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


def _change(world: World, order: Order, draft: Draft, in_place: bool) -> None:
    open_lots = draft.size_lots - order.filled_lots
    old_price = order.price_ticks
    order.flags = draft.flags
    if in_place:
        matching.count_open(order, open_lots - order.open_lots)
        order.size_lots, order.display_lots, order.open_lots = draft.size_lots, draft.display_lots, open_lots
        order.shown_lots = min(order.shown_lots, open_lots)
        matching.tell(world, order, r.ORDER_AMENDED)
        return
    matching.leave(world, order)
    order.price_ticks, order.hold_per_lot = draft.price_ticks, draft.hold_per_lot
    order.size_lots, order.display_lots, order.open_lots = draft.size_lots, draft.display_lots, open_lots
    moved = draft.price_ticks != old_price
    matching.run(
        world, order, r.ORDER_AMENDED, trades=moved, old_price_ticks=old_price if moved else None
    )
