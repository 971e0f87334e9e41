"""The simulated disk: what a power loss keeps, and injected failures."""

from __future__ import annotations

import errno
from random import Random

import pytest

from exchange.journal import MemoryStorage, StorageError
from exchange.journal.memory import PowerLoss


def test_synced_bytes_survive_and_unsynced_ones_are_torn() -> None:
    sizes = set()
    holes = 0
    for seed in range(60):
        storage = MemoryStorage()
        storage.create("a", b"H" * 64)
        storage.append("a", b"S" * 1000)
        storage.fdatasync("a")
        storage.append("a", b"U" * 3000)
        storage.crash(Random(seed))
        kept = storage.content("a")
        assert kept.startswith(b"H" * 64 + b"S" * 1000)
        assert set(kept[1064:]) <= set(b"U\0")
        sizes.add(len(kept))
        holes += 0 in kept
    assert len(sizes) > 20
    assert holes > 3


def test_a_killed_process_loses_nothing() -> None:
    storage = MemoryStorage()
    storage.create("a", b"H")
    storage.append("a", b"U" * 10)
    storage.kill()
    assert storage.content("a") == b"H" + b"U" * 10
    assert storage.durable_size("a") == 1


def test_bytes_of_a_failed_sync_never_come_back() -> None:
    storage = MemoryStorage()
    storage.create("a", b"")
    storage.append("a", b"x" * 100)
    storage.fail_next("fdatasync")
    with pytest.raises(StorageError):
        storage.fdatasync("a")
    storage.append("a", b"y" * 100)
    storage.fdatasync("a")
    assert storage.content("a") == b"x" * 100 + b"y" * 100
    storage.crash(Random(1))
    assert storage.content("a") == bytes(100) + b"y" * 100


def test_bytes_of_a_failed_sync_written_once_more_do() -> None:
    storage = MemoryStorage()
    storage.create("a", b"")
    storage.append("a", b"x" * 100)
    storage.fail_next("fdatasync")
    with pytest.raises(StorageError):
        storage.fdatasync("a")
    storage.rewrite("a", 30, b"x" * 50)
    storage.fdatasync("a")
    storage.crash(Random(1))
    assert storage.content("a") == bytes(30) + b"x" * 50 + bytes(20)
    with pytest.raises(StorageError, match="not those"):
        storage.rewrite("a", 0, b"y")


def test_a_full_disk_takes_a_part() -> None:
    storage = MemoryStorage()
    storage.create("a", b"")
    storage.fail_next("append", errno.ENOSPC)
    with pytest.raises(StorageError, match="ENOSPC"):
        storage.append("a", b"0123")
    assert storage.content("a") == b"01"


def test_the_power_goes_during_the_chosen_operation() -> None:
    storage = MemoryStorage()
    storage.power_loss_in(2)
    storage.create("a", b"x")
    storage.append("a", b"y")
    with pytest.raises(PowerLoss):
        storage.fdatasync("a")
    storage.crash(Random(3))
    storage.append("a", b"after")


def test_a_created_file_may_vanish_when_the_power_goes() -> None:
    seen = set()
    for seed in range(20):
        storage = MemoryStorage()
        storage.power_loss_in(0)
        with pytest.raises(PowerLoss):
            storage.create("a", b"x" * 64)
        storage.crash(Random(seed))
        seen.add(storage.size("a") is None)
    assert seen == {True, False}


def test_replace_leaves_the_old_or_the_new() -> None:
    storage = MemoryStorage()
    storage.replace("a", b"old")
    storage.power_loss_in(0)
    with pytest.raises(PowerLoss):
        storage.replace("a", b"new")
    storage.crash(Random(1))
    assert storage.content("a") == b"old"


def test_flips_and_misdirected_writes() -> None:
    storage = MemoryStorage()
    storage.create("a", b"\0\0")
    storage.flip_bit("a", 9)
    assert storage.content("a") == b"\0\2"
    storage.overwrite("a", 4, b"zz")
    assert storage.content("a") == b"\0\2\0\0zz"
