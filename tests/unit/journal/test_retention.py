"""Deletion: only behind every cursor, and behind a snapshot from which recovery can start."""

from __future__ import annotations

from random import Random

import pytest

from exchange.journal import Cursor, Kind, MemoryStorage, Snapshot, SnapshotStore, retain
from exchange.journal.segments import list_segments
from tests.unit.journal.toy import Venue, build, some_commands


def snapshot(venue: Venue) -> int:
    """A snapshot of the venue as it stands."""
    seq = venue.writer.next_seq - 1
    SnapshotStore(venue.storage).write(Snapshot(seq, venue.chain_log.head, venue.toy.state(), b""))
    return seq


def grow(venue: Venue, batches: int, seed: int = 7) -> None:
    random = Random(seed)
    for _ in range(batches):
        venue.run_batch(some_commands(random, 4))


def firsts(storage: MemoryStorage, kind: Kind) -> list[int]:
    return [segment.first_seq for segment in list_segments(storage, kind, 0)]


def test_nothing_goes_without_snapshots_and_cursors() -> None:
    storage = MemoryStorage()
    venue = build(storage, 30, segment_bytes=1000)
    before = storage.names()
    kept = retain(storage, consumers=["settlement"], chain_log=venue.chain_log)
    assert (kept.commands, kept.events) == ([], [])
    assert retain(storage, consumers=[], chain_log=venue.chain_log).events == []
    assert storage.names() == before


def test_events_go_behind_the_slowest_cursor_only() -> None:
    storage = MemoryStorage()
    venue = build(storage, 30, segment_bytes=1000)
    starts = firsts(storage, Kind.EVENTS)
    Cursor(storage, "settlement").write(starts[5])
    assert retain(storage, consumers=["settlement", "history"]).events == []
    Cursor(storage, "history").write(starts[3] + 1)
    retain(storage, consumers=["settlement", "history"])
    assert firsts(storage, Kind.EVENTS) == starts[3:]
    Cursor(storage, "history").write(venue.writer.next_seq)
    Cursor(storage, "settlement").write(venue.writer.next_seq)
    retain(storage, consumers=["settlement"])
    assert firsts(storage, Kind.EVENTS) == starts[-1:]


def test_commands_go_behind_the_oldest_kept_snapshot() -> None:
    storage = MemoryStorage()
    venue = build(storage, 10, segment_bytes=1000)
    taken = []
    for _ in range(4):
        taken.append(snapshot(venue))
        grow(venue, 10)
    retain(storage, consumers=[], chain_log=venue.chain_log)
    assert SnapshotStore(storage).sequences() == taken[2:]
    starts = firsts(storage, Kind.COMMANDS)
    assert starts[0] <= taken[2] + 1 < starts[1]
    again = Venue(storage, segment_bytes=1000)
    assert again.toy.state() == venue.toy.state()
    assert again.chain_log.head == venue.chain_log.head
    assert again.recovered.snapshot_seq == taken[3]


def test_what_only_unsynced_events_cover_can_still_be_derived_again() -> None:
    """A power loss takes the unsynced events; the snapshot kept below them still starts a recovery."""
    for seed in range(8):
        storage = MemoryStorage()
        venue = build(storage, 10, segment_bytes=1 << 20)
        for _ in range(5):
            snapshot(venue)
            grow(venue, 5)
            retain(storage, consumers=[], chain_log=venue.chain_log, kept_snapshots=1)
        storage.crash(Random(seed))
        again = Venue(storage)
        assert again.toy.state() == venue.toy.state()
        assert again.chain_log.head == venue.chain_log.head


@pytest.mark.parametrize("seed", range(6))
def test_recovery_works_after_retention_at_any_moment(seed: int) -> None:
    random = Random(seed)
    storage = MemoryStorage()
    venue = build(storage, 3, segment_bytes=700)
    for _ in range(25):
        grow(venue, random.randrange(1, 6), random.randrange(1000))
        choice = random.randrange(4)
        if choice == 0:
            snapshot(venue)
        elif choice == 1:
            Cursor(storage, "settlement").write(venue.writer.events_next_seq)
        elif choice == 2:
            retain(storage, consumers=["settlement"], chain_log=venue.chain_log, kept_snapshots=1)
        else:
            storage.crash(random)
            again = Venue(storage, segment_bytes=700)
            assert again.toy.state() == venue.toy.state()
            venue = again
    assert firsts(storage, Kind.COMMANDS)[0] > 1


def test_commands_stay_whose_heads_another_process_has_not_made_durable() -> None:
    storage = MemoryStorage()
    venue = build(storage, 10, segment_bytes=1000)
    taken = []
    for _ in range(4):
        taken.append(snapshot(venue))
        grow(venue, 10)
    starts = firsts(storage, Kind.COMMANDS)
    retain(storage, consumers=[], heads_seq=taken[0] + 1)
    assert SnapshotStore(storage).sequences()[0] == taken[0]
    assert firsts(storage, Kind.COMMANDS)[0] <= taken[0] + 1
    retain(storage, consumers=[], heads_seq=taken[3] + 1)
    assert SnapshotStore(storage).sequences() == taken[2:]
    assert starts[0] < firsts(storage, Kind.COMMANDS)[0] <= taken[2] + 1
    assert venue.chain_log.first_seq == 1  # its keeper trims it
