"""The reference with triggers, links and volatility: every branch is taken, numbers are as by hand."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from exchange.domain import events as e
from exchange.domain import events_orders as eo
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import played, ruled_events, sound_after_every_command
from tests.reference.engine import ReferenceEngine
from tests.reference.ledger import Ledger
from tests.reference.trigger_branches import TRIGGER_BRANCHES
from tests.reference.trigger_scenarios import TRIGGER_SCENARIOS
from tests.reference.triggers_generator import TRIGGER_PROFILES, TriggerTraffic

SEEDS = range(3 * len(TRIGGER_PROFILES))
COMMANDS = 2_600
OFTEN = 3  # times random traffic alone takes every branch, at the least
SELDOM = "reprice: passed over, others due"  # needs more than 128 due orders of one option: scripted
NEW_CANCELS = {
    r.CANCEL_TRIGGER_REFUSED,
    r.CANCEL_OCO,
    r.CANCEL_PRIMARY_CLOSED,
    r.CANCEL_REPRICE_REFUSED,
}

# The reasons that docs/rules-3.md names for each command, besides those of part 1.
REASONS = {
    r.EXTENDED_ORDER: {
        *(why.MALFORMED, why.UNKNOWN_ACCOUNT, why.ID_EXPIRED, why.ACCOUNT_LOCKED, why.UNKNOWN_INSTRUMENT),
        *(why.TRIGGERS_DUE, why.VENUE_CANCEL_ONLY, why.INSTRUMENT_NOT_OPEN, why.UNDERLYING_NOT_OPEN),
        *(why.TIMED_OUT, why.UNKNOWN_MMP_GROUP, why.MMP_FROZEN, why.MMP_QUANTITY, why.BAD_FLAGS),
        *(why.BAD_SIZE, why.BAD_DISPLAY, why.BAD_PRICE, why.PRICE_OFF_TICK, why.BAD_TRIGGER, why.BAD_LINK),
        *(why.BAD_VALUE, why.PRICE_TOO_HIGH, why.PRICE_TOO_LOW, why.REDUCE_ONLY, why.POST_ONLY_REJECT),
        *(why.POSITION_LIMIT, why.INSUFFICIENT_FUNDS, why.TOO_MANY_ORDERS),
    },
    r.AMEND: {why.BAD_TRIGGER, why.TRIGGERS_DUE, why.BAD_VALUE},
    r.NEW_ORDER: {why.TRIGGERS_DUE},
    r.MASS_QUOTE: {why.TRIGGERS_DUE},
    r.FIRE: {why.NOT_AUTHORISED, why.MALFORMED},
    r.REPRICE: {why.MALFORMED},
}


class Shown(NamedTuple):
    """What streams came to."""

    branches: Counter[str]
    rejected: Counter[tuple[int, int]]
    cancelled: Counter[int]
    kinds: Counter[tuple[int, int]]  # of ORDER: kind, state
    due: Counter[int]

    def read(self, events: bytes) -> None:
        for event in e.read_events(events):
            if isinstance(event, e.Rejected):
                self.rejected[event.command, event.reason] += 1
            elif isinstance(event, e.Order):
                self.cancelled[event.reason] += 1
                self.kinds[event.kind, event.state] += 1
            elif isinstance(event, eo.Due):
                self.due[event.waiting] += 1


@pytest.fixture(scope="module")
def shown() -> Shown:
    found = Shown(Counter(), Counter(), Counter(), Counter(), Counter())
    for events in ruled_events(TriggerTraffic, SEEDS, COMMANDS, found.branches):
        found.read(events)
    return found


def test_random_traffic_takes_every_branch_often(shown: Shown) -> None:
    seldom = {branch: shown.branches[branch] for branch in TRIGGER_BRANCHES}
    del seldom[SELDOM]
    assert not {branch: n for branch, n in seldom.items() if n < OFTEN}


def test_a_reprice_passes_over_what_others_are_due_before() -> None:
    engine = ReferenceEngine()
    for batch in TRIGGER_SCENARIOS["orders_come"]():
        engine.apply(batch)
    assert engine.world.taken[SELDOM]


def test_random_traffic_shows_every_outcome(shown: Shown) -> None:
    wanted = {(command, reason) for command, reasons in REASONS.items() for reason in reasons}
    missing = wanted - set(shown.rejected)
    assert not {(r.COMMAND_NAMES[command], why.REJECT_NAMES[reason]) for command, reason in missing}
    assert set(shown.cancelled) >= NEW_CANCELS
    assert shown.due
    triggered = {state for kind, state in shown.kinds if kind == r.ORDER_TRIGGERED}
    assert triggered == {r.ORDER_STATE_OPEN, r.ORDER_STATE_FILLED, r.ORDER_STATE_CANCELLED, 4}
    untriggered = {kind for kind, state in shown.kinds if state == r.ORDER_STATE_UNTRIGGERED}
    assert untriggered == {r.ORDER_PLACED, r.ORDER_FILLED, r.ORDER_AMENDED, r.ORDER_TRIGGERED}


@pytest.mark.parametrize("seed", range(len(TRIGGER_PROFILES)))
def test_invariants_hold_after_every_command(seed: int) -> None:
    sound_after_every_command(TriggerTraffic, seed, 650, batch=30)


# --- scripted streams, by hand -------------------------------------------------------------------------


def reasons(events: list[e.Event]) -> list[str]:
    return [why.REJECT_NAMES[event.reason] for event in events if isinstance(event, e.Rejected)]


def fires(events: list[e.Event]) -> list[int]:
    """The order_ids of ORDER events of kind 5."""
    return [event.order_id for event in events if isinstance(event, e.Order) and event.kind == 5]


def dues(events: list[e.Event]) -> list[int]:
    return [event.waiting for event in events if isinstance(event, eo.Due)]


def lots(events: list[e.Event], order_id: int) -> list[tuple[int, int, int, int, int]]:
    """Kind, state, total, filled and open lots of one order's ORDER events."""
    mine = [event for event in events if isinstance(event, e.Order) and event.order_id == order_id]
    return [(o.kind, o.state, o.size_lots, o.filled_lots, o.open_lots) for o in mine]


