"""The journal's writing end: group commit of commands, and events behind them."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain.limits import FIRST_RULES
from exchange.domain.records import UNIT_BYTES
from exchange.journal import frames as f
from exchange.journal.errors import CorruptRecord, JournalPoisoned, SequenceGap, StorageError
from exchange.journal.reader import find_tail
from exchange.journal.segments import SEGMENT_BYTES, Kind, SegmentLog, Tail
from exchange.journal.storage import Storage


class Group(NamedTuple):
    """Commands that will share one frame and one sync: `first_seq` … `next_seq - 1`."""

    first_seq: int
    command_count: int
    chunks: list[bytes]

    @property
    def next_seq(self) -> int:
        return self.first_seq + self.command_count


class JournalWriter:
    """Writes the segments of one shard. Sequence numbers are counters, without shard bits.

    **Commit.** `append_commands` collects in memory. `seal` takes all that was collected as one group,
    `commit` writes it as one frame and syncs it, `sync` is both. Only when `commit` returned may anything
    of the group be acknowledged. `append_commands` and `seal` belong to one thread, `commit` may run on
    another (one at a time, groups in order): they share nothing that both change.

    **Events.** `append_events` follows a commit, from the same thread as `commit` or another. Events are
    refused before their commands are durable: recovery takes an event as proof that its command was.

    **Failure.** After any StorageError the writer is poisoned: every later call raises JournalPoisoned.

    A directory must be opened through `replay.recover` first when it may have a torn tail. `tails` are
    the ends of commands and events where the caller has just found them; else they are found here.

    Raises:
        CorruptRecord: the newest segment is damaged, torn or not.
        StorageError: from the device.
    """

    def __init__(
        self,
        storage: Storage,
        shard: int = 0,
        *,
        rules_version: int = FIRST_RULES,
        segment_bytes: int = SEGMENT_BYTES,
        tails: tuple[Tail, Tail] | None = None,
    ) -> None:
        self.storage = storage
        self.shard = shard
        if tails is None:
            tails = (_whole_tail(storage, Kind.COMMANDS, shard), _whole_tail(storage, Kind.EVENTS, shard))
        self._commands, self._events = (
            SegmentLog(
                storage, kind, shard, tail, rules_version=rules_version, segment_bytes=segment_bytes
            )
            for kind, tail in zip((Kind.COMMANDS, Kind.EVENTS), tails, strict=True)
        )
        self._durable_seq = self._commands.next_seq
        self._next_seq = self._commands.next_seq
        self._pending: list[bytes] = []
        self._pending_first = self._next_seq
        self._head: tuple[int, bytes] = (1, f.NO_HEAD)
        if self._events.next_seq > self._durable_seq:
            raise SequenceGap(self._events.segment or "events", 0, self._durable_seq, self._events.next_seq)

    @property
    def next_seq(self) -> int:
        """The sequence of the next command to append."""
        return self._next_seq

    @property
    def durable_seq(self) -> int:
        """Every command below this one is durable."""
        return self._durable_seq

    @property
    def events_next_seq(self) -> int:
        """The sequence of the next command whose events are to be appended."""
        return self._events.next_seq

    @property
    def pending_count(self) -> int:
        """Commands appended and not yet sealed."""
        return self._next_seq - self._pending_first

    @property
    def poisoned(self) -> bool:
        """Whether a write or a sync failed: nothing may be acknowledged any more."""
        return self._commands.poison is not None or self._events.poison is not None

    def append_commands(self, first_seq: int, commands: bytes, count: int) -> None:
        """Add `count` packed commands to the next group. They are in memory only.

        Raises:
            SequenceGap: `first_seq` is not `next_seq`.
            ValueError: no commands, or not whole units.
            JournalPoisoned: after a failure.
        """
        self._check_usable("append")
        if first_seq != self._next_seq:
            raise SequenceGap("commands", 0, self._next_seq, first_seq)
        if count <= 0 or not commands or len(commands) % UNIT_BYTES:
            raise ValueError(f"{count} commands cannot have {len(commands)} bytes")
        self._pending.append(commands)
        self._next_seq += count

    def seal(self) -> Group | None:
        """All that was appended since the last seal, as one group; None if there is nothing."""
        if not self._pending:
            return None
        group = Group(self._pending_first, self._next_seq - self._pending_first, self._pending)
        self._pending = []
        self._pending_first = self._next_seq
        return group

    def commit(self, group: Group) -> int:
        """Write the group as one frame and sync it. Returns the new `durable_seq`.

        Raises:
            StorageError: the group must not be acknowledged, nor anything after it.
        """
        self._check_usable("commit")
        noted_seq, head = self._head
        payload = group.chunks[0] if len(group.chunks) == 1 else b"".join(group.chunks)
        self._commands.append(
            group.first_seq,
            group.command_count,
            0,
            payload,
            head if noted_seq == group.first_seq else f.NO_HEAD,
        )
        self._commands.sync()
        self._durable_seq = group.next_seq
        return self._durable_seq

    def sync(self) -> int:
        """Seal and commit in one call. Returns `durable_seq`."""
        group = self.seal()
        return self._durable_seq if group is None else self.commit(group)

    def note_head(self, next_seq: int, head: bytes) -> None:
        """The chain head after all commands below `next_seq`: a segment that starts there records it."""
        self._head = (next_seq, head)

    def append_events(self, first_seq: int, count: int, event_count: int, events: bytes) -> None:
        """Write the events of `count` durable commands as one frame; `sync_events` makes it durable.

        Raises:
            SequenceGap: not the next events, or of commands that are not durable yet.
            StorageError: the device refused; poisons.
        """
        self._check_usable("append")
        if first_seq + count > self._durable_seq:
            raise SequenceGap("events", 0, self._durable_seq, first_seq + count)
        self._events.append(first_seq, count, event_count, events)

    def sync_events(self) -> None:
        """All appended events are durable on return. Raises StorageError, and poisons."""
        self._check_usable("fdatasync")
        self._events.sync()

    def set_rules_version(self, rules_version: int) -> None:
        """The rules version that new segments name in their header."""
        self._commands.rules_version = self._events.rules_version = rules_version

    def _check_usable(self, operation: str) -> None:
        cause: StorageError | None = self._commands.poison or self._events.poison
        if cause is not None:
            raise JournalPoisoned(operation, cause.name, f"after: {cause}", cause.errno)


def _whole_tail(storage: Storage, kind: Kind, shard: int) -> Tail:
    tail, cut = find_tail(storage, kind, shard)
    if cut is not None:
        raise CorruptRecord(cut.name, cut.offset, f"{cut.why}: recover before writing")
    return tail
