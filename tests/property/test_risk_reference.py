"""The reference exchange under rules 2 alone: its streams reach every outcome, its invariants always hold."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import sound_after_every_command
from tests.reference.branches import BRANCHES
from tests.reference.engine import ReferenceEngine
from tests.reference.promises import PROMISES
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic

SEEDS = range(len(RISK_PROFILES))
COMMANDS = 3_000
# Random streams come by these by themselves, whatever the seed: the campaigns are worth running.
OFTEN = {
    branch
    for branch in BRANCHES
    if branch.startswith(("check 16: closing, maintenance met", "slice: at the band", "takeover: all"))
}

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


class Shown(NamedTuple):
    """What random streams came to."""

    branches: Counter[str]
    rejected: Counter[tuple[int, int]]
    events: Counter[int]
    kinds: Counter[tuple[int, int]]  # of LIQUIDATION and CASH: the event's type and its kind
    models: Counter[int]
    cancelled: Counter[int]
    trades: Counter[str]

    def read(self, events: bytes) -> None:
        for event in e.read_events(events):
            self.events[event.head.type] += 1
            if isinstance(event, e.Rejected):
                self.rejected[event.command, event.reason] += 1
            elif isinstance(event, e.Liquidation | e.Cash):
                self.kinds[event.head.type, event.kind] += 1
            elif isinstance(event, e.Order):
                self.cancelled[event.reason] += 1
            elif isinstance(event, e.Account):
                self.models[event.model] += 1
            elif isinstance(event, e.Trade):
                self.trades["rebate"] += event.maker_fee_micro < 0
                self.trades["liquidation"] += bool(event.flags & r.TRADE_LIQUIDATION)


@pytest.fixture(scope="module")
def shown() -> Shown:
    """Of one stream a profile."""
    found = Shown(Counter(), Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    for seed in SEEDS:
        engine = ReferenceEngine()
        traffic = RiskTraffic(seed, engine)
        found.read(engine.apply(traffic.opening()))
        while engine.next_seq <= COMMANDS:
            found.read(engine.apply(traffic.batch(40)))
        found.branches.update(engine.world.taken)
    return found


def test_random_streams_take_the_common_branches(shown: Shown) -> None:
    assert not OFTEN - set(shown.branches)
    assert len(shown.branches) > len(BRANCHES) // 2


def test_every_refusal_is_shown_or_promised(shown: Shown) -> None:
    promised = {word for promise in PROMISES.values() for word in promise}
    known = ((r.COMMAND_NAMES.get(of, "noise"), why.REJECT_NAMES[reason]) for of, reason in shown.rejected)
    told = promised.union(": ".join(pair) for pair in known)
    wanted = {(r.COMMAND_NAMES[of], why.REJECT_NAMES[reason]) for of in REASONS for reason in REASONS[of]}
    assert not {pair for pair in wanted if ": ".join(pair) not in told}
    of_rules_2 = {why.REJECT_NAMES[reason] for reason in why.REJECT_NAMES if reason < why.ID_EXPIRED}
    assert not of_rules_2 - {words.rpartition(": ")[2] for words in told}


def test_random_streams_show_every_outcome(shown: Shown) -> None:
    assert set(shown.events) == {event for event in r.EVENT_NAMES if event < r.EV_REPEATED}
    assert {kind for of, kind in shown.kinds if of == r.EV_LIQUIDATION} == set(r.LIQUIDATION_NAMES)
    cash = {kind for of, kind in shown.kinds if of == r.EV_CASH}
    assert cash == set(range(r.CASH_DEPOSIT, r.CASH_TAKEOVER + 1))
    assert set(shown.models) == {r.MODEL_STANDARD, r.MODEL_PORTFOLIO}
    assert shown.cancelled[r.CANCEL_LIQUIDATION]
    assert shown.cancelled[r.CANCEL_MARGIN]
    assert shown.trades["rebate"]
    assert shown.trades["liquidation"]


@pytest.mark.parametrize("seed", SEEDS)
def test_invariants_hold_after_every_command(seed: int) -> None:
    sound_after_every_command(RiskTraffic, seed, 600, batch=20)


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
