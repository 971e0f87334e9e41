"""Real files: durability calls in the right order, errors as StorageError, one writer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.journal import DiskStorage, MemoryStorage, Storage, StorageError


@pytest.fixture(params=["disk", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return DiskStorage(tmp_path / "journal") if request.param == "disk" else MemoryStorage()


def test_append_read_truncate_delete(storage: Storage) -> None:
    storage.create("a", b"head")
    storage.append("a", b"tail")
    storage.fdatasync("a")
    assert storage.read("a", 2, 4) == b"adta"
    assert storage.read("a", 6, 100) == b"il"
    assert storage.size("a") == 8
    storage.truncate("a", 3)
    storage.append("a", b"!")
    assert storage.read("a", 0, 100) == b"hea!"
    storage.release("a")
    storage.append("a", b"?")
    assert storage.size("a") == 5
    storage.delete("a")
    assert storage.size("a") is None
    assert storage.names() == []


def test_replace_takes_the_whole_content(storage: Storage) -> None:
    storage.replace("b", b"one, and long")
    storage.replace("b", b"two")
    assert storage.read("b", 0, 100) == b"two"
    assert storage.names() == ["b"]
    storage.append("b", b"+")
    assert storage.read("b", 0, 100) == b"two+"


def test_bytes_are_rewritten_in_place(storage: Storage) -> None:
    storage.create("a", b"0123456789")
    storage.rewrite("a", 2, b"234")
    storage.fdatasync("a")
    assert storage.read("a", 0, 100) == b"0123456789"


def test_names_are_sorted(storage: Storage) -> None:
    for name in ("b", "c", "a"):
        storage.create(name, b"")
    storage.sync_directory()
    assert storage.names() == ["a", "b", "c"]


def test_missing_and_existing_files_are_storage_errors(storage: Storage) -> None:
    storage.create("a", b"")
    with pytest.raises(StorageError) as caught:
        storage.create("a", b"")
    assert caught.value.errno == errno.EEXIST
    with pytest.raises(StorageError) as caught:
        storage.read("none", 0, 1)
    assert caught.value.errno == errno.ENOENT
    for call in (storage.delete, storage.fdatasync):
        with pytest.raises(StorageError):
            call("none")


def test_a_second_writer_is_kept_out_until_the_first_has_gone(tmp_path: Path) -> None:
    first = DiskStorage(tmp_path, writer=True)
    with pytest.raises(StorageError, match="another process writes this journal"):
        DiskStorage(tmp_path, writer=True)
    reader = DiskStorage(tmp_path)
    assert reader.names() == []
    first.close()
    second = DiskStorage(tmp_path, writer=True)
    second.close()
    reader.close()


class _Calls:
    """Records what reaches the operating system, with names instead of descriptors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, str]] = []
        for name in ("write", "fdatasync", "fsync", "ftruncate"):
            monkeypatch.setattr(os, name, self._spy(name, getattr(os, name)))
        rename = os.rename

        def spy_rename(old: str, new: str, **where: int) -> None:
            self.made.append(("rename", new))
            rename(old, new, **where)

        monkeypatch.setattr(os, "rename", spy_rename)

    def _spy(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *rest: object) -> object:
            self.made.append((name, Path(os.readlink(f"/proc/self/fd/{fd}")).name))
            return real(fd, *rest)

        return call


def test_a_created_file_and_its_name_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DiskStorage(tmp_path / "j")
    calls = _Calls(monkeypatch)
    storage.create("a", b"x")
    assert calls.made == [("write", "a"), ("fdatasync", "a"), ("fsync", "j")]
    calls.made.clear()
    storage.append("a", b"y")
    storage.fdatasync("a")
    assert calls.made == [("write", "a"), ("fdatasync", "a")]


def test_replace_syncs_the_content_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DiskStorage(tmp_path / "j")
    calls = _Calls(monkeypatch)
    storage.replace("a", b"x")
    assert calls.made == [("write", "a.tmp"), ("fsync", "a.tmp"), ("rename", "a"), ("fsync", "j")]
    calls.made.clear()
    storage.truncate("a", 0)
    storage.delete("a")
    assert calls.made == [("ftruncate", "a"), ("fsync", "a"), ("fsync", "j")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_device_errors_carry_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    storage = DiskStorage(tmp_path)
    storage.create("a", b"")

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", refuse)
    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(StorageError) as caught:
        storage.append("a", b"x")
    assert (caught.value.errno, caught.value.operation, caught.value.name) == (code, "append", "a")
    with pytest.raises(StorageError):
        storage.fdatasync("a")


def test_short_writes_and_reads_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DiskStorage(tmp_path)
    storage.create("a", b"")
    write, pread = os.write, os.pread
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    monkeypatch.setattr(os, "pread", lambda fd, length, at: pread(fd, min(length, 4), at))
    storage.append("a", b"0123456789")
    assert storage.read("a", 0, 10) == b"0123456789"
    assert storage.read("a", 8, 10) == b"89"


def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        DiskStorage(tmp_path / "file" / "journal")
