"""Scenario table streams packed from arrays are those of the domain, byte for byte."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.commands_risk import table_stream
from exchange.oracle.tables_codec import DIFFERENCE_MAX, pack_tables

NUMBERS = st.one_of(
    st.integers(-200, 200),
    st.integers(-(1 << 20), 1 << 20),
    st.integers(-DIFFERENCE_MAX, DIFFERENCE_MAX),
)


@given(st.data())
def test_the_stream_is_the_domains_own(data: st.DataObject) -> None:
    scenarios = data.draw(st.integers(1, 6))
    ids = sorted(data.draw(st.sets(st.integers(0, (1 << 32) - 1), max_size=6)))
    rows = [data.draw(st.lists(NUMBERS, min_size=scenarios, max_size=scenarios)) for _ in ids]
    differences = np.array(rows, dtype=np.int64).reshape(len(ids), scenarios)
    packed = pack_tables(np.array(ids, dtype=np.int64), differences)
    assert packed == table_stream(zip(ids, rows, strict=True))


def test_ids_that_do_not_ascend_and_what_does_not_fit_are_refused() -> None:
    two = np.array([5, 5], dtype=np.int64)
    with pytest.raises(ValueError, match="ascending"):
        pack_tables(two, np.zeros((2, 1), dtype=np.int64))
    with pytest.raises(ValueError, match="does not fit"):
        pack_tables(two[:1], np.array([[DIFFERENCE_MAX + 1]]))
