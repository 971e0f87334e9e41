"""`chain.log`: the recorded heads of the sequencer's chain, one entry a commit batch.

Written off the acknowledgement path, behind the durable commands; what is missing after a crash is
computed again by replay. How roots and heads are hashed comes in through the `Chain` port. `log.chain`, the
chain over the commands alone, is a log of the same form.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.journal.errors import CorruptRecord, JournalPoisoned, SequenceGap, StorageError
from exchange.journal.frames import CHECKSUM_BYTES, NO_HEAD, wire_seq
from exchange.journal.reader import Cut, apply_cut, rewrite
from exchange.journal.storage import Storage

ENTRY_BYTES: Final = 96
CHAIN_LOG: Final = "chain.log"
COMMAND_LOG: Final = "log.chain"
_LAYOUT: Final = struct.Struct("<QII32s32s")
_WINDOW_ENTRIES: Final = 8192


class Chain(Protocol):
    """How a batch becomes a root and a root the next head; `exchange.attest.chain` is one."""

    def batch_root(self, shard: int, first_seq: int, commands: bytes, events: bytes) -> bytes:
        """The Merkle root over a batch's commands and their events."""

    def next_head(self, head: bytes, shard: int, first_seq: int, root: bytes) -> bytes:
        """The head after the batch."""


class ChainEntry(NamedTuple):
    """One batch: commands `first_seq` … `next_seq - 1`, its root, and the head after it."""

    first_seq: int
    command_count: int
    root: bytes
    head: bytes

    @property
    def next_seq(self) -> int:
        return self.first_seq + self.command_count


def pack_entry(shard: int, entry: ChainEntry) -> bytes:
    """The 96 bytes of an entry."""
    plain = _LAYOUT.pack(
        wire_seq(shard, entry.first_seq), entry.command_count, shard, entry.root, entry.head
    )
    return plain + sha256(plain).digest()[:CHECKSUM_BYTES]


def unpack_entry(raw: bytes, at: int, shard: int) -> ChainEntry | None:
    """The entry at byte `at`; None when its checksum is wrong or it is of another shard."""
    plain = raw[at : at + _LAYOUT.size]
    if sha256(plain).digest()[:CHECKSUM_BYTES] != raw[at + _LAYOUT.size : at + ENTRY_BYTES]:
        return None
    seq, count, entry_shard, root, head = _LAYOUT.unpack(plain)
    if entry_shard != shard or seq >> SHARD_SHIFT != shard or count == 0:
        return None
    return ChainEntry(seq & COUNTER_MASK, count, root, head)


