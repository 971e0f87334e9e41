"""The log of chain heads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exchange.attest import chain
from exchange.journal import (
    ChainLog,
    CorruptRecord,
    JournalPoisoned,
    MemoryStorage,
    SequenceGap,
    StorageError,
)
from exchange.journal.chainlog import CHAIN_LOG, ENTRY_BYTES

ROOTS = [bytes([n]) * 32 for n in range(1, 9)]


def filled() -> tuple[MemoryStorage, ChainLog]:
    """Eight batches of three commands."""
    storage = MemoryStorage()
    log = ChainLog(storage, chain)
    for position, root in enumerate(ROOTS):
        log.append(1 + position * 3, 3, root)
    log.sync()
    return storage, log


def test_heads_follow_from_each_other_and_come_back() -> None:
    storage, log = filled()
    head = bytes(32)
    for entry, root in zip(log.entries(), ROOTS, strict=True):
        head = chain.next_head(head, 0, entry.first_seq, root)
        assert (entry.root, entry.head) == (root, head)
    again = ChainLog(storage, chain)
    assert (again.head, again.next_seq, again.cut) == (head, 25, None)
    assert [e.first_seq for e in again.entries(8)] == [7, 10, 13, 16, 19, 22]
    assert list(again.entries(25)) == []
    assert storage.size(CHAIN_LOG) == 8 * ENTRY_BYTES


def test_heads_are_found_at_the_ends_of_batches_only() -> None:
    _, log = filled()
    entries = list(log.entries())
    assert log.head_before(1) == bytes(32)
    assert log.head_before(7) == entries[1].head
    assert log.head_before(25) == log.head
    assert log.head_before(8) is None
    assert log.head_before(26) is None


def test_entries_must_follow() -> None:
    _, log = filled()
    with pytest.raises(SequenceGap):
        log.append(26, 1, ROOTS[0])


def test_entries_read_while_the_log_grows_end_where_it_ended() -> None:
    _, log = filled()
    entries = log.entries(19)
    log.append(25, 1, ROOTS[0])
    assert [e.first_seq for e in entries] == [19, 22]


@pytest.mark.parametrize("kept", [1, 95])
def test_a_torn_tail_is_reported_and_repaired(kept: int) -> None:
    storage, _ = filled()
    storage.truncate(CHAIN_LOG, 5 * ENTRY_BYTES + kept)
    log = ChainLog(storage, chain)
    assert log.cut is not None
    assert (log.cut.offset, log.cut.size, log.cut.followed) == (5 * ENTRY_BYTES, kept, False)
    assert log.next_seq == 16
    with pytest.raises(CorruptRecord):
        log.append(16, 3, ROOTS[5])
    log.repair()
    for position in (5, 6, 7):
        log.append(1 + position * 3, 3, ROOTS[position])
    assert storage.content(CHAIN_LOG) == filled()[0].content(CHAIN_LOG)


def test_every_byte_is_covered() -> None:
    storage, _ = filled()
    for at in range(2 * ENTRY_BYTES, 3 * ENTRY_BYTES):
        storage.flip_bit(CHAIN_LOG, at * 8 + at % 8)
        log = ChainLog(storage, chain)
        assert log.cut is not None
        assert (log.cut.offset, log.cut.followed) == (2 * ENTRY_BYTES, True)
        storage.flip_bit(CHAIN_LOG, at * 8 + at % 8)


def test_an_exchanged_entry_does_not_follow() -> None:
    storage, _ = filled()
    other = MemoryStorage()
    forged = ChainLog(other, chain)
    for position in range(8):
        forged.append(1 + position * 3, 3, ROOTS[0])
    storage.overwrite(CHAIN_LOG, 3 * ENTRY_BYTES, other.content(CHAIN_LOG)[3 * ENTRY_BYTES : 4 * ENTRY_BYTES])
    log = ChainLog(storage, chain)
    assert log.cut is not None
    assert log.cut.why == "the head does not follow from the one before"


def test_trimming_keeps_the_head_before_the_first_batch_kept() -> None:
    storage, log = filled()
    entries = list(log.entries())
    log.trim(13)
    assert [e.first_seq for e in log.entries()] == [10, 13, 16, 19, 22]
    assert log.head_before(13) == entries[3].head
    log.append(25, 1, ROOTS[0])
    log.sync()
    again = ChainLog(storage, chain)
    assert (again.first_seq, again.next_seq, again.head, again.cut) == (10, 26, log.head, None)
    again.trim(1)
    assert again.first_seq == 10


@pytest.mark.parametrize("operation", ["append", "fdatasync"])
def test_a_failure_poisons(operation: str) -> None:
    storage, log = filled()
    storage.fail_next(operation)
    calls: list[Callable[[], object]] = [lambda: log.append(25, 1, ROOTS[0]), log.sync]

    def both() -> None:
        for call in calls:
            call()

    with pytest.raises(StorageError):
        both()
    for call in calls:
        with pytest.raises(JournalPoisoned):
            call()
