"""Recursive length prefix agrees with the rlp package and refuses every other spelling."""

from __future__ import annotations

import pytest
import rlp as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.l1 import rlp

items = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=20)


@settings(max_examples=100, deadline=None)
@given(items)
def test_agrees_with_another_library(item: rlp.Item) -> None:
    encoded = rlp.encode(item)
    assert encoded == theirs.encode(item)
    assert rlp.decode(encoded) == item


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_have_one_reading_or_none(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except rlp.RlpError:
        return
    assert rlp.encode(item) == data


def test_numbers_are_shortest() -> None:
    assert rlp.encode([0, 127, 128, 65_536]) == bytes.fromhex("c8807f818083010000")
    with pytest.raises(rlp.RlpError):
        rlp.as_int(b"\0\1")
    with pytest.raises(rlp.RlpError):
        rlp.as_int(b"\1" + bytes(8), 64)


def test_depth_is_bounded() -> None:
    assert rlp.encode(rlp.decode(_nested(rlp.MAX_DEPTH - 1))) == _nested(rlp.MAX_DEPTH - 1)
    with pytest.raises(rlp.RlpError, match="deep"):
        rlp.decode(_nested(rlp.MAX_DEPTH))


def _nested(depth: int) -> bytes:
    data = b"\xc0"
    for _ in range(depth):
        data = bytes([0xC0 + len(data)]) + data
    return data
