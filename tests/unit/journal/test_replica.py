"""The replica that makes snapshots."""

from __future__ import annotations

from random import Random

import pytest

from exchange.attest import chain
from exchange.journal import (
    Labels,
    MemoryStorage,
    ReplayMismatch,
    Replica,
    Snapshot,
    SnapshotStore,
    StorageError,
)
from tests.unit.journal.toy import MACHINE, Toy, Venue, build, some_commands


def section(labels: Labels) -> bytes:
    return labels.section + b"".join(record.text[:1].encode() for record in labels.records)


def test_a_replica_snapshots_what_is_proven_durable() -> None:
    storage = MemoryStorage()
    venue = build(storage, 10, segment_bytes=900)
    before, head = venue.toy.state(), venue.chain_log.head
    venue.run_batch(some_commands(Random(3), 4))
    replica = Replica(storage, MACHINE, chain)
    assert replica.catch_up() == venue.writer.next_seq - 5
    taken = replica.make_snapshot(Toy.state, section)
    assert taken is not None
    assert (taken.state, taken.head) == (before, head)
    assert replica.make_snapshot(Toy.state, section) is None
    assert replica.catch_up() == 0
    again = Venue(storage)
    assert again.recovered.snapshot_seq == taken.seq
    assert again.toy.state() == venue.toy.state()


def test_a_replica_goes_on_from_its_own_snapshot_labels_included() -> None:
    storage = MemoryStorage()
    venue = build(storage, 6)
    random = Random(3)
    for _ in range(3):
        venue.run_batch(some_commands(random, 20))
        replica = Replica(storage, MACHINE, chain)
        replica.catch_up()
        replica.make_snapshot(Toy.state, section)
    whole = MemoryStorage()
    for name in storage.names():
        if not name.startswith("snapshot"):
            whole.create(name, storage.content(name))
    fresh = Replica(whole, MACHINE, chain)
    fresh.catch_up()
    newest, _ = SnapshotStore(storage).newest()
    assert newest == Snapshot(fresh.next_seq - 1, fresh.head, fresh.engine.state(), section(fresh.labels))


def test_catching_up_in_steps_ends_at_the_same_place() -> None:
    storage = MemoryStorage()
    build(storage, 40, segment_bytes=900)
    whole, steps = (Replica(storage, MACHINE, chain) for _ in range(2))
    whole.catch_up()
    while steps.catch_up(10):
        pass
    assert (steps.next_seq, steps.head) == (whole.next_seq, whole.head)


def test_a_snapshot_that_cannot_be_written_changes_nothing() -> None:
    storage = MemoryStorage()
    build(storage, 6)
    replica = Replica(storage, MACHINE, chain)
    replica.catch_up()
    storage.fail_next("replace")
    with pytest.raises(StorageError):
        replica.make_snapshot(Toy.state, section)
    assert replica.make_snapshot(Toy.state, section) is not None


def test_a_snapshot_of_another_sequence_is_refused() -> None:
    storage = MemoryStorage()
    SnapshotStore(storage).write(Snapshot(4, bytes(32), Toy(9).state(), b""))
    with pytest.raises(ReplayMismatch):
        Replica(storage, MACHINE, chain)
