"""What must hold of what rules version 3 keep: remembered ids, protection groups. Part of `invariants`."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import state_orders
from exchange.core.engine import InvariantError
from exchange.core.layout import (
    A_ORDER_HEAD,
    ACCOUNT_WORDS,
    G_DELTA,
    G_FROZEN_UNTIL,
    G_HEAD,
    G_KEY,
    G_MAX_QUOTE,
    G_ORDERS,
    G_QUANTITY,
    G_TAIL,
    G_TRIPPED,
    G_VEGA,
    G_WINDOW,
    GROUP_WORDS,
    H_COUNT,
    H_ENDS,
    I_LOT_E8,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    K_CHAIN,
    K_ID,
    K_INDEX,
    K_LINE,
    K_SEQ,
    K_STREAM,
    KEPT_WORDS,
    LINE_WORDS,
    LOW,
    M_GROUP,
    M_LINKS,
    M_ORDER,
    MEMBER_WORDS,
    MMP_ACCOUNT_SHIFT,
    MMP_NUMBER_SHIFT,
    N_INDEX,
    N_KEY,
    N_LAST,
    N_LIVE,
    N_TAIL,
    O_FLAGS,
    O_ID,
    O_LIST,
    O_LOTS,
    O_WHO,
    ORDER_WORDS,
    Q_LOTS,
    Q_ORDERS,
    Q_QUOTE,
    STAKE_WORDS,
    STREAM_WORDS,
)
from exchange.core.protection import stake_key
from exchange.core.remembered import below, find
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

__all__ = ["InvariantError", "check", "must"]


def must(holds: bool, what: str, where: i64) -> None:
    """Raise InvariantError, naming what does not hold and where, unless it holds."""
    if not holds:
        raise InvariantError(f"{what} ({where})")


def check(w: World) -> None:
    """Check remembered ids and protection groups. Raises InvariantError."""
    _check_line(w)
    _check_streams(w)
    _check_groups(w)
    _check_members(w)


def _check_line(w: World) -> None:
    """What is remembered stands in order of arrival, of the shard and of each account."""
    data = w.kept.data
    counts: dict[int, int] = {}
    last_of: dict[int, int] = {}
    found: i64 = 0
    last: i64 = 0
    slot = w.kept_oldest
    while slot != 0:
        k = slot * KEPT_WORDS
        account = w.id_streams.data[(data[k + K_STREAM] & LOW) * STREAM_WORDS + N_KEY] >> 32
        must(data[k + K_LINE] >> 32 == last, "the line of remembered ids is torn", slot)
        must(last == 0 or data[last * KEPT_WORDS + K_SEQ] < data[k + K_SEQ], "ids out of order", slot)
        before = last_of.get(account, 0)
        if before == 0:
            must(w.id_lines[account * LINE_WORDS + H_ENDS] & LOW == slot, "an account's oldest id", slot)
        else:
            must(data[before * KEPT_WORDS + K_CHAIN] >> 32 == slot, "an account's line is torn", slot)
        last_of[account] = slot
        counts[account] = counts.get(account, 0) + 1
        last = slot
        found += 1
        slot = data[k + K_LINE] & LOW
    must(last == w.kept_newest and found == w.kept_count, "remembered ids are miscounted", found)
    must(found <= limits.MAX_REMEMBERED, "too many ids are remembered", found)
    account = 0
    while account < w.account_count:
        h = account * LINE_WORDS
        must(w.id_lines[h + H_COUNT] == counts.get(account, 0), "an account's ids are miscounted", account)
        must(w.id_lines[h + H_ENDS] >> 32 == last_of.get(account, 0), "an account's newest id", account)
        account += 1


def _check_streams(w: World) -> None:
    """A stream's ids grow, none is beyond its last, and each that is remembered is found."""
    found: i64 = 0
    for key in state_orders.stream_keys(w):
        stream = w.stream_ids.find(key)
        must(stream != 0, "a stream of ids is lost", key)
        n = stream * STREAM_WORDS
        streams = w.id_streams.data
        left = streams[n + N_LIVE]
        found += left
        slot = streams[n + N_TAIL]
        index = streams[n + N_INDEX]
        after: i64 = 0
        if left > 0:
            must(w.kept.data[slot * KEPT_WORDS + K_ID] == streams[n + N_LAST], "a stream's last id", key)
        while left > 0:
            k = slot * KEPT_WORDS
            client = w.kept.data[k + K_ID]
            must(w.kept.data[k + K_INDEX] == index, "an id has another's place", slot)
            must(after == 0 or below(client, after), "a stream's ids do not grow", slot)
            must(find(w, stream, client) == slot, "a remembered id is not found", slot)
            after = client
            index -= 1
            left -= 1
            slot = w.kept.data[k + K_CHAIN] & LOW
    must(found == w.kept_count, "streams' ids are miscounted", found)


