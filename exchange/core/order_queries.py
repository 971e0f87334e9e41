"""Read-only views of what rules version 3 keep, for the edge (as `queries`)."""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from exchange.core import protection, queries, remembered, state_extras, state_orders
from exchange.core.engine import Engine
from exchange.core.layout import (
    A_QUOTES_FROZEN,
    ACCOUNT_WORDS,
    EXTRA_WORDS,
    G_DELTA,
    G_FROZEN_UNTIL,
    G_INTERVAL,
    G_ORDERS,
    G_QUANTITY,
    G_VEGA,
    G_WINDOW,
    GROUP_WORDS,
    K_ORDER,
    K_SEQ,
    K_STREAM,
    KEPT_WORDS,
    MMP_ACCOUNT_SHIFT,
    MMP_NUMBER_SHIFT,
    N_LAST,
    O_FLAGS,
    ORDER_WORDS,
    STREAM_WORDS,
    X_ID,
)
from exchange.domain import events as ev
from exchange.domain.commands_orders import MmpLimits
from exchange.domain.events_orders import Extended
from exchange.domain.limits import MAX_MMP_GROUPS, MAX_UNDERLYINGS

_U64: Final = (1 << 64) - 1


class Remembered(NamedTuple):
    """What became of a client order id."""

    order_id: int
    """0 where the order was rejected."""
    reason: int
    """The reject reason, 0 where it was accepted."""
    seq: int


class GroupFigures(NamedTuple):
    """A market-maker protection group as it stands."""

    account: int
    underlying: int
    number: int
    limits: MmpLimits
    frozen_until_ms: int
    """0: never frozen; -1: until it is reset; a time that has come means nothing any more."""
    window_start_ms: int
    """-1: no window runs."""
    quantity_e8: int
    delta_e8: int
    vega_micro: int
    open_orders: int


def remembered_id(engine: Engine, account: int, grant: int, client_order_id: int) -> Remembered | None:
    """What became of an id (unsigned); None where it never came or has been forgotten."""
    w = engine.world
    stream = w.stream_ids.find(i64(account) << 32 | i64(grant))
    if stream == 0:
        return None
    client = client_order_id - (1 << 64) if client_order_id >> 63 else client_order_id
    slot = remembered.find(w, stream, i64(client))
    if slot == 0:
        return None
    data = w.kept.data
    k = slot * KEPT_WORDS
    return Remembered(int(data[k + K_ORDER]), int(data[k + K_STREAM] >> 32), int(data[k + K_SEQ]))


def last_client_order_id(engine: Engine, account: int, grant: int) -> int:
    """The largest client order id (unsigned) that came of an account under a grant; 0 before the first."""
    w = engine.world
    stream = w.stream_ids.find(i64(account) << 32 | i64(grant))
    return int(w.id_streams.data[stream * STREAM_WORDS + N_LAST]) & _U64 if stream != 0 else 0


def quotes_frozen_until(engine: Engine, account: int) -> int:
    """The time before which an existing account's quotes are refused, ms; 0: never frozen."""
    return int(engine.world.accounts[i64(account) * ACCOUNT_WORDS + A_QUOTES_FROZEN])


def mmp_group(engine: Engine, account: int, underlying: int, number: int) -> GroupFigures | None:
    """A protection group, or None."""
    if account < 0 or not 0 <= underlying < MAX_UNDERLYINGS or not 0 <= number < MAX_MMP_GROUPS:
        return None
    return _figures(engine, protection.key_of(i64(account), i64(underlying), i64(number)))


def mmp_groups(engine: Engine) -> list[GroupFigures]:
    """All protection groups in order of (account, underlying, number)."""
    found: list[GroupFigures] = []
    for key in state_orders.group_keys(engine.world):
        figures = _figures(engine, key)
        if figures is not None:
            found.append(figures)
    return found


def _figures(engine: Engine, key: i64) -> GroupFigures | None:
    w = engine.world
    group = w.group_ids.find(key)
    if group == 0:
        return None
    data = w.groups.data
    g = group * GROUP_WORDS
    return GroupFigures(
        int(key >> MMP_ACCOUNT_SHIFT),
        int((key >> MMP_NUMBER_SHIFT) & (MAX_UNDERLYINGS - 1)),
        int(key & (MAX_MMP_GROUPS - 1)),
        MmpLimits(*[int(data[g + G_INTERVAL + field]) for field in range(6)]),
        int(data[g + G_FROZEN_UNTIL]),
        int(data[g + G_WINDOW]),
        int(data[g + G_QUANTITY]),
        int(data[g + G_DELTA]),
        int(data[g + G_VEGA]),
        int(data[g + G_ORDERS]),
    )


def extended_orders(engine: Engine) -> list[Extended]:
    """EXTENDED (seq 0) of every open order that has a trigger, a link or a volatility, by order id."""
    w = engine.world
    found: list[Extended] = []
    for slot in state_extras.extras_in_order(w):
        record = queries.extended_record(engine, w.extras.data[slot * EXTRA_WORDS + X_ID])
        event = ev.read_event(record)
        if isinstance(event, Extended):
            found.append(event)
    return found


def order_group(engine: Engine, order_id: int) -> int:
    """The protection group of an open order in a book: its number, or -1."""
    w = engine.world
    slot = w.order_ids.find(order_id)
    if slot == 0:
        return -1
    return int(state_orders.group_word(w, w.orders.data[slot * ORDER_WORDS + O_FLAGS])) - 1
