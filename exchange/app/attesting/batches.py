"""Commit batches with their events, as both segments grow.

A command frame is one commit batch. Its events are written only when it is durable, so that a batch whose
events are all there is durable too: nothing here waits for a next frame.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from exchange.attest.chain import shard_seq
from exchange.journal import EventReader, Frame, Storage, WrittenCommands


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


class BatchReader:
    """Whole batches from `from_seq`, which begins one, on; `next_seq` is the first not yet returned."""

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
