"""The sequencer: numbers commands, applies them, makes them durable, then lets the results out.

**Natural batching, no timers.** Commands submitted during one wake-up of the loop are one
`engine.apply` call. While an fdatasync runs in the committer, commands gather and are applied when it is
over, or `GATHERED` at a time; what was applied meanwhile is the next commit group: one journal frame, one
fdatasync, one step of the chain. A result (reply, private or public data) leaves only after the fdatasync
that covers its command has returned.

    submit → pending ──flush──▶ apply, append → unsynced ──commit──▶ release ──▶ lagging
                                                          (replies, views)   (event frames, chain)

**Fault model.** An error of append, fdatasync or apply halts the sequencer for good: a page cache that
once failed to reach the disk cannot be trusted to hold what was acknowledged from it. Nothing more is
acknowledged, everything submitted and not yet released is answered with an error (empty bytes), reads
go on. A restart replays the journal. Errors of the lagging work (event segments, chain heads) halt
too: both are regenerated at the next start.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from exchange.domain import commands
from exchange.domain import records as r
from exchange.edge.pending import Pending
from exchange.gateway.firing import fires, up_to_marks
from exchange.gateway.handing_out import OnEvents, Waiter, answer, count_events, hand_out
from exchange.gateway.pending_reads import Read
from exchange.gateway.ports import ChainPort, Clock, Committer, JournalPort, Loop

MAX_PENDING: Final = 65_536
CANCEL_ROOM: Final = 16_384  # further ones, cancels alone
MAX_BATCH: Final = 2_048
GATHERED: Final = 64  # commands that wait for a sync to be over before they are applied all the same
MAX_UNSYNCED: Final = 65_536  # commands applied ahead of the disk; beyond it the queue fills instead
LAG_SLICE: Final = 128  # commands, whose lagging work is a turn

RUNNING: Final = "running"
HALTED: Final = "halted"

Listener = Callable[[int, int, bytes], None]
T = TypeVar("T")

_log = logging.getLogger(__name__)
_CANCELS: Final = frozenset({r.CANCEL, r.CANCEL_MANY})


class EnginePort(Protocol):
    """The part of `exchange.core.engine.Engine` the sequencer drives."""

    @property
    def next_seq(self) -> int:
        """Counter of the next command."""

    @property
    def now_ms(self) -> int:
        """Sequenced time."""

    @property
    def due_count(self) -> int:
        """Triggered orders that wait for FIRE."""

    @property
    def untriggered_count(self) -> int:
        """Orders that wait for their trigger."""

    def apply(self, batch: bytes) -> bytes:
        """Numbered commands in, packed events out."""


class QueueFull(Exception):
    """More than `MAX_PENDING` commands wait; the caller's command was not taken."""


class Halted(Exception):
    """The sequencer has halted; nothing more is taken."""


class _Batch:
    """One applied and appended batch on its way to durability."""

    __slots__ = ("commands", "count", "events", "first_seq", "reads", "waiters")

    def __init__(self, first_seq: int, count: int, packed: bytes, events: bytes) -> None:
        self.first_seq = first_seq
        self.count = count
        self.commands = packed
        self.events = events
        self.waiters: list[Waiter] = []  # first ascending
        self.reads: list[Read] = []


def _commands_of(group: list[_Batch]) -> int:
    """How many commands a commit group holds."""
    return sum(batch.count for batch in group)


