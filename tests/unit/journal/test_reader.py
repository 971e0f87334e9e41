"""Scanning, and what counts as a torn tail."""

from __future__ import annotations

from random import Random

import pytest

from exchange.domain import commands as c
from exchange.journal import CorruptRecord, JournalWriter, Kind, MemoryStorage, SequenceGap, scan
from exchange.journal import frames as f
from exchange.journal.reader import apply_cut, find_tail, trim_events
from tests.unit.journal.toy import Toy, build, some_commands

ONE = c.cancel(64, 1)


def journal(batches: int = 6, segment_bytes: int = 1 << 20) -> MemoryStorage:
    storage = MemoryStorage()
    writer = JournalWriter(storage, segment_bytes=segment_bytes)
    for _ in range(batches):
        writer.append_commands(writer.next_seq, ONE * 2, 2)
        writer.sync()
    return storage


def starts(storage: MemoryStorage) -> list[tuple[str, int]]:
    return [(x.segment, x.offset) for x in scan(storage, Kind.COMMANDS, 0)]


def test_scanning_starts_at_the_frame_that_holds_the_sequence() -> None:
    storage = journal(20, segment_bytes=600)
    for seq in range(1, 41):
        frames = list(scan(storage, Kind.COMMANDS, 0, seq))
        assert frames[0].first_seq <= seq < frames[0].next_seq
        assert frames[-1].next_seq == 41
    assert list(scan(storage, Kind.COMMANDS, 0, 41)) == []


def test_an_empty_directory_has_no_frames_and_no_past() -> None:
    assert list(scan(MemoryStorage(), Kind.COMMANDS, 0)) == []
    with pytest.raises(SequenceGap):
        list(scan(MemoryStorage(), Kind.COMMANDS, 0, 2))


def test_frames_larger_than_the_window_are_read() -> None:
    storage = MemoryStorage()
    writer = JournalWriter(storage)
    for count in (3, 40_000, 2):
        writer.append_commands(writer.next_seq, ONE * count, count)
        writer.sync()
    assert [x.command_count for x in scan(storage, Kind.COMMANDS, 0)] == [3, 40_000, 2]


@pytest.mark.parametrize("kept", [1, 40, 63, 64, 65, 100, 191])
def test_an_incomplete_last_frame_is_a_torn_tail(kept: int) -> None:
    storage = journal()
    name, offset = starts(storage)[-1]
    storage.truncate(name, offset + kept)
    tail, cut = find_tail(storage, Kind.COMMANDS, 0)
    assert (tail.size, tail.next_seq) == (offset, 11)
    assert cut is not None
    assert (cut.name, cut.offset, cut.size) == (name, offset, kept)
    apply_cut(storage, cut)
    assert find_tail(storage, Kind.COMMANDS, 0) == (tail, None)
    assert len(starts(storage)) == 5


def test_zeros_behind_the_last_frame_are_a_torn_tail() -> None:
    storage = journal()
    name, _ = starts(storage)[-1]
    size = storage.size(name)
    storage.append(name, bytes(5000))
    _, cut = find_tail(storage, Kind.COMMANDS, 0)
    assert cut is not None
    assert (cut.offset, cut.size) == (size, 5000)


def test_damage_before_a_whole_frame_is_corruption_and_is_named() -> None:
    clean = journal()
    places = starts(clean)
    for position in range(5):
        name, offset = places[position]
        for at in (0, 5, 10, 30, 40, 60, 64, 127, 191):
            storage = journal()
            storage.flip_bit(name, (offset + at) * 8 + 3)
            with pytest.raises(CorruptRecord) as caught:
                find_tail(storage, Kind.COMMANDS, 0)
            assert (caught.value.name, caught.value.offset) == (name, offset)


def test_a_damaged_file_header_before_frames_is_corruption() -> None:
    storage = journal()
    name, _ = starts(storage)[0]
    storage.flip_bit(name, 100)
    with pytest.raises(CorruptRecord) as caught:
        find_tail(storage, Kind.COMMANDS, 0)
    assert caught.value.offset == 0


def test_damage_in_an_older_segment_is_corruption() -> None:
    storage = journal(20, segment_bytes=600)
    name = storage.names()[2]
    size = storage.size(name) or 0
    storage.flip_bit(name, size * 8 - 1)
    with pytest.raises(CorruptRecord) as caught:
        list(scan(storage, Kind.COMMANDS, 0))
    assert caught.value.name == name


def test_an_older_segment_that_lost_its_end_is_found() -> None:
    storage = journal(20, segment_bytes=600)
    name = storage.names()[2]
    *_, last = (x.offset for x in scan(storage, Kind.COMMANDS, 0) if x.segment == name)
    storage.truncate(name, last)
    with pytest.raises(SequenceGap):
        list(scan(storage, Kind.COMMANDS, 0))


