"""Decimal text is what Python's own formatting says, and parses to the same float."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from exchange.edge import text


@given(st.one_of(st.integers(0, 10**16 - 1), *(st.integers(0, 10**n) for n in range(1, 16))), st.booleans())
def test_integers(value: int, is_negative: bool) -> None:
    value = -value if is_negative else value
    out = BytesWriter()
    text.write_int(out, value)
    assert out.getvalue() == b"%d" % value


@given(st.integers(0, (1 << 63) - 1))
def test_integers_of_any_length(value: int) -> None:
    out = BytesWriter()
    text.write_wide(out, value)
    assert out.getvalue() == b"%d" % value


@given(st.integers(1 - text.EXACT, text.EXACT - 1), st.sampled_from([6, 8]))
def test_decimals_are_the_shortest_text_of_their_float(value: int, places: int) -> None:
    out = BytesWriter()
    (text.write_millionths if places == 6 else text.write_e8)(out, value)
    written = out.getvalue().decode()
    assert float(written) == value / 10**places
    assert "e" not in written
    shortest = repr(value / 10**places)
    if "e" not in shortest:
        assert written == shortest.removeprefix("-" if value == 0 else "")
