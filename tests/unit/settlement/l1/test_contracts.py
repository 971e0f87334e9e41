"""What the inbox and the bridge accept."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.batch import Header, ShardRange
from settlement.commitment import GENESIS_ROOT
from settlement.hashing import keccak
from settlement.l1 import contracts
from settlement.l1.port import InboxHead, L1Rejected

BODY = b"a body"


def header(batch_id: int = 1, first_seq: int = 1, last_seq: int = 9, **changes: Any) -> Header:
    made = Header(
        batch_id, 5, GENESIS_ROOT, b"\x02" * 32, keccak(BODY), len(BODY), 1, 0,
        (ShardRange(0, first_seq, last_seq, bytes(32)),),
    )  # fmt: skip
    return made._replace(**changes)


def test_a_post_that_follows_moves_the_head() -> None:
    _, head = contracts.check_post(contracts.GENESIS_HEAD, header().pack(), BODY)
    assert head == InboxHead(1, b"\x02" * 32, ((0, 9),))
    second = header(2, 10, 12, previous_root=b"\x02" * 32)
    assert contracts.check_post(head, second.pack(), BODY)[1].last_seqs == ((0, 12),)


SHARD_1 = 1 << 56
WRONG = [
    (header(2), "wrong_batch_id"),
    (header(0), "wrong_batch_id"),
    (header(previous_root=bytes(32)), "wrong_previous_root"),
    (header(batch_hash=bytes(32)), "wrong_batch_hash"),
    (header(body_bytes=5), "malformed"),
    (header(first_seq=2), "wrong_sequence"),
    (header(last_seq=0), "wrong_sequence"),
    (header(ranges=()), "wrong_sequence"),
    (header(ranges=(ShardRange(0, 1, SHARD_1 + 4, bytes(32)),)), "wrong_sequence"),
    (header(ranges=(ShardRange(1, 1, 4, bytes(32)),)), "wrong_sequence"),
]


@pytest.mark.parametrize(("wrong", "code"), WRONG)
def test_a_post_that_does_not_follow_is_refused(wrong: Header, code: str) -> None:
    with pytest.raises(L1Rejected) as refused:
        contracts.check_post(contracts.GENESIS_HEAD, wrong.pack(), BODY)
    assert refused.value.code == code


def test_the_same_post_twice_is_a_duplicate() -> None:
    _, head = contracts.check_post(contracts.GENESIS_HEAD, header().pack(), BODY)
    with pytest.raises(L1Rejected, match="duplicate"):
        contracts.check_post(head, header().pack(), BODY)


def test_shards_advance_each_for_itself() -> None:
    both = (ShardRange(0, 1, 4, bytes(32)), ShardRange(1, SHARD_1 | 1, SHARD_1 | 2, bytes(32)))
    _, head = contracts.check_post(contracts.GENESIS_HEAD, header(ranges=both).pack(), BODY)
    assert head.last_seqs == ((0, 4), (1, SHARD_1 | 2))


def test_calldata_reads_back_or_is_malformed() -> None:
    assert contracts.unpack_post(contracts.pack_post(b"head", b"body")) == (b"head", b"body")
    assert contracts.unpack_faucet(contracts.pack_faucet(64, 5, bytes(20))) == (64, 5, bytes(20))
    for calldata in (b"", b"\0\0\0\x09abc"):
        with pytest.raises(L1Rejected, match="malformed"):
            contracts.unpack_post(calldata)
    with pytest.raises(L1Rejected, match="malformed"):
        contracts.unpack_faucet(b"short")


def test_the_insurance_fund_may_be_funded() -> None:
    assert contracts.unpack_faucet(contracts.pack_faucet(2, 7, bytes(20))) == (2, 7, bytes(20))


@pytest.mark.parametrize(
    ("account", "amount", "owner", "code"),
    [
        (63, 1, bytes(20), "bad_account"),
        (1, 1, bytes(20), "bad_account"),
        (3, 1, bytes(20), "bad_account"),
        ((1 << 20) + 1, 1, bytes(20), "bad_account"),
        (64, 1, bytes(19), "bad_account"),
        (64, 0, bytes(20), "bad_amount"),
        (64, (1 << 56) + 1, bytes(20), "bad_amount"),
    ],
)
def test_a_deposit_the_core_could_not_credit_is_refused(
    account: int, amount: int, owner: bytes, code: str
) -> None:
    with pytest.raises(L1Rejected) as refused:
        contracts.pack_faucet(account, amount, owner)
    assert refused.value.code == code


def test_the_bridge_is_full_at_its_limit() -> None:
    contracts.check_total((1 << 58) - 1, 1)
    with pytest.raises(L1Rejected, match="bad_amount"):
        contracts.check_total(1 << 58, 1)
