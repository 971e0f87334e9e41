"""Commit batches with their events: as the venue hands them over, or out of the segments.

A command frame is one commit batch. Its events are written only when it is durable, so that a batch whose
events are all there is durable too: nothing here waits for a next frame. What the venue hands over is durable
as well, and comes before its events are written; where something was not handed over the segments have it.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from exchange.attest.chain import shard_seq
from exchange.journal import EventReader, Frame, Storage, WrittenCommands

HANDED_BYTES_MAX: Final = 32 << 20
"""So many bytes handed over wait for the segments to be read up to them."""


class Batch(NamedTuple):
    """One commit batch: `command_count` commands from the counter `first_seq` on, and all their events."""

    first_seq: int
    command_count: int
    commands: bytes
    events: bytes

    @property
    def next_seq(self) -> int:
        """The counter behind it."""
        return self.first_seq + self.command_count


class Chained(NamedTuple):
    """A batch in its place in the chain: the leaf of each command, their root, and the head before it."""

    batch: Batch
    leaves: list[bytes]
    root: bytes
    head_before: bytes


class BatchSource:
    """Whole batches from `from_seq`, which begins one, on; `next_seq` is the first not yet returned.

    What is handed over is taken as it comes. The segments are read from the start until something handed over
    follows, and again where something is missing.
    """

    def __init__(self, storage: Storage, shard: int = 0, from_seq: int = 1) -> None:
        self.next_seq = from_seq
        self._storage = storage
        self._shard = shard
        self._handed: deque[Batch] = deque()  # ascending
        self._handed_bytes = 0
        self._reader: BatchReader | None = BatchReader(storage, shard, from_seq)

    def offer(self, batch: Batch) -> None:
        """A durable batch, behind all that were offered before it. Too many of them are forgotten: the
        segments have them."""
        self._handed_bytes += len(batch.commands) + len(batch.events)
        if self._handed_bytes > HANDED_BYTES_MAX:
            self._handed.clear()
            self._handed_bytes = 0
            self.look()
        else:
            self._handed.append(batch)

    def look(self) -> None:
        """Something was not handed over: read the segments."""
        if self._reader is None:
            self._reader = BatchReader(self._storage, self._shard, self.next_seq)

    def poll(self) -> list[Batch]:
        """The next batches, of about a megabyte of events out of the segments; empty where there are none.

        Raises:
            CorruptRecord, SequenceGap, StorageError: as `exchange.journal.EventReader.poll`.
        """
        found = self._next_handed()
        if found or (self._reader is None and not self._handed):
            return found
        self.look()
        assert self._reader is not None
        found = self._reader.poll()
        self.next_seq = self._reader.next_seq
        return found

    def _next_handed(self) -> list[Batch]:
        handed = self._handed
        while handed and handed[0].next_seq <= self.next_seq:
            self._take()
        found = []
        while handed and handed[0].first_seq == self.next_seq:
            found.append(self._take())
            self.next_seq = found[-1].next_seq
        if found:
            self._reader = None  # it would read what is here already
        return found

    def _take(self) -> Batch:
        batch = self._handed.popleft()
        self._handed_bytes -= len(batch.commands) + len(batch.events)
        return batch


class BatchReader:
    """Whole batches out of the segments from `from_seq`, which begins one, on."""

    def __init__(self, storage: Storage, shard: int = 0, from_seq: int = 1) -> None:
        self.next_seq = from_seq
        self._shard = shard
        self._commands = WrittenCommands(storage, shard, from_seq)
        self._events = EventReader(storage, shard, from_seq)
        self._frames: deque[Frame] = deque()
        self._told: deque[Frame] = deque()

    def poll(self) -> list[Batch]:
        """The next batches, of about a megabyte of events; empty at the tail.

        Raises:
            CorruptRecord, SequenceGap, StorageError: as `exchange.journal.EventReader.poll`.
        """
        self._told.extend(self._events.poll())
        while self._commands.next_seq < self._events.next_seq:
            found = self._commands.poll()
            if not found:
                break  # the commands of these events are on the disk: they show at the next look
            self._frames.extend(found)
        whole = []
        while self._frames and self._frames[0].next_seq <= self._events.next_seq:
            frame = self._frames.popleft()
            whole.append(
                Batch(frame.first_seq, frame.command_count, frame.payload, self._events_of(frame))
            )
            self.next_seq = frame.next_seq
        return whole

    def _events_of(self, frame: Frame) -> bytes:
        told = self._told.popleft()
        if (told.first_seq, told.next_seq) == (frame.first_seq, frame.next_seq):
            return told.payload
        parts = []
        while told.next_seq <= frame.next_seq:  # recovery wrote them in other pieces
            parts.append(told.payload)
            if told.next_seq == frame.next_seq:
                return b"".join(parts)
            told = self._told.popleft()
        cut = events_until(told.payload, shard_seq(self._shard, frame.next_seq))
        parts.append(told.payload[:cut])
        rest = told._replace(
            first_seq=frame.next_seq,
            command_count=told.next_seq - frame.next_seq,
            payload=told.payload[cut:],
        )
        self._told.appendleft(rest)
        return b"".join(parts)


def events_until(events: bytes, seq: int) -> int:
    """The byte at which the events of the sequence number `seq` (with shard bits), or later ones, begin."""
    words = memoryview(events).cast("Q")
    at = 0
    while at < len(words) and words[at + 1] < seq:
        at += (words[at] >> 16 & 0xFFFF) * 4
    return at * 8
