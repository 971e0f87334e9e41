"""The reference exchange alone: its random streams reach every outcome, and its invariants always hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.reference import invariants
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.generator import Traffic
from tests.reference.outcome import BatchError
from tests.reference.profiles import PROFILES
from tests.reference.scenarios import SCENARIOS

COMMANDS_PER_PROFILE = 6_000
# They need 65,536 open orders and 2,049 seats: `test_differential_limits` sees these refusals.
AT_LIMITS = {"many_orders": rejects.TOO_MANY_ORDERS, "many_seats": rejects.TOO_MANY_SEATS}


def outcomes(events: bytes) -> Iterable[tuple[str, object]]:
    """What each event shows, as (what, value)."""
    for event in e.read_events(events):
        yield "event", event.head.type
        if isinstance(event, e.Rejected):
            yield "reject", event.reason
            yield "rejected command", event.command
        elif isinstance(event, e.Order):
            yield "order", (event.kind, event.state, event.reason)
            yield "flags", event.flags & 0x1FF
        elif isinstance(event, e.Done):
            yield "done", event.command
        elif isinstance(event, e.Settled):
            yield "settled", event.head.id


@pytest.fixture(scope="module")
def seen() -> dict[str, Counter[object]]:
    """All outcomes of one stream per profile and of the scripted scenarios."""
    found: dict[str, Counter[object]] = {}
    batches: list[bytes] = []
    for seed in range(len(PROFILES)):
        engine = ReferenceEngine()
        traffic = Traffic(seed, engine)
        batches.append(engine.apply(traffic.opening()))
        batches.extend(engine.apply(traffic.batch(50)) for _ in range(COMMANDS_PER_PROFILE // 50))
    for name, scenario in SCENARIOS.items():
        if name not in AT_LIMITS:
            engine = ReferenceEngine()
            batches.extend(engine.apply(batch) for batch in scenario())
    for events in batches:
        for what, value in outcomes(events):
            found.setdefault(what, Counter())[value] += 1
    return found


def test_every_reject_reason_is_reached(seen: dict[str, Counter[object]]) -> None:
    of_version_1 = {reason for reason in rejects.REJECT_NAMES if reason < rejects.NO_RISK}
    missing = of_version_1 - set(seen["reject"]) - set(AT_LIMITS.values())
    assert not {rejects.REJECT_NAMES[reason] for reason in missing}


def test_every_command_is_accepted_and_rejected(seen: dict[str, Counter[object]]) -> None:
    of_version_1 = {command for command in r.COMMAND_NAMES if command < r.RISK}
    assert not of_version_1 - set(seen["rejected command"])
    done = {r.CANCEL_MANY, r.MASS_QUOTE, r.LABEL, r.TIME, r.SETTLE_PERPETUAL, r.FUNDING}
    assert seen["done"].keys() >= done | {r.EXPIRE_DAY, r.SET_RULES, r.SET_MODE}


def test_every_event_is_reached(seen: dict[str, Counter[object]]) -> None:
    assert set(seen["event"]) == {event for event in r.EVENT_NAMES if event < r.EV_RISK}
    assert set(seen["settled"]) == {r.SETTLED_DELIVERY, r.SETTLED_PERPETUAL, r.SETTLED_FUNDING}


def test_every_end_of_an_order_is_reached(seen: dict[str, Counter[object]]) -> None:
    placed = {(r.ORDER_PLACED, r.ORDER_STATE_CANCELLED, reason) for reason in (2, 3, 4, 5)}
    cancelled = {(r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, reason) for reason in (1, 5, 6, 7, 8, 9, 10)}
    alive = {(kind, state, 0) for kind in (1, 2, 4) for state in (1, 2)}
    amended = {(r.ORDER_AMENDED, r.ORDER_STATE_CANCELLED, r.CANCEL_SELF_TRADE)}
    assert set(seen["order"]) == placed | cancelled | alive | amended


def test_every_order_flag_is_reached(seen: dict[str, Counter[object]]) -> None:
    flags = [value for value in seen["flags"] if isinstance(value, int)]
    assert {f & 1 for f in flags} == {0, 1}
    assert {f >> r.TYPE_SHIFT & 3 for f in flags} == {r.TYPE_LIMIT, r.TYPE_MARKET, r.TYPE_MARKET_LIMIT}
    assert {f >> r.TIF_SHIFT & 3 for f in flags} == {0, 1, 2, 3}
    for bit in (r.FLAG_POST_ONLY, r.FLAG_REJECT_POST_ONLY, r.FLAG_REDUCE_ONLY, r.FLAG_QUOTE):
        assert any(f & bit for f in flags)


@pytest.mark.parametrize("seed", range(len(PROFILES)))
def test_invariants_hold_after_every_command(seed: int) -> None:
    engine = ReferenceEngine()
    traffic = Traffic(seed, engine)
    batch = traffic.opening()
    while engine.next_seq < 1_500:
        for command in cut(batch):
            engine.apply_one(command)
            invariants.check(engine.world)
        batch = traffic.batch(20)


def test_every_command_causes_an_event_and_indices_count_up() -> None:
    engine = ReferenceEngine()
    traffic = Traffic(5, engine)
    batch = traffic.opening()
    for _ in range(40):
        first = engine.next_seq
        by_command = e.split_by_seq(engine.apply(batch))
        assert [seq for seq, _ in by_command] == list(range(first, engine.next_seq))
        for _, events in by_command:
            indices = [event.head.event_index for event in e.read_events(events)]
            assert indices == list(range(len(indices)))
        batch = traffic.batch(40)


@pytest.mark.parametrize(
    "batch", [b"\1", bytes(31), bytes(32), b"\x14\1\2\0" + bytes(28), b"\x14\1\1\0" + bytes(29)]
)
def test_records_that_do_not_add_up_are_no_batch(batch: bytes) -> None:
    engine = ReferenceEngine()
    with pytest.raises(BatchError):
        engine.apply(batch)
    assert engine.next_seq == 1


def test_the_same_seed_makes_the_same_stream() -> None:
    streams = []
    for _ in range(2):
        engine = ReferenceEngine()
        traffic = Traffic(3, engine)
        made = [traffic.opening()]
        engine.apply(made[0])
        for _ in range(20):
            made.append(traffic.batch(50))
            engine.apply(made[-1])
        streams.append(b"".join(made))
    assert streams[0] == streams[1]
