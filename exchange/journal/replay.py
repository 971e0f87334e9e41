"""Replay, and recovery: the newest usable snapshot, the commands behind it, and what was lost behind them.

The state machine comes in as callables, so that the journal knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from exchange.domain.limits import FIRST_RULES
from exchange.journal import frames as f
from exchange.journal.chainlog import Chain, ChainEntry, ChainLog
from exchange.journal.cursor import read_cursors
from exchange.journal.errors import CorruptRecord, ReplayMismatch, SequenceGap
from exchange.journal.reader import Cut, apply_cut, find_tail, rewrite, scan, trim_events
from exchange.journal.segments import SEGMENT_BYTES, Kind, Tail, list_segments
from exchange.journal.snapshots import Snapshot, SnapshotStore
from exchange.journal.storage import Storage
from exchange.journal.writer import JournalWriter

E = TypeVar("E")


@dataclass(frozen=True)
class Machine(Generic[E]):
    """A deterministic state machine, as the journal sees it.

    `apply` takes packed commands and returns all their packed events; `next_seq` is the counter of the
    next command; `restore` takes what a snapshot holds as state.
    """

    fresh: Callable[[], E]
    restore: Callable[[bytes], E]
    apply: Callable[[E, bytes], bytes]
    next_seq: Callable[[E], int]


class Labels(NamedTuple):
    """Labels after recovery: the snapshot's section (b"" without one), then the records behind it."""

    section: bytes
    records: list[f.LabelRecord]


@dataclass
class Recovered(Generic[E]):
    """A state machine brought back, and all that is needed to go on.

    `cuts` are the torn tails that were cut, `damaged` the snapshots that could not be used; `replayed`
    and `regenerated` count commands applied and commands whose events had to be written again. `head` and
    `chain_log` are None when no chain was given.
    """

    engine: E
    labels: Labels
    next_seq: int
    writer: JournalWriter
    head: bytes | None
    chain_log: ChainLog | None
    snapshot_seq: int
    cuts: list[Cut]
    damaged: list[CorruptRecord]
    replayed: int = 0
    regenerated: int = 0


def replay(frames: Iterable[f.Frame], apply: Callable[[bytes], bytes]) -> Iterator[tuple[f.Frame, bytes]]:
    """Apply frames of commands in order; yields each with the events it gave.

    Raises:
        SequenceGap: frames that do not follow each other.
        What `apply` and the frames' source raise.
    """
    expected = -1
    for frame in frames:
        if frame.first_seq != expected and expected >= 0:
            raise SequenceGap(frame.segment, frame.offset, expected, frame.first_seq)
        expected = frame.next_seq
        yield frame, apply(frame.payload)


def missing_events(storage: Storage, shard: int = 0) -> tuple[int, int] | None:
    """The half-open range of sequences whose events are not in the event segments; None if none.

    Raises:
        CorruptRecord, SequenceGap: as `find_tail` does.
    """
    commands, _ = find_tail(storage, Kind.COMMANDS, shard)
    events, _ = find_tail(storage, Kind.EVENTS, shard)
    return None if events.next_seq >= commands.next_seq else (events.next_seq, commands.next_seq)


class StoredEvents:
    """The event segments as one stream, compared with what replay gives.

    Events below `first_seq` were deleted by retention; events from `next_seq` on are missing.
    """

    def __init__(self, storage: Storage, shard: int, from_seq: int, next_seq: int) -> None:
        segments = list_segments(storage, Kind.EVENTS, shard)
        self.first_seq = max(from_seq, segments[0].first_seq) if segments else next_seq
        self.next_seq = next_seq
        self._shard = shard
        self._frames = (
            scan(storage, Kind.EVENTS, shard, self.first_seq) if self.first_seq < next_seq else iter(())
        )
        self._buffer = b""
        self._seq = self.first_seq

    def check(self, frame: f.Frame, events: bytes) -> tuple[int, bytes]:
        """Compare a command frame's events with the stored ones.

        Returns (first sequence, events) of what is not stored: (frame.next_seq, b"") if all is.

        Raises:
            ReplayMismatch: stored events differ.
        """
        if frame.first_seq < self.first_seq:
            if frame.next_seq <= self.first_seq:
                return frame.next_seq, b""
            events = self._part(frame, events, self.first_seq)
        if frame.first_seq >= self.next_seq:
            return frame.first_seq, events
        while self._seq < min(frame.next_seq, self.next_seq):
            stored = next(self._frames, None)
            if stored is None:
                break
            if stored.first_seq < self._seq:
                stored = trim_events(stored, self._shard, self._seq)
            self._buffer = self._buffer + stored.payload if self._buffer else stored.payload
            self._seq = stored.next_seq
        size = min(len(events), len(self._buffer))
        if self._buffer[:size] != events[:size]:
            what = f"what is stored of {frame.command_count} commands is not what they replay to"
            raise ReplayMismatch("events", frame.first_seq, what)
        self._buffer = self._buffer[size:]
        if frame.next_seq <= self.next_seq:
            if size < len(events):
                raise ReplayMismatch("events", frame.first_seq, "fewer events are stored than replay gives")
            return frame.next_seq, b""
        if self._buffer:
            raise ReplayMismatch("events", frame.first_seq, "more events are stored than replay gives")
        return self.next_seq, events[size:]

    def _part(self, frame: f.Frame, events: bytes, from_seq: int) -> bytes:
        return trim_events(frame._replace(payload=events), self._shard, from_seq).payload


