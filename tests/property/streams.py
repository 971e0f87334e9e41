"""What every kind of random and scripted stream is put through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from exchange.core.engine import Engine
from exchange.core.invariants import check
from tests.reference import invariants
from tests.reference.differential import compare_batch, compare_margins, compare_state
from tests.reference.engine import ReferenceEngine
from tests.reference.ledger import Ledger
from tests.reference.orders_generator import OrderTraffic


def compare_scenario(batches: Iterable[bytes], restore_every: int = 7, *, margins: bool = False) -> None:
    """A scripted stream: the same events and states, restored on the way; and the ledger adds up."""
    reference, engine, ledger = ReferenceEngine(), Engine(), Ledger()
    for n, batch in enumerate(batches):
        ledger.read(compare_batch(0, reference, engine, batch))
        if margins:
            compare_margins(0, reference, engine)
        if n % restore_every == restore_every // 2:
            compare_state(0, reference, engine)
            engine = Engine.restore(engine.state_bytes())
    compare_state(0, reference, engine)
    check(engine)
    invariants.check(reference.world)
    ledger.compare(reference.world)


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
