"""Halts by confidence: at once down, slowly up, never against the operator, after a restart too."""

import pytest

from exchange.app.index_guard import GuardRules, IndexGuard
from exchange.core import risk_queries
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from tests.unit.app.direct import DirectVenue

NOW_MS = 1_000_000


@pytest.fixture
def venue() -> DirectVenue:
    venue = DirectVenue()
    venue.do(c.set_rules(2), c.list_underlying(0, "BTC"))
    return venue


def look(venue: DirectVenue, guard: IndexGuard, confidence: float | None, at_ms: int) -> int:
    guard.look(venue, confidence, NOW_MS + at_ms)
    venue.run(0.01)
    return risk_queries.underlying_state(venue.engine, 0)


def test_it_closes_at_once_and_opens_after_a_while_without_a_break(venue: DirectVenue) -> None:
    guard = IndexGuard(0, "BTC", GuardRules(0.25, 0.5, 3_000))
    told = [
        (0.9, 0, 0), (0.3, 100, 0), (0.24, 200, 1),  # between the thresholds nothing changes
        (0.4, 5_000, 1), (0.6, 5_100, 1), (0.6, 8_000, 1), (0.49, 8_050, 1),  # a break: begin anew
        (0.6, 8_200, 1), (0.7, 11_199, 1), (0.7, 11_200, 0), (0.4, 11_300, 0),
        (None, 12_000, 1),  # silence
    ]  # fmt: skip
    assert [look(venue, guard, confidence, ms) for confidence, ms, _ in told] == [s for *_, s in told]
    assert guard.halts_count == 2
    assert len(venue.sent_of(r.SET_UNDERLYING_STATE)) == 3


def test_an_operators_halt_is_left_alone(venue: DirectVenue) -> None:
    guard = IndexGuard(0, "BTC", GuardRules(good_ms=0))
    venue.do(cr.set_underlying_state(0, 2))
    assert look(venue, guard, 1.0, 0) == 2
    assert look(venue, guard, None, 10_000) == 2


def test_a_new_process_opens_what_the_last_one_closed(venue: DirectVenue) -> None:
    assert look(venue, IndexGuard(0, "BTC"), 0.0, 0) == 1
    again = IndexGuard(0, "BTC", GuardRules(good_ms=1_000))
    assert [look(venue, again, 0.9, ms) for ms in (0, 999, 1_000)] == [1, 1, 0]


def test_a_clock_that_steps_back_begins_the_good_time_anew(venue: DirectVenue) -> None:
    guard = IndexGuard(0, "BTC", GuardRules(good_ms=1_000))
    look(venue, guard, 0.0, 0)
    assert [look(venue, guard, 0.9, ms) for ms in (10_000, 0, 999, 1_000)] == [1, 1, 1, 0]


def test_a_full_queue_is_asked_again_and_rules_one_never(venue: DirectVenue) -> None:
    guard = IndexGuard(0, "BTC")
    venue.is_full = True
    assert look(venue, guard, None, 0) == 0
    venue.is_full = False
    assert look(venue, guard, None, 20) == 1
    older = DirectVenue()
    older.do(c.list_underlying(0, "BTC"))
    assert look(older, IndexGuard(0, "BTC"), None, 0) == 0
    assert not older.sent_of(r.SET_UNDERLYING_STATE)


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="lost <= found"):
        GuardRules(0.6, 0.5)
