"""Damage to bytes that were durable: found and named, or repaired to the same bytes; never trusted."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.journal import CorruptRecord, EventReader, JournalError, MemoryStorage
from tests.unit.journal.toy import Venue, build

SEGMENT_BYTES = 1500


def _build() -> tuple[MemoryStorage, Venue]:
    storage = MemoryStorage()
    venue = build(storage, 15, segment_bytes=SEGMENT_BYTES)
    venue.writer.sync_events()
    venue.chain_log.sync()
    return storage, venue


_PRISTINE, _VENUE = _build()
_FILES = {name: _PRISTINE.content(name) for name in _PRISTINE.names()}
_EVENTS = b"".join(frame.payload for frame in EventReader(_PRISTINE))


def _copy() -> MemoryStorage:
    storage = MemoryStorage()
    for name, content in _FILES.items():
        storage.create(name, content)
    return storage


def _judge(storage: MemoryStorage, damaged: str) -> None:
    """Commands: refused, with the place. Derived files: refused, or the same bytes again."""
    refused: JournalError | None = None
    try:
        again = Venue(storage, SEGMENT_BYTES)
    except JournalError as error:
        refused = error
    if isinstance(refused, CorruptRecord):
        assert refused.name in _FILES
        assert 0 <= refused.offset <= len(_FILES[refused.name])
    if refused is not None:
        return
    assert not damaged.startswith("commands")
    assert again.toy.state() == _VENUE.toy.state()
    assert again.chain_log.head == _VENUE.chain_log.head
    assert b"".join(frame.payload for frame in EventReader(storage)) == _EVENTS


@given(st.sampled_from(sorted(_FILES)), st.integers(0, 1 << 40))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_anywhere_is_found(name: str, place: int) -> None:
    storage = _copy()
    storage.flip_bit(name, place % (len(_FILES[name]) * 8))
    _judge(storage, name)


@given(st.sampled_from(sorted(_FILES)), st.sampled_from(sorted(_FILES)), st.integers(0, 1 << 32))
@settings(max_examples=300, deadline=None)
def test_a_misdirected_block_is_found(source: str, target: str, seed: int) -> None:
    random = Random(seed)
    size = random.choice([32, 64, 96, 512, 1024])
    start = random.randrange(max(len(_FILES[source]) - size, 0) // 32 + 1) * 32
    at = random.randrange(len(_FILES[target]) // 32) * 32
    block = _FILES[source][start : start + size]
    storage = _copy()
    storage.overwrite(target, at, block)
    if storage.content(target) == _FILES[target]:
        return
    if storage.content(target).startswith(_FILES[target]):
        return  # only behind the end: a torn tail
    _judge(storage, target)


@given(st.sampled_from(sorted(_FILES)), st.integers(0, 1 << 40))
@settings(max_examples=200, deadline=None)
def test_lost_ends_and_files_are_found(name: str, place: int) -> None:
    storage = _copy()
    size = place % (len(_FILES[name]) + 1)
    if size == len(_FILES[name]):
        storage.delete(name)
    else:
        storage.truncate(name, size)
    _judge(storage, name)
