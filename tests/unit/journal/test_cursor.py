"""Cursors: durable, never backwards, verified."""

from __future__ import annotations

import pytest

from exchange.journal import (
    CorruptRecord,
    Cursor,
    MemoryStorage,
    StorageError,
    pack_cursor,
    read_cursors,
    unpack_cursor,
)


def test_a_cursor_starts_at_one_and_moves_forward_only() -> None:
    storage = MemoryStorage()
    cursor = Cursor(storage, "settlement")
    assert cursor.read() == 1
    cursor.write(5)
    cursor.write(5)
    assert Cursor(storage, "settlement").read() == 5
    assert storage.names() == ["cursor-settlement-000.bin"]
    with pytest.raises(ValueError, match="cannot go back"):
        cursor.write(4)
    cursor.remove()
    cursor.remove()
    assert cursor.read() == 1


def test_a_failed_write_leaves_the_old_value() -> None:
    storage = MemoryStorage()
    cursor = Cursor(storage, "history")
    cursor.write(7)
    storage.fail_next("replace")
    with pytest.raises(StorageError):
        cursor.write(9)
    assert cursor.read() == 7


@pytest.mark.parametrize("at", range(64))
def test_every_byte_is_covered(at: int) -> None:
    raw = bytearray(pack_cursor(1, 77))
    assert unpack_cursor(bytes(raw)) == (1, 77)
    raw[at] ^= 4
    with pytest.raises(CorruptRecord):
        unpack_cursor(bytes(raw))


def test_lengths_other_than_64_are_corrupt() -> None:
    for raw in (b"", pack_cursor(0, 1)[:-1], pack_cursor(0, 1) + b"\0"):
        with pytest.raises(CorruptRecord):
            unpack_cursor(raw)


def test_cursors_of_a_shard_are_listed() -> None:
    storage = MemoryStorage()
    Cursor(storage, "history").write(3)
    Cursor(storage, "settlement").write(9)
    Cursor(storage, "settlement", 1).write(11)
    storage.replace("cursor-x.bin", b"")
    assert read_cursors(storage, 0) == {"history": 3, "settlement": 9}
    assert read_cursors(storage, 1) == {"settlement": 11}
    storage.replace("cursor-history-000.bin", pack_cursor(1, 3))
    with pytest.raises(CorruptRecord, match="shard 1"):
        read_cursors(storage, 0)


@pytest.mark.parametrize("name", ["", "Bad", "a/b", "x" * 65])
def test_bad_consumer_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="consumer"):
        Cursor(MemoryStorage(), name)
