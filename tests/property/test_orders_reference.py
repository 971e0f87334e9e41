"""The reference exchange under rules 3 alone: every branch is taken, every outcome shown, invariants hold."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from exchange.domain import events as e
from exchange.domain import events_orders as eo
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import ruled_events, sound_after_every_command
from tests.reference.engine import ReferenceEngine
from tests.reference.order_branches import ORDER_BRANCHES
from tests.reference.order_scenarios import ORDER_SCENARIOS
from tests.reference.orders_generator import ORDER_PROFILES, OrderTraffic

SEEDS = range(2 * len(ORDER_PROFILES))
COMMANDS = 2_500
OFTEN = 3  # times random traffic alone takes every branch, at the least

# The reasons that docs/rules-3.md names for each command, besides MALFORMED.
REASONS = {
    r.NEW_ORDER: {why.ID_EXPIRED, why.UNKNOWN_MMP_GROUP, why.MMP_FROZEN, why.MMP_QUANTITY},
    r.AMEND: {why.FILLED_MISMATCH, why.BAD_FLAGS, why.BAD_SIZE, why.MMP_QUANTITY},
    r.MASS_QUOTE: {why.QUOTES_FROZEN, why.UNKNOWN_MMP_GROUP, why.MMP_FROZEN, why.MMP_QUANTITY},
    r.CANCEL: {why.MALFORMED},
    r.CANCEL_MANY: {why.BAD_FLAGS},
    r.SET_MMP: {why.UNKNOWN_ACCOUNT, why.UNKNOWN_UNDERLYING, why.BAD_VALUE},
    r.RESET_MMP: {why.UNKNOWN_ACCOUNT, why.UNKNOWN_MMP_GROUP},
    r.SET_ID_WINDOW: {why.BAD_VALUE, why.NOT_AUTHORISED},
    r.BLOCK_TRADE: {
        why.BAD_ID,
        why.UNKNOWN_ACCOUNT,
        why.WRONG_FAMILY,
        why.ACCOUNT_LOCKED,
        why.INSTRUMENT_NOT_OPEN,
        why.BAD_SIZE,
        why.NEGATIVE_EQUITY,
        why.INSUFFICIENT_FUNDS,
        why.NOT_AUTHORISED,
    },
}
SCRIPTED_REASONS = {(r.MASS_QUOTE, why.TOO_MANY_ORDERS), (r.NEW_ORDER, why.TOO_MANY_ORDERS)}


class Shown(NamedTuple):
    """What streams came to."""

    branches: Counter[str]
    rejected: Counter[tuple[int, int]]
    mmp: Counter[int]
    cancelled: Counter[int]
    repeated: Counter[int]

    def read(self, events: bytes) -> None:
        for event in e.read_events(events):
            if isinstance(event, e.Rejected):
                self.rejected[event.command, event.reason] += 1
            elif isinstance(event, e.Order):
                self.cancelled[event.reason] += 1
            elif isinstance(event, eo.Mmp):
                self.mmp[event.kind] += 1
            elif isinstance(event, eo.Repeated):
                self.repeated[event.reason] += 1


@pytest.fixture(scope="module")
def shown() -> Shown:
    found = Shown(Counter(), Counter(), Counter(), Counter(), Counter())
    for events in ruled_events(OrderTraffic, SEEDS, COMMANDS, found.branches):
        found.read(events)
    return found


def test_random_traffic_takes_every_branch_often(shown: Shown) -> None:
    seldom = {branch for branch in ORDER_BRANCHES if shown.branches[branch] < OFTEN}
    assert not seldom


def test_random_traffic_shows_every_outcome(shown: Shown) -> None:
    wanted = {(command, reason) for command, reasons in REASONS.items() for reason in reasons}
    missing = wanted - set(shown.rejected)
    assert not {(r.COMMAND_NAMES[command], why.REJECT_NAMES[reason]) for command, reason in missing}
    assert set(shown.mmp) == {r.MMP_SET, r.MMP_REMOVED, r.MMP_TRIPPED, r.MMP_RESET}
    assert set(shown.cancelled) >= {r.CANCEL_MMP, r.CANCEL_MMP_CONFIG, r.CANCEL_DISCONNECTED}
    assert shown.repeated[0]
    assert len(shown.repeated) >= 10


def test_a_group_may_have_so_many_orders_and_no_more() -> None:
    engine, found = ReferenceEngine(), Shown(Counter(), Counter(), Counter(), Counter(), Counter())
    for batch in ORDER_SCENARIOS["most_orders"]():
        found.read(engine.apply(batch))
    assert set(found.rejected) >= SCRIPTED_REASONS
    assert found.cancelled[r.CANCEL_MMP] == 4_095


@pytest.mark.parametrize("seed", range(len(ORDER_PROFILES)))
def test_invariants_hold_after_every_command(seed: int) -> None:
    sound_after_every_command(OrderTraffic, seed, 700, batch=30)


def test_a_stream_goes_from_rules_1_over_2_to_3_and_is_its_seeds() -> None:
    made = []
    for _ in range(2):
        engine = ReferenceEngine()
        traffic = OrderTraffic(3, engine)
        batches, versions = [traffic.opening()], []
        engine.apply(batches[0])
        while engine.next_seq < 900:
            versions.append(engine.world.rules_version)
            batches.append(traffic.batch(30))
            engine.apply(batches[-1])
        assert set(versions) == {1, 2, 3}
        made.append(b"".join(batches))
    assert made[0] == made[1]
