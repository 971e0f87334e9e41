"""AMEND of an order in the book (rules: Amend; rules 3: Compare and amend, volatility)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import amending_waiting, changing, placing, resting, triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.changing import Wanted
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World

_POST_BITS = r.FLAG_POST_ONLY | r.FLAG_REJECT_POST_ONLY
_GIVEN_BITS = r.AMEND_PRICE | r.AMEND_SIZE | r.AMEND_DISPLAY | r.AMEND_POST | r.AMEND_REDUCE
_TRIGGER_BITS = r.AMEND_TRIGGER | r.AMEND_OFFSET
_COMPARE_BITS = r.AMEND_REMAINING | r.AMEND_EXPECTED


def amend(world: World, head: Head, words: tuple[int, ...]) -> None:
    """AMEND."""
    order_id, valid_until_ms = words[0], words[4]
    account = world.user(head.account)
    world.check_free(account)
    order = world.own_order(account, order_id)
    require(not order.is_quote, why.QUOTE_ORDER)
    triggers.check_none_due(world, order.instrument)
    world.check_venue_open()
    world.check_instrument_open(order.instrument)
    world.check_valid_until(valid_until_ms)
    wanted = Wanted(head.flags, *words[1:4], *words[5:8])
    _check_flags(world, order, wanted)
    if head.flags & r.AMEND_EXPECTED:
        _compare(world, order, wanted.expected_lots)
    if order.untriggered:
        amending_waiting.amend(world, order, wanted)
    else:
        _amend_in_book(world, order, wanted)


def _amend_in_book(world: World, order: Order, wanted: Wanted) -> None:
    if wanted.flags & r.AMEND_VOLATILITY:
        require(1 <= wanted.volatility_e6 <= limits.MAX_VOLATILITY_E6, why.BAD_VALUE)
    draft = changing.draft_of(world, order, wanted)
    if draft.flags & r.FLAG_REDUCE_ONLY:
        changing.cut_to_capacity(draft, order)
    if draft.flags & r.FLAG_POST_ONLY and draft.price_ticks != order.price_ticks:
        try:
            draft.price_ticks = placing.passive_price(draft)
        except Reject:
            resting.cancel(world, order, r.CANCEL_POST_ONLY_EDIT)
            return
    in_place = changing.stays_in_place(draft, order)
    changing.check_growth(world, draft, order, in_place)
    _change_volatility(world, order, wanted)
    changing.change(world, order, draft, in_place)


def _change_volatility(world: World, order: Order, wanted: Wanted) -> None:
    """A new volatility is kept; a price without one ends it. What changes is told."""
    extra = order.extra
    if extra is None or not extra.volatility_e6:
        return
    before = extra.volatility_e6
    if wanted.flags & r.AMEND_VOLATILITY:
        extra.volatility_e6 = wanted.volatility_e6
    elif wanted.flags & r.AMEND_PRICE:
        extra.volatility_e6 = 0
    if extra.volatility_e6 == before:
        note(world, "volatility: stays")
        return
    note(world, "volatility: another" if extra.volatility_e6 else "volatility: ends")
    world.events.extended(order, world.now_ms)


def _allowed(world: World, order: Order) -> int:
    """The flag bits that an AMEND of this order may have."""
    if not world.has_order_rules:
        return r.AMEND_FLAGS_ALLOWED
    more = _COMPARE_BITS
    if order.untriggered:
        more |= _TRIGGER_BITS
    elif order.extra is not None and order.extra.volatility_e6:
        more |= r.AMEND_VOLATILITY
    return r.AMEND_FLAGS_ALLOWED | more


def _check_flags(world: World, order: Order, wanted: Wanted) -> None:
    flags = wanted.flags
    given = flags & (_GIVEN_BITS | _TRIGGER_BITS | r.AMEND_VOLATILITY)
    good = not flags & ~_allowed(world, order) and bool(given)
    good = good and flags & _TRIGGER_BITS != _TRIGGER_BITS
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
        (_TRIGGER_BITS, wanted.trigger_micro),
        (r.AMEND_VOLATILITY, wanted.volatility_e6),
    ):
        if not flags & bit:
            good = good and value == 0
    if order.instrument.is_combo:
        good = good and not flags & (r.AMEND_DISPLAY | r.FLAG_REDUCE_ONLY)
    if order.extra is not None and order.extra.volatility_e6:
        keeps = bool(flags & r.AMEND_VOLATILITY) or not flags & r.AMEND_PRICE
        good = good and not (keeps and changing.flags_after(order, flags) & r.FLAG_POST_ONLY)
    require(good, why.BAD_FLAGS)


def _compare(world: World, order: Order, expected_lots: int) -> None:
    """What the sender believes to be filled is filled."""
    filled = order.filled_lots
    how = "otherwise" if expected_lots != filled else f"{'some' if filled else 'nothing'}, as expected"
    note(world, f"compare: filled {how}")
    require(expected_lots == filled, why.FILLED_MISMATCH, filled)