def recover(
    storage: Storage,
    machine: Machine[E],
    *,
    shard: int = 0,
    chain: Chain | None = None,
    verify_roots: bool = False,
    rules_version: int = FIRST_RULES,
    segment_bytes: int = SEGMENT_BYTES,
) -> Recovered[E]:
    """Bring the state machine back to the last durable command, and the journal to a writable state.

    Cuts a torn tail; restores the newest snapshot behind which events and chain heads can be completed;
    replays; compares stored events (always) and recorded roots (`verify_roots`: hashing every command)
    with what replay gives; writes missing events and heads. An empty directory gives a fresh machine.

    Raises:
        CorruptRecord, SequenceGap, ReplayMismatch: the journal is not what was written. The venue must not
            start. What is found before the replay leaves every file as it was.
        StorageError: the device refused.
    """
    tails = _judge(storage, shard, chain)
    for cut in tails.cuts:
        apply_cut(storage, cut)
    if tails.chain_log is not None:
        if tails.chain_log.cut is not None:
            tails.cuts.append(tails.chain_log.cut)
        tails.chain_log.repair()
    _make_durable(storage, tails)
    writer = JournalWriter(
        storage,
        shard,
        rules_version=rules_version,
        segment_bytes=segment_bytes,
        tails=(tails.commands, tails.events),
    )
    return _Run(storage, shard, machine, tails, writer, chain, verify_roots).go()


def _make_durable(storage: Storage, tails: _Tails) -> None:
    """What is replayed will be seen by others, so that it must be durable first.

    A killed process may have left a whole frame, or a name, that was never synced, or whose sync failed.
    Of the commands that can be the last frame only; events are synced less often.
    """
    if tails.commands.segment is not None:
        rewrite(storage, tails.commands.segment, tails.commands.last_offset, tails.commands.size)
    if tails.events.segment is not None:
        rewrite(storage, tails.events.segment, 0, tails.events.size)
    storage.sync_directory()


@dataclass
class _Tails:
    commands: Tail
    events: Tail
    chain_log: ChainLog | None
    snapshot: Snapshot | None
    cuts: list[Cut] = field(default_factory=list)
    damaged: list[CorruptRecord] = field(default_factory=list)


def _judge(storage: Storage, shard: int, chain: Chain | None) -> _Tails:
    """Find all ends and the snapshot to start from; changes nothing.

    Events, heads, snapshots and cursors exist only for commands that were durable: one of them beyond the
    last command means that a durable command is gone.
    """
    commands, command_cut = find_tail(storage, Kind.COMMANDS, shard)
    events, event_cut = find_tail(storage, Kind.EVENTS, shard)
    chain_log = ChainLog(storage, chain, shard) if chain is not None else None
    cuts = [cut for cut in (command_cut, event_cut) if cut is not None]
    snapshots = SnapshotStore(storage, shard)
    newest, damaged = snapshots.newest()
    witnesses = {f"cursor {consumer}": seq for consumer, seq in read_cursors(storage, shard).items()}
    witnesses["events"] = events.next_seq
    if newest is not None:
        witnesses["a snapshot"] = newest.seq + 1
    if chain_log is not None:
        witnesses["chain heads"] = chain_log.next_seq
    for what, next_seq in witnesses.items():
        if next_seq > commands.next_seq:
            name = commands.segment or Kind.COMMANDS.value
            why = f"the commands end before sequence {commands.next_seq}, {what} reach to {next_seq - 1}"
            raise CorruptRecord(name, commands.size, why)
    usable = min(events.next_seq, chain_log.next_seq if chain_log is not None else events.next_seq)
    if newest is not None and newest.seq >= usable:
        newest, more = snapshots.newest(usable - 1)
        damaged += more
    return _Tails(commands, events, chain_log, newest, cuts, damaged)


