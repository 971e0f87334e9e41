"""Cancels by id, by scope and at a day's end (rules: Cancels, Life cycle)."""

from __future__ import annotations

from itertools import islice

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import matching
from tests.reference.accounts import Order
from tests.reference.outcome import require
from tests.reference.world import Head, World


def cancel(world: World, head: Head, words: tuple[int, ...]) -> None:
    """CANCEL."""
    account = world.user(head.account)
    matching.cancel(world, world.own_order(account, words[0]), r.CANCEL_USER)


def cancel_many(world: World, head: Head, words: tuple[int, ...]) -> None:
    """CANCEL_MANY."""
    account = world.user(head.account)
    scope, kind, which = head.flags & 15, head.flags >> 4 & 3, head.flags >> 6 & 3
    defined = scope <= r.SCOPE_LABEL_UNDERLYING and kind <= r.KIND_PERPETUAL and which <= r.WHICH_ORDERS
    require(defined and head.flags >> 8 == 0, why.BAD_FLAGS)
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
        return which == 0 or order.is_quote == (which == r.WHICH_QUOTES)

    found = [order for _, order in sorted(account.orders.items()) if matches(order)]
    for order in found:
        matching.cancel(world, order, r.CANCEL_USER)
    world.events.done(head, len(found), world.now_ms)


def expire_day(world: World, head: Head, words: tuple[int, ...]) -> None:
    """EXPIRE_DAY."""
    instrument = world.instrument(head.instrument)
    of_the_day = (order for order in instrument.book.orders() if order.time_in_force == r.TIF_GTD)
    found = list(islice(of_the_day, limits.MAX_EXPIRE_DAY_CANCELS))
    for order in found:
        matching.cancel(world, order, r.CANCEL_DAY_END)
    world.events.done(head, len(found), world.now_ms)
