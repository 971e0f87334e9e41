"""What every kind of random and scripted stream is put through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import events as e
from tests.reference import invariants
from tests.reference.come_by import told
from tests.reference.differential import compare_batch, compare_margins, compare_state
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.generator import Traffic
from tests.reference.ledger import Ledger
from tests.reference.orders_generator import OrderTraffic


def compare_scenario(
    batches: Iterable[bytes], restore_every: int = 7, *, margins: bool = False
) -> Counter[str]:
    """A scripted stream: the same events and states, restored on the way; what it comes by (`come_by`).

    Behind every batch the invariants hold and the ledger adds up.
    """
    reference, engine, ledger = ReferenceEngine(), Engine(), Ledger()
    found: Counter[str] = Counter()
    for n, batch in enumerate(batches):
        events = compare_batch(0, reference, engine, batch)
        found.update(told(events))
        ledger.read(events)
        ledger.compare(reference.world)
        invariants.check(reference.world)
        if margins:
            compare_margins(0, reference, engine)
        if n % restore_every == restore_every // 2:
            compare_state(0, reference, engine)
            engine = Engine.restore(engine.state_bytes())
    compare_state(0, reference, engine)
    check(engine)
    return found + reference.world.taken


def restore_at_any_batch(batches: Iterable[bytes]) -> None:
    """An engine restored between any two batches goes on as the one it was made of."""
    engine = Engine()
    for batch in batches:
        restored = Engine.restore(engine.state_bytes())
        assert restored.apply(batch) == engine.apply(batch)
        assert restored.state_bytes() == engine.state_bytes()


def compare_another_shard(batches: Iterable[bytes]) -> None:
    """Both engines stamp the ids of another shard alike."""
    reference, engine = ReferenceEngine(shard=5), Engine(shard=5)
    for batch in batches:
        assert engine.apply(batch) == reference.apply(batch)
    compare_state(3, reference, engine)


def ruled_events(
    traffic_of: Callable[[int, ReferenceEngine], OrderTraffic],
    seeds: Iterable[int],
    commands: int,
    taken: Counter[str],
) -> Iterator[bytes]:
    """Events of random traffic under rules 3, of the reference; the branches it takes go into `taken`."""
    for seed in seeds:
        engine = ReferenceEngine()
        traffic = traffic_of(seed, engine)
        engine.apply(traffic.opening())
        while engine.next_seq <= commands:
            batch = traffic.batch(100)
            ruled = engine.world.has_order_rules
            events = engine.apply(batch)
            if ruled:
                yield events
        taken.update(engine.world.taken)


def sound_after_every_command(
    traffic_of: Callable[[int, ReferenceEngine], Traffic], seed: int, commands: int, batch: int
) -> None:
    """Random traffic, of the reference: behind every command invariants hold and the ledger adds up."""
    engine, ledger = ReferenceEngine(), Ledger()
    traffic = traffic_of(seed, engine)
    packed = traffic.opening()
    while engine.next_seq < commands:
        for command in cut(packed):
            ledger.read(engine.apply(command))
            invariants.check(engine.world)
            ledger.compare(engine.world)
        packed = traffic.batch(batch)


def sound_batches(batches: Iterable[bytes]) -> Iterator[bytes]:
    """Events of each batch, of the reference; behind it invariants hold and the ledger adds up."""
    engine, ledger = ReferenceEngine(), Ledger()
    for batch in batches:
        events = engine.apply(batch)
        ledger.read(events)
        invariants.check(engine.world)
        ledger.compare(engine.world)
        yield events


def played(batches: Iterable[bytes]) -> list[list[e.Event]]:
    """The events of each batch of a scripted stream, read."""
    return [list(e.read_events(events)) for events in sound_batches(batches)]
