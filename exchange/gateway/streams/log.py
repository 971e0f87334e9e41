"""Where the events of a stream are found again: those just released in memory, older ones in the journal.

Memory keeps whole buffers of released events, which costs nothing an event; a journal is read backwards,
newest segment first, on a thread of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from exchange.gateway.ports import Committer
from exchange.gateway.streams.events import Item, items_of
from exchange.journal import Kind, Storage
from exchange.journal.reader import SegmentReader
from exchange.journal.segments import list_segments

TAIL_BYTES: Final = 16 << 20


class Found(NamedTuple):
    """Events of an account, oldest first, and whether all up to the command asked for could be seen."""

    items: list[Item]
    complete: bool


Done = Callable[[Found | None], None]


class EventLog(Protocol):
    """What is behind the memory."""

    def find(self, account: int, count: int, before: int, done: Done) -> None:
        """Look for the last `count` events of an account by commands below the counter `before`; `done` on
        the loop, with fewer if no more are kept, with None if reading failed."""

    def close(self) -> None:
        """Finish what runs."""


class NoEventLog:
    """Only memory."""

    def find(self, account: int, count: int, before: int, done: Done) -> None:
        """Nothing."""
        del account, count, before
        done(Found([], True))

    def close(self) -> None:
        """Nothing runs."""


class JournalEventLog:
    """The event segments of one shard, read by `reader` (a thread beside the loop, or inline in tests)."""

    def __init__(self, storage: Storage, reader: Committer, shard: int = 0) -> None:
        self._storage = storage
        self._reader = reader
        self._shard = shard

    def find(self, account: int, count: int, before: int, done: Done) -> None:
        """See :class:`EventLog`."""
        found: list[Found] = []

        def work() -> None:
            found.append(find_back(self._storage, account, count, before, self._shard))

        def report(error: BaseException | None) -> None:
            done(found[0] if error is None else None)

        self._reader.commit(work, report)

    def close(self) -> None:
        """Join the thread."""
        self._reader.close()


def find_back(storage: Storage, account: int, count: int, before: int, shard: int = 0) -> Found:
    """The last `count` events of an account by commands below `before`.

    Raises:
        JournalError: the segments cannot be read.
    """
    key = account.to_bytes(4, "little")
    batches: list[list[Item]] = []  # newest first
    missing = count
    complete = before <= 1
    for segment in reversed(list_segments(storage, Kind.EVENTS, shard)):
        if segment.first_seq >= before:
            continue
        reader = SegmentReader(storage, Kind.EVENTS, shard, segment)
        frames = [
            frame.payload
            for frame in reader.read_all()
            if frame.first_seq < before and key in frame.payload
        ]
        complete = complete or reader.next_seq >= before
        while frames and missing > 0:
            items = [item for item in items_of(account, frames.pop()) if item.counter < before]
            batches.append(items)
            missing -= len(items)
        if missing <= 0 or not complete:
            break
    found = [item for items in reversed(batches) for item in items]
    return Found(found[-count:] if count else [], complete)


class Tail:
    """The newest released events: whole batches, as far as `size_max` bytes."""

    def __init__(self, next_seq: int, size_max: int = TAIL_BYTES) -> None:
        self.first_seq = next_seq
        """The first command whose events are here (counter)."""
        self._batches: deque[tuple[int, int, bytes]] = deque()
        self._size = 0
        self._size_max = size_max

    def add(self, first_seq: int, count: int, events: bytes) -> None:
        """Keep a batch, and let go of the oldest beyond the size."""
        self._batches.append((first_seq, count, events))
        self._size += len(events)
        while self._size > self._size_max and len(self._batches) > 1:
            first, gone, dropped = self._batches.popleft()
            self._size -= len(dropped)
            self.first_seq = first + gone

    def find(self, account: int, count: int) -> list[Item]:
        """The account's last `count` events, oldest first, as far as they are here."""
        found: list[list[Item]] = []
        missing = count
        for _, _, events in reversed(self._batches):
            if missing <= 0:
                break
            items = items_of(account, events)
            found.append(items)
            missing -= len(items)
        joined = [item for items in reversed(found) for item in items]
        return joined[-count:] if count else []
