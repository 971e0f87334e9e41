"""Contracts on a machine: calls, events and refusals as they come back; what a transaction costs at least."""

from __future__ import annotations

import pytest

from settlement.contracts import abi
from settlement.contracts.compiler import compiled
from settlement.contracts.evm import Contract, Reverted, deploy, floor_gas, reverted, type_of
from settlement.contracts.revm import GENESIS_S, Revm

WHO, OTHER = b"\x01" * 20, b"\x02" * 20


def token() -> tuple[Revm, Contract]:
    evm = Revm()
    return evm, deploy(evm, WHO, compiled("Token"))


def test_the_floor_counts_zero_bytes_once_and_others_four_times() -> None:
    assert floor_gas(b"") == 21_000
    assert floor_gas(b"\0\0\x01") == 21_000 + 10 * (2 + 4)


def test_a_refusal_has_its_code_and_any_bytes_are_survived() -> None:
    told = abi.selector("Error(string)") + abi.encode(["string"], ["BATCH"])
    assert reverted(told).code == "BATCH"
    for raw in (b"", told[:10], b"\x01" * 40, told[:4] + b"\xff" * 96):
        assert reverted(raw).code == ""
        assert reverted(raw).data == raw


def test_types_of_tuples_are_their_parts() -> None:
    pair = {"type": "tuple[]", "components": [{"type": "uint256"}, {"type": "bytes"}]}
    assert type_of(pair) == "(uint256,bytes)[]"


def test_a_call_changes_nothing_and_a_transaction_does() -> None:
    evm, found = token()
    data = found.data("mint", WHO, 5)
    evm.call(found.address, data, sender=WHO)
    assert found.call("balanceOf", WHO) == 0
    assert evm.transact(WHO, found.address, data).gas_used >= floor_gas(data)
    assert found.call("balanceOf", WHO) == 5
    with pytest.raises(KeyError):
        found.data("no such function")


def test_one_goes_back_to_a_snapshot() -> None:
    evm, found = token()
    point = evm.snapshot()
    found.transact(WHO, "mint", WHO, 5)
    evm.revert(point)
    assert found.call("balanceOf", WHO) == 0


def test_time_passes_as_told() -> None:
    evm = Revm()
    assert evm.now() == GENESIS_S
    evm.advance(7)
    assert evm.now() == GENESIS_S + 7


def test_a_sender_needs_no_ether_and_no_contract_of_ours_takes_any() -> None:
    _, found = token()
    with pytest.raises(Reverted):
        found.transact(OTHER, "mint", WHO, 5, value=1)
    found.transact(OTHER, "mint", WHO, 5)
    assert found.call("balanceOf", WHO) == 5
