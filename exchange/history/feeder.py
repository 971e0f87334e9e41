"""Feeds the store from the journal: events from their segments, label texts and marks from the commands.

The cursor that counts is the one inside the store. A copy is published in the journal's directory
afterwards, for retention; it may lag and never leads.
"""

from __future__ import annotations

from typing import Final

from exchange.history.store import HistoryWriter
from exchange.journal import CommandReader, Cursor, EventReader, Kind, SequenceGap, Storage, label_records
from exchange.journal.segments import list_segments

CONSUMER: Final = "history"


class Feeder:
    """Brings one shard's store up to the tail of its journal, `step` by `step`."""

    def __init__(self, storage: Storage, writer: HistoryWriter, shard: int = 0) -> None:
        self._storage = storage
        self._writer = writer
        self._shard = shard
        self._events = EventReader(storage, shard, writer.next_seq)
        self._commands = CommandReader(storage, shard, writer.labels_next_seq)
        self._published = Cursor(storage, CONSUMER, shard)
        self._published_seq = self._published.read()

    def step(self) -> bool:
        """Store what has come since; False if there was nothing.

        Raises:
            CorruptRecord, SequenceGap, StorageError: the journal cannot be read on.
            sqlite3.Error: the store cannot be written.
        """
        labels = self._step_labels()
        frames = self._events.poll()
        if frames:
            self._writer.add_events((frame.payload for frame in frames), self._events.next_seq)
        if self._writer.next_seq > self._published_seq:
            self._published_seq = self._writer.next_seq
            self._published.write(self._published_seq)
        return bool(frames) or labels

    def _step_labels(self) -> bool:
        try:
            frames = self._commands.poll()
        except SequenceGap:
            return self._skip_labels()
        if not frames:
            return False
        found = [record for frame in frames for record in label_records(frame.payload)]
        payloads = [frame.payload for frame in frames]
        self._writer.add_commands(payloads, found, frames[-1].next_seq)
        return True

    def _skip_labels(self) -> bool:
        """Commands are kept by snapshots, not by us: labels of deleted segments are lost to the store."""
        segments = list_segments(self._storage, Kind.COMMANDS, self._shard)
        oldest = segments[0].first_seq if segments else 1
        if oldest <= self._writer.labels_next_seq:
            raise SequenceGap("commands", 0, self._writer.labels_next_seq, oldest)
        self._writer.add_commands((), (), oldest)
        self._commands = CommandReader(self._storage, self._shard, oldest)
        return True
