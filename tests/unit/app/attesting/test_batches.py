"""Batches handed over and batches out of the segments are one sequence, whatever is missing of the former."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.attesting import batches
from exchange.app.attesting.batches import Batch, BatchReader, BatchSource
from tests.unit.app.attesting.journals import Written


def written(folder: Path, sizes: tuple[int, ...]) -> tuple[Written, list[Batch]]:
    """A journal and its batches."""
    journal = Written(folder)
    for size in sizes:
        journal.batch(size)
    return journal, BatchReader(journal.storage).poll()


def firsts(found: list[Batch]) -> list[int]:
    return [batch.first_seq for batch in found]


def test_what_is_handed_over_is_not_read(tmp_path: Path) -> None:
    journal, known = written(tmp_path, (2, 1, 3))
    source = BatchSource(journal.storage)
    assert source.poll() == known
    later = [Batch(7, 1, b"c" * 32, b"e" * 32), Batch(8, 2, b"c" * 64, b"e" * 64)]
    for batch in later:
        source.offer(batch)
    assert source.poll() == later
    assert source.next_seq == 10
    assert source.poll() == []
    journal.batch(9)  # not looked at: nobody said that it is missing
    assert source.poll() == []


def test_a_hole_is_filled_from_the_segments(tmp_path: Path) -> None:
    journal, known = written(tmp_path, (2, 1, 3, 1, 1))
    source = BatchSource(journal.storage)
    source.poll()
    source = BatchSource(journal.storage)
    source.offer(known[0])
    source.offer(known[3])
    source.offer(known[4])
    assert source.poll() == [known[0]]
    assert source.poll() == known[1:]  # of which two were handed over as well
    assert source.poll() == []
    assert source.next_seq == 9


def test_a_hole_waits_until_the_events_are_written(tmp_path: Path) -> None:
    journal, known = written(tmp_path, (1, 1))
    source = BatchSource(journal.storage)
    assert source.poll() == known
    late = journal.commands(2)
    source.offer(Batch(late + 2, 1, b"c" * 32, b"e" * 32))
    assert source.poll() == []
    journal.events(late, 2)
    assert firsts(source.poll()) == [late]
    assert firsts(source.poll()) == [late + 2]


def test_where_nothing_is_handed_over_it_looks_when_it_is_told(tmp_path: Path) -> None:
    journal, known = written(tmp_path, (1,))
    source = BatchSource(journal.storage)
    source.offer(known[0])
    source.poll()
    journal.batch(2)
    assert source.poll() == []
    source.look()
    assert firsts(source.poll()) == [2]


def test_too_many_that_wait_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, known = written(tmp_path, (1, 1, 1, 1))
    monkeypatch.setattr(batches, "HANDED_BYTES_MAX", 2 * (len(known[0].commands) + len(known[0].events)))
    source = BatchSource(journal.storage)
    for batch in known[1:]:
        source.offer(batch)
    assert not source._handed
    assert source.poll() == known
