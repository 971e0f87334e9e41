"""What rules version 3 add to the canonical state (layout: `exchange.core.state`)."""

from __future__ import annotations

from librt.strings import BytesWriter, write_i64_le
from mypy_extensions import i64

from exchange.core.layout import (
    G_KEY,
    GROUP_FIELDS,
    GROUP_WORDS,
    K_ID,
    K_LINE,
    K_ORDER,
    K_SEQ,
    K_STREAM,
    KEPT_WORDS,
    LOW,
    MMP_ACCOUNT_SHIFT,
    MMP_NUMBER_SHIFT,
    N_KEY,
    N_LAST,
    STREAM_WORDS,
)
from exchange.core.protection import group_of
from exchange.core.world import World
from exchange.domain.limits import MAX_MMP_GROUPS, MAX_UNDERLYINGS


def group_word(w: World, flags: i64) -> i64:
    """The number of a resting order's protection group + 1, 0 where it is not protected."""
    group = group_of(w, flags)
    if group == 0:
        return 0
    return (w.groups.data[group * GROUP_WORDS + G_KEY] & (MAX_MMP_GROUPS - 1)) + 1


def write(w: World, b: BytesWriter) -> None:
    """Write sections 8 to 10."""
    _write_streams(w, b)
    _write_kept(w, b)
    _write_groups(w, b)


def _write_streams(w: World, b: BytesWriter) -> None:
    keys = stream_keys(w)
    write_i64_le(b, i64(len(keys)))
    for key in keys:
        n = w.stream_ids.find(key) * STREAM_WORDS
        write_i64_le(b, key >> 32)
        write_i64_le(b, key & LOW)
        write_i64_le(b, w.id_streams.data[n + N_LAST])


def _write_kept(w: World, b: BytesWriter) -> None:
    write_i64_le(b, w.kept_count)
    data = w.kept.data
    slot = w.kept_oldest
    while slot != 0:
        k = slot * KEPT_WORDS
        key = w.id_streams.data[(data[k + K_STREAM] & LOW) * STREAM_WORDS + N_KEY]
        write_i64_le(b, key >> 32)
        write_i64_le(b, key & LOW)
        write_i64_le(b, data[k + K_ID])
        write_i64_le(b, data[k + K_ORDER])
        write_i64_le(b, data[k + K_STREAM] >> 32)
        write_i64_le(b, data[k + K_SEQ])
        slot = data[k + K_LINE] & LOW


def _write_groups(w: World, b: BytesWriter) -> None:
    keys = group_keys(w)
    write_i64_le(b, i64(len(keys)))
    for key in keys:
        g = w.group_ids.find(key) * GROUP_WORDS
        write_i64_le(b, key >> MMP_ACCOUNT_SHIFT)
        write_i64_le(b, (key >> MMP_NUMBER_SHIFT) & (MAX_UNDERLYINGS - 1))
        write_i64_le(b, key & (MAX_MMP_GROUPS - 1))
        field: i64 = 1
        while field <= GROUP_FIELDS:
            write_i64_le(b, w.groups.data[g + G_KEY + field])
            field += 1


def stream_keys(w: World) -> list[i64]:
    """The keys of all streams of client order ids, in (account, grant) order."""
    found: list[i64] = []
    data = w.id_streams.data
    stream: i64 = 1
    while stream < w.id_streams.slots:  # streams are never given back
        found.append(data[stream * STREAM_WORDS + N_KEY])
        stream += 1
    found.sort()
    return found


def group_keys(w: World) -> list[i64]:
    """The keys of all protection groups, in order."""
    found: list[i64] = []
    data = w.groups.data
    slot: i64 = 1
    while slot < w.groups.slots:
        # A slot that is free holds the number of another one, which no key is.
        key = data[slot * GROUP_WORDS + G_KEY]
        if key >> MMP_ACCOUNT_SHIFT != 0 and w.group_ids.find(key) == slot:
            found.append(key)
        slot += 1
    found.sort()
    return found
