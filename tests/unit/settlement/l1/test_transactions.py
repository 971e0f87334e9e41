"""Transactions agree with eth-account's, byte for byte, and strange bytes are refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.l1 import transactions as tx
from settlement.l1.keys import Key

KEY = Key(bytes(31) + b"\x07")
addresses = st.binary(min_size=20, max_size=20)
words = st.binary(min_size=32, max_size=32)


@st.composite
def drawn(draw: st.DrawFn) -> tx.Transaction:
    kind = draw(st.sampled_from((tx.LEGACY, tx.DYNAMIC_FEE, tx.BLOB)))
    fee = draw(st.integers(0, 1 << 90))
    slots = st.lists(words, max_size=2).map(tuple)
    return tx.Transaction(
        kind=kind, chain_id=draw(st.integers(1, 1 << 40)), nonce=draw(st.integers(0, 1 << 60)),
        gas=draw(st.integers(0, 1 << 40)), to=draw(addresses), value_wei=draw(st.integers(0, 1 << 200)),
        data=draw(st.binary(max_size=100)), max_fee=fee, priority_fee=fee if kind == tx.LEGACY else fee // 2,
        access_list=() if kind == tx.LEGACY else tuple(
            draw(st.lists(st.tuples(addresses, slots), max_size=2))
        ),
        max_blob_fee=draw(st.integers(1, 1 << 70)) if kind == tx.BLOB else 0,
        blob_hashes=tuple(
            b"\1" + h[1:] for h in draw(st.lists(words, min_size=1, max_size=3))
        ) if kind == tx.BLOB else (),
    )  # fmt: skip


def as_dict(transaction: tx.Transaction) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "nonce": transaction.nonce, "gas": transaction.gas, "value": transaction.value_wei,
        "data": transaction.data, "chainId": transaction.chain_id, "to": transaction.to,
    }  # fmt: skip
    if transaction.kind == tx.LEGACY:
        return shown | {"gasPrice": transaction.max_fee}
    return shown | {
        "type": transaction.kind, "maxFeePerGas": transaction.max_fee,
        "maxPriorityFeePerGas": transaction.priority_fee,
        "accessList": [
            {"address": "0x" + address.hex(), "storageKeys": ["0x" + slot.hex() for slot in slots]}
            for address, slots in transaction.access_list
        ],
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(drawn())
def test_what_is_signed_comes_back(transaction: tx.Transaction) -> None:
    signed = transaction.signed(KEY)
    assert tx.decode(signed.encoded()) == (signed, None)
    assert signed.sender() == KEY.address


@settings(max_examples=15, deadline=None)
@given(drawn().filter(lambda transaction: transaction.kind != tx.BLOB))
def test_another_library_signs_the_same_bytes(transaction: tx.Transaction) -> None:
    theirs = Account.sign_transaction(as_dict(transaction), bytes(31) + b"\x07")
    ours = transaction.signed(KEY)
    assert ours.encoded() == bytes(theirs.raw_transaction)
    assert ours.hash() == bytes(theirs.hash)


def blob_transaction() -> tx.Transaction:
    return tx.Transaction(
        tx.BLOB, 1, 2, 30_000, bytes(20), 0, b"", 10, 1, (), 5, (b"\1" + bytes(31),)
    ).signed(KEY)  # fmt: skip


@pytest.mark.parametrize("proofs", [1, 128])
def test_a_sidecar_travels_along_and_is_not_hashed(proofs: int) -> None:
    sidecar = tx.Sidecar((b"\3" * tx.BLOB_BYTES,), (b"\4" * 48,), (b"\5" * 48,) * proofs)
    transaction = blob_transaction()
    assert tx.decode(transaction.wrapped(sidecar)) == (transaction, sidecar)
    assert sidecar.has_cell_proofs == (proofs == 128)


@pytest.mark.parametrize("proofs", [0, 2, 127])
def test_a_sidecar_with_the_wrong_number_of_proofs_is_none(proofs: int) -> None:
    sidecar = tx.Sidecar((b"\3" * tx.BLOB_BYTES,), (b"\4" * 48,), (b"\5" * 48,) * proofs)
    with pytest.raises(tx.TransactionError):
        tx.decode(blob_transaction().wrapped(sidecar))


def test_changed_bytes_are_another_senders_or_no_transaction() -> None:
    raw = blob_transaction().encoded()
    generator = random.Random(3)
    for _ in range(1_000):
        changed = bytearray(raw)
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
        try:
            found, _ = tx.decode(bytes(changed))
            assert found.sender() != KEY.address
            assert found.encoded() == bytes(changed)
        except tx.TransactionError:
            pass


@pytest.mark.parametrize("raw", [b"", b"\1\xc0", b"\2", b"\3\xc0", b"\xc0", b"\x80", bytes(100), b"\xf8"])
def test_what_is_none_says_so(raw: bytes) -> None:
    with pytest.raises(tx.TransactionError):
        tx.decode(raw)


def test_calldata_is_priced_by_its_bytes() -> None:
    assert tx.floor_gas(b"\0\1\2") == 21_000 + 10 * 9
    plain = blob_transaction()
    assert tx.intrinsic_gas(plain) == 21_000
