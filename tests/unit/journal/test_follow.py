"""Following the tail: events for consumers, durable commands for replicas."""

from __future__ import annotations

from random import Random

import pytest

from exchange.journal import (
    CommandReader,
    CorruptRecord,
    EventReader,
    Kind,
    MemoryStorage,
    SequenceGap,
    scan,
)
from tests.unit.journal.toy import build, some_commands


def all_events(storage: MemoryStorage) -> bytes:
    return b"".join(x.payload for x in scan(storage, Kind.EVENTS, 0))


def test_events_appear_as_they_are_written_across_rotation() -> None:
    storage = MemoryStorage()
    reader = EventReader(storage)
    assert reader.poll() == []
    venue = build(storage, batches=0, segment_bytes=700)
    random = Random(2)
    seen = b""
    for _ in range(30):
        venue.run_batch(some_commands(random, random.randrange(1, 5)))
        frames = list(reader)
        assert frames[-1].next_seq == reader.next_seq == venue.writer.next_seq
        seen += b"".join(x.payload for x in frames)
        assert reader.poll() == []
    assert seen == all_events(storage)
    assert len(storage.names()) > 12


def test_a_reader_starts_inside_a_frame() -> None:
    storage = MemoryStorage()
    venue = build(storage, segment_bytes=900)
    everything = all_events(storage)
    for seq in range(1, venue.writer.next_seq):
        frames = list(EventReader(storage, 0, seq))
        payload = b"".join(x.payload for x in frames)
        assert frames[0].first_seq == seq
        assert int.from_bytes(payload[8:16], "little") == seq
        assert everything.endswith(payload)
        assert sum(x.event_count for x in frames) > 0
    assert list(EventReader(storage, 0, venue.writer.next_seq)) == []


def test_a_reader_ahead_of_the_tail_waits_for_its_sequence() -> None:
    storage = MemoryStorage()
    venue = build(storage, batches=2)
    reader = EventReader(storage, 0, venue.writer.next_seq + 1)
    assert reader.poll() == []
    wanted = venue.writer.next_seq + 1
    venue.run_batch(some_commands(Random(1), 3))
    assert [x.first_seq for x in reader] == [wanted]


def test_a_half_written_frame_is_left_for_later() -> None:
    storage = MemoryStorage()
    venue = build(storage, batches=3, segment_bytes=1 << 20)
    reader = EventReader(storage)
    list(reader)
    name = next(x for x in storage.names() if x.startswith("events"))
    before = storage.size(name) or 0
    venue.run_batch(some_commands(Random(1), 3))
    whole = storage.content(name)[before:]
    for kept in (1, 64, 100, len(whole) - 1):
        storage.truncate(name, before)
        storage.append(name, whole[:kept])
        assert reader.poll() == []
    storage.truncate(name, before)
    storage.append(name, whole)
    assert len(reader.poll()) == 1


def test_damage_before_a_newer_segment_is_reported_not_waited_for() -> None:
    storage = MemoryStorage()
    build(storage, batches=30, segment_bytes=900)
    names = [x for x in storage.names() if x.startswith("events")]
    storage.flip_bit(names[1], 8 * 200)
    with pytest.raises(CorruptRecord) as caught:
        list(EventReader(storage))
    assert caught.value.name == names[1]
    storage = MemoryStorage()
    build(storage, batches=30, segment_bytes=900)
    storage.delete(names[1])
    with pytest.raises(SequenceGap):
        list(EventReader(storage))


def test_deleted_events_cannot_be_read() -> None:
    storage = MemoryStorage()
    build(storage, batches=30, segment_bytes=900)
    storage.delete(next(x for x in storage.names() if x.startswith("events")))
    with pytest.raises(SequenceGap):
        EventReader(storage).poll()
    with pytest.raises(ValueError, match="start at 1"):
        EventReader(storage, 0, 0)


def test_commands_are_handed_out_only_when_another_batch_stands_behind() -> None:
    storage = MemoryStorage()
    reader = CommandReader(storage)
    venue = build(storage, batches=0, segment_bytes=700)
    random = Random(4)
    starts = [venue.writer.next_seq]
    seen = []
    for position in range(20):
        venue.run_batch(some_commands(random, random.randrange(1, 5)))
        starts.append(venue.writer.next_seq)
        seen += list(reader)
        assert [x.first_seq for x in seen] == starts[:position]
    assert b"".join(x.payload for x in seen) == b"".join(
        x.payload for x in list(scan(storage, Kind.COMMANDS, 0))[:-1]
    )


def test_commands_are_trimmed_to_the_sequence_asked_for() -> None:
    storage = MemoryStorage()
    venue = build(storage, batches=10)
    whole = b"".join(x.payload for x in scan(storage, Kind.COMMANDS, 0))
    venue.run_batch(some_commands(Random(1), 1))
    for seq in range(1, 12):
        frames = list(CommandReader(storage, 0, seq))
        assert frames[0].first_seq == seq
        assert whole.endswith(b"".join(x.payload for x in frames))