class ChainLog:
    """The log of one shard, opened at its end. One owner at a time.

    Opening verifies every entry: checksum, sequence, and that each head follows from the one before.
    `cut` reports what stands behind the last good entry; `repair` removes it, and until then `append`
    refuses. A log without an entry begins at `begin_seq`.
    """

    def __init__(
        self, storage: Storage, chain: Chain, shard: int = 0, *, name: str = CHAIN_LOG, begin_seq: int = 1
    ) -> None:
        self._storage = storage
        self._chain = chain
        self._shard = shard
        self.name = name
        self.first_seq = begin_seq
        self.next_seq = begin_seq
        self.head = NO_HEAD
        self.cut: Cut | None = None
        self._size = 0
        self._poison: StorageError | None = None
        self._open()

    def append(self, first_seq: int, command_count: int, root: bytes) -> bytes:
        """Record the next batch, whose commands are durable. Returns the new head.

        Raises:
            SequenceGap: not the next batch.
            CorruptRecord: the log must be repaired first.
            StorageError: the device refused; later calls raise JournalPoisoned.
        """
        if self._poison is not None:
            raise JournalPoisoned("append", self.name, f"after: {self._poison}", self._poison.errno)
        if self.cut is not None:
            raise CorruptRecord(self.name, self.cut.offset, f"{self.cut.why}: recover before writing")
        if first_seq != self.next_seq:
            raise SequenceGap(self.name, self._size, self.next_seq, first_seq)
        head = self._chain.next_head(self.head, self._shard, first_seq, root)
        raw = pack_entry(self._shard, ChainEntry(first_seq, command_count, root, head))
        try:
            if self._size == 0 and self._storage.size(self.name) is None:
                self._storage.create(self.name, b"")
            self._storage.append(self.name, raw)
        except StorageError as error:
            self._poison = error
            raise
        self._size += ENTRY_BYTES
        self.head = head
        self.next_seq = first_seq + command_count
        return head

    def sync(self) -> None:
        """All entries are durable on return. Raises StorageError; later calls raise JournalPoisoned."""
        if self._poison is not None:
            raise JournalPoisoned("fdatasync", self.name, f"after: {self._poison}", self._poison.errno)
        if self._size == 0:
            return
        try:
            self._storage.fdatasync(self.name)
        except StorageError as error:
            self._poison = error
            raise

    def repair(self) -> None:
        """Remove what stands behind the last good entry, and make sure of the rest; durable on return."""
        if self.cut is not None:
            apply_cut(self._storage, self.cut)
            self.cut = None
        rewrite(self._storage, self.name, 0, self._size)

    def entries(self, from_seq: int = 1) -> Iterator[ChainEntry]:
        """The entries that hold `from_seq` or later, in order; none that is appended meanwhile."""
        return self._read_entries(self._position_of(from_seq) * ENTRY_BYTES, self._size)

    def _read_entries(self, at: int, end: int) -> Iterator[ChainEntry]:
        while at < end:
            window = self._storage.read(self.name, at, min(_WINDOW_ENTRIES * ENTRY_BYTES, end - at))
            for start in range(0, len(window), ENTRY_BYTES):
                entry = unpack_entry(window, start, self._shard)
                if entry is None:
                    raise CorruptRecord(self.name, at + start, "the entry's checksum is wrong")
                yield entry
            at += len(window)

    def head_before(self, seq: int) -> bytes | None:
        """The head after all commands below `seq`; None if no recorded batch ends there."""
        if seq == 1:
            return NO_HEAD
        if seq == self.next_seq:
            return self.head
        for entry in self.entries(seq - 1):
            return entry.head if entry.next_seq == seq else None
        return None

    def trim(self, before_seq: int) -> None:
        """Forget the entries of batches wholly below `before_seq`, save the last of them.

        The rest is written anew, atomically. Raises StorageError.
        """
        drop = max(self._position_of(before_seq) - 1, 0) * ENTRY_BYTES
        if drop <= 0 or self.cut is not None:
            return
        kept = self._storage.read(self.name, drop, self._size - drop)
        self._storage.replace(self.name, kept)
        self._size = len(kept)
        first = unpack_entry(kept, 0, self._shard)
        self.first_seq = first.first_seq if first is not None else self.first_seq

    def _position_of(self, seq: int) -> int:
        """The number of entries that end at or before `seq`."""
        low, high = 0, self._size // ENTRY_BYTES
        while low < high:
            middle = (low + high) // 2
            raw = self._storage.read(self.name, middle * ENTRY_BYTES, ENTRY_BYTES)
            entry = unpack_entry(raw, 0, self._shard)
            if entry is None:
                raise CorruptRecord(self.name, middle * ENTRY_BYTES, "the entry's checksum is wrong")
            if entry.next_seq <= seq:
                low = middle + 1
            else:
                high = middle
        return low

    def _open(self) -> None:
        total = self._storage.size(self.name) or 0
        while self._size < total:
            window = self._storage.read(self.name, self._size, _WINDOW_ENTRIES * ENTRY_BYTES)
            for start in range(0, len(window), ENTRY_BYTES):
                why = self._take(window, start)
                if why:
                    followed = self._good_entry_behind(total)
                    self.cut = Cut(self.name, self._size, total - self._size, why, followed)
                    return

    def _take(self, window: bytes, start: int) -> str:
        """Take the next entry; returns what is wrong with it, or an empty text."""
        if start + ENTRY_BYTES > len(window):
            return "the entry is cut short"
        entry = unpack_entry(window, start, self._shard)
        if entry is None:
            return "the entry's checksum is wrong"
        if self._size == 0:
            self.first_seq = self.next_seq = entry.first_seq
        if entry.first_seq != self.next_seq:
            return f"expected sequence {self.next_seq}, found {entry.first_seq}"
        # The head before the first entry of a trimmed log is not recorded; all others must follow.
        linked = self._size == 0 and entry.first_seq > 1
        if not linked and entry.head != self._chain.next_head(
            self.head, self._shard, entry.first_seq, entry.root
        ):
            return "the head does not follow from the one before"
        self.head = entry.head
        self.next_seq = entry.next_seq
        self._size += ENTRY_BYTES
        return ""

    def _good_entry_behind(self, total: int) -> bool:
        rest = self._storage.read(self.name, self._size, total - self._size)
        return any(
            unpack_entry(rest, start, self._shard) is not None
            for start in range(ENTRY_BYTES, len(rest) - ENTRY_BYTES + 1, ENTRY_BYTES)
        )
