"""REPRICE: new prices of orders that are priced in volatility (rules 3)."""

from __future__ import annotations

import struct

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import changing, following, placing, resting, triggers
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.outcome import Reject
from tests.reference.placing import Draft
from tests.reference.world import Head, World

_UNIT = struct.Struct("<Qqqq")


def well_formed(units: int, body: bytes) -> bool:
    """Do the units fit their count, and is zero what is not used?"""
    (count,) = struct.unpack_from("<q", body)
    if not 0 <= count <= limits.MAX_REPRICES or units != 2 + count or any(body[8:32]):
        return False
    return not any(c or d for _, _, c, d in _UNIT.iter_unpack(body[32:]))


def reprice(world: World, head: Head, body: bytes) -> None:
    """REPRICE."""
    repriced = 0
    for order_id, price_ticks, _, _ in _UNIT.iter_unpack(body[32:]):
        order = world.orders.get(order_id)
        if order is None or not _is_repriced(world, order, price_ticks):
            continue
        try:
            _move(world, order, price_ticks)
            repriced += 1
        except Reject:
            note(world, "reprice: refused")
            resting.cancel(world, order, r.CANCEL_REPRICE_REFUSED)
        following.carry_out(world)
    world.events.done(head, repriced, world.now_ms)


def _is_repriced(world: World, order: Order, price_ticks: int) -> bool:
    """Is it priced in volatility, at another price, its instrument open with none due, its account sound?"""
    if order.extra is None or not order.extra.volatility_e6:
        note(world, "reprice: passed over, no volatility")
        return False
    if order.price_ticks == price_ticks:
        note(world, "reprice: passed over, same price")
        return False
    if not triggers.is_open(world, order.instrument):
        note(world, "reprice: passed over, not open")
        return False
    if any(due.instrument is order.instrument for due in world.due):
        note(world, "reprice: passed over, others due")
        return False
    return order.account.liquidation == r.LIQUIDATION_NONE


def _move(world: World, order: Order, price_ticks: int) -> None:
    """7, 8, 9, then 15 and 16 as an AMEND of the price makes them; then the order moves."""
    placing.check_limit_price(order.instrument, price_ticks)
    world.check_marked(order.instrument)
    draft = Draft(
        order.account,
        order.instrument,
        order.flags,
        price_ticks,
        order.size_lots,
        order.display_lots,
        replaces=order,
        group=order.group,
    )
    placing.check_band(draft)
    changing.check_growth(world, draft, order, in_place=False)
    filled = order.filled_lots
    changing.change(world, order, draft, in_place=False)
    note(world, "reprice: trades" if order.filled_lots > filled else "reprice: moved")
