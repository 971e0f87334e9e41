"""A small deterministic state machine over packed commands, and journals made with it, for tests."""

from __future__ import annotations

import struct
from hashlib import sha256
from random import Random

from exchange.attest import chain
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.journal import ChainLog, JournalWriter, Machine, Recovered, Storage, count_records, recover

_EVENT = struct.Struct("<BBHIQIIq")


class Toy:
    """Its state is a hash over all commands and the next sequence; it emits 1 to 3 events a command."""

    def __init__(self, next_seq: int = 1, digest: bytes = bytes(32)) -> None:
        self.next_seq = next_seq
        self.digest = digest

    def apply(self, batch: bytes) -> bytes:
        events = []
        for command in c.split(batch):
            self.digest = sha256(self.digest + command).digest()
            for index in range(1 + self.digest[0] % 3):
                head = _EVENT.pack(r.EV_DONE, 1, 2, index, self.next_seq, 64, 0, index)
                events.append(head + self.digest)
            self.next_seq += 1
        return b"".join(events)

    def state(self) -> bytes:
        return self.next_seq.to_bytes(8, "little") + self.digest


def restore(state: bytes) -> Toy:
    return Toy(int.from_bytes(state[:8], "little"), state[8:])


MACHINE: Machine[Toy] = Machine(
    fresh=Toy, restore=restore, apply=Toy.apply, next_seq=lambda toy: toy.next_seq
)


def some_commands(random: Random, count: int) -> bytes:
    """Packed commands of several kinds and sizes."""
    made = []
    for _ in range(count):
        kind = random.randrange(4)
        if kind == 0:
            made.append(c.cancel(64 + random.randrange(9), random.randrange(1, 1 << 40)))
        elif kind == 1:
            made.append(c.cancel_many(64, client_order_id=random.randrange(1 << 60)))
        elif kind == 2:
            text = "x" * random.randrange(1, 99)
            made.append(c.label(64 + random.randrange(9), random.randrange(1, 99), text))
        else:
            price_ticks = random.randrange(1 << 30)
            made.append(c.new_order(64, random.randrange(99), random.randrange(2), price_ticks, 5))
    return b"".join(made)


class Venue:
    """Drives a journal as the sequencer does: append, commit, then events and chain heads."""

    def __init__(self, storage: Storage, segment_bytes: int = 4096) -> None:
        self.storage = storage
        self.recovered: Recovered[Toy] = recover(storage, MACHINE, chain=chain, segment_bytes=segment_bytes)
        self.toy = self.recovered.engine
        self.writer: JournalWriter = self.recovered.writer
        chain_log = self.recovered.chain_log
        assert chain_log is not None
        self.chain_log: ChainLog = chain_log
        self.acked_seq = self.writer.durable_seq

    def run_batch(self, commands: bytes, *, with_events: bool = True) -> None:
        """One commit batch: acknowledged once it is durable, events and head behind it."""
        first = self.writer.next_seq
        count = count_records(commands)
        self.writer.append_commands(first, commands, count)
        self.acked_seq = self.writer.sync()
        events = self.toy.apply(commands)
        if with_events:
            self.writer.append_events(first, count, count_records(events), events)
            root = chain.batch_root(0, first, commands, events)
            self.writer.note_head(first + count, self.chain_log.append(first, count, root))


def build(storage: Storage, batches: int = 12, seed: int = 1, segment_bytes: int = 4096) -> Venue:
    """A venue that has run some batches."""
    random = Random(seed)
    venue = Venue(storage, segment_bytes)
    for _ in range(batches):
        venue.run_batch(some_commands(random, random.randrange(1, 12)))
    return venue