def test_a_missing_segment_is_a_gap() -> None:
    storage = journal(20, segment_bytes=600)
    storage.delete(storage.names()[2])
    with pytest.raises(SequenceGap):
        list(scan(storage, Kind.COMMANDS, 0))
    storage.delete(storage.names()[0])
    with pytest.raises(SequenceGap):
        list(scan(storage, Kind.COMMANDS, 0))


def test_a_frame_written_at_the_wrong_place_is_found() -> None:
    storage = journal()
    places = starts(storage)
    name = places[0][0]
    block = storage.content(name)[places[1][1] : places[2][1]]
    storage.overwrite(name, places[3][1], block)
    with pytest.raises(CorruptRecord) as caught:
        find_tail(storage, Kind.COMMANDS, 0)
    assert caught.value.offset == places[3][1]
    assert len(starts(storage)) == 3


def test_a_segment_copied_over_another_is_found() -> None:
    storage = journal(20, segment_bytes=600)
    names = storage.names()
    storage.overwrite(names[2], 0, storage.content(names[1]))
    with pytest.raises(CorruptRecord, match="belongs to another file"):
        list(scan(storage, Kind.COMMANDS, 0))


def test_whole_frames_out_of_sequence_are_a_gap() -> None:
    storage = journal(1)
    name = storage.names()[0]
    tail, _ = find_tail(storage, Kind.COMMANDS, 0)
    header, _ = f.pack_frame(0, 9, 1, 0, tail.size, ONE, tail.checksum)
    storage.append(name, header + ONE)
    with pytest.raises(SequenceGap) as caught:
        find_tail(storage, Kind.COMMANDS, 0)
    assert (caught.value.expected_seq, caught.value.found_seq) == (3, 9)
    assert caught.value.offset == tail.size


def test_a_whole_frame_of_another_shard_is_corruption() -> None:
    storage = journal(1)
    tail, _ = find_tail(storage, Kind.COMMANDS, 0)
    header, _ = f.pack_frame(1, 3, 1, 0, tail.size, ONE, tail.checksum)
    storage.append(storage.names()[0], header + ONE)
    with pytest.raises(CorruptRecord, match="shard 1"):
        find_tail(storage, Kind.COMMANDS, 0)


def test_a_newest_segment_without_a_header_is_removed() -> None:
    storage = journal(3, segment_bytes=600)
    storage.create(f"commands-{7:020d}.log", b"SBJ1")
    tail, cut = find_tail(storage, Kind.COMMANDS, 0)
    assert tail.next_seq == 7
    assert cut is not None
    assert cut.offset == 0
    apply_cut(storage, cut)
    assert find_tail(storage, Kind.COMMANDS, 0) == (tail, None)


def test_an_only_segment_without_a_header_is_removed_only_if_it_is_the_first() -> None:
    storage = MemoryStorage()
    storage.create(f"commands-{1:020d}.log", b"")
    _, cut = find_tail(storage, Kind.COMMANDS, 0)
    assert cut is not None
    storage = MemoryStorage()
    storage.create(f"commands-{8:020d}.log", b"")
    with pytest.raises(CorruptRecord):
        find_tail(storage, Kind.COMMANDS, 0)


def test_damage_in_the_newest_event_segment_is_cut_where_it_starts() -> None:
    storage = MemoryStorage()
    build(storage, segment_bytes=1 << 20)
    frames = list(scan(storage, Kind.EVENTS, 0))
    storage.flip_bit(frames[4].segment, frames[4].offset * 8 + 700)
    tail, cut = find_tail(storage, Kind.EVENTS, 0)
    assert cut is not None
    assert cut.followed
    assert (cut.offset, tail.next_seq) == (frames[4].offset, frames[4].first_seq)


def test_events_are_trimmed_to_a_sequence() -> None:
    commands = some_commands(Random(3), 9)
    events = Toy().apply(commands)
    whole = f.Frame(1, 9, f.count_records(events), events, "", 0)
    for seq in range(1, 10):
        part = trim_events(whole, 0, seq)
        assert part.first_seq == seq
        assert part.next_seq == 10
        assert part.event_count == f.count_records(part.payload)
        assert int.from_bytes(part.payload[8:16], "little") == seq
        assert events.endswith(part.payload)


def test_foreign_files_are_no_segments() -> None:
    storage = journal(1)
    for name in ("commands-1.log", "events-x.log", f"commands-{1:020d}.log.tmp", "notes"):
        storage.create(name, b"?")
    assert len(starts(storage)) == 1
