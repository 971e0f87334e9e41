"""Market-maker protection: groups, what each has open, what its fills add up to (docs/rules-3.md).

A resting order of a group has a member record, which its flags word names; members form the group's list in
order_id order. What a group has open on one side of an instrument is a stake. `tripping` cancels.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.layout import (
    G_DELTA,
    G_DELTA_LIMIT,
    G_FROZEN_UNTIL,
    G_HEAD,
    G_INTERVAL,
    G_KEY,
    G_MAX_QUOTE,
    G_ORDERS,
    G_QUANTITY,
    G_QUANTITY_LIMIT,
    G_TAIL,
    G_TRIPPED,
    G_VEGA,
    G_VEGA_LIMIT,
    G_WINDOW,
    GROUP_WORDS,
    HIGH,
    I_DELTA,
    I_LOT_E8,
    I_UNDERLYING,
    I_VEGA,
    INSTRUMENT_WORDS,
    LOW,
    M_GROUP,
    M_LINKS,
    M_ORDER,
    MEMBER_WORDS,
    MMP_ACCOUNT_SHIFT,
    MMP_NUMBER_SHIFT,
    O_FLAGS,
    O_ID,
    O_LOTS,
    O_WHO,
    ORDER_WORDS,
    Q_KEY,
    Q_LOTS,
    Q_ORDERS,
    Q_QUOTE,
    STAKE_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_E8: Final = 100_000_000
_E9: Final = 1_000_000_000
_BEYOND: Final = 1 << 61  # more than brings any sum to its stop


def key_of(account: i64, underlying: i64, number: i64) -> i64:
    """A group's key; groups stand in the order of their keys."""
    return account << MMP_ACCOUNT_SHIFT | underlying << MMP_NUMBER_SHIFT | number


def choose(w: World, account: i64, instrument: i64, number: i64) -> i64:
    """Name the group of an order about to be checked in `w.c_group`. Returns UNKNOWN_MMP_GROUP or 0."""
    underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    w.c_group = 0
    if number < limits.MAX_MMP_GROUPS:
        w.c_group = w.group_ids.find(key_of(account, underlying, number))
    return 0 if w.c_group != 0 else no.UNKNOWN_MMP_GROUP


def frozen(w: World, group: i64) -> i64:
    """MMP_FROZEN (with its detail) while the group is frozen, else 0."""
    until = w.groups.data[group * GROUP_WORDS + G_FROZEN_UNTIL]
    if until == 0 or (until != r.MMP_UNTIL_RESET and w.now_ms >= until):
        return 0
    w.detail = until
    return no.MMP_FROZEN


def stake_key(group: i64, instrument: i64, sell: i64) -> i64:
    """The key of what a group has open on one side of an instrument."""
    return group << 21 | instrument << 1 | sell


def too_much(w: World, group: i64, instrument: i64, sell: i64, lots: i64, own_lots: i64) -> bool:
    """Whether `lots` more (`own_lots` not counted) pass what the group may have open there."""
    stake = w.stake_ids.find(stake_key(group, instrument, sell))
    if stake != 0:
        lots += w.stakes.data[stake * STAKE_WORDS + Q_LOTS]
    lots -= own_lots
    lot_e8 = w.instruments[instrument * INSTRUMENT_WORDS + I_LOT_E8]
    return lots * lot_e8 > w.groups.data[group * GROUP_WORDS + G_MAX_QUOTE]


def is_full(w: World, group: i64, own_orders: i64) -> bool:
    """Whether the group has as many open orders as it may."""
    return w.groups.data[group * GROUP_WORDS + G_ORDERS] - own_orders >= limits.MMP_ORDERS


def resting(w: World, group: i64, instrument: i64, sell: i64) -> i64:
    """The slot of the group's resting quote on a side, or 0."""
    stake = w.stake_ids.find(stake_key(group, instrument, sell))
    return w.stakes.data[stake * STAKE_WORDS + Q_QUOTE] if stake != 0 else 0


