"""The storage port, and the disk behind it.

**Fault model.** What the journal assumes of the disk, and what it survives.

1. A write is not durable before `fdatasync` of its file returned without error. Until then a power loss
   may keep any part of it: nothing, a prefix, or sectors in the middle, with zeros or old bytes between
   them; the file may have its old or its new length. A killed process loses nothing it has written.
2. Bytes that were synced stay, in the sense that they are never *silently* trusted: a flipped bit, a lost
   or a misdirected block is found by a checksum (each frame covers its header, its own offset, its payload
   and the checksum of the frame before).
3. A new, renamed or deleted name is durable once the directory was synced after it; before, either may
   be found. `create`, `replace` and `delete` return after that sync.
4. `fdatasync` that fails has lost an unknown part of what was written. A later success does not bring it
   back, and yet the page cache shows it to every reader until the machine goes down. So a failed write or
   sync poisons its writer: nothing is acknowledged by that process any more. And the next process does
   not trust what it reads of the end of a file: recovery writes the same bytes once more over what may
   never have been synced, and syncs that.
5. A full disk (ENOSPC) may leave part of a write in the file. That is a torn tail like any other.
6. At most one process writes a directory: a lock keeps the second out and dies with its holder.
7. Commands are the truth. One command frame is written for each sync, so a whole frame *behind* a damaged
   one proves that the damaged one was once durable: corruption, and the venue refuses to start. Damage
   with nothing behind it in the newest segment is a torn tail, never acknowledged, and is cut; unless
   events, a chain head or a snapshot of a command in it exist, since these are only written after the
   sync: then it was durable, and the venue refuses to start.
8. Events and chain heads are derived. They are not synced one by one, so damage anywhere in the *newest*
   event segment is cut there, and replay writes the same bytes again.

Not survived: loss of the whole disk (that is a replica's work), and deliberate forgery of a whole journal
(that is what the chain's heads, published elsewhere, are for).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Protocol, Self

from exchange.journal.errors import StorageError

_LOCK_NAME: Final = "lock"
TEMPORARY_SUFFIX: Final = ".tmp"


class Storage(Protocol):
    """A flat directory of append-only files and of small files replaced whole.

    Every method raises StorageError when the device refuses or a named file does not exist.
    """

    def names(self) -> list[str]:
        """The names of all files, sorted."""

    def size(self, name: str) -> int | None:
        """Length in bytes, None if there is no such file."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer at the end of the file."""

    def create(self, name: str, data: bytes) -> None:
        """A new file with this content; it and its name are durable on return. The name must be free."""

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of the file: visible to readers, not yet durable."""

    def rewrite(self, name: str, offset: int, data: bytes) -> None:
        """Write the bytes that stand at `offset` once more; `fdatasync` then makes them durable.

        A power loss during it leaves what was durable as it was: the bytes are the same.
        """

    def fdatasync(self, name: str) -> None:
        """All that was appended or rewritten is durable on return."""

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to `size` bytes; durable on return."""

    def replace(self, name: str, data: bytes) -> None:
        """Replace the whole file, or create it; durable on return. A crash leaves the old or the new."""

    def delete(self, name: str) -> None:
        """Remove the file; durable on return."""

    def sync_directory(self) -> None:
        """All names are durable on return."""

    def release(self, name: str) -> None:
        """Let go of what is held for a file that will not be appended to any more."""


