"""A second state machine that follows the command segments in another process, to make snapshots.

Never on the matching thread: it reads only what is durable, and writes only snapshot files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from exchange.journal import frames as f
from exchange.journal.chainlog import Chain
from exchange.journal.errors import ReplayMismatch
from exchange.journal.follow import CommandReader
from exchange.journal.replay import Labels, Machine
from exchange.journal.snapshots import Snapshot, SnapshotStore
from exchange.journal.storage import Storage

E = TypeVar("E")


class Replica(Generic[E]):
    """Starts from the newest valid snapshot (or fresh) and applies durable commands as they come.

    With `chain` it keeps the chain head itself; `make_snapshot` needs it. The newest commit batch is
    applied only once another one stands behind it (see CommandReader).

    Raises:
        ReplayMismatch: a snapshot whose state is of another sequence than its name.
    """

    def __init__(self, storage: Storage, machine: Machine[E], chain: Chain, *, shard: int = 0) -> None:
        self._store = SnapshotStore(storage, shard)
        self._machine = machine
        self._chain = chain
        self._shard = shard
        snapshot, self.damaged = self._store.newest()
        self.snapshot_seq = 0 if snapshot is None else snapshot.seq
        self.engine = machine.fresh() if snapshot is None else machine.restore(snapshot.state)
        self.head = f.NO_HEAD if snapshot is None else snapshot.head
        self.labels = Labels(b"" if snapshot is None else snapshot.labels, [])
        self.next_seq = self.snapshot_seq + 1
        self._commands = CommandReader(storage, shard, self.next_seq)
        self._waiting: deque[f.Frame] = deque()  # read, not yet applied
        self._check(self.next_seq)

    def catch_up(self, max_commands: int = 1 << 62, until_seq: int = 1 << 62) -> int:
        """Apply whole commit batches until the durable end, about `max_commands`, or `until_seq` (which
        must end a batch to be met exactly). Returns how many commands were applied.

        Raises:
            CorruptRecord, SequenceGap, StorageError: from the segments.
            ReplayMismatch: the machine counts otherwise than the journal.
        """
        applied = 0
        while applied < max_commands and self.next_seq <= until_seq:
            if not self._waiting:
                self._waiting.extend(self._commands.poll())
                if not self._waiting:
                    break
            while self._waiting and self._waiting[0].first_seq <= until_seq:
                frame = self._waiting.popleft()
                events = self._machine.apply(self.engine, frame.payload)
                self._check(frame.next_seq)
                root = self._chain.batch_root(self._shard, frame.first_seq, frame.payload, events)
                self.head = self._chain.next_head(self.head, self._shard, frame.first_seq, root)
                self.labels.records.extend(f.label_records(frame.payload))
                applied += frame.command_count
                self.next_seq = frame.next_seq
        return applied

    def make_snapshot(
        self, state: Callable[[E], bytes], label_section: Callable[[Labels], bytes]
    ) -> Snapshot | None:
        """Write a snapshot of what was applied; None if nothing was since the last one.

        `label_section` merges the labels into one section. Raises StorageError.
        """
        if self.next_seq == self.snapshot_seq + 1:
            return None
        section = label_section(self.labels)
        snapshot = Snapshot(self.next_seq - 1, self.head, state(self.engine), section)
        self._store.write(snapshot)
        self.snapshot_seq = snapshot.seq
        self.labels = Labels(section, [])
        return snapshot

    def _check(self, next_seq: int) -> None:
        found = self._machine.next_seq(self.engine)
        if found != next_seq:
            raise ReplayMismatch("replica", next_seq - 1, f"the machine is at {found}, not {next_seq}")
