"""A settlement of a market taken in one pass comes to what its events tell one by one."""

from __future__ import annotations

import struct
from collections import deque
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.edge import settled
from exchange.edge.boards import Board, Holding
from exchange.edge.released import Counts, Past, Shown
from exchange.history.rows import MarketRow, add_settled
from tests.unit.core.harness import EXPIRY_MS

_HEAD = struct.Struct("<BBHIqIIq")
_BODY = struct.Struct("<8q4q")
KEPT = 3
MARKET, OTHER = 1, 0
KINDS = (r.SETTLED_DELIVERY, r.SETTLED_PERPETUAL, r.SETTLED_FUNDING)


class Part(NamedTuple):
    """What one account's SETTLED tells."""

    account: int
    size: int
    delta: int
    fee: int
    entry_after: int


def record(part: Part, kind: int, seq: int = 7, instrument: int = MARKET) -> bytes:
    head = _HEAD.pack(r.EV_SETTLED, 1, 4, 0, seq, part.account, instrument, kind)
    figures = part.size, part.delta, part.fee, 500, EXPIRY_MS, 0, part.entry_after, 0
    return head + _BODY.pack(*figures, 0, 0, 0, 0)


def shown(watched: dict[int, int] | None = None) -> Shown:
    """Two instruments; in the second accounts 64 to 67 hold 5, −5, 8 and −8 lots."""
    found = Shown(Past(100), Counts(), watched or {}, [])
    found.boards += [Board(), Board()]
    for account, lots in zip(range(64, 68), (5, -5, 8, -8), strict=True):
        found.boards[MARKET].holdings[account] = Holding(lots, lots * 1_000)
    found.boards[MARKET].open_interest = 13
    return found


def test_a_run_ends_where_another_settlement_or_anything_else_begins() -> None:
    one = Part(64, 5, 10, 0, 0)
    for behind in (
        record(one, r.SETTLED_FUNDING, seq=8),
        record(one, r.SETTLED_FUNDING, instrument=OTHER),
        bytes([r.EV_DONE]) + record(one, r.SETTLED_FUNDING)[1:],
        b"",
    ):
        before = record(one, r.SETTLED_FUNDING) * 2
        events = bytes(96) + before + behind
        view = shown()
        run = settled.take(view, events, 96, 0, {}, KEPT)
        assert run.end == 96 + len(before)
        assert view.boards[MARKET].holdings[64].funding_micro == 20
        assert view.counts.of(64) == 2


def test_delivery_closes_positions_settlement_realises_them() -> None:
    view = shown()
    events = b"".join(record(Part(account, 1, 0, 0, 0), r.SETTLED_DELIVERY) for account in (64, 67, 99))
    settled.take(view, events, 0, 0, {}, KEPT)
    board = view.boards[MARKET]
    assert (sorted(board.holdings), board.open_interest) == ([65, 66], 8)
    board.holdings[65].funding_micro = 12
    settled.take(view, record(Part(65, -5, 0, 0, -4_444), r.SETTLED_PERPETUAL), 0, 0, {}, KEPT)
    assert (board.holdings[65].cost_micro, board.holdings[65].funding_micro) == (-4_444, 0)


def test_who_is_listened_to_is_noted_with_place_and_number() -> None:
    view = shown({65: 1})
    view.counts.load([0] * 65 + [40], 66)
    events = bytes(32) + b"".join(
        record(Part(account, 1, 0, 0, 0), r.SETTLED_FUNDING) for account in (64, 65)
    )
    settled.take(view, events, 32, 9, {}, KEPT)
    assert view.noted == [9 << 26 | (32 + 128) // 32 << 2, 65, 41]


PARTS = st.builds(
    Part,
    account=st.integers(64, 68),
    size=st.integers(-9, 9),
    delta=st.integers(-(10**9), 10**9),
    fee=st.integers(0, 10**6),
    entry_after=st.integers(-(10**9), 10**9),
)


@settings(max_examples=60)
@given(kind=st.sampled_from(KINDS), parts=st.lists(PARTS, min_size=1, max_size=12))
def test_it_is_what_the_events_tell_one_by_one(kind: int, parts: list[Part]) -> None:
    view, kept = shown(), dict[int, deque[bytes]]()
    records = [record(part, kind) for part in parts]
    run = settled.take(view, b"".join(records), 0, 0, kept, KEPT)
    row: MarketRow | None = None
    for each in records:
        event = ev.read_event(each)
        assert isinstance(event, ev.Settled)
        row = add_settled(row, event, 1)
    assert row is not None
    assert (run.long_lots, run.gained_micro) == (row.long_lots, row.gained_micro)
    for account in range(64, 69):
        mine = [each for each, part in zip(records, parts, strict=True) if part.account == account]
        assert list(kept.get(account, ())) == mine[-KEPT:]
        assert view.counts.of(account) == len(mine)
    held = view.boards[MARKET].holdings
    assert view.boards[MARKET].open_interest == sum(max(0, each.size_lots) for each in held.values())
    if kind == r.SETTLED_FUNDING:
        for account, holding in held.items():
            assert holding.funding_micro == sum(part.delta for part in parts if part.account == account)