class DiskStorage:
    """Real files in one directory.

    `writer=True` takes the directory's lock (StorageError if another process holds it). Readers, and
    consumers that only replace their own cursor, do without.
    """

    def __init__(self, directory: str | Path, *, writer: bool = False) -> None:
        self.directory = Path(directory)
        self._append_fds: dict[str, int] = {}
        self._lock_fd = -1
        with _Wrapped("open", str(self.directory)):
            if not self.directory.is_dir():
                self.directory.mkdir(parents=True, exist_ok=True)
                _sync_path(self.directory.parent)
            self._directory_fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if writer:
            self._lock()

    def _lock(self) -> None:
        path = str(self.directory / _LOCK_NAME)
        try:
            self._lock_fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            why = "another process writes this journal"
            raise StorageError("lock", path, why, error.errno or 0) from error
        except OSError as error:
            self.close()
            raise StorageError("lock", path, str(error), error.errno or 0) from error

    def close(self) -> None:
        """Close every file and give the lock back. Syncs nothing."""
        for fd in (*self._append_fds.values(), self._lock_fd, self._directory_fd):
            if fd >= 0:
                os.close(fd)
        self._append_fds.clear()
        self._lock_fd = self._directory_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> list[str]:
        with _Wrapped("list", str(self.directory)):
            return sorted(name for name in os.listdir(self.directory) if name != _LOCK_NAME)

    def size(self, name: str) -> int | None:
        try:
            return os.stat(name, dir_fd=self._directory_fd).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError("stat", name, str(error), error.errno or 0) from error

    def read(self, name: str, offset: int, length: int) -> bytes:
        with _Wrapped("read", name):
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory_fd)
            try:
                return _read_fully(fd, offset, length)
            finally:
                os.close(fd)

    def create(self, name: str, data: bytes) -> None:
        with _Wrapped("create", name):
            fd = self._open(name, os.O_CREAT | os.O_EXCL | os.O_APPEND)
            self._append_fds[name] = fd
            _write_fully(fd, data)
            os.fdatasync(fd)
            os.fsync(self._directory_fd)

    def append(self, name: str, data: bytes) -> None:
        with _Wrapped("append", name):
            _write_fully(self._append_fd(name), data)

    def rewrite(self, name: str, offset: int, data: bytes) -> None:
        with _Wrapped("rewrite", name):
            fd = self._open(name, 0)  # without O_APPEND, which would put the bytes at the end
            try:
                _write_fully_at(fd, offset, data)
            finally:
                os.close(fd)

    def fdatasync(self, name: str) -> None:
        with _Wrapped("fdatasync", name):
            os.fdatasync(self._append_fd(name))

    def truncate(self, name: str, size: int) -> None:
        with _Wrapped("truncate", name):
            fd = self._append_fd(name)
            os.ftruncate(fd, size)
            os.fsync(fd)

    def replace(self, name: str, data: bytes) -> None:
        temporary = name + TEMPORARY_SUFFIX
        with _Wrapped("replace", name):
            self._forget(name)
            fd = self._open(temporary, os.O_CREAT | os.O_TRUNC)
            try:
                _write_fully(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
            directory_fd = self._directory_fd
            os.rename(temporary, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
            os.fsync(directory_fd)

    def delete(self, name: str) -> None:
        with _Wrapped("delete", name):
            self._forget(name)
            os.unlink(name, dir_fd=self._directory_fd)
            os.fsync(self._directory_fd)

    def sync_directory(self) -> None:
        with _Wrapped("fsync", str(self.directory)):
            os.fsync(self._directory_fd)

    def release(self, name: str) -> None:
        with _Wrapped("close", name):
            self._forget(name)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644, dir_fd=self._directory_fd)

    def _append_fd(self, name: str) -> int:
        fd = self._append_fds.get(name)
        if fd is None:
            fd = self._append_fds[name] = self._open(name, os.O_APPEND)
        return fd

    def _forget(self, name: str) -> None:
        fd = self._append_fds.pop(name, None)
        if fd is not None:
            os.close(fd)


class _Wrapped:
    """An OSError becomes a StorageError of this operation on this file. A class, because a generator costs
    each commit some microseconds."""

    __slots__ = ("_name", "_operation")

    def __init__(self, operation: str, name: str) -> None:
        self._operation = operation
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise StorageError(self._operation, self._name, str(error), error.errno or 0) from error


def _write_fully(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):  # a disk about to be full takes a part first
        written += os.write(fd, memoryview(data)[written:])


def _write_fully_at(fd: int, offset: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)


def _read_fully(fd: int, offset: int, length: int) -> bytes:
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    got = len(data)
    while got < length:
        part = os.pread(fd, length - got, offset + got)
        if not part:
            break
        parts.append(part)
        got += len(part)
    return b"".join(parts)


def _sync_path(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
