"""The storage port in memory, with the faults of `storage`'s fault model, for simulation and tests.

Deterministic: what a power loss keeps is drawn from the random port that is passed in.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import Final, Protocol

from exchange.journal.errors import StorageError

SECTOR_BYTES: Final = 512


class RandomPort(Protocol):
    """The part of random.Random that is used here."""

    def randrange(self, stop: int, /) -> int: ...


class PowerLoss(BaseException):
    """Raised by the operation during which the power goes (`power_loss_in`).

    Not an Exception: no handler of the code under test may take it for an error it can deal with.
    """


@dataclass
class _File:
    """`data` is what readers see, the first `durable` bytes of it survive, `lost` ranges never will.

    `rewritten` ranges survive after the next sync. `named` says whether the file's name survives.
    """

    data: bytearray = field(default_factory=bytearray)
    durable: int = 0
    named: bool = False
    lost: list[tuple[int, int]] = field(default_factory=list)
    rewritten: list[tuple[int, int]] = field(default_factory=list)

    def settle(self) -> None:
        """A sync succeeded: all is durable, save what an earlier failure lost and nobody wrote again."""
        self.durable = len(self.data)
        for start, end in self.rewritten:
            before = [(a, min(b, start)) for a, b in self.lost if a < start]
            behind = [(max(a, end), b) for a, b in self.lost if b > end]
            self.lost = before + behind
        self.rewritten.clear()


class MemoryStorage:
    """Files as bytes, each with the part that would survive a power loss."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._failures: list[tuple[str, int]] = []
        self._operations_left = -1
        self.synced_count = 0

    # --- the port ----------------------------------------------------------------------------------

    def names(self) -> list[str]:
        return sorted(self._files)

    def size(self, name: str) -> int | None:
        file = self._files.get(name)
        return None if file is None else len(file.data)

    def read(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self._file("read", name).data[offset : offset + length])

    def create(self, name: str, data: bytes) -> None:
        if name in self._files:
            raise StorageError("create", name, "File exists", errno.EEXIST)
        self._fail("create", name)
        dying = self._power_goes()
        self._files[name] = _File(bytearray(data))
        if dying:
            raise PowerLoss(f"create {name}")
        self._files[name].durable = len(data)
        self._files[name].named = True

    def append(self, name: str, data: bytes) -> None:
        file = self._file("append", name)
        try:
            self._fail("append", name)
        except StorageError:
            file.data += data[: len(data) // 2]  # a full disk takes a part
            raise
        file.data += data
        if self._power_goes():
            raise PowerLoss(f"append to {name}")

    def rewrite(self, name: str, offset: int, data: bytes) -> None:
        file = self._file("rewrite", name)
        if file.data[offset : offset + len(data)] != data:
            raise StorageError("rewrite", name, "the bytes are not those that stand there", errno.EINVAL)
        self._fail("rewrite", name)
        if self._power_goes():
            raise PowerLoss(f"rewrite of {name}")
        file.rewritten.append((offset, offset + len(data)))

    def fdatasync(self, name: str) -> None:
        file = self._file("fdatasync", name)
        try:
            self._fail("fdatasync", name)
        except StorageError:
            if file.durable < len(file.data):
                file.lost.append((file.durable, len(file.data)))
            file.rewritten.clear()
            raise
        if self._power_goes():
            raise PowerLoss(f"fdatasync of {name}")
        file.settle()
        self.synced_count += 1

    def truncate(self, name: str, size: int) -> None:
        file = self._file("truncate", name)
        self._fail("truncate", name)
        if self._power_goes():
            raise PowerLoss(f"truncate {name}")
        del file.data[size:]
        file.durable = len(file.data)
        file.lost = [(start, min(end, size)) for start, end in file.lost if start < size]

    def replace(self, name: str, data: bytes) -> None:
        self._fail("replace", name)
        if self._power_goes():
            raise PowerLoss(f"replace {name}")
        self._files[name] = _File(bytearray(data), len(data), True)

    def delete(self, name: str) -> None:
        self._file("delete", name)
        self._fail("delete", name)
        if self._power_goes():
            raise PowerLoss(f"delete {name}")
        del self._files[name]

    def sync_directory(self) -> None:
        if self._power_goes():
            raise PowerLoss("sync of the directory")
        for file in self._files.values():
            file.named = True

    def release(self, name: str) -> None:
        """Nothing is held."""

    # --- faults ------------------------------------------------------------------------------------

    def fail_next(self, operation: str, code: int = errno.EIO) -> None:
        """The next call of `operation` raises StorageError with this errno. Calls add up."""
        self._failures.append((operation, code))

    def power_loss_in(self, operations: int) -> None:
        """PowerLoss in the middle of the n-th changing operation from now (0: the next)."""
        self._operations_left = operations

    def crash(self, random: RandomPort) -> None:
        """Power loss: of each file's unsynced bytes keep a random part.

        A prefix of random length stays, or the new length stays with some sectors zeroed, or the last
        write is torn inside a sector. Bytes whose sync failed are zeros or gone.
        """
        self._operations_left = -1
        self._failures.clear()
        for name in self.names():
            file = self._files[name]
            unsynced = len(file.data) - file.durable
            if not file.named and random.randrange(2):
                del self._files[name]
                continue
            file.named = True
            for start, end in file.lost:
                file.data[start:end] = bytes(end - start)
            if unsynced > 0:
                self._tear(file, random)
            file.durable = len(file.data)
            file.lost.clear()
            file.rewritten.clear()

    def _tear(self, file: _File, random: RandomPort) -> None:
        keep = file.durable + random.randrange(len(file.data) - file.durable + 1)
        del file.data[keep:]
        if random.randrange(3) or keep == file.durable:
            return
        for sector in range(file.durable // SECTOR_BYTES, keep // SECTOR_BYTES + 1):
            start = max(sector * SECTOR_BYTES, file.durable)
            end = min((sector + 1) * SECTOR_BYTES, keep)
            if start < end and random.randrange(3) == 0:
                file.data[start:end] = bytes(end - start)

    def kill(self) -> None:
        """The process dies and the machine lives: all that was written stays, still unsynced."""
        self._operations_left = -1
        self._failures.clear()

    def flip_bit(self, name: str, bit: int) -> None:
        """Flip one bit of the stored bytes: `bit` counts from the start of the file."""
        self._file("flip", name).data[bit // 8] ^= 1 << bit % 8

    def overwrite(self, name: str, offset: int, data: bytes) -> None:
        """A misdirected write: put bytes over what stands there (the file grows with zeros if need be)."""
        stored = self._file("overwrite", name).data
        if len(stored) < offset:
            stored += bytes(offset - len(stored))
        stored[offset : offset + len(data)] = data

    def content(self, name: str) -> bytes:
        """All bytes of a file, as a reader sees them."""
        return bytes(self._file("read", name).data)

    def durable_size(self, name: str) -> int:
        """How many bytes of the file would survive for certain."""
        return self._file("read", name).durable

    def _file(self, operation: str, name: str) -> _File:
        file = self._files.get(name)
        if file is None:
            raise StorageError(operation, name, "No such file", errno.ENOENT)
        return file

    def _fail(self, operation: str, name: str) -> None:
        for position, (wanted, code) in enumerate(self._failures):
            if wanted == operation:
                del self._failures[position]
                raise StorageError(operation, name, errno.errorcode.get(code, str(code)), code)

    def _power_goes(self) -> bool:
        if self._operations_left < 0:
            return False
        self._operations_left -= 1
        return self._operations_left < 0
