"""What the views remember from before the start: the newest events of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exchange.journal import Kind, Storage, scan
from exchange.journal.segments import list_segments

REMEMBERED_COMMANDS: Final = 100_000
REMEMBERED_MAX: Final = 1_000_000


def recent_events(
    storage: Storage,
    next_seq: int,
    *,
    shard: int = 0,
    commands_max: int = REMEMBERED_COMMANDS,
    from_seq: int = 0,
) -> Iterator[bytes]:
    """The events of the last commands before `next_seq`, oldest first, for `Venue.remember`.

    More of them, up to a million, where `from_seq`, the first the store does not have, is further back.
    Whole frames, so up to one frame more than asked for. Events must be complete (after recovery).

    Raises:
        CorruptRecord, SequenceGap: as `exchange.journal.scan`.
    """
    segments = list_segments(storage, Kind.EVENTS, shard)
    if not segments or segments[0].first_seq >= next_seq:
        return
    first = next_seq - commands_max
    if from_seq:
        first = min(first, max(from_seq, next_seq - REMEMBERED_MAX))
    from_seq = max(segments[0].first_seq, first)
    for frame in scan(storage, Kind.EVENTS, shard, from_seq):
        yield frame.payload
