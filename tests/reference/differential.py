"""Run one random stream through the reference and the production engine and compare what they say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.core.engine import Engine
from exchange.core.margin_queries import under_model
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import invariants, margin
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.generator import Traffic
from tests.reference.ledger import BOOKED, Ledger
from tests.reference.lines import lines_of
from tests.reference.walking import walk

MAX_BATCH = 100
TrafficOf = Callable[[int, ReferenceEngine], Traffic]
Kind = tuple[int, int]
TELLING = BOOKED | {r.EV_REJECTED, r.EV_COMBO_TRADE}
"""The events that are booked or of which there are several kinds."""


class Disagreement(AssertionError):
    """The two engines differ; the message names seed, command and both readings."""


@dataclass
class Run:
    """What a stream came to."""

    seed: int
    commands: int = 0
    events_bytes: int = 0
    state_checks: int = 0
    restores: int = 0
    recuts: int = 0
    batches: list[bytes] = field(default_factory=list, repr=False)
    seen: Counter[Kind] = field(default_factory=Counter, repr=False)
    ledger: Ledger = field(default_factory=Ledger, repr=False)

    def read(self, events: bytes) -> None:
        """Count and book what these events show."""
        for kind, at in walk(events):
            if kind not in TELLING:
                self.seen[kind, 0] += 1
                continue
            event = e.read_event(events, at)
            self.seen[kind_of(event)] += 1
            self.ledger.book(event)


def kind_of(event: e.Event) -> Kind:
    """What an event shows: its type, and the reason or kind that tells it from others of the type."""
    if isinstance(event, e.Rejected):
        return event.head.type, event.reason
    if isinstance(event, e.Cash | e.Liquidation):
        return event.head.type, event.kind
    if isinstance(event, e.ComboTrade):
        return event.head.type, event.kind
    if isinstance(event, e.Trade):
        return event.head.type, event.flags & r.TRADE_LIQUIDATION
    return event.head.type, 0


def compare_stream(
    seed: int,
    commands: int,
    *,
    traffic_of: TrafficOf = Traffic,
    state_every: int = 2_000,
    restore_every: int = 10_000,
) -> Run:
    """Compare events of every batch, and states, margins and restored engines at intervals.

    At the same intervals the invariants are checked, and that the events told of every movement of cash and
    lots, with both its sides.

    Batches vary from 1 to 100 commands. At every `restore_every` commands the engine is replaced by one
    restored from its own state, which must go on alike. In the end a fresh engine gets the whole stream in
    batches of MAX_BATCH and must say and be the same.

    Raises:
        Disagreement: at the first difference.
    """
    run = Run(seed)
    reference, engine = ReferenceEngine(), Engine()
    traffic = traffic_of(seed, reference)
    sizes = random.Random(~seed)
    next_state, next_restore = state_every, restore_every
    batch = traffic.opening()
    events: list[bytes] = []
    while True:
        events.append(compare_batch(seed, reference, engine, batch))
        run.read(events[-1])
        run.events_bytes += len(events[-1])
        run.commands = reference.next_seq - 1
        run.batches.append(batch)
        if run.commands >= next_state or run.commands >= commands:
            compare_state(seed, reference, engine)
            compare_margins(seed, reference, engine)
            check_sound(run, reference)
            run.state_checks += 1
            next_state += state_every
        if run.commands >= next_restore:
            engine = Engine.restore(engine.state_bytes())
            compare_state(seed, reference, engine)
            run.restores += 1
            next_restore += restore_every
        if run.commands >= commands:
            _compare_recut(run, reference, b"".join(events))
            return run
        batch = traffic.batch(min(sizes.choice((1, 3, 20, MAX_BATCH)), commands - run.commands))


def _compare_recut(run: Run, reference: ReferenceEngine, expected: bytes) -> None:
    records = cut(b"".join(run.batches))
    engine = Engine()
    parts = []
    for at in range(0, len(records), MAX_BATCH):
        try:
            parts.append(engine.apply(b"".join(records[at : at + MAX_BATCH])))
        except Exception as error:
            where = f"seed {run.seed}, batch of {MAX_BATCH} at {at + 1}"
            raise Disagreement(f"{where}: the engine raised {error!r}") from error
    if b"".join(parts) != expected:
        raise Disagreement(f"seed {run.seed}: another cut into batches gives other events")
    compare_state(run.seed, reference, engine)
    run.recuts += 1


def compare_batch(seed: int, reference: ReferenceEngine, engine: Engine, batch: bytes) -> bytes:
    """Apply one batch to both; the events. Raises Disagreement."""
    first_seq = reference.next_seq
    expected = reference.apply(batch)
    try:
        found = engine.apply(batch)
    except Exception as error:
        raise Disagreement(f"seed {seed}, batch at {first_seq}: the engine raised {error!r}") from error
    if found != expected:
        raise Disagreement(explain(seed, first_seq, batch, expected, found))
    return found


def compare_state(seed: int, reference: ReferenceEngine, engine: Engine) -> None:
    """Both canonical states are the same bytes. Raises Disagreement."""
    expected, found = reference.state_bytes(), engine.state_bytes()
    if expected != found:
        same = next(
            (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b),
            min(len(expected), len(found)),
        )
        word = same // 8
        raise Disagreement(
            f"seed {seed}: states differ after command {reference.next_seq - 1}, in word {word} "
            f"({len(reference.world.instruments)} instruments, {reference.world.next_account} accounts): "
            f"reference {_word(expected, word)} of {len(expected) // 8} words, "
            f"engine {_word(found, word)} of {len(found) // 8}"
        )


def check_sound(run: Run, reference: ReferenceEngine) -> None:
    """The invariants hold and the events told all. Raises Disagreement."""
    try:
        invariants.check(reference.world)
        run.ledger.compare(reference.world)
    except invariants.BrokenInvariant as broken:
        where = f"seed {run.seed}: after command {reference.next_seq - 1}"
        raise Disagreement(f"{where}: {broken}") from broken


def compare_margins(seed: int, reference: ReferenceEngine, engine: Engine) -> None:
    """Under rules 2 both models' figures of every account are alike, decided anything or not.

    Raises:
        Disagreement: at the first account that differs.
    """
    world = reference.world
    if not world.has_risk_rules:
        return
    for account in world.users_from(limits.FIRST_USER_ACCOUNT, world.next_account):
        for model in (r.MODEL_STANDARD, r.MODEL_PORTFOLIO):
            worth, lines = margin.worth(account, model), lines_of(account)
            expected = (
                margin.initial(world, model, lines),
                margin.maintenance(world, model, lines),
                worth.balance,
                worth.equity,
            )
            found = under_model(engine, account.id, model)
            if found != expected:
                raise Disagreement(
                    f"seed {seed}: margins of account {account.id} under model {model} differ after "
                    f"command {reference.next_seq - 1}: reference {expected}, engine {tuple(found)}"
                )


def _word(data: bytes, word: int) -> int:
    return int.from_bytes(data[word * 8 : word * 8 + 8], "little", signed=True)


def explain(seed: int, first_seq: int, batch: bytes, expected: bytes, found: bytes) -> str:
    """The first command whose events differ, and both sides' events."""
    records = cut(batch)
    left, right = dict(e.split_by_seq(expected)), dict(e.split_by_seq(found))
    for n, record in enumerate(records):
        a, b = left.get(first_seq + n, b""), right.get(first_seq + n, b"")
        if a != b:
            name = r.COMMAND_NAMES.get(record[0], str(record[0]))
            return "\n".join(
                [
                    f"seed {seed}: command {first_seq + n} {name} {record.hex()}",
                    *_differing(list(e.read_events(a)), list(e.read_events(b))),
                ]
            )
    return f"seed {seed}: batch at {first_seq} gives other bytes, but no command's events differ"


def _differing(expected: list[e.Event], found: list[e.Event]) -> list[str]:
    """The first pair of events that differ."""
    n = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
    if n is None:
        n = min(len(expected), len(found))
    return [
        f"  {len(expected)} events of the reference, {len(found)} of the engine; event {n}:",
        f"  reference: {expected[n] if n < len(expected) else None}",
        f"  engine:    {found[n] if n < len(found) else None}",
    ]
