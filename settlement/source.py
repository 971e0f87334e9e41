"""Where frames and chain heads come from: the event segments and `chain.log` of one shard's journal."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from exchange.journal import Cursor, EventReader, Storage
from exchange.journal.chainlog import CHAIN_LOG, ENTRY_BYTES, ChainEntry, unpack_entry
from settlement.batch import Frame

CONSUMER = "settlement"


class HeadLookup(NamedTuple):
    """The chain head after some command, if a commit batch ends there, and how far heads are known."""

    head: bytes | None
    known_seq: int


class EventSource(Protocol):
    """What the process reads; the journal in production, frames in memory in tests."""

    def poll(self) -> list[Frame]:
        """The next frames in order, empty at the tail. Raises exchange.journal.errors.JournalError."""

    def head_after(self, seq: int) -> HeadLookup:
        """The chain head after the command with this counter."""

    def consumed(self, next_seq: int) -> None:
        """Everything below `next_seq` is durably in a batch: its segments may go."""


class JournalSource:
    """Reads one shard's journal directory from `next_seq` on."""

    def __init__(self, storage: Storage, shard: int = 0, next_seq: int = 1) -> None:
        self._storage = storage
        self._shard = shard
        self._reader = EventReader(storage, shard, next_seq)
        self._cursor = Cursor(storage, CONSUMER, shard)
        self._published = 0

    def poll(self) -> list[Frame]:
        """See `EventSource`."""
        return [Frame(f.first_seq, f.next_seq - 1, bytes(f.payload)) for f in self._reader.poll()]

    def consumed(self, next_seq: int) -> None:
        """See `EventSource`. The published cursor may lag behind a kill, never lead."""
        if next_seq > self._published:
            if next_seq > self._cursor.read():
                self._cursor.write(next_seq)
            self._published = next_seq

    def head_after(self, seq: int) -> HeadLookup:
        """See `EventSource`. A log that is being rewritten looks unfinished: ask again."""
        count = (self._storage.size(CHAIN_LOG) or 0) // ENTRY_BYTES
        newest = self._entry(count - 1) if count else None
        if newest is None:
            return HeadLookup(None, 0)
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            entry = self._entry(middle)
            if entry is None:
                return HeadLookup(None, 0)
            if entry.next_seq - 1 == seq:
                return HeadLookup(entry.head, newest.next_seq - 1)
            if entry.next_seq - 1 < seq:
                low = middle + 1
            else:
                high = middle
        return HeadLookup(None, newest.next_seq - 1)

    def _entry(self, position: int) -> ChainEntry | None:
        raw = self._storage.read(CHAIN_LOG, position * ENTRY_BYTES, ENTRY_BYTES)
        return unpack_entry(raw, 0, self._shard) if len(raw) == ENTRY_BYTES else None
