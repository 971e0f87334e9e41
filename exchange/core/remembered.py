"""Client order ids that are never executed twice: what came of each (docs/rules-3.md).

The ids of a stream (an account under a grant) only grow, so a new one is told from an old one by one
comparison. What became of an id is kept in a pool, in three chains: the shard's in order of arrival, the
account's, and the stream's from the newest back. An old id is looked up along the stream; every entry names
besides the one before it one further back, at distances that grow as in a skew-binary number (Myers 1983):
a look-up takes a few dozen steps at most, whatever ids a sender chooses.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import emit
from exchange.core.layout import (
    H_COUNT,
    H_ENDS,
    HIGH,
    K_CHAIN,
    K_ID,
    K_INDEX,
    K_JUMP,
    K_LINE,
    K_ORDER,
    K_SEQ,
    K_STREAM,
    KEPT_WORDS,
    LINE_WORDS,
    LOW,
    N_INDEX,
    N_KEY,
    N_LAST,
    N_LIVE,
    N_TAIL,
    STREAM_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import rejects as no

REPEATED: Final = -1


def below(a: i64, b: i64) -> bool:
    """Whether a < b, both unsigned 64-bit numbers in signed words."""
    if a ^ b < 0:
        return b < 0
    return a < b


def fresh(w: World, account: i64, grant: i64, client: i64) -> i64:
    """The stream of (account, grant) if it exists and the id is new in it, else 0."""
    stream = w.stream_ids.find(account << 32 | grant)
    if stream != 0 and below(w.id_streams.data[stream * STREAM_WORDS + N_LAST], client):
        return stream
    return 0


def admit(w: World, who: i64, grant: i64, client: i64) -> i64:
    """Judge a new order's id (not 0). Returns a reject reason, REPEATED (its event is written), or 0.

    Where it is 0, `w.id_stream` is the stream for `keep` to remember the outcome in.
    """
    account = who & LOW
    stream = w.stream_ids.find(account << 32 | grant)
    if stream == 0:
        stream = make_stream(w, account, grant)
        if stream == 0:
            return no.LIMIT_REACHED
    streams = w.id_streams.data
    last = streams[stream * STREAM_WORDS + N_LAST]
    if below(last, client):
        w.id_stream = stream
        return 0
    slot = find(w, stream, client)
    if slot == 0:
        w.detail = last
        return no.ID_EXPIRED
    data = w.kept.data
    k = slot * KEPT_WORDS
    emit.repeated(w, who, client, data[k + K_ORDER], data[k + K_STREAM] >> 32, data[k + K_SEQ])
    return REPEATED


def make_stream(w: World, account: i64, grant: i64) -> i64:
    """A new stream in which no id came yet; 0 where there may be no more."""
    if w.stream_ids.used >= limits.MAX_ID_STREAMS:
        return 0
    stream = w.id_streams.alloc()
    streams = w.id_streams.data
    n = stream * STREAM_WORDS
    streams[n + N_KEY] = account << 32 | grant
    streams[n + N_LAST] = 0
    streams[n + N_TAIL] = 0
    streams[n + N_INDEX] = 0
    streams[n + N_LIVE] = 0
    w.stream_ids.insert(streams[n + N_KEY], stream)
    return stream


def find(w: World, stream: i64, client: i64) -> i64:
    """The slot of what is remembered of an id of the stream, or 0."""
    streams = w.id_streams.data
    n = stream * STREAM_WORDS
    slot = streams[n + N_TAIL]
    first = streams[n + N_INDEX] - streams[n + N_LIVE] + 1
    data = w.kept.data
    k = slot * KEPT_WORDS
    left = streams[n + N_LIVE]
    while left > 0:
        if data[k + K_ID] == client:
            return slot
        if below(data[k + K_ID], client):
            return 0
        jump = data[k + K_JUMP]
        index = data[k + K_INDEX]
        further = (jump & LOW) * KEPT_WORDS
        # What has been forgotten may not be looked at: its slot is another's by now.
        if jump == 0 or index - (jump >> 32) < first or below(data[further + K_ID], client):
            slot = data[k + K_CHAIN] & LOW
            left = index - first
        else:
            slot = jump & LOW
            left = index - (jump >> 32) - first + 1
        k = slot * KEPT_WORDS
    return 0


def keep(w: World, stream: i64, client: i64, order_id: i64, reason: i64, seq: i64) -> None:
    """Remember what became of a new id; forget what that is too many."""
    slot = w.kept.alloc()
    data = w.kept.data
    streams = w.id_streams.data
    n = stream * STREAM_WORDS
    k = slot * KEPT_WORDS
    live = streams[n + N_LIVE]
    before = streams[n + N_TAIL] if live > 0 else 0
    index = streams[n + N_INDEX] + 1
    account = streams[n + N_KEY] >> 32
    h = account * LINE_WORDS
    lines = w.id_lines
    ends = lines[h + H_ENDS]
    data[k + K_ID] = client
    data[k + K_ORDER] = order_id
    data[k + K_SEQ] = seq
    data[k + K_STREAM] = stream | reason << 32
    data[k + K_LINE] = w.kept_newest << 32
    data[k + K_CHAIN] = before
    data[k + K_INDEX] = index
    data[k + K_JUMP] = _jump(w, before, index - live)
    if w.kept_newest == 0:
        w.kept_oldest = slot
    else:
        data[w.kept_newest * KEPT_WORDS + K_LINE] |= slot
    w.kept_newest = slot
    if ends == 0:
        ends = slot
    else:
        data[(ends >> 32) * KEPT_WORDS + K_CHAIN] |= slot << 32
    lines[h + H_ENDS] = ends & LOW | slot << 32
    lines[h + H_COUNT] += 1
    w.kept_count += 1
    streams[n + N_LAST] = client
    streams[n + N_TAIL] = slot
    streams[n + N_INDEX] = index
    streams[n + N_LIVE] = live + 1
    if lines[h + H_COUNT] > w.id_window or w.kept_count > limits.MAX_REMEMBERED:
        _forget_excess(w, account)


def _jump(w: World, before: i64, first: i64) -> i64:
    """The K_JUMP of an entry behind `before` (0: none), where the first remembered one has index `first`."""
    if before == 0:
        return 0
    data = w.kept.data
    jump = data[before * KEPT_WORDS + K_JUMP]
    distance = jump >> 32
    there = data[before * KEPT_WORDS + K_INDEX] - distance
    if jump != 0 and there >= first:
        next_jump = data[(jump & LOW) * KEPT_WORDS + K_JUMP]
        if next_jump >> 32 == distance and there - distance >= first:
            return next_jump & LOW | (1 + 2 * distance) << 32
    return before | 1 << 32


def _forget_excess(w: World, account: i64) -> None:
    lines = w.id_lines
    forgotten: i64 = 0
    while lines[account * LINE_WORDS + H_COUNT] > w.id_window and forgotten < limits.FORGET_MOST:
        _forget_oldest(w, account)
        forgotten += 1
    if w.kept_count > limits.MAX_REMEMBERED:
        stream = w.kept.data[w.kept_oldest * KEPT_WORDS + K_STREAM] & LOW
        # What came first of all came first of its account.
        _forget_oldest(w, w.id_streams.data[stream * STREAM_WORDS + N_KEY] >> 32)


def _forget_oldest(w: World, account: i64) -> None:
    data = w.kept.data
    lines = w.id_lines
    h = account * LINE_WORDS
    ends = lines[h + H_ENDS]
    slot = ends & LOW
    k = slot * KEPT_WORDS
    following = (data[k + K_CHAIN] >> 32) & LOW
    lines[h + H_ENDS] = 0 if following == 0 else ends & HIGH | following
    lines[h + H_COUNT] -= 1
    w.id_streams.data[(data[k + K_STREAM] & LOW) * STREAM_WORDS + N_LIVE] -= 1
    line = data[k + K_LINE]
    following = line & LOW
    before = line >> 32
    if before == 0:
        w.kept_oldest = following
    else:
        data[before * KEPT_WORDS + K_LINE] = data[before * KEPT_WORDS + K_LINE] & HIGH | following
    if following == 0:
        w.kept_newest = before
    else:
        data[following * KEPT_WORDS + K_LINE] = data[following * KEPT_WORDS + K_LINE] & LOW | before << 32
    w.kept_count -= 1
    w.kept.release(slot)
