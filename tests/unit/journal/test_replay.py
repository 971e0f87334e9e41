"""Recovery: the same state, the same bytes, and a refusal that says where."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from exchange.attest import chain
from exchange.domain.events import split_by_seq
from exchange.journal import (
    CorruptRecord,
    Cursor,
    DiskStorage,
    EventReader,
    Kind,
    LabelRecord,
    MemoryStorage,
    ReplayMismatch,
    SequenceGap,
    Snapshot,
    SnapshotStore,
    count_records,
    missing_events,
    recover,
    replay,
    scan,
)
from exchange.journal.chainlog import CHAIN_LOG
from tests.unit.journal.toy import MACHINE, Toy, Venue, build, some_commands


def events_of(storage: MemoryStorage) -> bytes:
    return b"".join(x.payload for x in EventReader(storage))


def snapshot(venue: Venue, labels: bytes = b"") -> int:
    seq = venue.writer.next_seq - 1
    SnapshotStore(venue.storage).write(Snapshot(seq, venue.chain_log.head, venue.toy.state(), labels))
    return seq


def test_an_empty_directory_gives_a_fresh_machine() -> None:
    recovered = recover(MemoryStorage(), MACHINE, chain=chain)
    assert recovered.next_seq == 1
    assert recovered.head == bytes(32)
    assert recovered.engine.state() == Toy().state()
    assert (recovered.cuts, recovered.replayed, recovered.snapshot_seq) == ([], 0, 0)


def test_the_state_the_events_and_the_head_come_back() -> None:
    storage = MemoryStorage()
    venue = build(storage, 30, segment_bytes=900)
    names = storage.names()
    before = {name: storage.content(name) for name in names}
    again = Venue(storage)
    assert again.toy.state() == venue.toy.state()
    assert again.recovered.head == venue.chain_log.head
    assert again.recovered.replayed == venue.writer.next_seq - 1
    assert again.recovered.regenerated == 0
    assert {name: storage.content(name) for name in storage.names()} == before


def test_recovery_starts_at_the_newest_snapshot() -> None:
    storage = MemoryStorage()
    venue = build(storage, 8)
    snapshot(venue)
    venue.run_batch(some_commands(Random(8), 5))
    seq = snapshot(venue, b"section")
    commands = some_commands(Random(9), 40)
    venue.run_batch(commands)
    again = Venue(storage)
    assert again.recovered.snapshot_seq == seq
    assert again.recovered.replayed == 40
    assert again.recovered.labels.section == b"section"
    assert again.recovered.labels.records
    assert all(isinstance(record, LabelRecord) for record in again.recovered.labels.records)
    assert again.toy.state() == venue.toy.state()


def test_a_damaged_snapshot_is_passed_over_and_reported() -> None:
    storage = MemoryStorage()
    venue = build(storage, 8)
    older = snapshot(venue)
    venue.run_batch(some_commands(Random(8), 5))
    newer = snapshot(venue)
    storage.flip_bit(f"snapshot-{newer:020d}.bin", 1300)
    again = Venue(storage)
    assert again.recovered.snapshot_seq == older
    assert [error.name for error in again.recovered.damaged] == [f"snapshot-{newer:020d}.bin"]
    assert again.toy.state() == venue.toy.state()


def test_missing_events_are_written_again_byte_for_byte() -> None:
    storage = MemoryStorage()
    venue = build(storage, 20, segment_bytes=900)
    whole = events_of(storage)
    expected = venue.writer.next_seq
    names = [name for name in storage.names() if name.startswith("events")]
    for cut_at in (64, 100, 500):
        copy = MemoryStorage()
        for name in storage.names():
            copy.create(name, storage.content(name))
        for name in names[3:]:
            copy.delete(name)
        copy.truncate(names[2], cut_at)
        missing = missing_events(copy)
        assert missing is not None
        assert missing[1] == expected
        again = Venue(copy, segment_bytes=900)
        assert events_of(copy) == whole
        assert again.recovered.regenerated == missing[1] - missing[0]
        assert missing_events(copy) is None


def test_all_events_and_heads_can_be_lost() -> None:
    storage = MemoryStorage()
    venue = build(storage, 20, segment_bytes=900)
    whole = events_of(storage)
    for name in storage.names():
        if not name.startswith("commands"):
            storage.delete(name)
    again = Venue(storage)
    assert events_of(storage) == whole
    assert again.chain_log.head == venue.chain_log.head


def test_event_frames_need_not_match_commit_batches() -> None:
    """Events written in runs of other lengths are compared and completed all the same."""
    for split in range(1, 9):
        storage = MemoryStorage()
        venue = build(storage, 0)
        commands = some_commands(Random(split), 8)
        venue.run_batch(commands, with_events=False)
        toy = Toy()
        events = toy.apply(commands)
        stored = b"".join(part for seq, part in split_by_seq(events) if seq <= split)
        venue.writer.append_events(1, split, count_records(stored), stored)
        again = Venue(storage)
        assert events_of(storage) == events
        assert again.recovered.regenerated == 8 - split


def test_stored_events_that_differ_stop_the_start() -> None:
    storage = MemoryStorage()
    venue = build(storage, 3)
    commands = some_commands(Random(2), 4)
    first = venue.writer.next_seq
    venue.run_batch(commands, with_events=False)
    forged = bytearray(Toy(first, b"?" * 32).apply(commands))
    venue.writer.append_events(first, 4, 4, bytes(forged))
    with pytest.raises(ReplayMismatch, match="events"):
        Venue(storage)


def test_events_deleted_by_retention_are_not_missed() -> None:
    storage = MemoryStorage()
    venue = build(storage, 30, segment_bytes=900)
    names = [name for name in storage.names() if name.startswith("events")]
    for name in names[:-2]:
        storage.delete(name)
    again = Venue(storage)
    assert again.toy.state() == venue.toy.state()
    assert again.recovered.regenerated == 0


def test_a_torn_tail_is_cut_and_reported_and_writing_goes_on() -> None:
    storage = MemoryStorage()
    venue = build(storage, 6, segment_bytes=1 << 20)
    *_, last = scan(storage, Kind.COMMANDS, 0)
    storage.append(last.segment, b"\1" * 77)
    size = (storage.size(last.segment) or 0) - 77
    again = Venue(storage)
    assert [(cut.name, cut.offset, cut.size) for cut in again.recovered.cuts] == [(last.segment, size, 77)]
    again.run_batch(some_commands(Random(1), 3))
    third = Venue(storage)
    assert third.toy.state() == again.toy.state()
    assert third.writer.next_seq == venue.writer.next_seq + 3


@pytest.mark.parametrize("witness", ["events", "chain", "snapshot", "cursor"])
def test_a_lost_durable_command_is_noticed_by_what_came_after_it(witness: str) -> None:
    """The last frame looks like a torn tail, but something exists only because it was durable."""
    storage = MemoryStorage()
    venue = build(storage, 5)
    first = venue.writer.next_seq
    commands = some_commands(Random(1), 3)
    venue.run_batch(commands, with_events=witness == "events")
    if witness == "chain":
        events = Toy(first, b"" * 32).apply(commands)
        venue.chain_log.append(first, 3, chain.batch_root(0, first, commands, events))
    if witness == "snapshot":
        snapshot(venue)
    if witness == "cursor":
        Cursor(storage, "settlement").write(first + 1)
    *_, last = scan(storage, Kind.COMMANDS, 0)
    storage.flip_bit(last.segment, (last.offset + 70) * 8)
    before = {name: storage.content(name) for name in storage.names()}
    with pytest.raises(CorruptRecord) as caught:
        Venue(storage)
    assert (caught.value.name, caught.value.offset) == (last.segment, last.offset)
    assert {name: storage.content(name) for name in storage.names()} == before


def test_what_a_killed_process_left_unsynced_is_synced_before_it_is_used() -> None:
    storage = MemoryStorage()
    venue = build(storage, 3)
    venue.writer.append_commands(venue.writer.next_seq, some_commands(Random(1), 2), 2)
    storage.fail_next("fdatasync")
    with pytest.raises(Exception, match="fdatasync"):
        venue.writer.sync()
    storage.kill()
    again = Venue(storage)
    assert again.writer.next_seq == venue.writer.next_seq
    *_, last = scan(storage, Kind.COMMANDS, 0)
    assert storage.durable_size(last.segment) == storage.size(last.segment)


def test_missing_commands_are_a_gap() -> None:
    storage = MemoryStorage()
    venue = build(storage, 30, segment_bytes=900)
    names = [name for name in storage.names() if name.startswith("commands")]
    storage.delete(names[0])
    with pytest.raises(SequenceGap) as caught:
        Venue(storage)
    assert caught.value.name == names[1]
    seq = snapshot(venue)
    assert Venue(storage).recovered.snapshot_seq == seq


def test_recorded_roots_are_verified_when_asked() -> None:
    storage = MemoryStorage()
    build(storage, 6)
    recover(storage, MACHINE, chain=chain, verify_roots=True)
    other = MemoryStorage()
    venue = build(other, 0)
    commands = some_commands(Random(1), 3)
    venue.run_batch(commands, with_events=False)
    venue.chain_log.append(1, 3, b"?" * 32)
    recover(other, MACHINE, chain=chain)
    with pytest.raises(ReplayMismatch, match="root"):
        recover(other, MACHINE, chain=chain, verify_roots=True)


def test_heads_must_agree_with_snapshot_segments_and_batches() -> None:
    storage = MemoryStorage()
    venue = build(storage, 6)
    seq = venue.writer.next_seq - 1
    SnapshotStore(storage).write(Snapshot(seq, b"?" * 32, venue.toy.state(), b""))
    with pytest.raises(ReplayMismatch, match="head"):
        Venue(storage)

    storage = MemoryStorage()
    venue = build(storage, 3, segment_bytes=100)
    venue.writer.note_head(venue.writer.next_seq, b"?" * 32)
    venue.run_batch(some_commands(Random(1), 9), with_events=False)
    with pytest.raises(CorruptRecord, match="head"):
        Venue(storage)

    storage = MemoryStorage()
    venue = build(storage, 0)
    venue.run_batch(some_commands(Random(1), 3), with_events=False)
    venue.chain_log.append(1, 2, b"r" * 32)
    with pytest.raises(ReplayMismatch, match="batch"):
        Venue(storage)


def test_a_snapshot_of_another_sequence_is_refused() -> None:
    storage = MemoryStorage()
    venue = build(storage, 6)
    seq = venue.writer.next_seq - 1
    SnapshotStore(storage).write(Snapshot(seq, venue.chain_log.head, Toy(3).state(), b""))
    with pytest.raises(ReplayMismatch, match="another sequence"):
        Venue(storage)


def test_a_machine_that_counts_otherwise_is_refused() -> None:
    storage = MemoryStorage()
    venue = build(storage, 1)
    venue.writer.append_commands(venue.writer.next_seq, some_commands(Random(1), 2), 3)
    venue.writer.sync()
    with pytest.raises(ReplayMismatch, match="were recorded"):
        recover(storage, MACHINE)


def test_recovery_without_a_chain_leaves_the_log_alone() -> None:
    storage = MemoryStorage()
    build(storage, 6)
    before = storage.content(CHAIN_LOG)
    recovered = recover(storage, MACHINE)
    assert (recovered.head, recovered.chain_log) == (None, None)
    assert storage.content(CHAIN_LOG) == before


def test_replay_refuses_frames_out_of_order() -> None:
    storage = MemoryStorage()
    build(storage, 4)
    frames = list(scan(storage, Kind.COMMANDS, 0))
    assert len(list(replay(frames, Toy().apply))) == 4
    with pytest.raises(SequenceGap):
        list(replay([frames[0], frames[2]], Toy().apply))


def test_real_files_are_recovered_after_their_writer_has_gone(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path, writer=True)
    venue = build(storage, 20, segment_bytes=2000)
    storage.close()
    *_, name = sorted(path.name for path in tmp_path.glob("commands-*"))
    with (tmp_path / name).open("ab") as file:
        file.write(b"torn")
    with DiskStorage(tmp_path, writer=True) as storage:
        again = Venue(storage, 2000)
        assert [(cut.name, cut.size) for cut in again.recovered.cuts] == [(name, 4)]
        assert again.toy.state() == venue.toy.state()
        again.run_batch(some_commands(Random(1), 3))
        state = again.toy.state()
    with DiskStorage(tmp_path, writer=True) as storage:
        assert Venue(storage).toy.state() == state
