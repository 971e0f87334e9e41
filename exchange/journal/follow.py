"""Following the growing tail: events for consumers, commands for replicas and snapshots.

Nothing here waits: `poll` returns what is there, and the caller decides when to ask again.
"""

from __future__ import annotations

from collections.abc import Iterator

from exchange.journal import frames as f
from exchange.journal.errors import SequenceGap
from exchange.journal.reader import SegmentReader, check_sealed, skip_commands, trim_events
from exchange.journal.segments import Kind, list_segments
from exchange.journal.storage import Storage


class _Follower:
    """Verified frames of one kind from a sequence on, across segments, as they appear."""

    def __init__(self, storage: Storage, kind: Kind, shard: int, from_seq: int) -> None:
        if from_seq < 1:
            raise ValueError(f"sequences start at 1, not {from_seq}")
        self._storage = storage
        self._kind = kind
        self._shard = shard
        self._reader: SegmentReader | None = None
        self.next_seq = from_seq

    def poll(self) -> list[f.Frame]:
        """The next frames, about a megabyte at most; empty when the tail is reached.

        A frame that starts before the wanted sequence comes trimmed. A frame that is not whole at the end
        of the newest segment is left for later: it is being written, or recovery will cut it.

        Raises:
            CorruptRecord, SequenceGap: as for `reader.scan`.
            StorageError: the segment is gone, or the device refused.
        """
        while True:
            found = self._read()
            if not found:
                return []
            wanted = [frame for frame in found if frame.next_seq > self.next_seq]
            if wanted:
                if wanted[0].first_seq < self.next_seq:
                    wanted[0] = self._trim(wanted[0])
                self.next_seq = wanted[-1].next_seq
                return wanted

    def __iter__(self) -> Iterator[f.Frame]:
        """All frames up to the present tail. Raises as `poll` does."""
        while True:
            found = self.poll()
            if not found:
                return
            yield from found

    def _trim(self, frame: f.Frame) -> f.Frame:
        if self._kind is Kind.EVENTS:
            return trim_events(frame, self._shard, self.next_seq)
        skipped = self.next_seq - frame.first_seq
        return frame._replace(
            first_seq=self.next_seq,
            command_count=frame.command_count - skipped,
            payload=frame.payload[skip_commands(frame.payload, skipped) :],
        )

    def _read(self) -> list[f.Frame]:
        reader = self._reader or self._open()
        while reader is not None:
            found = reader.read()
            if found:
                return found
            segments = list_segments(self._storage, self._kind, self._shard)
            newer = [segment for segment in segments if segment.first_seq > reader.first_seq]
            if not newer:
                return []
            # The newer segment appeared after the read above: what was written before it is whole now.
            found = reader.read()
            if found:
                return found
            check_sealed(reader, newer[0])
            reader = self._reader = SegmentReader(self._storage, self._kind, self._shard, newer[0])
        return []

    def _open(self) -> SegmentReader | None:
        segments = list_segments(self._storage, self._kind, self._shard)
        if not segments:
            return None
        if segments[0].first_seq > self.next_seq:
            raise SequenceGap(segments[0].name, 0, self.next_seq, segments[0].first_seq)
        holder = max(s for s in segments if s.first_seq <= self.next_seq)
        self._reader = SegmentReader(self._storage, self._kind, self._shard, holder)
        return self._reader


class EventReader(_Follower):
    """The events of a shard from `from_seq` (a cursor's value) on, following the tail.

    `next_seq` is the cursor to store once everything returned so far has taken effect.
    """

    def __init__(self, storage: Storage, shard: int = 0, from_seq: int = 1) -> None:
        super().__init__(storage, Kind.EVENTS, shard, from_seq)


class WrittenCommands(_Follower):
    """The commands of a shard as they are written, durable or not: for whoever has another proof of that, as
    their events are.
    """

    def __init__(self, storage: Storage, shard: int = 0, from_seq: int = 1) -> None:
        super().__init__(storage, Kind.COMMANDS, shard, from_seq)


class CommandReader(_Follower):
    """The *durable* commands of a shard from `from_seq` on, following the tail.

    The newest frame may be written and not yet synced; it is held back until another stands behind it,
    which proves that it was.
    """

    def __init__(self, storage: Storage, shard: int = 0, from_seq: int = 1) -> None:
        super().__init__(storage, Kind.COMMANDS, shard, from_seq)
        self._held: f.Frame | None = None

    def poll(self) -> list[f.Frame]:
        found = super().poll()
        if not found:
            return []
        released = [self._held, *found[:-1]] if self._held is not None else found[:-1]
        self._held = found[-1]
        return released or self.poll()