class _Run(Generic[E]):
    """One recovery, from the snapshot to the end."""

    def __init__(
        self,
        storage: Storage,
        shard: int,
        machine: Machine[E],
        tails: _Tails,
        writer: JournalWriter,
        chain: Chain | None,
        verify_roots: bool,
    ) -> None:
        self._storage = storage
        self._shard = shard
        self._machine = machine
        self._tails = tails
        self._writer = writer
        self._chain = chain
        self._verify_roots = verify_roots
        self._regenerated = 0

    def go(self) -> Recovered[E]:
        snapshot = self._tails.snapshot
        engine = self._start(snapshot)
        first = 1 if snapshot is None else snapshot.seq + 1
        replayed = 0
        stored = StoredEvents(self._storage, self._shard, first, self._writer.events_next_seq)
        heads = self._heads(first, snapshot)
        labels: list[f.LabelRecord] = []
        next_seq = first
        for frame, events in replay(
            scan(self._storage, Kind.COMMANDS, self._shard, first),
            lambda payload: self._machine.apply(engine, payload),
        ):
            if frame.first_seq < first:
                raise ReplayMismatch("a snapshot", first - 1, "it stands inside a commit batch")
            if self._machine.next_seq(engine) != frame.next_seq:
                raise ReplayMismatch("commands", frame.first_seq, f"{frame.command_count} were recorded")
            self._complete_events(stored, frame, events)
            self._complete_heads(heads, frame, events)
            labels.extend(f.label_records(frame.payload))
            replayed += frame.command_count
            next_seq = frame.next_seq
        return self._finish(engine, labels, next_seq, replayed)

    def _finish(self, engine: E, labels: list[f.LabelRecord], next_seq: int, replayed: int) -> Recovered[E]:
        self._writer.sync_events()
        chain_log = self._tails.chain_log
        if chain_log is not None:
            chain_log.sync()
            self._writer.note_head(chain_log.next_seq, chain_log.head)
        if next_seq != self._writer.next_seq:
            raise SequenceGap(Kind.COMMANDS.value, 0, self._writer.next_seq, next_seq)
        snapshot = self._tails.snapshot
        return Recovered(
            engine,
            Labels(b"" if snapshot is None else snapshot.labels, labels),
            next_seq,
            self._writer,
            None if chain_log is None else chain_log.head,
            chain_log,
            0 if snapshot is None else snapshot.seq,
            self._tails.cuts,
            self._tails.damaged,
            replayed,
            self._regenerated,
        )

    def _start(self, snapshot: Snapshot | None) -> E:
        if snapshot is None:
            return self._machine.fresh()
        engine = self._machine.restore(snapshot.state)
        if self._machine.next_seq(engine) != snapshot.seq + 1:
            raise ReplayMismatch("a snapshot", snapshot.seq, "its state is of another sequence")
        return engine

    def _heads(self, first: int, snapshot: Snapshot | None) -> Iterator[ChainEntry]:
        """The recorded entries from `first` on; the head before must be the snapshot's."""
        chain_log = self._tails.chain_log
        if chain_log is None:
            return iter(())
        if snapshot is not None:
            recorded = chain_log.head_before(first)
            if recorded != snapshot.head:
                raise ReplayMismatch("the chain head", snapshot.seq, "the snapshot records another")
        return chain_log.entries(first)

    def _complete_events(self, stored: StoredEvents, frame: f.Frame, events: bytes) -> None:
        first, missing = stored.check(frame, events)
        if missing:
            count = frame.next_seq - first
            self._writer.append_events(first, count, f.count_records(missing), missing)
            self._regenerated += count

    def _complete_heads(self, heads: Iterator[ChainEntry], frame: f.Frame, events: bytes) -> None:
        chain_log = self._tails.chain_log
        if chain_log is None or self._chain is None:
            return
        if frame.offset == f.FILE_HEADER_BYTES:
            self._check_segment_head(frame, chain_log)
        entry = next(heads, None)
        if entry is None:
            root = self._chain.batch_root(self._shard, frame.first_seq, frame.payload, events)
            chain_log.append(frame.first_seq, frame.command_count, root)
            return
        if (entry.first_seq, entry.command_count) != (frame.first_seq, frame.command_count):
            raise ReplayMismatch("the chain", frame.first_seq, f"it records a batch at {entry.first_seq}")
        if self._verify_roots:
            root = self._chain.batch_root(self._shard, frame.first_seq, frame.payload, events)
            if root != entry.root:
                raise ReplayMismatch("the chain", frame.first_seq, "the recorded root is another")

    def _check_segment_head(self, frame: f.Frame, chain_log: ChainLog) -> None:
        header = f.unpack_file_header(self._storage.read(frame.segment, 0, f.FILE_HEADER_BYTES))
        recorded = f.NO_HEAD if header is None else header.head
        if recorded not in (f.NO_HEAD, chain_log.head_before(frame.first_seq)):
            raise CorruptRecord(frame.segment, 0, "the chain head in the file header is another")
