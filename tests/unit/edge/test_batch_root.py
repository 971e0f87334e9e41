"""The root of a batch is that of the slow twin, or refused where that refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.edge.batch_root import RootError, batch_root

BATCH = (commands.time(1_000), commands.list_underlying(0, "BTC"), commands.cancel(64, 7))
COMMANDS = b"".join(BATCH)
EVENTS = Engine().apply(COMMANDS)


def record(units: int, fill: int, seq: int) -> bytes:
    """A record of so many units."""
    head = (7 | 1 << 8 | units << 16).to_bytes(8, "little") + seq.to_bytes(8, "little")
    return head + bytes((fill,)) * (units * r.UNIT_BYTES - 16)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=3)), min_size=1),
    st.integers(0, 3),
    st.integers(1, 1 << 40),
)
def test_both_twins_agree(batch: list[tuple[int, list[int]]], shard: int, first: int) -> None:
    packed = b"".join(record(units, 1, 0) for units, _ in batch)
    seq = chain.shard_seq(shard, first)
    events = b"".join(record(size, n % 250, seq + n) for n, (_, sizes) in enumerate(batch) for size in sizes)
    assert batch_root(packed, events, seq) == chain.batch_root(shard, first, packed, events)


@pytest.mark.parametrize("broken", [b"", COMMANDS[:-1], COMMANDS[:40], COMMANDS + bytes(r.UNIT_BYTES)])
def test_what_is_no_run_of_commands_is_refused(broken: bytes) -> None:
    with pytest.raises(RootError):
        batch_root(broken, EVENTS, 1)
    with pytest.raises(chain.BatchError):
        chain.batch_root(0, 1, broken, EVENTS)


@pytest.mark.parametrize(
    "broken", [EVENTS[64:], EVENTS[:-1], EVENTS[:-32], EVENTS[:-64], EVENTS + bytes(32), EVENTS * 2, b""]
)
def test_what_are_no_events_of_these_commands_is_refused(broken: bytes) -> None:
    with pytest.raises(RootError):
        batch_root(COMMANDS, broken, 1)
    with pytest.raises(RootError):
        batch_root(COMMANDS, EVENTS, 2)
    with pytest.raises(chain.BatchError):
        chain.batch_root(0, 1, COMMANDS, broken)
