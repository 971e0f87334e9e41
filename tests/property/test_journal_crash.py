"""Power loss, kills and failing disks at any moment: nothing acknowledged is lost, nothing is doubled.

A model beside the journal remembers every command that was handed in and what was acknowledged. After each
crash the recovered commands must be a prefix of what was handed in, at least as long as what was
acknowledged; events, state and chain head must be those of exactly that prefix.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.attest import chain
from exchange.journal import (
    CommandReader,
    Cursor,
    EventReader,
    Frame,
    Kind,
    Labels,
    MemoryStorage,
    Replica,
    StorageError,
    count_records,
    retain,
    scan,
)
from exchange.journal.memory import PowerLoss
from tests.unit.journal.toy import MACHINE, Toy, Venue, some_commands

SEGMENT_BYTES = 900


class Campaign:
    """One storage through many lives of a venue."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.storage = MemoryStorage()
        self.batches: list[bytes] = []
        self.acked = 0
        self.consumed = 1
        self.consumed_bytes = b""
        self.crashes = 0

    def live(self) -> None:
        """One life: recover, run, and die somewhere."""
        dying = self.random.randrange(3)
        try:
            if dying:
                self.storage.power_loss_in(self.random.randrange(40))
            venue = Venue(self.storage, SEGMENT_BYTES)
            self.check(venue)
            for _ in range(self.random.randrange(1, 12)):
                self.step(venue)
            if dying == 0:
                self.storage.fail_next(self.random.choice(["append", "fdatasync", "create"]))
                for _ in range(20):
                    self.step(venue)
        except PowerLoss:
            self.crashes += 1
        except StorageError:
            if dying:
                raise  # nothing was injected
            self.crashes += 1
        if self.random.randrange(2):
            self.storage.crash(self.random)
        else:
            self.storage.kill()

    def step(self, venue: Venue) -> None:
        choice = self.random.randrange(12)
        if choice == 0:
            venue.writer.sync_events()
        elif choice == 1:
            venue.chain_log.sync()
        elif choice == 2:
            self.consume()
        elif choice == 3:
            replica = Replica(self.storage, MACHINE, chain)
            replica.catch_up()
            replica.make_snapshot(Toy.state, lambda labels: b"")
        elif choice == 4:
            retain(self.storage, consumers=["settlement"], chain_log=venue.chain_log, kept_snapshots=1)
        else:
            batch = some_commands(self.random, self.random.randrange(1, 5))
            self.batches.append(batch)
            venue.run_batch(batch, with_events=self.random.randrange(5) > 0 and self.in_step(venue))
            self.acked = len(self.batches)

    def in_step(self, venue: Venue) -> bool:
        """Events lag for the rest of a life once some were left out."""
        return venue.writer.events_next_seq == venue.writer.next_seq

    def consume(self) -> None:
        """A consumer: takes the events from its cursor on, then moves the cursor."""
        for frame in EventReader(self.storage, 0, self.consumed):
            self.consumed_bytes += frame.payload
            self.consumed = frame.next_seq
        Cursor(self.storage, "settlement").write(self.consumed)

    def check(self, venue: Venue) -> None:
        survived = 0
        toy = Toy()
        head = chain.EMPTY_HEAD
        events = []
        while survived < len(self.batches) and toy.next_seq < venue.writer.next_seq:
            first = toy.next_seq
            events.append(toy.apply(self.batches[survived]))
            root = chain.batch_root(0, first, self.batches[survived], events[-1])
            head = chain.next_head(head, 0, first, root)
            survived += 1
        assert toy.next_seq == venue.writer.next_seq
        assert survived >= self.acked
        assert venue.toy.state() == toy.state()
        assert venue.chain_log.head == head
        frames = self.stored(Kind.COMMANDS)
        commands = b"".join(frame.payload for frame in frames)
        assert b"".join(self.batches[:survived]).endswith(commands)
        stored_events = b"".join(frame.payload for frame in self.stored(Kind.EVENTS))
        assert b"".join(events).endswith(stored_events)
        assert b"".join(events).startswith(self.consumed_bytes)
        oldest = frames[0].first_seq if frames else toy.next_seq
        assert count_records(commands) == toy.next_seq - oldest
        del self.batches[survived:]
        self.acked = survived

    def stored(self, kind: Kind) -> list[Frame]:
        names = [name for name in self.storage.names() if name.startswith(kind.value)]
        first = int(names[0][len(kind.value) + 1 : -4]) if names else 1
        return list(scan(self.storage, kind, 0, first))


@given(st.integers(0, 1 << 32))
@settings(max_examples=120, deadline=None)
def test_nothing_acknowledged_is_lost_and_nothing_doubled(seed: int) -> None:
    campaign = Campaign(Random(seed))
    for _ in range(8):
        campaign.live()
    Venue(campaign.storage, SEGMENT_BYTES)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_in_many_campaigns() -> None:
    for seed in range(4_000):
        campaign = Campaign(Random(seed))
        for _ in range(12):
            campaign.live()


@given(st.integers(0, 1 << 32))
@settings(max_examples=40, deadline=None)
def test_a_group_that_was_not_committed_is_kept_whole_or_not_at_all(seed: int) -> None:
    random = Random(seed)
    storage = MemoryStorage()
    venue = Venue(storage)
    venue.run_batch(some_commands(random, 3))
    group = [some_commands(random, random.randrange(1, 4)) for _ in range(random.randrange(1, 5))]
    storage.power_loss_in(random.randrange(3))
    try:
        for commands in group:
            venue.writer.append_commands(venue.writer.next_seq, commands, count_records(commands))
        venue.writer.sync()
    except PowerLoss:
        pass
    storage.crash(random)
    again = Venue(storage)
    assert again.writer.next_seq in (4, 4 + count_records(b"".join(group)))


@given(st.integers(0, 1 << 32))
@settings(max_examples=40, deadline=None)
def test_commands_handed_to_a_replica_survive_any_power_loss(seed: int) -> None:
    random = Random(seed)
    storage = MemoryStorage()
    venue = Venue(storage, SEGMENT_BYTES)
    storage.power_loss_in(random.randrange(60))
    reader = CommandReader(storage)
    seen = b""
    try:
        while True:
            venue.run_batch(some_commands(random, 3))
            seen += b"".join(frame.payload for frame in reader)
    except PowerLoss:
        seen += b"".join(frame.payload for frame in reader)
    storage.crash(random)
    Venue(storage, SEGMENT_BYTES)
    assert b"".join(frame.payload for frame in scan(storage, Kind.COMMANDS, 0)).startswith(seen)


def test_labels_of_a_life_come_back() -> None:
    storage = MemoryStorage()
    venue = Venue(storage)
    venue.run_batch(some_commands(Random(1), 30))
    labels: Labels = Venue(storage).recovered.labels
    assert len(labels.records) > 3
