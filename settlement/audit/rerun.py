"""Runs the core over the command log once more, and compares what it gives with what was committed to.

The commands are held against the log's hash chain first: what differs there says nothing of the venue, but
that these are not the commands it has committed to. Where they are, every difference of heads is the venue's:
its events are not what the rules make of its commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exchange.attest.authorisation import frame_classes
from exchange.attest.heads import Head, heads_root
from exchange.core.engine import Engine
from settlement.audit.authority import Authority, records
from settlement.audit.findings import Finding
from settlement.audit.replay import NotReplayed, Replay


class Claim(NamedTuple):
    """What was committed to after the command `last_seq` (a counter), which ends a commit batch. Empty bytes:
    nothing is said of it. `heads_root` is over the commit batches behind the claim before, `classes` are
    those of all fills since then, by trade id, as settlement's steps have them (maker's << 4 | taker's)."""

    last_seq: int
    chain_head: bytes = b""
    log_root: bytes = b""
    heads_root: bytes = b""
    classes: Mapping[int, int] | None = None


class Audited(NamedTuple):
    """How far an audit has come, and what it has found; `engine` is the state after it."""

    last_seq: int
    head: bytes
    log: bytes
    findings: list[Finding]
    engine: Engine


Batch = tuple[int, bytes]
"""A commit batch of the log: (counter of its first command, packed commands)."""


class Rerun:
    """One shard's log from its first command on. `claims` ascend; `authority` None: nobody's signatures are
    looked at."""

    def __init__(self, shard: int, claims: Sequence[Claim], authority: Authority | None = None) -> None:
        self._shard = shard
        self._claims = iter(claims)
        self._claim = next(self._claims, None)
        self._authority = authority
        self._replay = Replay(shard)
        self._head, self._log = self._replay.head, self._replay.log
        self._heads: list[Head] = []  # since the claim before
        self._classes: dict[int, int] = {}  # likewise
        self._next_seq = 1
        self._findings: list[Finding] = []

    def run(self, batches: Iterable[Batch]) -> Audited:
        """Take the whole log. Stops at the first batch that cannot be run: the findings say why."""
        for first_seq, commands in batches:
            if not self._take(first_seq, commands):
                break
        else:
            if self._authority is not None:
                self._findings += self._authority.finish()
            if self._claim is not None:
                self._find(self._claim.last_seq, "log_too_short", f"the log ends at {self._next_seq - 1}")
        return Audited(self._next_seq - 1, self._head, self._log, self._findings, self._replay.engine)

    def _take(self, first_seq: int, commands: bytes) -> bool:
        try:
            made = self._replay.take(first_seq, commands)
        except NotReplayed as error:
            self._find(error.seq, error.code, str(error))
            return False
        events, self._head, self._log = made.events, self._replay.head, self._replay.log
        self._next_seq = self._replay.next_seq
        self._heads.append((self._next_seq - 1, self._head))
        self._classes |= frame_classes(events)
        if self._authority is not None:
            for seq, (command, told) in enumerate(paired(commands, events), first_seq):
                self._findings += self._authority.take(seq, command, told)
        while self._claim is not None and self._claim.last_seq < self._next_seq:
            self._judge(self._claim)
            self._claim = next(self._claims, None)
        return True

    def _judge(self, claim: Claim) -> None:
        if claim.last_seq != self._next_seq - 1:
            self._find(claim.last_seq, "no_batch_ends_there", f"one ends at {self._next_seq - 1}")
        elif claim.log_root and claim.log_root != self._log:
            self._find(claim.last_seq, "another_log", "these are not the commands that were committed to")
        elif claim.chain_head and claim.chain_head != self._head:
            self._find(claim.last_seq, "matching_differs", "the rules make other events of these commands")
        elif claim.heads_root and claim.heads_root != heads_root(self._shard, self._heads):
            self._find(claim.last_seq, "heads_differ", "the root over the heads is another")
        elif claim.classes is not None:
            self._judge_classes(claim.last_seq, claim.classes)
        self._heads, self._classes = [], {}

    def _judge_classes(self, seq: int, told: Mapping[int, int]) -> None:
        """Fills are settled under what authorised them, all of them and no others."""
        for trade_id in sorted(told.keys() ^ self._classes.keys()):
            self._find(seq, "other_fills", f"trade {trade_id} is in the log or settled, not both")
        for trade_id in sorted(told.keys() & self._classes.keys()):
            settled, due = told[trade_id], self._classes[trade_id]
            if settled != due:
                self._find(seq, "other_class", f"trade {trade_id} is settled as {settled:#x}, not {due:#x}")

    def _find(self, seq: int, code: str, text: str) -> None:
        self._findings.append(Finding(seq, code, text))


def paired(commands: bytes, events: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each command with its events."""
    told = list(records(events))
    at = 0
    for command in records(commands):
        start, seq = at, told[at][8:16]
        while at < len(told) and told[at][8:16] == seq:
            at += 1
        yield command, b"".join(told[start:at])
