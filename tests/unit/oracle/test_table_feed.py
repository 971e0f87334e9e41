"""Differences, rhythm, and what is believed of the core's tables after every answer it can give."""

from collections.abc import Sequence

import numpy as np
import pytest

from exchange.domain import records as r
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.scenario_tables import Grid
from exchange.oracle.table_feed import SnapshotRules, TableFeed
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
PERPETUAL = 3


def option(number: int, strike: float, expiry_ms: int = NOW_MS + 20 * DAY_MS) -> MarkedInstrument:
    return MarkedInstrument(number, r.KIND_OPTION, int(strike * 1e6), expiry_ms, True, 1_000_000, 10_000)


LISTED = [
    MarkedInstrument(PERPETUAL, r.KIND_PERPETUAL, lot_e8=100_000, position_limit_lots=10_000),
    option(7, 90_000.0), option(5, 100_000.0), option(6, 110_000.0),
]  # fmt: skip


class FakeCore:
    """Reads commands with plain Python and keeps tables as docs/rules-2.md says."""

    def __init__(self) -> None:
        self.tables: dict[int, list[int]] = {}

    def take(self, command: bytes) -> list[int]:
        """Apply a RISK_SNAPSHOT; the instruments whose table it carried."""
        assert command[0] == r.RISK_SNAPSHOT
        units = int.from_bytes(command[2:4], "little")
        assert len(command) == 32 * units
        count, tables = (int.from_bytes(command[at : at + 8], "little") for at in (48, 56))
        stream = command[64 + 32 * count :][: tables >> 32]
        assert units == 2 + count + -(-len(stream) // 32)
        at, carried = 0, []
        for _ in range(tables & 0xFFFFFFFF):
            number = int.from_bytes(stream[at : at + 4], "little")
            at += 4
            row = self.tables.setdefault(number, [0] * 35)
            for scenario in range(35):
                value = shift = 0
                while stream[at] & 0x80:
                    value |= (stream[at] & 0x7F) << shift
                    at, shift = at + 1, shift + 7
                value |= stream[at] << shift
                at += 1
                row[scenario] += value >> 1 if value & 1 == 0 else -(value >> 1) - 1
            carried.append(number)
        assert at == len(stream)
        assert carried == sorted(set(carried))
        return carried


def make(listed: Sequence[MarkedInstrument] = LISTED) -> tuple[UnderlyingMarks, TableFeed]:
    feed = TableFeed(Grid(), SnapshotRules(move=0.01, interval_ms=1_000))
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.0), PerpetualPremium(1, NOW_MS, 0.0), tables=feed
    )
    marks.set_instruments(listed)
    return marks, feed


def truth(index: float, now_ms: int, listed: Sequence[MarkedInstrument] = LISTED) -> dict[int, list[int]]:
    """Full tables of a feed that has just begun."""
    marks, feed = make(listed)
    feed.load({})
    core = FakeCore()
    core.take(marks.mark(index, now_ms))
    return core.tables


def test_nothing_is_sent_before_it_is_known_what_the_core_holds() -> None:
    marks, feed = make()
    assert feed.must_load
    assert marks.mark(98_000.0, NOW_MS)[0] == r.MARKS
    feed.load({})
    assert marks.mark(98_000.0, NOW_MS)[0] == r.RISK_SNAPSHOT


def test_differences_add_up_to_the_tables_of_the_moment() -> None:
    marks, feed = make()
    feed.load({})
    core = FakeCore()
    assert core.take(marks.mark(98_000.0, NOW_MS)) == [3, 5, 6, 7]
    feed.confirm()
    first = feed.sent_bytes
    core.take(marks.mark(98_010.0, NOW_MS + 1_000))
    feed.confirm()
    assert core.tables == truth(98_010.0, NOW_MS + 1_000)
    assert feed.sent_bytes - first < 0.75 * first  # a small move is small numbers
    assert feed.sent_count == 2


def test_a_second_or_a_move_brings_tables_and_plain_marks_go_between() -> None:
    marks, feed = make()
    feed.load({})
    moves = [(0, 0), (500, 400), (990, 500), (980, 600), (981, 1_500), (982, 300)]
    kinds = []
    for above, after_ms in moves:
        kinds.append(marks.mark(98_000.0 + above, NOW_MS + after_ms)[0])
        feed.confirm()
    marked, tabled = r.MARKS, r.RISK_SNAPSHOT
    # 1 % from 98,000 is passed at 98,990; a second after it; a clock that stepped back puts nothing off.
    assert kinds == [tabled, marked, tabled, marked, tabled, tabled]


def test_one_block_at_a_time_and_one_that_never_left_is_sent_again() -> None:
    marks, feed = make()
    feed.load({})
    core = FakeCore()
    marks.mark(98_000.0, NOW_MS)
    assert marks.mark(99_900.0, NOW_MS + 2_000)[0] == r.MARKS  # the first is under way
    feed.withdraw()
    core.take(marks.mark(99_900.0, NOW_MS + 2_100))
    assert core.tables == truth(99_900.0, NOW_MS + 2_100)


def test_after_a_refusal_the_core_is_asked_what_it_holds() -> None:
    marks, feed = make()
    feed.load({})
    core = FakeCore()
    core.take(marks.mark(98_000.0, NOW_MS))
    feed.confirm()
    marks.mark(99_900.0, NOW_MS + 1_000)  # refused
    feed.forget()
    feed.confirm()  # an answer that comes late changes nothing
    assert feed.must_load
    assert marks.mark(99_950.0, NOW_MS + 3_000)[0] == r.MARKS
    feed.load(core.tables)
    core.take(marks.mark(99_950.0, NOW_MS + 3_100))
    assert core.tables == truth(99_950.0, NOW_MS + 3_100)


def test_new_listings_begin_with_a_full_table_and_what_ended_is_forgotten() -> None:
    marks, feed = make()
    feed.load({})
    core = FakeCore()
    core.take(marks.mark(98_000.0, NOW_MS))
    listed = [LISTED[0], LISTED[2], option(9, 120_000.0)]
    marks.set_instruments(listed)  # while the block is under way
    del core.tables[6], core.tables[7]  # as the core does on delivery
    feed.confirm()
    core.take(marks.mark(98_100.0, NOW_MS + 1_000))
    assert core.tables == truth(98_100.0, NOW_MS + 1_000, listed)


def test_expired_options_are_left_out() -> None:
    marks, feed = make([*LISTED, option(1, 95_000.0, NOW_MS + 1_000)])
    feed.load({})
    core = FakeCore()
    assert core.take(marks.mark(98_000.0, NOW_MS)) == [1, 3, 5, 6, 7]
    feed.confirm()
    assert 1 not in core.take(marks.mark(98_100.0, NOW_MS + 1_500))


def test_tables_that_have_not_changed_are_left_out() -> None:
    marks, feed = make([LISTED[0]])
    feed.load({})
    marks.mark(98_000.0, NOW_MS)
    feed.confirm()
    assert marks.mark(98_000.0, NOW_MS + 1_000)[0] == r.MARKS
    assert marks.mark(98_001.0, NOW_MS + 2_000)[0] == r.RISK_SNAPSHOT


def test_a_price_without_scenarios_leaves_the_marks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    marks, feed = make()
    feed.load({})
    monkeypatch.setattr("exchange.oracle.scenario_tables.scenario_values", _nan)
    assert marks.mark(98_000.0, NOW_MS)[0] == r.MARKS
    assert marks.tables_refused_count == 1


def _nan(*arguments: object) -> object:
    return np.full((36, 3), np.nan)


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="positive move"):
        SnapshotRules(move=0.0)
