"""Protection groups set, removed and reset (docs/rules-3.md, Market-maker protection)."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import emit, links, tripping
from exchange.core.admission import is_user
from exchange.core.layout import G_FROZEN_UNTIL, G_INTERVAL, G_KEY, G_WINDOW, GROUP_WORDS
from exchange.core.protection import key_of
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def set_mmp(w: World, batch: bytes, body: i64, account: i64, underlying: i64, number: i64) -> i64:
    """SET_MMP with its body at byte `body`. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if underlying >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    if number >= limits.MAX_MMP_GROUPS or not _within(batch, body):
        return no.BAD_VALUE
    key = key_of(account, underlying, number)
    group = w.group_ids.find(key)
    if read_i64_le(batch, body) == 0:
        if group != 0:
            tripping.cancel_all(w, group, r.CANCEL_MMP_CONFIG, 0)
            links.follow(w)
            w.group_ids.remove(key, group)
            w.groups.release(group)
        emit.mmp(w, key, r.MMP_REMOVED, 0, 0, 0, 0)
        return 0
    if group == 0:
        if w.group_ids.used >= limits.MAX_GROUPS:
            return no.LIMIT_REACHED
        group = make_group(w, key)
    groups = w.groups.data
    g = group * GROUP_WORDS
    word: i64 = 0
    while word < 6:
        groups[g + G_INTERVAL + word] = read_i64_le(batch, body + 8 * word)
        word += 1
    tripping.end_window(w, group)
    tripping.cancel_excess(w, group)
    links.follow(w)
    emit.mmp(w, key, r.MMP_SET, groups[g + G_FROZEN_UNTIL], 0, 0, 0)
    return 0


def _within(batch: bytes, body: i64) -> bool:
    """Whether the words of a SET_MMP are within their bounds and fit together."""
    word: i64 = 0
    while word < 6:
        value = read_i64_le(batch, body + 8 * word)
        most: i64 = limits.MAX_MMP_MS if word < 2 else limits.MAX_MMP_LIMIT
        if value < 0 or value > most:
            return False
        word += 1
    quantity = read_i64_le(batch, body + 16)
    delta = read_i64_le(batch, body + 24)
    if quantity != 0 and delta != 0 and delta >= quantity:
        return False
    return read_i64_le(batch, body + 40) != 0 or read_i64_le(batch, body) == 0


def reset_mmp(w: World, account: i64, underlying: i64, number: i64) -> i64:
    """RESET_MMP. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    group: i64 = 0
    if underlying < w.underlying_count and number < limits.MAX_MMP_GROUPS:
        group = w.group_ids.find(key_of(account, underlying, number))
    if group == 0:
        return no.UNKNOWN_MMP_GROUP
    w.groups.data[group * GROUP_WORDS + G_FROZEN_UNTIL] = 0
    tripping.end_window(w, group)
    emit.mmp(w, key_of(account, underlying, number), r.MMP_RESET, 0, 0, 0, 0)
    return 0


def make_group(w: World, key: i64) -> i64:
    """A new group without limits or members."""
    group = w.groups.alloc()
    groups = w.groups.data
    g = group * GROUP_WORDS
    word: i64 = 0
    while word < GROUP_WORDS:
        groups[g + word] = 0
        word += 1
    groups[g + G_KEY] = key
    groups[g + G_WINDOW] = -1
    w.group_ids.insert(key, group)
    return group
