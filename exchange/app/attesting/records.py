"""Append-only files of equal records ordered by a sequence number: the signed heads, and their blocks.

A record is its plain bytes ‖ sha256 of them. Derived data: what is torn at the end is cut off and, since the
chain signs on from there, missed by nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, Generic, TypeVar

from exchange.journal import CorruptRecord, Storage

_DIGEST: Final = 32
T = TypeVar("T")


class Records(Generic[T]):
    """One file. `pack` gives `plain_bytes` bytes, `unpack` reads them, `seq_of` grows with each record."""

    def __init__(
        self,
        storage: Storage,
        name: str,
        plain_bytes: int,
        pack: Callable[[T], bytes],
        unpack: Callable[[bytes], T],
        seq_of: Callable[[T], int],
    ) -> None:
        self._storage = storage
        self.name = name
        self._bytes = plain_bytes + _DIGEST
        self._pack = pack
        self._unpack = unpack
        self._seq_of = seq_of
        found = storage.size(name)
        if found is None:
            storage.create(name, b"")
        self._count = (found or 0) // self._bytes
        while self._count and self._read(self._count - 1) is None:
            self._count -= 1
        if found not in (None, self._count * self._bytes):
            storage.truncate(name, self._count * self._bytes)

    def __len__(self) -> int:
        return self._count

    def append(self, record: T) -> None:
        """Write one more, visible at once, durable with `sync`. Raises StorageError."""
        plain = self._pack(record)
        self._storage.append(self.name, plain + sha256(plain).digest())
        self._count += 1

    def sync(self) -> None:
        """All is durable on return. Raises StorageError."""
        self._storage.fdatasync(self.name)

    def __getitem__(self, position: int) -> T:
        """Raises CorruptRecord for one that is damaged."""
        found = self._read(position)
        if found is None:
            raise CorruptRecord(self.name, position * self._bytes, "the record's checksum is wrong")
        return found

    def position_from(self, seq: int) -> int:
        """The position of the first record with a number of at least `seq`."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._seq_of(self[middle]) < seq:
                low = middle + 1
            else:
                high = middle
        return low

    def trim(self, before_seq: int) -> None:
        """Forget the records below a number, save the last of them. Raises StorageError."""
        drop = max(self.position_from(before_seq) - 1, 0)
        if drop:
            at = drop * self._bytes
            kept = self._storage.read(self.name, at, (self._count - drop) * self._bytes)
            self._storage.replace(self.name, kept)
            self._count -= drop

    def _read(self, position: int) -> T | None:
        raw = self._storage.read(self.name, position * self._bytes, self._bytes)
        plain = raw[:-_DIGEST]
        return self._unpack(plain) if sha256(plain).digest() == raw[-_DIGEST:] else None
