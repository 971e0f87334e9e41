"""What streams keep across restarts: the counts, and how far back the journal's events are held for them.

The file of counts is a convenience: it is derived from durable commands, may lag, and is thrown away where
it cannot be trusted; then all events the journal still has are counted anew. The published cursor `streams`
holds the events behind the counts, and the newest `kept_bytes` of them, which is how far a stream can be
resumed.
"""

from __future__ import annotations

import logging
from typing import Final

from exchange.gateway.streams.numbers import FILE_NAME, CountsError, count_events, pack_counts, unpack_counts
from exchange.journal import Cursor, Kind, Storage, scan
from exchange.journal.segments import list_segments

CONSUMER: Final = "streams"
KEPT_BYTES: Final = 256 << 20
_log: Final = logging.getLogger(__name__)


class StreamStore:
    """Counts of one shard's accounts, beside its journal."""

    def __init__(self, storage: Storage, shard: int = 0, kept_bytes: int = KEPT_BYTES) -> None:
        self._storage = storage
        self._shard = shard
        self._kept_bytes = kept_bytes
        self._cursor = Cursor(storage, CONSUMER, shard)

    def load(self, next_seq: int) -> list[int]:
        """The counts before the command `next_seq`; events must be complete (after recovery).

        Raises:
            CorruptRecord, SequenceGap: the journal's events cannot be read.
        """
        counts, from_seq = self._kept(next_seq)
        segments = list_segments(self._storage, Kind.EVENTS, self._shard)
        oldest = segments[0].first_seq if segments else next_seq
        if from_seq < oldest:
            if from_seq > 1 or oldest > 1:
                _log.warning("streams are numbered from the oldest event the journal still has, %d", oldest)
            counts, from_seq = [], oldest
        if segments and from_seq < next_seq:
            for frame in scan(self._storage, Kind.EVENTS, self._shard, from_seq):
                count_events(counts, frame.payload, from_seq)
        return counts

    def _kept(self, next_seq: int) -> tuple[list[int], int]:
        size = self._storage.size(FILE_NAME)
        if size is None:
            return [], 1
        try:
            counts, from_seq = unpack_counts(self._storage.read(FILE_NAME, 0, size), self._shard)
        except CountsError as wrong:
            _log.warning("%s is not used: %s", FILE_NAME, wrong)
            return [], 1
        if from_seq > next_seq:
            _log.warning("%s is not used: it is ahead of the journal", FILE_NAME)
            return [], 1
        return counts, from_seq

    def save(self, counts: list[int], next_seq: int) -> None:
        """Keep the counts before the command `next_seq`, then let go of events nobody resumes from.

        Raises:
            StorageError: the device refused; what was kept before stands.
        """
        self._storage.replace(FILE_NAME, pack_counts(counts, next_seq, self._shard))
        self._cursor.write(max(self._cursor.read(), min(next_seq, self._oldest_kept())))

    def _oldest_kept(self) -> int:
        """The first command of the newest segments that have `kept_bytes` together."""
        left = self._kept_bytes
        first = 1
        for segment in reversed(list_segments(self._storage, Kind.EVENTS, self._shard)):
            first = segment.first_seq
            left -= self._storage.size(segment.name) or 0
            if left <= 0:
                break
        return first