def _check_groups(w: World) -> None:
    """Groups' lists are whole, in id order; what each has open is its orders' and within its limit."""
    must(len(w.tripped) == 0, "a group has tripped without effect", i64(len(w.tripped)))
    members: i64 = 0
    stakes: i64 = 0
    for key in state_orders.group_keys(w):
        group = w.group_ids.find(key)
        g = group * GROUP_WORDS
        groups = w.groups.data
        must(groups[g + G_TRIPPED] == 0, "a group has tripped without effect", key)
        sums = groups[g + G_QUANTITY] | groups[g + G_DELTA] | groups[g + G_VEGA]
        must(groups[g + G_WINDOW] >= 0 or sums == 0, "sums without a window", key)
        frozen = groups[g + G_FROZEN_UNTIL]
        free = groups[g + G_HEAD] == 0
        must(free or (frozen >= 0 and frozen <= w.now_ms), "a frozen group has orders", key)
        members += groups[g + G_ORDERS]
        stakes += _check_list(w, group)
    must(members == _protected(w), "members of groups are miscounted", members)
    must(stakes == w.stake_ids.used, "what groups have open is miscounted", stakes)


def _check_list(w: World, group: i64) -> i64:
    """Check a group's orders. Returns on how many sides of instruments it has some."""
    members = w.members.data
    orders = w.orders.data
    groups = w.groups.data
    g = group * GROUP_WORDS
    sides: dict[int, tuple[int, int, int]] = {}
    last: i64 = 0
    last_id: i64 = -1
    found: i64 = 0
    member = groups[g + G_HEAD]
    while member != 0:
        m = member * MEMBER_WORDS
        slot = members[m + M_ORDER]
        o = slot * ORDER_WORDS
        must(members[m + M_LINKS] >> 32 == last, "a group's list is torn", slot)
        must(members[m + M_GROUP] & LOW == group, "an order is in another's list", slot)
        must(orders[o + O_FLAGS] >> 32 == member, "an order is another's member", slot)
        must(orders[o + O_FLAGS] & r.FLAG_MMP != 0, "a group has an order that is not protected", slot)
        must(orders[o + O_ID] > last_id, "a group's orders are out of id order", slot)
        must(_home(w, slot) == groups[g + G_KEY] >> MMP_NUMBER_SHIFT, "an order in another's group", slot)
        key = stake_key(group, orders[o + O_WHO] >> 32, orders[o + O_FLAGS] & r.FLAG_SELL)
        lots, count, quote = sides.get(key, (0, 0, 0))
        if orders[o + O_FLAGS] & r.FLAG_QUOTE != 0:
            must(quote == 0, "two quotes of a group on a side", slot)
            quote = slot
        sides[key] = (lots + (orders[o + O_LOTS] & LOW), count + 1, quote)
        last = member
        last_id = orders[o + O_ID]
        found += 1
        member = members[m + M_LINKS] & LOW
    must(last == groups[g + G_TAIL] and found == groups[g + G_ORDERS], "a group's orders miscounted", group)
    must(found <= limits.MMP_ORDERS, "a group has too many orders", group)
    for side in sides:
        q = w.stake_ids.find(i64(side)) * STAKE_WORDS
        lots, count, quote = sides[side]
        must(w.stakes.data[q + Q_LOTS] == lots, "a group's open lots are not its orders'", i64(side))
        must(w.stakes.data[q + Q_ORDERS] == count, "a group's orders of a side", i64(side))
        must(w.stakes.data[q + Q_QUOTE] == quote, "a group's quote of a side", i64(side))
        instrument = (i64(side) >> 1) & (limits.MAX_INSTRUMENTS - 1)
        open_e8 = lots * w.instruments[instrument * INSTRUMENT_WORDS + I_LOT_E8]
        must(open_e8 <= groups[g + G_MAX_QUOTE], "a group has too much open", i64(side))
    return i64(len(sides))


def _home(w: World, slot: i64) -> i64:
    """The account and underlying of an order, as in a group's key."""
    who = w.orders.data[slot * ORDER_WORDS + O_WHO]
    underlying = w.instruments[(who >> 32) * INSTRUMENT_WORDS + I_UNDERLYING]
    return (who & LOW) << (MMP_ACCOUNT_SHIFT - MMP_NUMBER_SHIFT) | underlying


def _protected(w: World) -> i64:
    """How many resting orders are protected."""
    found: i64 = 0
    account: i64 = 0
    while account < w.account_count:
        slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
        while slot != 0:
            # An untriggered order with bit 9 joins when it fires.
            if w.orders.data[slot * ORDER_WORDS + O_FLAGS] >> 32 != 0:
                found += 1
            slot = w.orders.data[slot * ORDER_WORDS + O_LIST] & LOW
        account += 1
    return found


def _check_members(w: World) -> None:
    """No member record is left behind by an order."""
    free: i64 = 0
    slot = w.members.free
    while slot != 0:
        free += 1
        slot = w.members.data[slot * MEMBER_WORDS]
    must(w.members.slots - 1 - free == _protected(w), "members are left behind", free)