def test_130_due_orders_fire_64_and_64_and_2() -> None:
    _, _, marked, refused, fired, _, again, closed, last = played(TRIGGER_SCENARIOS["queue"]())
    assert (fires(marked), dues(marked)) == (list(range(1, 65)), [66])
    assert (fires(refused), dues(refused), reasons(refused)) == (list(range(65, 129)), [], ["triggers_due"])
    counts = [event.affected for event in fired if isinstance(event, e.Done)]
    assert (fires(fired), counts, dues(fired)) == ([129, 130], [2, 0], [])
    assert (len(fires(again)), dues(again), reasons(again)) == (128, [136], ["triggers_due"])
    # Of the next 64, and of the 8 that FIRE takes, every second is of the halted instrument: it waits again.
    counts = [event.affected for event in closed if isinstance(event, e.Done)]
    assert (len(fires(closed)), dues(closed), counts) == (32 + 4, [8], [4])
    assert (len(fires(last)), dues(last)) == (36, [])


def test_a_member_is_woken_spent_and_brought_more() -> None:
    _, placed, first, second, *_ = played(TRIGGER_SCENARIOS["incremental"]())
    assert lots(placed, 2) == [(1, 4, 10, 0, 10)]
    assert lots(first, 2) == [
        (4, 4, 3, 0, 3),  # 3 of the primary filled: 3 wake
        (5, 1, 3, 0, 3),  # and fire: they rest
        (2, 4, 3, 3, 0),  # filled whole while the primary has 7 left: spent
        (4, 4, 5, 3, 2),  # 2 more
        (5, 1, 5, 3, 2),
    ]
    assert lots(second, 2) == [
        (4, 1, 20, 3, 17),  # its owner wants 20
        (4, 1, 25, 3, 22),  # the primary's last 5 come on top, in the book
        (2, 1, 25, 7, 18),
        (2, 1, 25, 11, 14),
    ]
    assert lots(second, 1) == [(2, 2, 10, 10, 0)]


def test_a_source_has_256_trailing_orders_dormant_ones_too() -> None:
    *_, fill, pair, one, more, moved, _ = played(TRIGGER_SCENARIOS["most_trailing"]())
    assert reasons(fill) == []
    assert reasons(pair) == ["too_many_triggers"]
    assert reasons(one) == []
    assert reasons(more) == ["too_many_triggers"]
    # 50,110 reaches the 32 of offset 100 and the one of the mark; 50,120 the 16 placed at 50,110, offset 5.
    assert len(fires(moved)) == 32 + 1 + 16
    assert reasons(moved) == ["too_many_triggers"]  # 224 are left: the 33rd is too many


def test_a_member_names_its_place_in_the_detail() -> None:
    events = [event for batch in played(TRIGGER_SCENARIOS["refused_members"]()) for event in batch]
    refused = [event for event in events if isinstance(event, e.Rejected)]
    members = [event.detail for event in refused if event.detail < 0]
    caps = [-1, -2, -1]  # of 1 order, of 2, and of 4 where 3 are there
    assert members == [-1, -1, -2, -1] * 11 + caps


@pytest.mark.parametrize("name", sorted(set(TRIGGER_SCENARIOS) - {"shapes"}))
def test_a_scenario_conserves_what_there_is(name: str) -> None:
    engine, ledger = ReferenceEngine(), Ledger()
    for batch in TRIGGER_SCENARIOS[name]():
        ledger.read(engine.apply(batch))
    ledger.compare(engine.world)
