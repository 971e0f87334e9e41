"""The command log held against batches: matching re-run, fills and deliveries authorised (docs/audit.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from exchange.attest.eip712 import Domain
from exchange.attest.secp256k1 import recover
from exchange.domain.limits import COUNTER_MASK
from exchange.journal import DiskStorage
from exchange.journal.errors import JournalError
from exchange.journal.follow import WrittenCommands
from settlement.audit.authority import Authority
from settlement.audit.fills import DELIVERY, Booked, FillRules
from settlement.audit.findings import Finding
from settlement.audit.replay import NotReplayed, Replay
from settlement.audit.rerun import paired
from settlement.l1.ethereum import Head
from settlement.l1.sender import Call
from settlement.stf import steps as s
from settlement.watch.alarms import Alarms
from settlement.watch.replica import Taken

RUN_AT_ONCE: Final = 256
"""Commit batches in one turn: what else there is to do must not wait for a long log."""
ENDS_KEPT: Final = 1 << 18
BEHIND_MOST: Final = 64
"""So many batches may wait for the log before an alarm is raised."""


class CommandLog(Protocol):
    """Where commit batches of commands come from, in order from the first."""

    def poll(self) -> Sequence[tuple[int, bytes]]:
        """The next (counter of the first command, packed commands). Raises LookupError."""


class LogFolder:
    """Command segments in a directory, which may grow."""

    def __init__(self, folder: Path, shard: int) -> None:
        """Raises OSError, JournalError."""
        self._reader = WrittenCommands(DiskStorage(folder), shard)

    def poll(self) -> list[tuple[int, bytes]]:
        """See `CommandLog`."""
        try:
            return [(frame.first_seq, bytes(frame.payload)) for frame in self._reader.poll()]
        except (OSError, JournalError) as error:
            raise LookupError(str(error)) from error


class LogRule:
    """One shard (`tower.Rule`). Batches are judged when the log has come to their end."""

    def __init__(self, log: CommandLog, shard: int, domain: Domain, alarms: Alarms) -> None:
        self._log = log
        self._shard = shard
        self._alarms = alarms
        self._replay = Replay(shard)
        self._rules = FillRules(Authority(domain, recover))
        self._commands: deque[tuple[int, bytes]] = deque()
        self._waiting: deque[Taken] = deque()
        self._ends: dict[int, tuple[bytes, bytes]] = {}
        """Head and log's hash by the last sequence number of commit batches: batches may come again."""
        self._failed = False
        self._left = 0

    @property
    def is_busy(self) -> bool:
        """Whether the last turn ended before all there is was looked at."""
        return bool(self._waiting) and self._left == 0 and not self._failed

    def taken(self, batch: Taken) -> None:
        """A batch to be judged."""
        if not self._failed:
            self._waiting.append(batch)

    def look(self, _: Head) -> Sequence[Call]:
        """Run the log as far as batches wait for it. Nothing here is proven on the L1."""
        self._left = RUN_AT_ONCE
        try:
            while self._waiting and not self._failed and self._judge(self._waiting[0]):
                self._waiting.popleft()
        except LookupError as error:
            self._alarms.raise_("log_unavailable", str(error))
            return ()
        if len(self._waiting) > BEHIND_MOST and not self.is_busy:
            self._alarms.raise_("log_unavailable", "the command log is far behind the batches")
        else:
            self._alarms.over("log_unavailable")
        return ()

    def _judge(self, batch: Taken) -> bool:
        """Judge a batch; False while the log has not come to its end. Raises LookupError."""
        part = next((one for one in batch.header.ranges if one.shard == self._shard), None)
        if part is None:
            return True
        number, last = batch.header.batch_id, part.last_seq & COUNTER_MASK
        while self._replay.next_seq <= last:
            if not self._commands:
                self._commands.extend(self._log.poll())
            if not self._commands or self._left == 0:
                return False
            self._left -= 1
            if not self._run(number, *self._commands.popleft()):
                return True
        head, log = self._ends.get(last, (b"", b""))
        if not head:
            self._fail(number, "no_batch_ends_there", f"no commit batch ends with sequence {last}")
        elif log != part.log_root:
            self._fail(number, "another_log", "the commands given are not those the batch commits to")
        elif head != part.chain_head:
            self._fail(number, "matching_differs", "the rules make other events of these commands")
        else:
            self._booked(batch)
        return True

    def _run(self, number: int, first_seq: int, commands: bytes) -> bool:
        try:
            made = self._replay.take(first_seq, commands)
        except NotReplayed as error:
            self._fail(number, error.code, str(error))
            return False
        self._ends[made.last_seq] = self._replay.head, self._replay.log
        if len(self._ends) > ENDS_KEPT:
            del self._ends[next(iter(self._ends))]
        for seq, (command, events) in enumerate(paired(commands, made.events), first_seq):
            for found in self._rules.take(seq, command, events):
                self._found(number, found)
        return True

    def _booked(self, batch: Taken) -> None:
        """Every fill and delivery of a batch."""
        for chunk in batch.chunks:
            for step in chunk.steps:
                found = None
                if step.kind == s.FILL:
                    found = self._rules.judge(booked(step))
                elif step.kind == s.SETTLE and step.flags == DELIVERY:
                    found = self._rules.judge_delivery(step.instrument, step.p)
                if found is not None:
                    self._found(batch.header.batch_id, found)

    def _found(self, number: int, found: Finding) -> None:
        self._alarms.raise_("unauthorised_fill", f"{found.code}: {found.text}", number)

    def _fail(self, number: int, code: str, text: str) -> None:
        """The log can not be followed any more."""
        self._failed = True
        alarm = "matching_differs" if code == "matching_differs" else "log_unavailable"
        self._alarms.raise_(alarm, f"{code}: {text}", number)


def booked(step: s.Step) -> Booked:
    """A FILL as the rules take it."""
    sells = bool(step.flags & s.TAKER_SELLS)
    return Booked(
        step.ident, step.instrument, step.first, step.second, sells, step.p, step.q, step.classes >> 4,
        step.classes & 15,
    )  # fmt: skip
