"""How far a consumer of events has come: one number, durable.

A consumer either keeps the packed cursor inside its own store, written in the same transaction as its
effect, and publishes a copy here afterwards; or, when its effect is itself a file written before the
cursor and harmless to repeat, uses this file alone. Published cursors may lag; they never lead. Retention
deletes nothing at or behind any of them.

A cursor stands between commands: `next_seq` is the first command whose events are still to be consumed.
Consumers therefore take the events of a command whole, whatever their index.
"""

from __future__ import annotations

import re
import struct
from hashlib import sha256
from typing import Final

from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.journal.errors import CorruptRecord
from exchange.journal.frames import FORMAT_VERSION, wire_seq
from exchange.journal.storage import Storage

CURSOR_BYTES: Final = 64
_MAGIC: Final = b"SBJ1CURS"
_LAYOUT: Final = struct.Struct("<8sIIQQ")
_NAME: Final = re.compile(r"cursor-([a-z0-9_]{1,64})-(\d{3})\.bin")


def pack_cursor(shard: int, next_seq: int) -> bytes:
    """The 64 bytes of a cursor: its fields and the sha256 of them."""
    plain = _LAYOUT.pack(_MAGIC, FORMAT_VERSION, shard, wire_seq(shard, next_seq), 0)
    return plain + sha256(plain).digest()


def unpack_cursor(raw: bytes, name: str = "cursor") -> tuple[int, int]:
    """(shard, next_seq) of a packed cursor.

    Raises:
        CorruptRecord: wrong length, checksum, kind or version; `name` is named.
    """
    if len(raw) != CURSOR_BYTES or sha256(raw[:32]).digest() != raw[32:]:
        raise CorruptRecord(name, 0, "the cursor's checksum is wrong")
    magic, version, shard, seq, _ = _LAYOUT.unpack_from(raw)
    if magic != _MAGIC or version != FORMAT_VERSION or seq >> SHARD_SHIFT != shard:
        raise CorruptRecord(name, 0, f"unknown cursor {magic!r} version {version}")
    return shard, seq & COUNTER_MASK


def cursor_name(consumer: str, shard: int) -> str:
    """`cursor-settlement-000.bin`. Raises ValueError for a consumer name that is no lower-case word."""
    name = f"cursor-{consumer}-{shard:03d}.bin"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"bad consumer name {consumer!r}")
    return name


class Cursor:
    """One consumer's cursor file in the journal's directory, replaced atomically."""

    def __init__(self, storage: Storage, consumer: str, shard: int = 0) -> None:
        self._storage = storage
        self._shard = shard
        self.name = cursor_name(consumer, shard)

    def read(self) -> int:
        """The first sequence still to consume; 1 if nothing was ever written. Raises CorruptRecord."""
        if self._storage.size(self.name) is None:
            return 1
        shard, next_seq = unpack_cursor(self._storage.read(self.name, 0, CURSOR_BYTES + 1), self.name)
        if shard != self._shard:
            raise CorruptRecord(self.name, 0, f"a cursor of shard {shard}")
        return next_seq

    def write(self, next_seq: int) -> None:
        """Everything below `next_seq` is consumed; durable on return.

        Raises:
            ValueError: it would go back.
            StorageError: the device refused; the old value stands.
        """
        current = self.read()
        if next_seq < current:
            raise ValueError(f"cursor {self.name} cannot go back from {current} to {next_seq}")
        self._storage.replace(self.name, pack_cursor(self._shard, next_seq))

    def remove(self) -> None:
        """The consumer is gone for good: it holds nothing back any more."""
        if self._storage.size(self.name) is not None:
            self._storage.delete(self.name)


def read_cursors(storage: Storage, shard: int) -> dict[str, int]:
    """All published cursors of a shard: {consumer: next_seq}. Raises CorruptRecord."""
    found = {}
    for name in storage.names():
        match = _NAME.fullmatch(name)
        if match is not None and int(match[2]) == shard:
            found[match[1]] = Cursor(storage, match[1], shard).read()
    return found
