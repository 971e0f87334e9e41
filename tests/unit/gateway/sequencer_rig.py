"""A sequencer whose engine, disk, loop and clock a test turns by hand."""

from __future__ import annotations

from exchange.domain import commands, events
from exchange.gateway.sequencer import Sequencer
from tests.unit.gateway.fakes import (
    CountingEngine,
    ListJournal,
    ManualClock,
    ManualCommitter,
    ManualLoop,
)


class Rig:
    """Answers, chain links and batches heard, as they came."""

    def __init__(self, now_ms: int = 0) -> None:
        self.engine = CountingEngine()
        self.journal = ListJournal()
        self.loop = ManualLoop()
        self.committer = ManualCommitter()
        self.clock = ManualClock(now_ms)
        self.chain: list[tuple[int, int]] = []
        self.sequencer = Sequencer(
            self.engine, self.journal, self.committer, self.loop, self.clock, chain=self
        )
        self.answers: list[tuple[str, bytes]] = []
        self.heard: list[tuple[int, int]] = []
        self.sequencer.add_listener(lambda first, count, packed: self.heard.append((first, count)))

    def advance(self, first_seq: int, count: int, commands: bytes, events: bytes) -> None:
        self.chain.append((first_seq, count))

    def submit(self, name: str, account: int = 64) -> None:
        self.sequencer.submit(commands.cancel_many(account), lambda got: self.answers.append((name, got)))

    def seqs(self) -> list[tuple[str, list[int]]]:
        return [(name, [e.head.seq for e in events.read_events(got)]) for name, got in self.answers]
