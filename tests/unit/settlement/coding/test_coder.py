"""The range coder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.coding.coder import TOTAL, Taker, put, uniform
from settlement.coding.limits import DecodeError

ROW = (0, 1, 60_000, 60_001, TOTAL)


def edges(symbol: int) -> tuple[int, int]:
    return ROW[symbol], ROW[symbol + 1] - ROW[symbol]


class TestCoder:
    @given(st.lists(st.integers(0, 3), max_size=80), st.integers(0, TOTAL - 1))
    def test_symbols_come_back_in_order_and_then_the_remainder(self, symbols: list[int], rest: int) -> None:
        taker = Taker(put([edges(symbol) for symbol in symbols], rest))
        assert [taker.table(ROW) for _ in symbols] == symbols
        assert taker.remainder(TOTAL) == rest
        taker.finish()

    @given(st.lists(st.integers(1, TOTAL).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n)))))
    def test_indexes_of_any_count_come_back(self, pairs: list[tuple[int, int]]) -> None:
        taker = Taker(put([uniform(index, count) for index, count in pairs]))
        assert [taker.uniform(count) for _, count in pairs] == [index for index, _ in pairs]
        taker.finish()

    @given(st.binary(max_size=60))
    def test_bytes_that_end_well_are_what_is_written_for_their_symbols(self, data: bytes) -> None:
        symbols: list[int] = []
        try:
            taker = Taker(data)
            symbols = [taker.table(ROW) for _ in range(20)]
            rest = taker.remainder(TOTAL)
            taker.finish()
        except DecodeError:
            return
        assert put([edges(symbol) for symbol in symbols], rest) == data

    def test_a_padded_first_state_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="shortest"):
            Taker(b"\0\1\2")

    def test_bytes_left_over_are_refused(self) -> None:
        taker = Taker(put([edges(1)] * 4) + b"\1\2")
        with pytest.raises(DecodeError, match="does not end"):
            taker.finish()
