"""Packed commands of rules version 2."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from tests.unit.domain.test_commands import u32, words


@given(st.lists(st.tuples(u32, st.lists(st.integers(-(1 << 62), (1 << 62) - 1), max_size=48)), max_size=5))
def test_a_table_stream_is_read_back(tables: list[tuple[int, list[int]]]) -> None:
    stream = cr.table_stream(tables)
    at = 0
    for instrument, differences in tables:
        assert int.from_bytes(stream[at : at + 4], "little") == instrument
        at += 4
        for difference in differences:
            found = shift = 0
            while stream[at] & 0x80:
                found |= (stream[at] & 0x7F) << shift
                shift += 7
                at += 1
            found |= stream[at] << shift
            at += 1
            assert shift <= 7 * (limits.MAX_STREAM_WORD_BYTES - 1)
            assert (found >> 1) ^ -(found & 1) == difference
    assert at == len(stream)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33])
def test_a_snapshot_says_how_long_its_stream_is(length: int) -> None:
    data = cr.risk_snapshot(3, 5, 6, [c.Mark(7, 0, 1, 0, 1)], 2, bytes([9] * length))
    assert words(data)[4:8] == (5, 6, 1, 2 | length << 32)
    assert data[96 : 96 + length] == bytes([9] * length)
    assert not any(data[96 + length :])
    assert len(data) == 32 * int.from_bytes(data[2:4], "little") == 96 + -(-length // 32) * 32


def test_a_schedule_has_a_unit_a_tier() -> None:
    tiers = [cr.FeeTier(-n, n, -2 * n, 2 * n) for n in range(1, 9)]
    data = cr.set_fees(tiers, 250)
    assert words(data)[4:8] == (250, 0, 0, 0)
    assert [cr.FeeTier(*words(data)[at : at + 4]) for at in range(8, 40, 4)] == tiers
    assert c.split(data) == [data]


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1])
def test_integers_that_do_not_fit_are_refused(value: int) -> None:
    builders: tuple[Callable[[], bytes], ...] = (
        lambda: cr.transfer(64, 65, value, 1),
        lambda: cr.takeover(64, 65, 1, value),
        lambda: cr.set_fees([cr.FeeTier(0, 0, 0, value)]),
    )
    for build in builders:
        with pytest.raises(struct.error):
            build()
