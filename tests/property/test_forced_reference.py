"""The reference with forced withdrawals: every branch taken, scripts keep their promise, figures by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_bridge import forced_withdrawal
from tests.property.streams import ruled_events
from tests.reference import invariants
from tests.reference.come_by import come_by
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.forced_branches import FORCED_BRANCHES
from tests.reference.forced_generator import FORCED_PROFILES, ForcedTraffic
from tests.reference.forced_promises import FORCED_PROMISES
from tests.reference.forced_scenarios import FORCED_SCENARIOS
from tests.reference.ledger import Ledger
from tests.reference.scenarios import ALICE, BOB

COMMANDS = 2_500
REASONS = {why.BAD_ID, why.BAD_VALUE, why.UNKNOWN_ACCOUNT, why.MALFORMED}


def test_random_traffic_takes_every_branch_and_shows_every_outcome() -> None:
    taken, refused = Counter[str](), Counter[int]()
    for events in ruled_events(ForcedTraffic, range(len(FORCED_PROFILES)), COMMANDS, taken):
        for event in e.read_events(events):
            if isinstance(event, e.Rejected) and event.command == r.FORCED_WITHDRAWAL:
                refused[event.reason] += 1
    assert not {branch for branch in FORCED_BRANCHES if not taken[branch]}
    assert set(refused) == REASONS


@pytest.mark.parametrize("name", sorted(FORCED_SCENARIOS))
def test_a_scripted_stream_keeps_its_promise(name: str) -> None:
    assert not Counter(FORCED_PROMISES[name]) - come_by(FORCED_SCENARIOS[name]())


@pytest.mark.parametrize("name", ["forced_paid", "forced_positions", "forced_in_need", "deposits_refused"])
def test_invariants_hold_after_every_command(name: str) -> None:
    engine, ledger = ReferenceEngine(), Ledger()
    for batch in FORCED_SCENARIOS[name]():
        for command in cut(batch):
            ledger.read(engine.apply(command))
            invariants.check(engine.world)
            ledger.compare(engine.world)


def test_a_forced_withdrawal_by_hand() -> None:
    engine = ReferenceEngine()
    engine.apply(c.create_account(ALICE) + c.create_account(BOB) + c.deposit(ALICE, 100, 1))
    engine.apply(c.set_rules(2) + c.set_rules(6))
    first, second = forced_withdrawal(ALICE, 30, 1), forced_withdrawal(ALICE, 80, 2)
    events = list(e.read_events(engine.apply(first + second + forced_withdrawal(BOB, 1, 3))))
    told = [(type(event).__name__, event.head.account, event.head.id) for event in events]
    of_alice = [(kind, ALICE, ident) for ident in (1, 2) for kind in ("Cash", "Forced")]
    assert told == [*of_alice, ("Forced", BOB, 3)]
    paid = [event.paid_micro for event in events if isinstance(event, e.Forced)]
    assert paid == [30, 70, 0]
    assert engine.world.accounts[limits.ACCOUNT_BRIDGE].cash_micro == 0


def test_forced_withdrawals_wait_for_rules_6() -> None:
    engine = ReferenceEngine()
    engine.apply(c.create_account(ALICE) + c.set_rules(5))
    (refused,) = e.read_events(engine.apply(forced_withdrawal(ALICE, 1, 1)))
    assert isinstance(refused, e.Rejected)
    assert refused.reason == why.MALFORMED
