"""Segments: their names, their order, and the writing end of one kind of them."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from exchange.domain.limits import COUNTER_MASK, FIRST_RULES, SHARD_SHIFT
from exchange.journal import frames as f
from exchange.journal.errors import JournalPoisoned, SequenceGap, StorageError
from exchange.journal.storage import Storage

SEGMENT_BYTES: Final = 64 << 20
_NAME: Final = re.compile(r"(commands|events)-(\d{20})\.log")


class Kind(Enum):
    """The two kinds of segments: the value is the prefix of their file names."""

    COMMANDS = "commands"
    EVENTS = "events"

    @property
    def magic(self) -> bytes:
        return f.COMMANDS_MAGIC if self is Kind.COMMANDS else f.EVENTS_MAGIC


class Segment(NamedTuple):
    """One file; `first_seq` is the counter in its name."""

    name: str
    first_seq: int


class Tail(NamedTuple):
    """Where the next frame of a kind goes. `segment` is None before the first one.

    `last_offset` is where the last frame starts; 0, the file header, if there is none.
    """

    segment: str | None
    size: int
    checksum: bytes
    next_seq: int
    frames: int = 0
    last_offset: int = 0


EMPTY_TAIL: Final = Tail(None, 0, b"", 1)


def segment_name(kind: Kind, shard: int, first_seq: int) -> str:
    """`commands-00000000000000000001.log`: the number is shard ‖ counter."""
    return f"{kind.value}-{f.wire_seq(shard, first_seq):020d}.log"


def list_segments(storage: Storage, kind: Kind, shard: int) -> list[Segment]:
    """The segments of a kind and shard, oldest first."""
    found = []
    for name in storage.names():
        match = _NAME.fullmatch(name)
        if match is not None and match[1] == kind.value and int(match[2]) >> SHARD_SHIFT == shard:
            found.append(Segment(name, int(match[2]) & COUNTER_MASK))
    return sorted(found, key=lambda segment: segment.first_seq)


class SegmentLog:
    """Appends frames of one kind and starts a new segment when the newest is full.

    Not thread-safe; one owner at a time. Any failure of the storage poisons it.
    """

    def __init__(
        self,
        storage: Storage,
        kind: Kind,
        shard: int,
        tail: Tail,
        *,
        rules_version: int = FIRST_RULES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._shard = shard
        self._segment = tail.segment
        self._size = tail.size
        self._checksum = tail.checksum
        self._frames = tail.frames
        self._segment_bytes = segment_bytes
        self._synced_size = 0
        self.rules_version = rules_version
        self.next_seq = tail.next_seq
        self.poison: StorageError | None = None

    @property
    def segment(self) -> str | None:
        """The name of the newest segment, None before the first frame."""
        return self._segment

    def append(
        self, first_seq: int, count: int, event_count: int, payload: bytes, head: bytes = f.NO_HEAD
    ) -> None:
        """Write one frame; not durable before `sync`. `head` goes into the header of a new segment.

        Raises:
            SequenceGap: `first_seq` is not the next one.
            ValueError: the frame is empty or not whole units.
            StorageError: the device refused; from then on every call raises JournalPoisoned.
        """
        self._check_usable("append")
        if first_seq != self.next_seq:
            raise SequenceGap(self._segment or self._kind.value, self._size, self.next_seq, first_seq)
        full = self._frames > 0 and self._size + f.FRAME_HEADER_BYTES + len(payload) > self._segment_bytes
        if self._segment is None or full:
            # A payload that makes no frame must be refused before a segment is opened for it.
            f.pack_frame(self._shard, first_seq, count, event_count, 0, payload, b"")
            self._start_segment(head)
        header, checksum = f.pack_frame(
            self._shard, first_seq, count, event_count, self._size, payload, self._checksum
        )
        name = self._segment or ""
        try:
            self._storage.append(name, header + payload)
        except StorageError as error:
            self.poison = error
            raise
        self._size += len(header) + len(payload)
        self._checksum = checksum
        self._frames += 1
        self.next_seq = first_seq + count

    def sync(self) -> None:
        """All appended frames are durable on return. Raises StorageError, and poisons, as `append`."""
        self._check_usable("fdatasync")
        if self._segment is None or self._synced_size == self._size:
            return
        try:
            self._storage.fdatasync(self._segment)
        except StorageError as error:
            self.poison = error
            raise
        self._synced_size = self._size

    def _start_segment(self, head: bytes) -> None:
        """The old segment is durable to its end before the new one exists: only the newest can be torn."""
        self.sync()
        name = segment_name(self._kind, self._shard, self.next_seq)
        header = f.pack_file_header(
            f.FileHeader(self._kind.magic, self._shard, self.next_seq, self.rules_version, head)
        )
        try:
            self._storage.create(name, header)
            if self._segment is not None:
                self._storage.release(self._segment)
        except StorageError as error:
            self.poison = error
            raise
        self._segment = name
        self._size = self._synced_size = len(header)
        self._checksum = f.seed_checksum(header)
        self._frames = 0

    def _check_usable(self, operation: str) -> None:
        if self.poison is not None:
            name = self._segment or self._kind.value
            raise JournalPoisoned(operation, name, f"after: {self.poison}", self.poison.errno)
