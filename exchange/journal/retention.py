"""What may be deleted: segments behind every cursor and, for commands, behind kept snapshots."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Final, NamedTuple

from exchange.journal.chainlog import ChainLog
from exchange.journal.cursor import read_cursors
from exchange.journal.segments import Kind, Segment, list_segments
from exchange.journal.snapshots import SnapshotStore
from exchange.journal.storage import Storage

KEPT_SNAPSHOTS: Final = 2


class Retention(NamedTuple):
    """What was deleted, and the first sequences that must stay."""

    commands: list[str]
    events: list[str]
    command_keep_seq: int
    event_keep_seq: int


def retain(
    storage: Storage,
    shard: int = 0,
    *,
    consumers: Collection[str],
    chain_log: ChainLog | None = None,
    heads_seq: int | None = None,
    kept_snapshots: int = KEPT_SNAPSHOTS,
) -> Retention:
    """Delete old snapshots, then the segments nobody needs any more, oldest first.

    `consumers` are the names that must have a cursor: one that has not published any holds everything.
    Cursors of others count too. With no consumer at all no event is deleted.

    - Of the snapshots the last `kept_snapshots` stay, and at least one behind which all events and chain
      heads are durable: recovery starts there when a power loss takes the rest of them.
    - A command segment goes when the oldest kept snapshot covers it.
    - An event segment goes when every cursor stands behind it.
    - The newest segment of a kind always stays.

    Whoever keeps the chain log here gives it as `chain_log`, and it is trimmed; where another process does,
    `heads_seq` is the first sequence whose head is not known to be durable.

    Raises:
        StorageError, CorruptRecord (a damaged cursor): nothing more is deleted.
    """
    commands = list_segments(storage, Kind.COMMANDS, shard)
    events = list_segments(storage, Kind.EVENTS, shard)
    cursors = read_cursors(storage, shard)
    holders = [cursors.get(name, 1) for name in consumers] + list(cursors.values())
    event_keep_seq = min(holders, default=1)
    # Only the newest event segment can hold frames that are not durable.
    derived_seq = events[-1].first_seq if events else 1
    if chain_log is not None:
        chain_log.sync()
        derived_seq = min(derived_seq, chain_log.next_seq)
    if heads_seq is not None:
        derived_seq = min(derived_seq, heads_seq)
    oldest_snapshot = SnapshotStore(storage, shard).keep_last(kept_snapshots, derived_seq)
    command_keep_seq = oldest_snapshot + 1
    deleted_commands = _delete_below(storage, commands, command_keep_seq)
    deleted_events = _delete_below(storage, events, event_keep_seq)
    if chain_log is not None and deleted_commands:
        chain_log.trim(command_keep_seq)
    return Retention(deleted_commands, deleted_events, command_keep_seq, event_keep_seq)


def _delete_below(storage: Storage, segments: list[Segment], keep_seq: int) -> list[str]:
    """Delete the segments whose successor starts at or below `keep_seq`, oldest first."""
    deleted = []
    for segment, following in pairwise(segments):
        if following.first_seq > keep_seq:
            break
        storage.delete(segment.name)
        deleted.append(segment.name)
    return deleted