def group_of(w: World, flags: i64) -> i64:
    """The group of a resting order whose flags word this is, or 0."""
    if flags & r.FLAG_MMP == 0:
        return 0
    return w.members.data[(flags >> 32) * MEMBER_WORDS + M_GROUP] & LOW


def join(w: World, slot: i64, group: i64) -> None:
    """Make a resting order a member of its group; its lots are counted as open there."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    member = w.members.alloc()
    stake = _stake(w, group, orders[o + O_WHO] >> 32, orders[o + O_FLAGS] & r.FLAG_SELL)
    stakes = w.stakes.data
    q = stake * STAKE_WORDS
    stakes[q + Q_LOTS] += orders[o + O_LOTS] & LOW
    stakes[q + Q_ORDERS] += 1
    if orders[o + O_FLAGS] & r.FLAG_QUOTE != 0:
        stakes[q + Q_QUOTE] = slot
    members = w.members.data
    m = member * MEMBER_WORDS
    members[m + M_ORDER] = slot
    members[m + M_GROUP] = group | stake << 32
    orders[o + O_FLAGS] = orders[o + O_FLAGS] & LOW | member << 32
    _link(w, member, group, orders[o + O_ID])


def _stake(w: World, group: i64, instrument: i64, sell: i64) -> i64:
    key = stake_key(group, instrument, sell)
    stake = w.stake_ids.find(key)
    if stake == 0:
        stake = w.stakes.alloc()
        stakes = w.stakes.data
        q = stake * STAKE_WORDS
        stakes[q + Q_KEY] = key
        stakes[q + Q_LOTS] = 0
        stakes[q + Q_QUOTE] = 0
        stakes[q + Q_ORDERS] = 0
        w.stake_ids.insert(key, stake)
    return stake


def _link(w: World, member: i64, group: i64, order_id: i64) -> None:
    """Put a member where its order_id belongs: nearly always at the end of the group's list."""
    groups = w.groups.data
    members = w.members.data
    g = group * GROUP_WORDS
    before = groups[g + G_TAIL]
    following: i64 = 0
    while before != 0 and _order_id(w, before) > order_id:
        following = before
        before = members[before * MEMBER_WORDS + M_LINKS] >> 32
    members[member * MEMBER_WORDS + M_LINKS] = following | before << 32
    if before == 0:
        groups[g + G_HEAD] = member
    else:
        near = before * MEMBER_WORDS + M_LINKS
        members[near] = members[near] & HIGH | member
    if following == 0:
        groups[g + G_TAIL] = member
    else:
        near = following * MEMBER_WORDS + M_LINKS
        members[near] = members[near] & LOW | member << 32
    groups[g + G_ORDERS] += 1


def _order_id(w: World, member: i64) -> i64:
    return w.orders.data[w.members.data[member * MEMBER_WORDS + M_ORDER] * ORDER_WORDS + O_ID]


def leave(w: World, flags: i64, lots: i64) -> None:
    """Take an order with this flags word, `lots` of it still open, out of its group."""
    member = flags >> 32
    members = w.members.data
    m = member * MEMBER_WORDS
    group = members[m + M_GROUP] & LOW
    stake = members[m + M_GROUP] >> 32
    stakes = w.stakes.data
    q = stake * STAKE_WORDS
    stakes[q + Q_LOTS] -= lots
    stakes[q + Q_ORDERS] -= 1
    if flags & r.FLAG_QUOTE != 0:
        stakes[q + Q_QUOTE] = 0
    if stakes[q + Q_ORDERS] == 0:
        w.stake_ids.remove(stakes[q + Q_KEY], stake)
        w.stakes.release(stake)
    groups = w.groups.data
    g = group * GROUP_WORDS
    following = members[m + M_LINKS] & LOW
    before = members[m + M_LINKS] >> 32
    if before == 0:
        groups[g + G_HEAD] = following
    else:
        near = before * MEMBER_WORDS + M_LINKS
        members[near] = members[near] & HIGH | following
    if following == 0:
        groups[g + G_TAIL] = before
    else:
        near = following * MEMBER_WORDS + M_LINKS
        members[near] = members[near] & LOW | before << 32
    groups[g + G_ORDERS] -= 1
    w.members.release(member)


