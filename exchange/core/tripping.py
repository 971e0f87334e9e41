"""What happens when a protection group trips, and its orders cancelled (docs/rules-3.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, extras, waiting
from exchange.core.layout import (
    EXTRA,
    G_DELTA,
    G_FROZEN_MS,
    G_FROZEN_UNTIL,
    G_HEAD,
    G_QUANTITY,
    G_TRIPPED,
    G_VEGA,
    G_WINDOW,
    GROUP_WORDS,
    LOW,
    M_LINKS,
    M_ORDER,
    MEMBER_WORDS,
    O_FLAGS,
    O_ID,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
)
from exchange.core.matching import cancel
from exchange.core.protection import too_much
from exchange.core.world import World
from exchange.domain import records as r


def end_window(w: World, group: i64) -> None:
    """No window runs any more; its sums are gone."""
    groups = w.groups.data
    g = group * GROUP_WORDS
    groups[g + G_WINDOW] = -1
    groups[g + G_QUANTITY] = 0
    groups[g + G_DELTA] = 0
    groups[g + G_VEGA] = 0


def through(w: World, slot: i64, lots: i64, taker: i64) -> bool:
    """The order in `slot`, which entered with `lots`, is through with matching under rules 3.

    `taker`: as `take_effect` wants it. Returns whether the order's own group has tripped.
    """
    orders = w.orders.data
    o = slot * ORDER_WORDS
    if w.rest < lots:
        if orders[o + O_FLAGS] & OF_COMBO == 0:
            waiting.traded(w, orders[o + O_WHO] >> 32)
        if len(w.traded_beside) != 0:
            waiting.traded_beside(w)
        if orders[o + O_FLAGS] & EXTRA != 0:
            extras.hit(w, orders[o + O_ID], lots - w.rest)
    return len(w.tripped) != 0 and take_effect(w, taker)


def take_effect(w: World, taker: i64) -> bool:
    """Freeze the groups that have tripped and cancel their orders, but for the one in slot `taker`, which is
    out of the book. Returns whether the taker's group (`w.taker_group`) is one of them."""
    struck = False
    keys = w.tripped
    w.tripped = []
    keys.sort()
    for key in keys:
        group = w.group_ids.find(key)
        groups = w.groups.data
        g = group * GROUP_WORDS
        groups[g + G_TRIPPED] = 0
        until = groups[g + G_FROZEN_MS]
        until = w.now_ms + until if until != 0 else r.MMP_UNTIL_RESET
        groups[g + G_FROZEN_UNTIL] = until
        sums = groups[g + G_QUANTITY], groups[g + G_DELTA], groups[g + G_VEGA]
        emit.mmp(w, key, r.MMP_TRIPPED, until, sums[0], sums[1], sums[2])
        end_window(w, group)
        cancel_all(w, group, r.CANCEL_MMP, taker)
        if group == w.taker_group:
            struck = True
    return struck


def cancel_all(w: World, group: i64, reason: i64, taker: i64) -> None:
    """Cancel a group's orders in order_id order, all but the one in slot `taker`."""
    members = w.members.data
    member = w.groups.data[group * GROUP_WORDS + G_HEAD]
    while member != 0:
        following = members[member * MEMBER_WORDS + M_LINKS] & LOW
        slot = members[member * MEMBER_WORDS + M_ORDER]
        if slot != taker:
            cancel(w, slot, reason)
        member = following


def cancel_excess(w: World, group: i64) -> None:
    """Cancel, side by side and the newest order first, what a group has open beyond its limit."""
    members = w.members.data
    orders = w.orders.data
    found: list[tuple[int, int, int]] = []
    member = w.groups.data[group * GROUP_WORDS + G_HEAD]
    while member != 0:
        slot = members[member * MEMBER_WORDS + M_ORDER]
        o = slot * ORDER_WORDS
        side = (orders[o + O_WHO] >> 32) << 1 | orders[o + O_FLAGS] & r.FLAG_SELL
        found.append((int(side), -int(orders[o + O_ID]), int(slot)))
        member = members[member * MEMBER_WORDS + M_LINKS] & LOW
    found.sort()
    for side, _, slot in found:
        if too_much(w, group, i64(side) >> 1, i64(side) & 1, 0, 0):
            cancel(w, i64(slot), r.CANCEL_MMP_CONFIG)
