"""The reference exchange under rules 2 alone: its streams reach every outcome, its invariants always hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import invariants
from tests.reference.crowd_scenarios import CROWD_SCENARIOS
from tests.reference.engine import ReferenceEngine, cut
from tests.reference.ledger import Ledger
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS

SEEDS = range(len(RISK_PROFILES))
QUICK_SCENARIOS = sorted(set(RISK_SCENARIOS) - {"pending_withdrawals", "volume"})

# The reasons docs/rules-2.md names for each of its commands, besides MALFORMED and NOT_AUTHORISED.
REASONS = {
    r.CREATE_ACCOUNT: {why.BAD_ID, why.UNKNOWN_ACCOUNT, why.BAD_VALUE, why.TOO_MANY_ACCOUNTS},
    r.WITHDRAW: {
        why.UNKNOWN_ACCOUNT,
        why.ACCOUNT_LOCKED,
        why.BAD_VALUE,
        why.DUPLICATE,
        why.LOSS_SHARING,
        why.LIMIT_REACHED,
        why.INSUFFICIENT_FUNDS,
    },
    r.RESOLVE_WITHDRAWAL: {why.BAD_FLAGS, why.UNKNOWN_WITHDRAWAL},
    r.TRANSFER: {
        why.UNKNOWN_ACCOUNT,
        why.BAD_VALUE,
        why.WRONG_FAMILY,
        why.ACCOUNT_LOCKED,
        why.LOSS_SHARING,
        why.LIMIT_REACHED,
        why.INSUFFICIENT_FUNDS,
    },
    r.SET_TIER: {why.UNKNOWN_ACCOUNT, why.BAD_FLAGS},
    r.SET_LOCK: {why.UNKNOWN_ACCOUNT, why.BAD_FLAGS},
    r.SET_CAPS: {why.UNKNOWN_ACCOUNT, why.BAD_VALUE},
    r.SET_MARGIN_MODEL: {
        why.UNKNOWN_ACCOUNT,
        why.BAD_FLAGS,
        why.ACCOUNT_LOCKED,
        why.NOT_EMPTY,
        why.NO_RISK,
        why.MARGIN_BREACH,
    },
    r.SET_UNDERLYING_STATE: {why.UNKNOWN_UNDERLYING, why.BAD_FLAGS},
    r.RISK: {why.UNKNOWN_UNDERLYING, why.BAD_VALUE},
    r.SET_FEES: {why.BAD_VALUE},
    r.MARKS: {why.STALE_FEED, why.BAD_VALUE, why.UNKNOWN_INSTRUMENT, why.INSTRUMENT_NOT_OPEN, why.MARK_JUMP},
    r.RISK_SNAPSHOT: {
        why.STALE_FEED,
        why.BAD_VALUE,
        why.UNKNOWN_INSTRUMENT,
        why.INSTRUMENT_NOT_OPEN,
        why.MARK_JUMP,
        why.NO_RISK,
    },
    r.RISK_SWEEP: {why.BAD_VALUE, why.VENUE_CANCEL_ONLY},
    r.LIQUIDATE: {why.VENUE_CANCEL_ONLY, why.UNKNOWN_ACCOUNT, why.NOT_LIQUIDATABLE},
    r.TAKEOVER: {
        why.VENUE_CANCEL_ONLY,
        why.UNKNOWN_ACCOUNT,
        why.ACCOUNT_LOCKED,
        why.BAD_VALUE,
        why.WRONG_FAMILY,
        why.NOT_IN_AUCTION,
        why.BAD_SIZE,
        why.NO_RISK,
        why.TOO_MANY_SEATS,
        why.POSITION_LIMIT,
        why.LIMIT_REACHED,
        why.PRICE_TOO_HIGH,
        why.INSUFFICIENT_FUNDS,
    },
    r.SHARE_LOSS: {why.BAD_VALUE, why.UNKNOWN_ACCOUNT, why.NOT_LIQUIDATABLE},
    r.NEW_ORDER: {
        why.ACCOUNT_LOCKED,
        why.UNDERLYING_NOT_OPEN,
        why.NO_RISK,
        why.TOO_MANY_ORDERS,
        why.TOO_MANY_SEATS,
        why.NEGATIVE_EQUITY,
        why.INSUFFICIENT_FUNDS,
    },
    r.AMEND: {
        why.ACCOUNT_LOCKED,
        why.UNDERLYING_NOT_OPEN,
        why.NEGATIVE_EQUITY,
        why.INSUFFICIENT_FUNDS,
    },
    r.MASS_QUOTE: {why.ACCOUNT_LOCKED, why.UNDERLYING_NOT_OPEN, why.NO_RISK, why.INSUFFICIENT_FUNDS},
}


def streams(commands: int) -> Iterator[bytes]:
    """Events of one stream a profile, and of the scripted scenarios."""
    for seed in SEEDS:
        engine = ReferenceEngine()
        traffic = RiskTraffic(seed, engine)
        yield engine.apply(traffic.opening())
        while engine.next_seq <= commands:
            yield engine.apply(traffic.batch(40))
    for name in sorted(set(QUICK_SCENARIOS) - set(CROWD_SCENARIOS)):
        engine = ReferenceEngine()
        for batch in RISK_SCENARIOS[name]():
            yield engine.apply(batch)


def names_of(missing: set[tuple[int, int]]) -> list[tuple[str, str]]:
    return sorted((r.COMMAND_NAMES[command], why.REJECT_NAMES[reason]) for command, reason in missing)


def test_streams_reach_every_outcome() -> None:
    rejected: Counter[tuple[int, int]] = Counter()
    events: Counter[int] = Counter()
    liquidations: Counter[int] = Counter()
    cash: Counter[int] = Counter()
    models: Counter[int] = Counter()
    reasons: Counter[int] = Counter()
    rebates = liquidated = 0
    for packed in streams(1_800):
        for event in e.read_events(packed):
            events[event.head.type] += 1
            if isinstance(event, e.Rejected):
                rejected[event.command, event.reason] += 1
            elif isinstance(event, e.Liquidation):
                liquidations[event.kind] += 1
            elif isinstance(event, e.Cash):
                cash[event.kind] += 1
            elif isinstance(event, e.Order):
                reasons[event.reason] += 1
            elif isinstance(event, e.Account):
                models[event.model] += 1
            elif isinstance(event, e.Trade):
                rebates += event.maker_fee_micro < 0
                liquidated += bool(event.flags & r.TRADE_LIQUIDATION)
    wanted = {(command, reason) for command, reasons in REASONS.items() for reason in reasons}
    assert not names_of(wanted - set(rejected))
    of_rules_2 = {reason for reason in why.REJECT_NAMES if reason < why.ID_EXPIRED}
    unseen = of_rules_2 - {reason for _, reason in rejected}
    assert not {why.REJECT_NAMES[reason] for reason in unseen}
    assert set(events) == {event for event in r.EVENT_NAMES if event < r.EV_REPEATED}
    assert set(liquidations) == set(r.LIQUIDATION_NAMES)
    assert set(cash) == set(range(r.CASH_DEPOSIT, r.CASH_TAKEOVER + 1))
    assert set(models) == {r.MODEL_STANDARD, r.MODEL_PORTFOLIO}
    assert reasons[r.CANCEL_LIQUIDATION]
    assert reasons[r.CANCEL_MARGIN]
    assert reasons[r.CANCEL_MEETINGS]
    assert rebates
    assert liquidated


@pytest.mark.parametrize("seed", SEEDS)
def test_invariants_hold_after_every_command(seed: int) -> None:
    engine, ledger = ReferenceEngine(), Ledger()
    traffic = RiskTraffic(seed, engine)
    batch = traffic.opening()
    while engine.next_seq < 600:
        for command in cut(batch):
            ledger.read(engine.apply(command))
            invariants.check(engine.world)
            ledger.compare(engine.world)
        batch = traffic.batch(20)


@pytest.mark.parametrize("name", QUICK_SCENARIOS)
def test_invariants_hold_at_the_limits(name: str) -> None:
    engine, ledger = ReferenceEngine(), Ledger()
    for batch in RISK_SCENARIOS[name]():
        ledger.read(engine.apply(batch))
        invariants.check(engine.world)
        ledger.compare(engine.world)


def test_a_stream_begins_under_rules_1_and_is_its_seeds() -> None:
    made = []
    for _ in range(2):
        engine = ReferenceEngine()
        traffic = RiskTraffic(3, engine)
        batches = [traffic.opening()]
        engine.apply(batches[0])
        assert engine.world.rules_version == 1
        while engine.next_seq < 1_200:
            batches.append(traffic.batch(30))
            engine.apply(batches[-1])
        assert engine.world.rules_version == 2
        made.append(b"".join(batches))
    assert made[0] == made[1]
