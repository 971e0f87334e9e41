"""The header of every event, and what is raised over bytes that are none (docs/formats.md)."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT


class Header(NamedTuple):
    """The header every event has; `seq` is shard(8) ‖ counter(56)."""

    type: int
    version: int
    units: int
    event_index: int
    seq: int
    account: int
    instrument: int
    id: int

    @property
    def shard(self) -> int:
        return self.seq >> SHARD_SHIFT

    @property
    def counter(self) -> int:
        return self.seq & COUNTER_MASK


class EventError(ValueError):
    """Bytes that are not a run of known events."""
