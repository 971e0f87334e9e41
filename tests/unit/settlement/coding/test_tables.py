"""The tables' canonical bytes."""

from __future__ import annotations

import random

import pytest

from settlement.coding.limits import DecodeError
from settlement.coding.tables import Tables, parse
from tests.unit.settlement.coding.worlds import batches, cut, steps


@pytest.fixture(scope="module")
def tables() -> Tables:
    return batches(cut(steps(400, 4), 200))[-1].setting.tables


class TestBytes:
    def test_they_come_back(self, tables: Tables) -> None:
        assert parse(tables.data) == tables

    def test_changed_bytes_are_refused_or_are_other_tables_own(self, tables: Tables) -> None:
        rng = random.Random(6)
        for _ in range(300):
            data = bytearray(tables.data)
            data[rng.randrange(rng.choice((30, len(data))))] = rng.randrange(256)
            try:
                found = parse(bytes(data))
            except DecodeError:
                continue
            assert found.data == data

    @pytest.mark.parametrize("length", [0, 1, 20, 21, 100, -1])
    def test_cut_bytes_are_refused(self, tables: Tables, length: int) -> None:
        with pytest.raises(DecodeError):
            parse(tables.data[:length])

    def test_every_row_leaves_its_last_symbol_a_slot(self, tables: Tables) -> None:
        assert all(row[-2] < row[-1] == 1 << 16 for row in tables.rows)
