"""Records of a batch are found where the chain's own slow walk finds them, or refused where it refuses."""

from __future__ import annotations

import pytest

from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.edge import walks

BATCH = (commands.time(1_000), commands.list_underlying(0, "BTC"), commands.cancel(64, 7))
COMMANDS = b"".join(BATCH)
EVENTS = Engine().apply(COMMANDS)


def test_the_root_is_that_of_the_slow_walk() -> None:
    starts = walks.command_starts(COMMANDS)
    cuts = walks.event_starts(EVENTS, 1, len(starts) - 1)
    assert starts == [0, *(sum(map(len, BATCH[: n + 1])) for n in range(3))]
    found = chain.merkle_root(chain.leaves_of(COMMANDS, starts, EVENTS, cuts))
    assert found == chain.batch_root(0, 1, COMMANDS, EVENTS)


@pytest.mark.parametrize("broken", [b"", COMMANDS[:-1], COMMANDS[:40], COMMANDS + bytes(r.UNIT_BYTES)])
def test_what_is_no_run_of_commands_is_refused(broken: bytes) -> None:
    with pytest.raises(walks.WalkError):
        walks.command_starts(broken)
    with pytest.raises(chain.BatchError):
        chain.batch_root(0, 1, broken, EVENTS)


@pytest.mark.parametrize(
    ("events", "first", "count"),
    [
        (EVENTS, 2, 3),  # of other commands
        (EVENTS, 1, 2),
        (EVENTS, 1, 4),
        (EVENTS[64:], 1, 3),  # the first is missing
        (EVENTS[:-1], 1, 3),
        (EVENTS[:-32], 1, 3),
        (EVENTS + bytes(32), 1, 3),
        (b"", 1, 1),
    ],
)
def test_what_are_no_events_of_these_commands_is_refused(events: bytes, first: int, count: int) -> None:
    with pytest.raises(walks.WalkError):
        walks.event_starts(events, first, count)
