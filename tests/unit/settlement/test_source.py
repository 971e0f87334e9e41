"""Frames and chain heads out of a journal."""

from __future__ import annotations

import pytest

from exchange.journal import MemoryStorage, read_cursors
from exchange.journal.chainlog import CHAIN_LOG, ENTRY_BYTES
from settlement.source import CONSUMER, HeadLookup, JournalSource
from tests.unit.settlement.journals import JournalBuilder
from tests.unit.settlement.streams import Venue


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


def test_frames_come_in_order_from_any_cursor_as_they_are_written(storage: MemoryStorage) -> None:
    frames, journal = Venue(1).frames(60), JournalBuilder(storage)
    source = JournalSource(storage)
    assert source.poll() == []
    found = []
    for frame in frames:
        journal.append(frame)
        found += source.poll()
    assert found == frames
    later = JournalSource(storage, next_seq=frames[7].first_seq)
    rest = []
    while more := later.poll():
        rest += more
    assert rest == frames[7:]


def test_the_head_is_that_of_the_batch_that_ends_there(storage: MemoryStorage) -> None:
    frames, journal = Venue(2).frames(80), JournalBuilder(storage)
    source = JournalSource(storage)
    assert source.head_after(frames[0].last_seq) == HeadLookup(None, 0)
    for frame in frames:
        journal.append(frame)
    last = frames[-1].last_seq
    for frame in frames:
        assert source.head_after(frame.last_seq) == HeadLookup(journal.heads[frame.last_seq], last)
        if frame.first_seq < frame.last_seq:
            assert source.head_after(frame.first_seq) == HeadLookup(None, last)
    assert source.head_after(last + 1) == HeadLookup(None, last)


def test_heads_are_found_in_a_trimmed_log_and_not_in_a_torn_one(storage: MemoryStorage) -> None:
    frames, journal = Venue(3).frames(80), JournalBuilder(storage)
    for frame in frames:
        journal.append(frame)
    journal.log.trim(frames[9].first_seq)
    source, last = JournalSource(storage), frames[-1].last_seq
    assert source.head_after(frames[2].last_seq) == HeadLookup(None, last)
    assert source.head_after(frames[12].last_seq).head == journal.heads[frames[12].last_seq]
    raw = storage.read(CHAIN_LOG, 0, 1 << 20)
    storage.replace(CHAIN_LOG, raw[:-ENTRY_BYTES] + bytes(ENTRY_BYTES))
    assert source.head_after(frames[12].last_seq) == HeadLookup(None, 0)


def test_the_published_cursor_only_goes_forward(storage: MemoryStorage) -> None:
    source = JournalSource(storage)
    source.consumed(10)
    source.consumed(4)
    assert read_cursors(storage, 0) == {CONSUMER: 10}
    JournalSource(storage).consumed(8)
    assert read_cursors(storage, 0) == {CONSUMER: 10}
    source.consumed(11)
    assert read_cursors(storage, 0) == {CONSUMER: 11}
