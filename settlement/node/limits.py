"""When batches close and what waits for the L1: sizes and times in one place (docs/posting.md)."""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_FILLS: Final = 10_000
"""A batch of so many is closed whatever happens."""
MOST_BYTES: Final = 500_000
"""And one whose payload could come to so much: six blobs hold 761,856 bytes."""
MOST_OUTSIDE_BYTES: Final = 131_072
"""What a netted batch may keep outside: more could not be shown in one transaction."""
MOST_NETTED_BYTES: Final = 100_000
"""So a netted batch is closed before it: what is above it are tables."""
LAZY_BATCHES: Final = 8
"""With so many batches waiting for the L1, further ones close by size, or after `LAZY_MS`."""
LAZY_MS: Final = 30_000
ALARM_BATCHES: Final = 64
ALARM_BYTES: Final = 64 << 20
ALARM_AGE_MS: Final = 600_000
"""What waits for the L1 beyond one of these raises the alarm `backlog`; nothing halts."""


class NodeLimits(NamedTuple):
    """A batch closes at `fills`, or `interval_ms` after its first step; where fuller blobs would be cheaper
    it may wait until it is `latency_ms` old."""

    fills: int = 1_000
    interval_ms: int = 2_000
    latency_ms: int = 60_000
