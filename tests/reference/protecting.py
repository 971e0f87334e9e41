"""SET_MMP and RESET_MMP (rules 3: Market-maker protection)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_orders import MmpLimits
from tests.reference import following, resting
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.groups import Group
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World


def set_mmp(world: World, head: Head, words: tuple[int, ...]) -> None:
    """SET_MMP: configure a group, or remove it."""
    account = world.user(head.account)
    underlying = world.underlying(head.instrument)
    wanted = MmpLimits(*words[:6])
    require(head.aux < limits.MAX_MMP_GROUPS, why.BAD_VALUE)
    require(_in_bounds(wanted), why.BAD_VALUE)
    key = (account.id, underlying.id, head.aux)
    group = world.groups.get(key)
    if wanted.interval_ms == 0:
        _remove(world, group)
        following.carry_out(world)
        world.events.mmp(Group(*key, wanted), r.MMP_REMOVED, world.now_ms)
        return
    if group is None:
        require(len(world.groups) < limits.MAX_GROUPS, why.LIMIT_REACHED)
        group = world.groups[key] = Group(*key, wanted)
    else:
        note(world, "group: set anew, frozen" if group.is_frozen(world.now_ms) else "group: set anew")
    group.limits = wanted
    group.end_window()
    _cut_to_most(world, group)
    following.carry_out(world)
    world.events.mmp(group, r.MMP_SET, world.now_ms)


def _in_bounds(wanted: MmpLimits) -> bool:
    """The bounds of every word, and a limit of delta below that of quantity where both are given."""
    times = (wanted.interval_ms, wanted.frozen_ms)
    amounts = (wanted.quantity_limit_e8, wanted.delta_limit_e8, wanted.vega_limit_micro)
    least_quote = 1 if wanted.interval_ms else 0
    both = wanted.quantity_limit_e8 and wanted.delta_limit_e8
    return (
        all(0 <= each <= limits.MAX_MMP_MS for each in times)
        and all(0 <= each <= limits.MAX_MMP_LIMIT for each in amounts)
        and least_quote <= wanted.max_quote_e8 <= limits.MAX_MMP_LIMIT
        and (not both or wanted.delta_limit_e8 < wanted.quantity_limit_e8)
    )


def _remove(world: World, group: Group | None) -> None:
    """Cancel a group's orders and forget it; a group that is not there is no error."""
    if group is None:
        note(world, "group: removed, not there")
        return
    found = group.in_order()
    note(world, "group: removed with orders" if found else "group: removed")
    for order in found:
        resting.cancel(world, order, r.CANCEL_MMP_CONFIG)
    del world.groups[group.key]


def _amount_e8(orders: list[Order]) -> int:
    """Open lots of orders of one instrument, in 1e-8 of the underlying."""
    return sum(order.open_lots * order.instrument.terms.lot_e8 for order in orders)


def _cut_to_most(world: World, group: Group) -> None:
    """Cancel what passes the most a group may quote: by instrument and side, the newest orders first."""
    found = group.in_order()
    places = sorted({(order.instrument.id, order.is_sell) for order in found})
    for place in places:
        standing = [order for order in found if (order.instrument.id, order.is_sell) == place]
        while standing and _amount_e8(standing) > group.limits.max_quote_e8:
            resting.cancel(world, standing.pop(), r.CANCEL_MMP_CONFIG)
            note(world, "group: an order too large for it now")
            if standing and _amount_e8(standing) <= group.limits.max_quote_e8:
                note(world, "group: an older order stays")


def reset_mmp(world: World, head: Head) -> None:
    """RESET_MMP: end a freeze."""
    account = world.user(head.account)
    group = world.groups.get((account.id, head.instrument, head.aux))
    if group is None:
        raise Reject(why.UNKNOWN_MMP_GROUP)
    note(world, "group: reset, frozen" if group.is_frozen(world.now_ms) else "group: reset, not frozen")
    group.frozen_until_ms = 0
    group.end_window()
    world.events.mmp(group, r.MMP_RESET, world.now_ms)
