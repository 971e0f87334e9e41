"""Fills of protected orders, and the groups that trip by them (rules 3: Market-maker protection)."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.groups import Group
from tests.reference.world import World


def count(world: World, order: Order, lots: int, *, role: str) -> None:
    """A fill counts for the order's group, as maker or taker; a limit reached trips it in the end."""
    group = order.group
    if group is None:
        return
    before = group.window_start_ms
    group.count(order.instrument, lots, is_sell=order.is_sell, now_ms=world.now_ms)
    if 0 <= before < group.window_start_ms:
        note(world, "group: a window run out, another begins")
    passed = group.limits_passed()
    if not passed:
        return
    if group.key in world.tripped:
        note(world, "group: filled on after it tripped")
        return
    world.tripped.add(group.key)
    note(world, f"group: trips by {' and '.join(passed)}")
    note(world, f"group: trips as {role}, {'quotes' if order.is_quote else 'an order'}")


def take_tripped(world: World, taker: Order) -> list[Group]:
    """What has tripped by an order's trades, in (account, underlying, number) order."""
    found = [world.groups[key] for key in sorted(world.tripped)]
    world.tripped.clear()
    if len(found) > 1:
        note(world, "group: several trip by one order")
    if found and taker.flags & r.FLAG_LIQUIDATION:
        note(world, "group: trips by a slice of a liquidation")
    if found and taker.group in found and taker.filled_value and taker.priority:
        note(world, f"group: trips as {'a quote' if taker.is_quote else 'an order'} that moves")
    return found


def freeze(world: World, group: Group) -> None:
    """Freeze a group that has tripped, and tell it."""
    frozen_ms = group.limits.frozen_ms
    group.frozen_until_ms = world.now_ms + frozen_ms if frozen_ms else r.MMP_UNTIL_RESET
    note(world, "group: frozen for a time" if frozen_ms else "group: frozen until it is reset")
    world.events.mmp(group, r.MMP_TRIPPED, world.now_ms)
    group.end_window()
