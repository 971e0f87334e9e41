"""What rules version 3 add to the canonical state, read back (`state_orders` writes it)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import groups, protection, remembered
from exchange.core.layout import (
    G_KEY,
    G_MAX_QUOTE,
    GROUP_FIELDS,
    GROUP_WORDS,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    LOW,
    N_LAST,
    O_WHO,
    ORDER_WORDS,
    STREAM_WORDS,
)
from exchange.core.state_reader import Reader, StateError
from exchange.core.world import World
from exchange.domain.limits import (
    FIRST_USER_ACCOUNT,
    MAX_GROUPS,
    MAX_ID_STREAMS,
    MAX_MMP_GROUPS,
    MAX_MMP_LIMIT,
    MAX_REMEMBERED,
)


def read(w: World, reader: Reader, protected: list[tuple[int, int]]) -> None:
    """Read sections 8 to 10; `protected` holds the slots and group words of the orders in groups.

    Raises StateError.
    """
    _read_ids(w, reader)
    _read_groups(w, reader)
    for slot, word in protected:
        _protect(w, i64(slot), i64(word))


def _account(w: World, reader: Reader) -> i64:
    account = reader.word()
    if account < FIRST_USER_ACCOUNT or account >= w.account_count:
        raise StateError("an id or a protection group is nobody's")
    return account


def _grant(reader: Reader) -> i64:
    grant = reader.word()
    if grant < 0 or grant > LOW:
        raise StateError("a grant is out of range")
    return grant


def _read_ids(w: World, reader: Reader) -> None:
    count = reader.count(3)
    if count > MAX_ID_STREAMS:
        raise StateError("too many streams of ids")
    lasts: list[tuple[int, int]] = []
    while count > 0:
        account = _account(w, reader)
        stream = remembered.make_stream(w, account, _grant(reader))
        lasts.append((int(stream), int(reader.word())))
        count -= 1
    count = reader.count(6)
    if count > MAX_REMEMBERED:
        raise StateError("too many ids are remembered")
    window = w.id_window
    w.id_window = MAX_REMEMBERED  # an account may have more than its window while it forgets
    while count > 0:
        account = _account(w, reader)
        stream = w.stream_ids.find(account << 32 | _grant(reader))
        client = reader.word()
        if stream == 0 or not remembered.below(w.id_streams.data[stream * STREAM_WORDS + N_LAST], client):
            raise StateError("a remembered id is in no stream, or out of order")
        order_id = reader.word()
        reason = reader.word()
        remembered.keep(w, stream, client, order_id, reason, reader.word())
        count -= 1
    w.id_window = window
    for known, last in lasts:
        at = i64(known) * STREAM_WORDS + N_LAST
        if remembered.below(i64(last), w.id_streams.data[at]):
            raise StateError("a remembered id is beyond its stream's last")
        w.id_streams.data[at] = i64(last)


def _read_groups(w: World, reader: Reader) -> None:
    count = reader.count(3 + GROUP_FIELDS)
    if count > MAX_GROUPS:
        raise StateError("too many protection groups")
    while count > 0:
        account = _account(w, reader)
        underlying = reader.word()
        number = reader.word()
        if underlying < 0 or underlying >= w.underlying_count or number < 0 or number >= MAX_MMP_GROUPS:
            raise StateError("a protection group is out of range")
        g = groups.make_group(w, protection.key_of(account, underlying, number)) * GROUP_WORDS
        reader.fill(w.groups.data, g + G_KEY + 1, GROUP_FIELDS)
        if w.groups.data[g + G_MAX_QUOTE] < 0 or w.groups.data[g + G_MAX_QUOTE] > MAX_MMP_LIMIT:
            raise StateError("a limit of a protection group is out of range")
        count -= 1


def _protect(w: World, slot: i64, word: i64) -> None:
    """Put a restored order into its group."""
    who = w.orders.data[slot * ORDER_WORDS + O_WHO]
    underlying = w.instruments[(who >> 32) * INSTRUMENT_WORDS + I_UNDERLYING]
    group: i64 = 0
    if 0 < word and word <= MAX_MMP_GROUPS:
        group = w.group_ids.find(protection.key_of(who & LOW, underlying, word - 1))
    if group == 0:
        raise StateError("an order is in no protection group")
    protection.join(w, slot, group)
