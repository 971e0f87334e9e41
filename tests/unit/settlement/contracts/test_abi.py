"""Encodings agree with eth-abi, and what is no encoding is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from eth_abi.abi import encode as others_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.contracts import abi

TYPES = (
    "uint256",
    "int128",
    "bool",
    "bytes32",
    "bytes",
    "string",
    "uint8[]",
    "bytes[2]",
    "(uint64,bytes)",
    "(int256,(bytes32[],bool))[]",
)


def value_of(kind: abi.Type) -> st.SearchStrategy[Any]:
    if kind.name == "[]":
        length = kind.length
        most = 3 if length is None else length
        return st.lists(value_of(kind.parts[0]), min_size=length or 0, max_size=most)
    if kind.name == "()":
        return st.tuples(*(value_of(part) for part in kind.parts))
    if kind.name == "bool":
        return st.booleans()
    if kind.name == "string":
        return st.text(max_size=40)
    if kind.name == "bytes":
        size = {"min_size": kind.bits, "max_size": kind.bits} if kind.bits else {"max_size": 70}
        return st.binary(**size)
    low = -(1 << kind.bits - 1) if kind.name == "int" else 0
    return st.integers(low, (1 << kind.bits - (kind.name == "int")) - 1)


def plain(value: Any) -> Any:
    return tuple(plain(each) for each in value) if isinstance(value, (list, tuple)) else value


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_encoded_is_what_others_encode_and_comes_back(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))
    values = [data.draw(value_of(abi.parse(each))) for each in types]
    encoded = abi.encode(types, values)
    assert encoded == others_encode(types, values)
    assert plain(abi.decode(types, encoded)) == plain(values)


def test_a_call_begins_with_its_selector() -> None:
    data = abi.encode_call("transfer(address,uint256)", (b"\x01" * 20, 5))
    assert data.hex() == "a9059cbb" + "00" * 12 + "01" * 20 + "00" * 31 + "05"


@pytest.mark.parametrize(
    ("types", "values"),
    [(["uint8"], [256]), (["int8"], [-129]), (["bytes4"], [b"123"]), (["address"], [b"1"]), (["bool"], [2]),
     (["uint8[2]"], [[1]]), (["uint8"], [])],
)  # fmt: skip
def test_values_that_are_not_of_their_type_are_refused(types: list[str], values: list[Any]) -> None:
    with pytest.raises(abi.AbiError):
        abi.encode(types, values)


@pytest.mark.parametrize("text", ["uint7", "float", "bytes33", "uint0", "address2"])
def test_names_of_no_type_are_refused(text: str) -> None:
    with pytest.raises(abi.AbiError):
        abi.parse(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(abi.AbiError):
        abi.decode(["bytes", "uint8[]", "(uint64,bytes)[]"], raw)
