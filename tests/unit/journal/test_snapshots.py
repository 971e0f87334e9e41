"""Snapshot files: whole or not there, every byte covered, the right ones kept."""

from __future__ import annotations

from hashlib import sha256

import pytest

from exchange.journal import CorruptRecord, MemoryStorage, Snapshot, SnapshotStore, StorageError

SNAPSHOT = Snapshot(9, b"h" * 32, b"state bytes", b"labels")


def store_of(*sequences: int) -> tuple[MemoryStorage, SnapshotStore]:
    storage = MemoryStorage()
    store = SnapshotStore(storage)
    for seq in sequences:
        store.write(SNAPSHOT._replace(seq=seq))
    return storage, store


def test_a_snapshot_comes_back() -> None:
    storage, store = store_of()
    assert store.write(SNAPSHOT) == f"snapshot-{9:020d}.bin"
    assert store.read(9) == SNAPSHOT
    assert SNAPSHOT.state_hash == sha256(b"state bytes").digest()
    assert SnapshotStore(storage, 1).sequences() == []
    with pytest.raises(StorageError):
        store.read(8)
    with pytest.raises(ValueError, match="32 bytes"):
        store.write(SNAPSHOT._replace(head=b""))


def test_every_byte_is_covered() -> None:
    storage, store = store_of(9)
    name = storage.names()[0]
    for at in range(storage.size(name) or 0):
        storage.flip_bit(name, at * 8 + at % 8)
        with pytest.raises(CorruptRecord):
            store.read(9)
        storage.flip_bit(name, at * 8 + at % 8)
    assert store.read(9) == SNAPSHOT


def test_cut_and_lengthened_files_are_corrupt() -> None:
    storage, store = store_of(9)
    name = storage.names()[0]
    raw = storage.content(name)
    for changed in (raw[:50], raw[:-1], raw + b"\0", b""):
        storage.replace(name, changed)
        with pytest.raises(CorruptRecord):
            store.read(9)


def test_a_renamed_snapshot_is_corrupt() -> None:
    storage, store = store_of(9)
    storage.replace(f"snapshot-{10:020d}.bin", storage.content(storage.names()[0]))
    with pytest.raises(CorruptRecord, match="another shard or sequence"):
        store.read(10)


def test_the_newest_valid_one_is_found_behind_damaged_ones() -> None:
    storage, store = store_of(5, 9, 14)
    assert store.newest()[0] == SNAPSHOT._replace(seq=14)
    assert store.newest(13)[0] == SNAPSHOT
    assert store.newest(4) == (None, [])
    storage.flip_bit(storage.names()[2], 900)
    found, damaged = store.newest()
    assert found == SNAPSHOT
    assert [error.name for error in damaged] == [f"snapshot-{14:020d}.bin"]


def test_an_interrupted_write_leaves_the_old_ones() -> None:
    storage, store = store_of(5)
    storage.fail_next("replace")
    with pytest.raises(StorageError):
        store.write(SNAPSHOT)
    assert store.sequences() == [5]


def test_the_last_valid_ones_are_kept() -> None:
    storage, store = store_of(1, 2, 3, 4, 5)
    storage.replace(f"snapshot-{2:020d}.bin.tmp", b"half")
    storage.replace(f"snapshot-{9:020d}.bin.tmp", b"being written")
    storage.flip_bit(f"snapshot-{5:020d}.bin", 900)
    assert store.keep_last(2) == 3
    assert store.sequences() == [3, 4, 5]
    assert f"snapshot-{2:020d}.bin.tmp" not in storage.names()
    assert f"snapshot-{9:020d}.bin.tmp" in storage.names()
    with pytest.raises(ValueError, match="at least one"):
        store.keep_last(0)


def test_one_below_the_covered_sequence_is_kept() -> None:
    _, store = store_of(10, 20, 30, 40)
    assert store.keep_last(1, 25) == 20
    assert store.sequences() == [20, 30, 40]
    assert store.keep_last(1, 20) == 0
    assert store.sequences() == [20, 30, 40]


def test_nothing_is_removed_when_nothing_is_valid() -> None:
    storage, store = store_of(1, 2)
    for name in storage.names():
        storage.flip_bit(name, 900)
    assert store.keep_last(1) == 0
    assert store.sequences() == [1, 2]
