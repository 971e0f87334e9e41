"""Where records stand in a buffer of events."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.reading import ReadError, command_starts, count_kinds
from exchange.domain import commands, events
from exchange.domain import records as r


def some_events() -> bytes:
    engine = Engine()
    return engine.apply(
        b"".join([commands.time(1_000), commands.list_underlying(0, "BTC"), commands.cancel(64, 7)])
    )


def test_each_command_has_its_place_and_the_end_closes() -> None:
    packed = some_events()
    found = command_starts(packed)
    assert found == [0, 64, 128, len(packed)]
    seqs = [events.read_event(packed, at).head.seq for at in found[:-1]]
    assert seqs == [1, 2, 3]


def test_kinds_are_counted() -> None:
    assert count_kinds(some_events()) == (3, 0, 0)
    assert count_kinds(b"") == (0, 0, 0)
    assert command_starts(b"") == [0]


@pytest.mark.parametrize("broken", [b"x", bytes(r.UNIT_BYTES), some_events()[:-1], some_events()[:40]])
def test_what_is_no_run_of_events_is_refused(broken: bytes) -> None:
    for read in (command_starts, count_kinds):
        with pytest.raises(ReadError):
            read(broken)
