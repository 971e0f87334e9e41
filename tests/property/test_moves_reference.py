"""The reference with positions that move: every branch taken, scripts keep their promise, figures by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_blocks import PositionMove, move_positions
from tests.property.streams import ruled_events
from tests.reference import invariants
from tests.reference.block_scenarios import CALL, CHILD, PERP
from tests.reference.come_by import come_by
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.ledger import Ledger
from tests.reference.move_branches import MOVE_BRANCHES
from tests.reference.move_promises import MOVE_PROMISES
from tests.reference.move_scenarios import MOVE_SCENARIOS
from tests.reference.moves_generator import MOVE_PROFILES, MoveTraffic
from tests.reference.scenarios import ALICE

COMMANDS = 700
REASONS = {
    why.BAD_PRICE,
    why.BAD_SIZE,
    why.BAD_VALUE,
    why.INSUFFICIENT_FUNDS,
    why.NEGATIVE_EQUITY,
    why.NOT_AUTHORISED,
    why.UNKNOWN_ACCOUNT,
    why.WRONG_FAMILY,
}


@pytest.fixture(scope="module")
def promised() -> dict[str, Counter[str]]:
    """What each scripted stream comes by."""
    return {name: come_by(MOVE_SCENARIOS[name]()) for name in MOVE_SCENARIOS}


def test_random_traffic_takes_every_branch_and_shows_every_outcome() -> None:
    taken, refused = Counter[str](), Counter[int]()
    for events in ruled_events(MoveTraffic, range(len(MOVE_PROFILES)), COMMANDS, taken):
        for event in e.read_events(events):
            if isinstance(event, e.Rejected) and event.command == r.MOVE_POSITIONS:
                refused[event.reason] += 1
    assert not {branch for branch in MOVE_BRANCHES if taken[branch] < 3}
    assert not {why.REJECT_NAMES[reason] for reason in REASONS - set(refused)}


@pytest.mark.parametrize("name", sorted(MOVE_SCENARIOS))
def test_a_scripted_stream_keeps_its_promise(name: str, promised: dict[str, Counter[str]]) -> None:
    assert not Counter(MOVE_PROMISES[name]) - promised[name]


@pytest.mark.parametrize("name", sorted(set(MOVE_SCENARIOS) - {"moves_at_limits"}))
def test_invariants_hold_after_every_command(name: str) -> None:
    engine, ledger = ReferenceEngine(), Ledger()
    for batch in MOVE_SCENARIOS[name]():
        for command in cut(batch):
            ledger.read(engine.apply(command))
            invariants.check(engine.world)
            ledger.compare(engine.world)


def test_a_move_by_hand() -> None:
    engine = ReferenceEngine()
    engine.apply(next(iter(MOVE_SCENARIOS["moves_done"]())))
    alice, child = engine.world.accounts[ALICE], engine.world.accounts[CHILD]
    before = alice.cash_micro, child.cash_micro
    moves = [PositionMove(CALL, 4, 1_500_000), PositionMove(PERP, -20, 49_000_000)]
    events = e.read_events(engine.apply(move_positions(ALICE, CHILD, moves, client_order_id=9)))
    told = [(type(event).__name__, event.head.account) for event in events]
    assert told == [("Moved", ALICE), ("Moved", ALICE), ("Cash", ALICE), ("Cash", CHILD), ("Done", ALICE)]
    assert (alice.cash_micro, child.cash_micro) == (before[0] + 6_000_000, before[1] - 6_000_000)
    seats = child.seats[CALL], child.seats[PERP]
    assert [seat.size_lots for seat in seats] == [4, -20]
    assert [seat.entry_value_micro for seat in seats] == [6_000_000, -980_000_000]
    assert alice.seats[CALL].size_lots == 6


def test_moves_wait_for_rules_5() -> None:
    engine = ReferenceEngine()
    engine.apply(c.set_rules(4))
    (refused,) = e.read_events(engine.apply(move_positions(64, 65, [PositionMove(0, 1, 1)])))
    assert isinstance(refused, e.Rejected)
    assert refused.reason == why.MALFORMED
