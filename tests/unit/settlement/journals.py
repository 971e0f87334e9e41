"""A real journal on disk, written from a venue's frames, with its chain of heads."""

from __future__ import annotations

from exchange.attest import chain
from exchange.domain import commands as c
from exchange.journal import JournalWriter, Storage
from exchange.journal.chainlog import ChainLog
from settlement.batch import Frame
from tests.unit.settlement.streams import TIME_MS


class Chain:
    """The chain port, as the venue wires it."""

    def batch_root(self, shard: int, first_seq: int, commands: bytes, events: bytes) -> bytes:
        return chain.batch_root(shard, first_seq, commands, events)

    def next_head(self, head: bytes, shard: int, first_seq: int, root: bytes) -> bytes:
        return chain.next_head(head, shard, first_seq, root)


class JournalBuilder:
    """Appends frames: one commit batch each. The commands are stand-ins; only their number counts here."""

    def __init__(self, storage: Storage, segment_bytes: int = 4_000) -> None:
        self.writer = JournalWriter(storage, segment_bytes=segment_bytes)
        self.log = ChainLog(storage, Chain())
        self.heads: dict[int, bytes] = {}

    def append(self, frame: Frame, *, with_head: bool = True) -> None:
        count = frame.last_seq - frame.first_seq + 1
        commands = c.time(TIME_MS) * count
        self.writer.append_commands(frame.first_seq, commands, count)
        self.writer.sync()
        self.writer.append_events(frame.first_seq, count, 0, frame.events)
        if with_head:
            self.head(frame)

    def head(self, frame: Frame) -> None:
        count = frame.last_seq - frame.first_seq + 1
        commands = c.time(TIME_MS) * count
        root = chain.batch_root(0, frame.first_seq, commands, frame.events)
        self.heads[frame.last_seq] = self.log.append(frame.first_seq, count, root)