def change(w: World, flags: i64, lots: i64) -> None:
    """Add lots (negative: take off) to what is open of a protected order with this flags word."""
    stake = w.members.data[(flags >> 32) * MEMBER_WORDS + M_GROUP] >> 32
    w.stakes.data[stake * STAKE_WORDS + Q_LOTS] += lots


def fill(w: World, maker_flags: i64, instrument: i64, sell: i64, lots: i64) -> None:
    """A match: the maker with this flags word, or the taker (`sell`: its side), or both are protected."""
    if maker_flags & r.FLAG_MMP != 0:
        change(w, maker_flags, -lots)
        count(w, group_of(w, maker_flags), instrument, 1 - sell, lots)
    if w.taker_group != 0:
        count(w, w.taker_group, instrument, sell, lots)


def count(w: World, group: i64, instrument: i64, sell: i64, lots: i64) -> None:
    """Add a fill to the sums of its group's window; note it if the group trips."""
    data = w.groups.data
    g = group * GROUP_WORDS
    start = data[g + G_WINDOW]
    if start < 0 or w.now_ms >= start + data[g + G_INTERVAL]:
        data[g + G_WINDOW] = w.now_ms
        data[g + G_QUANTITY] = 0
        data[g + G_DELTA] = 0
        data[g + G_VEGA] = 0
    i = instrument * INSTRUMENT_WORDS
    quantity = lots * w.instruments[i + I_LOT_E8]
    delta = w.instruments[i + I_DELTA]
    exposure = _scaled(quantity, delta if delta >= 0 else -delta)
    vega = _vega(quantity, w.instruments[i + I_VEGA])
    data[g + G_QUANTITY] = _stopped(data[g + G_QUANTITY] + quantity)
    data[g + G_DELTA] = _stopped(data[g + G_DELTA] + (exposure if (delta < 0) == (sell != 0) else -exposure))
    data[g + G_VEGA] = _stopped(data[g + G_VEGA] + (vega if sell == 0 else -vega))
    if data[g + G_TRIPPED] == 0 and _passed(w, g):
        data[g + G_TRIPPED] = 1
        w.tripped.append(data[g + G_KEY])


def _scaled(quantity: i64, delta_e9: i64) -> i64:
    """quantity * delta_e9 / 1e9, rounded down, for quantity < 2**62 and delta_e9 <= 1e9."""
    return quantity // _E9 * delta_e9 + quantity % _E9 * delta_e9 // _E9


def _vega(quantity: i64, vega: i64) -> i64:
    """quantity * vega / 1e8, rounded down, or a number beyond every sum's stop."""
    whole = quantity // _E8
    part = quantity % _E8
    if whole > 0 and vega > _BEYOND // whole:
        return _BEYOND
    return whole * vega + part * (vega // _E8) + part * (vega % _E8) // _E8


def _stopped(total: i64) -> i64:
    if total > limits.MAX_MMP_SUM:
        return limits.MAX_MMP_SUM
    return total if total > -limits.MAX_MMP_SUM else -limits.MAX_MMP_SUM


def _passed(w: World, g: i64) -> bool:
    data = w.groups.data
    if _reaches(data[g + G_QUANTITY], data[g + G_QUANTITY_LIMIT]):
        return True
    return _reaches(data[g + G_DELTA], data[g + G_DELTA_LIMIT]) or _reaches(
        data[g + G_VEGA], data[g + G_VEGA_LIMIT]
    )


def _reaches(total: i64, limit: i64) -> bool:
    return limit != 0 and (total >= limit or -total >= limit)