class Sequencer:
    """Single writer of one shard. All methods run on the loop's thread."""

    def __init__(
        self,
        engine: EnginePort,
        journal: JournalPort,
        committer: Committer,
        loop: Loop,
        clock: Clock,
        *,
        chain: ChainPort | None = None,
    ) -> None:
        self.mode = RUNNING
        self.halt_reason: BaseException | None = None
        self.released_seq = engine.next_seq - 1
        """Counter of the last command whose results are out."""
        self._engine = engine
        self._journal = journal
        self._committer = committer
        self._loop = loop
        self._clock = clock
        self._chain = chain
        self.pending = Pending(MAX_PENDING, CANCEL_ROOM, lambda: loop.call_soon(self._flush))
        """What was submitted and is not applied."""
        self._pending_reads: list[Read] = []
        self._unsynced: list[_Batch] = []
        self._unsynced_count = 0
        self._syncing: list[_Batch] = []
        self._lagging: deque[list[_Batch]] = deque()  # whole commit groups
        self._lag_count = 0  # their commands
        self._lag_scheduled = False
        self._sync_running = False
        self._listeners: list[Listener] = []
        self._after_release: list[Callable[[], None]] = []
        self._on_halt: list[Callable[[BaseException], None]] = []

    # --- taking commands ---------------------------------------------------------------------------

    def submit(self, command: bytes, on_events: OnEvents | None = None) -> None:
        """Take one packed command; `on_events` gets its packed events once they are durable.

        Empty bytes mean the sequencer halted before that: whether the command survives a restart is
        not known.

        Cancels have room of their own behind the others: a full queue does not keep anybody's orders open.

        Raises:
            QueueFull: too many commands wait.
            Halted: the sequencer takes nothing any more.
        """
        self.submit_run(command, 1, on_events, is_cancel=command[0] in _CANCELS)

    def submit_run(
        self, packed: bytes, count: int, on_events: OnEvents | None = None, *, is_cancel: bool = False
    ) -> None:
        """Take `count` packed commands that stay adjacent; `on_events` gets the events of all of them.

        A run of nothing but cancels (`is_cancel`) has the cancels' room. Raises as `submit` does.
        """
        if not self.pending.add(packed, count, on_events, is_cancel):
            if self.mode is not RUNNING:
                raise Halted(str(self.halt_reason))
            raise QueueFull

    def submit_many(self, packed: list[bytes], on_events: OnEvents | None = None) -> None:
        """Take commands that stay adjacent; `on_events` gets the events of the **last** one.

        Raises as `submit` does; then none is taken.
        """
        if self.pending.count + len(packed) > MAX_PENDING:
            raise QueueFull
        for command in packed[:-1]:
            self.submit(command)
        self.submit(packed[-1], on_events)

    def read(self, compute: Callable[[], T], deliver: Callable[[T | None], None]) -> None:
        """Read the engine's state behind every command submitted before.

        `compute` runs when those commands are applied, `deliver` with its result when they are
        durable: a read never shows what a crash could take back. `deliver(None)`: halted meanwhile.
        After a halt reads answer at once from the state in memory.
        """
        if self.mode is not RUNNING or not (self.pending.count or self._unsynced or self._syncing):
            deliver(compute())
            return
        entry = Read(compute, deliver)
        if self.pending.count:
            self._pending_reads.append(entry)
            return
        entry.fill()
        (self._unsynced or self._syncing)[-1].reads.append(entry)

    def add_listener(self, listener: Listener) -> None:
        """`listener(first_seq, count, events)` for every batch, in order, once durable."""
        self._listeners.append(listener)

    def add_after_release(self, callback: Callable[[], None]) -> None:
        """`callback()` after a group of batches was released: flush what was gathered."""
        self._after_release.append(callback)

    def add_on_halt(self, callback: Callable[[BaseException], None]) -> None:
        """`callback(reason)` once, when the sequencer halts."""
        self._on_halt.append(callback)

    @property
    def idle(self) -> bool:
        """Nothing is pending, unsynced or lagging."""
        return not (self.pending.count or self._unsynced or self._syncing or self._lagging)

    # --- applying ----------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Apply and append what is pending, then see to it that a sync runs. While one does, a few commands
        wait for its end: they could not be durable any sooner, and more of them come at once."""
        self.pending.rest()
        if self._sync_running and self.pending.count < GATHERED:
            return
        self._advance()

    def _advance(self) -> None:
        if self.mode is not RUNNING:
            return
        try:
            while self._unsynced_count < MAX_UNSYNCED:
                if self._engine.due_count:
                    fired = fires(self._engine.due_count)
                    self._apply(fired, [], len(fired))
                elif self.pending.count:
                    self._apply(*self._take_pending())
                else:
                    break
        except Exception as error:  # apply or append failed: nothing after it can be trusted
            self._halt(error)
            return
        if not self._sync_running:
            self._start_sync()

    def _apply(self, taken: list[bytes], waiters: list[Waiter], count: int) -> None:
        engine = self._engine
        first = engine.next_seq
        now_ms = self._clock.now_ms()
        if now_ms > engine.now_ms:  # sequenced time; a clock that steps back waits to be caught up
            taken.insert(0, commands.time(now_ms))
            waiters = [(at + 1, length, done) for at, length, done in waiters]
            count += 1
        packed = taken[0] if len(taken) == 1 else b"".join(taken)
        # Known to the halt from here on: if apply or append raises, its waiters are still answered.
        batch = _Batch(first, count, packed, b"")
        batch.waiters = waiters
        self._unsynced.append(batch)
        self._unsynced_count += count
        batch.events = engine.apply(packed)
        if not self.pending.count and self._pending_reads:
            batch.reads, self._pending_reads = self._pending_reads, []
            for entry in batch.reads:
                entry.fill()
        self._journal.append_commands(first, packed, count)

    def _take_pending(self) -> tuple[list[bytes], list[Waiter], int]:
        """The next batch: what is pending up to `MAX_BATCH` commands, its waiters, how many commands. While
        orders wait for a price it ends behind marks, so that what these make due fires before all else."""
        pending = self.pending
        most = len(pending.entries)
        if self._engine.untriggered_count:
            most = up_to_marks(pending.entries)
        return pending.take(most, MAX_BATCH)

    # --- durability --------------------------------------------------------------------------------

    def _start_sync(self) -> None:
        if not self._unsynced or self.mode is not RUNNING:
            return
        self._syncing, self._unsynced = self._unsynced, []
        self._unsynced_count = 0
        self._sync_running = True
        journal, group = self._journal, self._journal.seal()
        self._committer.commit(lambda: journal.commit(group), self._on_synced)

    def _on_synced(self, error: BaseException | None) -> None:
        self._sync_running = False
        if self.mode is not RUNNING:
            return
        if error is not None:
            self._halt(error)
            return
        durable, self._syncing = self._syncing, []
        self._advance()  # the disk works while results go out
        broken = self._release(durable)
        if self.mode is not RUNNING:  # nothing follows, but these are durable
            return
        if broken is not None:  # a view lost its place: what it shows can no longer be trusted
            self._halt(broken)
            return
        self._lagging.append(durable)
        self._lag_count += _commands_of(durable)
        self._schedule_lag()

    def _release(self, durable: list[_Batch]) -> Exception | None:
        """Bring the views up to date, answer the callers, then let the feeds speak.

        A view that raises is not asked again; the callers still get what is theirs.
        """
        broken: Exception | None = None
        for batch in durable:
            if broken is None:
                try:
                    for listener in self._listeners:
                        listener(batch.first_seq, batch.count, batch.events)
                except Exception as caught:
                    _log.exception("a listener failed")
                    broken = caught
            self.released_seq = batch.first_seq + batch.count - 1
            if batch.waiters:
                hand_out(batch.events, batch.waiters)
            for entry in batch.reads:
                entry.finish()
        if broken is None:
            try:
                for callback in self._after_release:
                    callback()
            except Exception as caught:
                _log.exception("a feed failed")
                broken = caught
        return broken

    # --- off the ack path --------------------------------------------------------------------------

    def _schedule_lag(self) -> None:
        """See to what lags once the disk has nothing more urgent, or when it has become much."""
        if (
            self._lagging
            and not self._lag_scheduled
            and (self._lag_count >= LAG_SLICE or not self._sync_running)
        ):
            self._lag_scheduled = True
            self._loop.call_soon(self._lag_step)

    def _lag_step(self) -> None:
        """Append the events of about `LAG_SLICE` commands and advance the chain."""
        self._lag_scheduled = False
        try:
            self._lag_some()
        except Exception as error:  # a disk that fails here fails the next commit too
            self._halt(error)
            return
        self._schedule_lag()

    def _lag_some(self) -> None:
        """The oldest commit groups, one at least: one frame of events, a step of the chain each."""
        groups = [self._lagging.popleft()]
        count = _commands_of(groups[0])
        while self._lagging and count + _commands_of(self._lagging[0]) <= LAG_SLICE:
            groups.append(self._lagging.popleft())
            count += _commands_of(groups[-1])
        self._lag_count -= count
        packed = [b"".join([batch.events for batch in group]) for group in groups]
        events = b"".join(packed)
        self._journal.append_events(groups[0][0].first_seq, count, count_events(events), events)
        if self._chain is not None:
            for group, own in zip(groups, packed, strict=True):
                commands_of = b"".join([batch.commands for batch in group])
                self._chain.advance(group[0].first_seq, _commands_of(group), commands_of, own)

    def finish_lag(self) -> None:
        """Append all lagging events and chain heads now (orderly shutdown)."""
        while self._lagging and self.mode is RUNNING:
            self._lag_some()

    # --- halting -----------------------------------------------------------------------------------

    def _halt(self, error: BaseException) -> None:
        self.mode = HALTED
        self.halt_reason = error
        batches = [*self._syncing, *self._unsynced]
        waiting = [done for batch in batches for _, _, done in batch.waiters]
        waiting += self.pending.clear()
        reads = [entry for batch in batches for entry in batch.reads] + self._pending_reads
        self._pending_reads = []
        self._syncing, self._unsynced = [], []
        for done in waiting:
            answer(done, b"")
        for entry in reads:
            entry.give_up()
        for callback in self._on_halt:
            callback(error)
