"""The core run over the command log, with the chain's head and the log's hash behind each commit batch."""

from __future__ import annotations

from typing import NamedTuple

from exchange.attest import chain
from exchange.attest.command_log import EMPTY_LOG, next_log
from exchange.core.engine import BatchError, Engine, InvariantError


class NotReplayed(Exception):
    """A commit batch that does not follow, or that the core refuses; `code` as in docs/audit.md."""

    def __init__(self, seq: int, code: str, text: str) -> None:
        super().__init__(text)
        self.seq = seq
        self.code = code


class Replayed(NamedTuple):
    """A commit batch: its events, how many commands it has, and what is committed to behind it."""

    events: bytes
    commands: int
    last_seq: int


class Replay:
    """One shard from its first command on."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self.engine = Engine()
        self.head = chain.EMPTY_HEAD
        self.log = EMPTY_LOG
        self.next_seq = 1

    def take(self, first_seq: int, commands: bytes) -> Replayed:
        """Run the next commit batch. Raises NotReplayed."""
        if first_seq != self.next_seq:
            raise NotReplayed(first_seq, "sequence_gap", f"expected sequence {self.next_seq}")
        try:
            events = self.engine.apply(commands)
            leaves = chain.batch_leaves(self._shard, first_seq, commands, events)
        except (BatchError, InvariantError, chain.BatchError) as error:
            raise NotReplayed(first_seq, "cannot_be_run", str(error)) from error
        self.head = chain.next_head(self.head, self._shard, first_seq, chain.merkle_root(leaves))
        self.log = next_log(self.log, self._shard, first_seq, commands)
        self.next_seq = first_seq + len(leaves)
        return Replayed(events, len(leaves), self.next_seq - 1)
