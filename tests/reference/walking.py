"""A walk over packed events that reads only those somebody wants: most of a stream is ORDER."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.events import Event


def walk(events: bytes) -> Iterator[tuple[int, int]]:
    """The type of each event, and the byte it begins at."""
    at = 0
    while at < len(events):
        yield events[at], at
        at += int.from_bytes(events[at + 2 : at + 4], "little") * r.UNIT_BYTES


def of_types(events: bytes, types: frozenset[int]) -> Iterator[Event]:
    """The events of some types, read."""
    for kind, at in walk(events):
        if kind in types:
            yield e.read_event(events, at)
