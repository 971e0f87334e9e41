"""Marks under rules 2, and risk snapshots: all of a block takes effect, or nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from exchange.core import risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import rejects
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import MICRO, only
from tests.unit.core.margins import (
    CALL_50,
    CALL_55,
    INDEX,
    PERPETUAL,
    PUT_40,
    RISK,
    MarginMarket,
)

SCENARIOS = RISK.scenarios
# 2**48 micro-USDC over 10,000 lots and the quantum of 1,000: (|v| + 1) is at most this.
MOST = (1 << 48) // 10_000 // 1_000


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def snapshot(
    market: MarginMarket, stream: bytes, count: int, units: Iterable[c.Mark] = (), index: int = INDEX
) -> e.Event:
    """Send a snapshot; its only event."""
    market.feed += 1
    (found,) = market.send(cr.risk_snapshot(0, index * MICRO, market.feed, units, count, stream))
    return found


def refusal(event: e.Event) -> tuple[str, int]:
    """The reason and detail of a reject."""
    assert isinstance(event, e.Rejected), event
    return rejects.REJECT_NAMES[event.reason], event.detail


def table(*entries: int, at: int = CALL_50) -> bytes:
    return cr.table_stream([(at, entries)])


def state(market: MarginMarket) -> bytes:
    """Everything but the count of commands."""
    assert isinstance(market.engine, Engine | ReferenceEngine)
    found = market.engine.state_bytes()
    return found[:24] + found[32:]


def test_a_snapshot_says_how_many_marks_and_tables_it_brought(market: MarginMarket) -> None:
    stream = cr.table_stream([(CALL_50, (1, 2, 3, 4)), (PERPETUAL, (-1, 0, 1, 2))])
    marked = snapshot(market, stream, 2, market.units())
    assert isinstance(marked, e.Marked)
    assert (marked.units, marked.tables) == (6, 2)


def test_tables_are_differences_to_those_in_force() -> None:
    market = MarginMarket(Engine())
    snapshot(market, table(10, -20, 300, -(1 << 20)), 1)
    assert isinstance(market.engine, Engine)
    assert risk_queries.table(market.engine, CALL_50) == [10, -20, 300, -(1 << 20)]
    snapshot(market, table(-1, 1, 0, 1 << 20), 1)
    assert risk_queries.table(market.engine, CALL_50) == [9, -19, 300, 0]
    snapshot(market, b"", 0, market.units())
    assert risk_queries.table(market.engine, CALL_50) == [9, -19, 300, 0]
    market.must(cr.risk(0, RISK._replace(roll_ppm=1)), e.Risk)
    assert risk_queries.table(market.engine, CALL_50) == [9, -19, 300, 0]
    market.must(cr.risk(0, RISK._replace(quantum_micro=1)), e.Risk)
    assert risk_queries.table(market.engine, CALL_50) is None


def test_entries_go_to_their_limit_and_no_further(market: MarginMarket) -> None:
    assert isinstance(snapshot(market, table(MOST - 1, 1 - MOST, 0, 0), 1), e.Marked)
    assert refusal(snapshot(market, table(1, 0, 0, 0), 1)) == ("bad_value", 0)
    assert refusal(snapshot(market, table(0, -1, 0, 0), 1)) == ("bad_value", 0)
    assert refusal(snapshot(market, table(-(1 << 61), 0, 0, 0), 1)) == ("bad_value", 0)


ZEROS = b"\0" * SCENARIOS


@pytest.mark.parametrize(
    ("stream", "count", "expected"),
    [
        (b"", 1, ("bad_value", 0)),  # no table at all
        (b"\1\0\0", 1, ("bad_value", 0)),  # an id cut short
        (b"\0\0\0\0" + ZEROS[1:], 1, ("bad_value", 0)),  # an entry is missing
        (b"\0\0\0\0" + ZEROS + b"\0", 1, ("bad_value", 1)),  # a byte behind the last table
        (b"\0\0\0\0" + ZEROS[1:] + b"\x80", 1, ("bad_value", 0)),  # an entry cut short
        (b"\0\0\0\0" + ZEROS[1:] + b"\x80" * 9 + b"\0", 1, ("bad_value", 0)),  # ten bytes
        (b"\1\0\0\0" + ZEROS + b"\1\0\0\0" + ZEROS, 2, ("bad_value", 1)),  # not above the one before
        (b"\0\0\0\0" + ZEROS + b"\x63\0\0\0" + ZEROS, 2, ("unknown_instrument", 1)),
        (b"\xff\xff\xff\xff" + ZEROS, 1, ("unknown_instrument", 0)),
    ],
)
def test_a_bad_stream_changes_nothing(
    market: MarginMarket, stream: bytes, count: int, expected: tuple[str, int]
) -> None:
    before = state(market)
    assert refusal(snapshot(market, stream, count, market.units(index=51_000), 51_000)) == expected
    assert state(market) == before


def test_an_entry_may_take_nine_bytes_and_more_than_it_needs(market: MarginMarket) -> None:
    stream = b"\0\0\0\0" + b"\x82" + b"\x80" * 7 + b"\0" + ZEROS[1:]
    assert isinstance(snapshot(market, stream, 1), e.Marked)
    if isinstance(market.engine, Engine):
        assert risk_queries.table(market.engine, CALL_50) == [1, 0, 0, 0]


def test_a_bad_mark_keeps_the_tables_out(market: MarginMarket) -> None:
    bad = c.Mark(CALL_50, 0, -1, 0, INDEX * MICRO)
    before = state(market)
    assert refusal(snapshot(market, table(1, 1, 1, 1), 1, [market.units()[1], bad])) == ("bad_value", 1)
    assert state(market) == before


def test_a_snapshot_needs_parameters(market: MarginMarket) -> None:
    market.send(c.list_underlying(1, "ETH"))
    found = market.send(cr.risk_snapshot(1, MICRO, 1, [], 0, b""))
    assert refusal(only(found, e.Rejected)) == ("no_risk", 0)
    assert isinstance(only(market.send(c.marks(1, MICRO, 1, [])), e.Marked), e.Marked)


def test_an_older_feed_is_stale(market: MarginMarket) -> None:
    market.feed -= 1
    assert refusal(snapshot(market, b"", 0)) == ("stale_feed", 0)


def test_a_delivered_instrument_takes_no_table(market: MarginMarket) -> None:
    market.send(c.time(10**9))
    market.must(c.deliver(PUT_40, INDEX * MICRO), e.Instrument)
    assert refusal(snapshot(market, table(1, 1, 1, 1, at=PUT_40), 1)) == ("instrument_not_open", 0)


@pytest.mark.parametrize("factor", [2, 10])
def test_an_index_may_move_by_the_factor_and_no_further(market: MarginMarket, factor: int) -> None:
    market.must(cr.risk(0, RISK._replace(jump_factor=factor)), e.Risk)

    def moves(index_micro: int) -> e.Event:
        market.feed += 1
        (found,) = market.send(c.marks(0, index_micro, market.feed, []))
        return found

    top = INDEX * MICRO * factor
    assert refusal(moves(top + 1)) == ("mark_jump", -1)
    assert isinstance(moves(top), e.Marked)
    assert refusal(moves(INDEX * MICRO - 1)) == ("mark_jump", -1)
    assert isinstance(moves(INDEX * MICRO), e.Marked)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (c.Mark(CALL_55, 0, 1, 0, 10 * INDEX * MICRO), None),
        (c.Mark(CALL_55, 0, 1, 0, 10 * INDEX * MICRO + 1), ("mark_jump", 0)),
        (c.Mark(CALL_55, 0, 1, 0, INDEX * MICRO // 10), None),
        (c.Mark(CALL_55, 0, 1, 0, INDEX * MICRO // 10 - 1), ("mark_jump", 0)),
        (c.Mark(CALL_55, 0, INDEX * MICRO, 0, INDEX * MICRO), None),
        (c.Mark(CALL_55, 0, INDEX * MICRO + 1, 0, INDEX * MICRO), ("bad_value", 0)),
        (c.Mark(PUT_40, 0, 40_000 * MICRO, 0, INDEX * MICRO), None),
        (c.Mark(PUT_40, 0, 40_000 * MICRO + 1, 0, INDEX * MICRO), ("bad_value", 0)),
        (c.Mark(PERPETUAL, 0, 10 * INDEX * MICRO, 0, INDEX * MICRO), None),
        (c.Mark(PERPETUAL, 0, 10 * INDEX * MICRO + 1, 0, INDEX * MICRO), ("bad_value", 0)),
        (c.Mark(PERPETUAL, 0, INDEX * MICRO // 10 - 1, 0, INDEX * MICRO), ("bad_value", 0)),
    ],
)
def test_marks_beyond_reason(
    market: MarginMarket, unit: c.Mark, expected: tuple[str, int] | None
) -> None:
    market.feed += 1
    (found,) = market.send(c.marks(0, INDEX * MICRO, market.feed, [unit]))
    assert isinstance(found, e.Marked) if expected is None else refusal(found) == expected
