"""Group commit, rotation, and poisoning."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from exchange.domain import commands as c
from exchange.journal import (
    CorruptRecord,
    DiskStorage,
    JournalPoisoned,
    JournalWriter,
    Kind,
    MemoryStorage,
    SequenceGap,
    StorageError,
    scan,
)
from exchange.journal import frames as f
from tests.unit.journal.toy import Toy, some_commands

ONE = c.cancel(64, 1)


def test_nothing_is_written_before_the_commit_and_one_sync_serves_all() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage)
    writer.append_commands(1, ONE * 2, 2)
    writer.append_commands(3, ONE, 1)
    assert storage.names() == []
    assert (writer.next_seq, writer.durable_seq, writer.pending_count) == (4, 1, 3)
    assert writer.sync() == 4
    assert storage.synced_count == 1
    frames = list(scan(storage, Kind.COMMANDS, 0))
    assert [(x.first_seq, x.command_count, x.payload) for x in frames] == [(1, 3, ONE * 3)]
    assert storage.durable_size(frames[0].segment) == storage.size(frames[0].segment)
    assert writer.sync() == 4
    assert storage.synced_count == 1


def test_commands_arriving_during_a_commit_are_the_next_group() -> None:
    writer = JournalWriter(MemoryStorage())
    writer.append_commands(1, ONE, 1)
    group = writer.seal()
    assert group is not None
    writer.append_commands(2, ONE, 1)
    assert writer.commit(group) == 2
    assert writer.pending_count == 1
    assert writer.sync() == 3


def test_sequences_must_follow() -> None:
    writer = JournalWriter(MemoryStorage())
    with pytest.raises(SequenceGap):
        writer.append_commands(2, ONE, 1)
    for commands, count in ((b"", 0), (ONE, 0), (ONE[:-1], 1)):
        with pytest.raises(ValueError, match="cannot have"):
            writer.append_commands(1, commands, count)
    writer.append_commands(1, ONE, 1)
    with pytest.raises(SequenceGap):
        writer.append_commands(1, ONE, 1)


def test_events_wait_for_their_commands() -> None:
    writer = JournalWriter(MemoryStorage())
    events = Toy().apply(ONE)
    writer.append_commands(1, ONE, 1)
    with pytest.raises(SequenceGap):
        writer.append_events(1, 1, 1, events)
    writer.sync()
    with pytest.raises(SequenceGap):
        writer.append_events(2, 1, 1, events)
    writer.append_events(1, 1, f.count_records(events), events)
    assert writer.events_next_seq == 2
    writer.sync_events()


def test_segments_rotate_by_size_and_only_the_newest_is_not_durable() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage, segment_bytes=1000)
    toy = Toy()
    random = Random(5)
    for _ in range(40):
        commands = some_commands(random, 3)
        first = writer.next_seq
        writer.append_commands(first, commands, 3)
        writer.note_head(first, bytes([first % 251]) * 32)
        writer.sync()
        events = toy.apply(commands)
        writer.append_events(first, 3, f.count_records(events), events)
    for kind in Kind:
        names = [name for name in storage.names() if name.startswith(kind.value)]
        assert len(names) > 4
        for name in names[:-1]:
            assert storage.durable_size(name) == storage.size(name)
            assert len(storage.content(name)) <= 1000 + 64
        for name in names:
            header = f.unpack_file_header(storage.content(name))
            assert header is not None
            assert name == f"{kind.value}-{header.first_seq:020d}.log"
            if kind is Kind.COMMANDS:
                assert header.head == bytes([header.first_seq % 251]) * 32
            else:
                assert header.head == f.NO_HEAD


def test_a_frame_larger_than_a_segment_still_has_its_own() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage, segment_bytes=100)
    for _ in range(3):
        writer.append_commands(writer.next_seq, ONE * 50, 50)
        writer.sync()
    assert len(storage.names()) == 3
    assert sum(x.command_count for x in scan(storage, Kind.COMMANDS, 0)) == 150


def test_writing_goes_on_where_the_journal_ended() -> None:
    storage = MemoryStorage()
    for _ in range(4):
        writer = JournalWriter(storage, segment_bytes=300)
        writer.append_commands(writer.next_seq, ONE * 2, 2)
        writer.sync()
    assert [x.first_seq for x in scan(storage, Kind.COMMANDS, 0)] == [1, 3, 5, 7]


def test_a_torn_tail_must_be_recovered_first() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage)
    writer.append_commands(1, ONE, 1)
    writer.sync()
    storage.append(storage.names()[0], b"half a frame")
    with pytest.raises(CorruptRecord, match="recover before writing"):
        JournalWriter(storage)


@pytest.mark.parametrize("operation", ["append", "fdatasync", "create"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_any_failure_poisons_for_good(operation: str, code: int) -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage, segment_bytes=200)
    writer.append_commands(1, ONE * 2, 2)
    writer.sync()
    toy = Toy()
    events = toy.apply(ONE * 2)
    writer.append_commands(3, ONE, 1)
    storage.fail_next(operation, code)
    with pytest.raises(StorageError) as caught:
        writer.sync()
    assert caught.value.errno == code
    assert writer.poisoned
    assert writer.durable_seq == 3
    calls: list[Callable[[], object]] = [
        lambda: writer.append_commands(4, ONE, 1),
        lambda: writer.append_events(1, 2, f.count_records(events), events),
        writer.sync_events,
    ]
    for call in calls:
        with pytest.raises(JournalPoisoned) as poisoned:
            call()
        assert poisoned.value.errno == code
    assert writer.durable_seq == 3


def test_a_group_sealed_before_the_failure_cannot_be_committed_after_it() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage)
    writer.append_commands(1, ONE, 1)
    first = writer.seal()
    writer.append_commands(2, ONE, 1)
    second = writer.seal()
    assert first is not None
    assert second is not None
    storage.fail_next("fdatasync")
    with pytest.raises(StorageError):
        writer.commit(first)
    with pytest.raises(JournalPoisoned):
        writer.commit(second)
    assert writer.durable_seq == 1


def test_a_failed_event_write_stops_acknowledgements_too() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage)
    writer.append_commands(1, ONE, 1)
    writer.sync()
    events = Toy().apply(ONE)
    storage.fail_next("create", errno.ENOSPC)
    with pytest.raises(StorageError):
        writer.append_events(1, 1, f.count_records(events), events)
    with pytest.raises(JournalPoisoned):
        writer.append_commands(2, ONE, 1)


def test_shards_put_their_number_in_front(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    writer = JournalWriter(storage, shard=2, rules_version=7)
    writer.append_commands(1, ONE, 1)
    writer.set_rules_version(8)
    writer.sync()
    assert storage.names() == [f"commands-{(2 << 56) + 1:020d}.log"]
    header = f.unpack_file_header(storage.read(storage.names()[0], 0, 64))
    assert header == f.FileHeader(f.COMMANDS_MAGIC, 2, 1, 8)
    assert [x.first_seq for x in scan(storage, Kind.COMMANDS, 2)] == [1]
    assert list(scan(storage, Kind.COMMANDS, 0)) == []
    storage.close()
