"""Withdrawals on the L1: paid once, to the owner, when a batch in a block holds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement import codec
from settlement import operations as op
from settlement.batch import Header, ShardRange
from settlement.hashing import keccak
from settlement.l1 import contracts
from settlement.l1.mock import MockL1
from settlement.l1.port import L1Rejected, L1Unavailable, Payout
from tests.unit.settlement.rig import Clock

OWNER = b"\x11" * 20


class Chain:
    """A chain to which anything may be posted."""

    def __init__(self, path: Path) -> None:
        self.path = path / "l1.sqlite"
        self.clock = Clock(1_000)
        self.l1 = self.open()
        self.head = contracts.GENESIS_HEAD

    def open(self) -> MockL1:
        return MockL1(self.path, self.clock, block_ms=1)

    def block(self) -> None:
        self.clock.advance(1)
        self.l1.tick()

    def post(self, *operations: op.Operation, body: bytes | None = None) -> None:
        body = codec.encode(operations) if body is None else body
        last = self.head.last_seqs[0][1] if self.head.last_seqs else 0
        header = Header(
            self.head.batch_id + 1, 0, self.head.root, bytes(32), keccak(body), len(body), len(operations), 0,
            (ShardRange(0, last + 1, last + 1, bytes(32)),),
        )  # fmt: skip
        self.l1.post_batch(header.pack(), body)
        _, self.head = contracts.check_post(self.head, header.pack(), body)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    made.l1.faucet(64, 1_000, OWNER)
    made.post(op.AccountSet(64, 0, OWNER), op.AccountSet(65, 0, bytes(20)))
    made.block()
    yield made
    made.l1.close()


def refusal(chain: Chain, withdrawal_id: int) -> str:
    with pytest.raises(L1Rejected) as refused:
        chain.l1.pay(withdrawal_id)
    return refused.value.code


def test_a_withdrawal_is_paid_once_its_batch_is_in_a_block(chain: Chain) -> None:
    assert refusal(chain, 7) == "not_posted"
    chain.post(op.WithdrawalHeld(64, 600, 7))
    assert refusal(chain, 7) == "not_posted"  # posted, and in no block yet
    chain.block()
    assert chain.l1.payout_of(7) is None
    chain.l1.pay(7)
    assert chain.l1.payout_of(7) == Payout(7, 64, OWNER, 600, None)
    assert refusal(chain, 7) == "paid"
    chain.block()
    found = chain.l1.payout_of(7)
    assert found is not None
    assert found == Payout(7, 64, OWNER, 600, found.block)
    assert refusal(chain, 7) == "paid"
    chain.post(op.WithdrawalResolved(7, 0))
    chain.block()
    assert refusal(chain, 7) == "paid"


def test_an_account_without_an_address_is_never_paid(chain: Chain) -> None:
    chain.post(op.WithdrawalHeld(65, 5, 1))
    chain.block()
    assert refusal(chain, 1) == "no_owner"


def test_the_bridge_pays_no_more_than_it_holds(chain: Chain) -> None:
    chain.post(op.WithdrawalHeld(64, 700, 1), op.WithdrawalHeld(64, 301, 2))
    chain.block()
    chain.l1.pay(1)
    chain.l1.pay(2)  # judged again in the block, behind the first
    chain.block()
    assert chain.l1.payout_of(2) is None
    assert refusal(chain, 2) == "bridge_short"
    chain.l1.faucet(64, 1)
    chain.block()
    chain.l1.pay(2)
    chain.block()
    assert chain.l1.payout_of(2) is not None


def test_one_that_was_given_back_is_not_paid(chain: Chain) -> None:
    chain.post(op.WithdrawalHeld(64, 5, 1), op.WithdrawalResolved(1, 1), op.WithdrawalHeld(64, 6, 2))
    chain.block()
    assert refusal(chain, 1) == "not_posted"
    chain.l1.set_switch("hold", 1)
    chain.l1.pay(2)
    chain.post(op.WithdrawalResolved(2, 1))
    chain.l1.set_switch("hold", 0)
    chain.block()
    assert chain.l1.payout_of(2) is not None  # it was first


def test_a_reply_that_is_lost_is_found_again(chain: Chain) -> None:
    chain.post(op.WithdrawalHeld(64, 5, 1))
    chain.block()
    chain.l1.set_switch("lose_replies", 1)
    with pytest.raises(L1Unavailable):
        chain.l1.pay(1)
    chain.l1.set_switch("lose_replies", 0)
    assert chain.l1.payout_of(1) is not None


def test_bodies_that_are_none_teach_the_bridge_nothing(chain: Chain) -> None:
    chain.post(body=b"\xff\xff")
    wrong = [(64, 1 << 66, 1), (64, 0, 2), (64, 1, 1 << 64), (-3, 1, 9)]
    chain.post(*(op.WithdrawalHeld(*fields) for fields in wrong), op.AccountSet(1 << 64, 0, OWNER))
    chain.block()
    for ident in (1, 2, 9):
        assert refusal(chain, ident) == "not_posted"
    for ident in (0, -1, 1 << 64):
        assert refusal(chain, ident) == "malformed"
    with pytest.raises(L1Rejected, match="malformed"):
        contracts.unpack_pay(b"short")


def test_a_chain_of_format_1_learns_its_owners_from_its_blocks(chain: Chain) -> None:
    chain.l1.close()
    with sqlite3.connect(chain.path) as db:
        for table in ("owner", "claim", "payout"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version=1")
    db.close()
    chain.l1 = chain.open()
    chain.post(op.WithdrawalHeld(64, 5, 1))
    chain.block()
    chain.l1.pay(1)
    chain.block()
    assert chain.l1.payout_of(1) is not None
