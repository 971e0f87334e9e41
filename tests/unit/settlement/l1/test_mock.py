"""The embedded chain: blocks on its own clock, deposits in order, posts once, switches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from settlement.hashing import keccak
from settlement.l1.mock import MockL1, read_blocks, transaction_hash
from settlement.l1.port import L1Rejected, L1Unavailable
from tests.unit.settlement.l1.test_contracts import BODY, header
from tests.unit.settlement.rig import Clock


class Chain:
    def __init__(self, path: Path) -> None:
        self.path = path / "l1.sqlite"
        self.clock = Clock(1_000)
        self.l1 = self.open()

    def open(self) -> MockL1:
        return MockL1(self.path, self.clock, block_ms=100, confirmations=3)

    def blocks(self, count: int) -> int:
        made = 0
        for _ in range(count):
            self.clock.advance(100)
            made += self.l1.tick()
        return made


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path)
    yield made
    made.l1.close()


def test_an_idle_chain_makes_no_blocks(chain: Chain) -> None:
    assert chain.blocks(5) == 0
    assert chain.l1.progress().height == 0


def test_deposits_get_growing_ids_with_their_block(chain: Chain) -> None:
    hashes = [chain.l1.faucet(64 + n, 100 + n, bytes([n]) * 20) for n in range(3)]
    assert chain.l1.deposits(0) == []
    assert chain.l1.deposit_of(hashes[0]) is None
    assert chain.blocks(1) == 1
    found = chain.l1.deposits(0)
    assert [(d.deposit_id, d.account, d.amount_micro, d.block) for d in found] == [
        (1, 64, 100, 1), (2, 65, 101, 1), (3, 66, 102, 1),
    ]  # fmt: skip
    assert found[2].owner == b"\x02" * 20
    assert [d.deposit_id for d in chain.l1.deposits(1, limit=1)] == [2]
    assert chain.l1.deposit_of(hashes[1]) == found[1]
    assert chain.l1.deposits(0, confirmations=3) == []
    chain.blocks(2)
    assert len(chain.l1.deposits(0, confirmations=3)) == 3


def test_blocks_come_on_the_chains_own_clock(chain: Chain) -> None:
    chain.l1.faucet(64, 1)
    assert chain.l1.tick()
    chain.l1.faucet(64, 1)
    chain.clock.advance(99)
    assert not chain.l1.tick()
    chain.clock.advance(1)
    assert chain.l1.tick()
    # Two more blocks confirm the last transaction, then the chain rests.
    assert chain.blocks(9) == 2


def test_a_clock_that_steps_back_makes_no_block_before_its_time(chain: Chain) -> None:
    chain.l1.faucet(64, 1)
    chain.l1.tick()
    chain.l1.faucet(64, 1)
    chain.clock.advance(-50_000)
    assert not chain.l1.tick()
    assert [block.number for block in read_blocks(chain.path)] == [1]


def test_a_post_is_pending_then_in_a_block_then_confirmed(chain: Chain) -> None:
    def ids() -> tuple[int, int, int]:
        told = chain.l1.progress()
        return told.pending.batch_id, told.included.batch_id, told.confirmed.batch_id

    chain.l1.post_batch(header().pack(), BODY)
    seen = [ids()]
    for _ in range(3):
        chain.blocks(1)
        seen.append(ids())
    assert seen == [(1, 0, 0), (1, 1, 0), (1, 1, 0), (1, 1, 1)]
    assert chain.l1.progress().confirmed.last_seqs == ((0, 9),)


def test_posts_follow_each_other_also_while_they_wait(chain: Chain) -> None:
    chain.l1.post_batch(header().pack(), BODY)
    with pytest.raises(L1Rejected, match="duplicate"):
        chain.l1.post_batch(header().pack(), BODY)
    with pytest.raises(L1Rejected, match="wrong_previous_root"):
        chain.l1.post_batch(header(2, 10, 12).pack(), BODY)
    chain.l1.post_batch(header(2, 10, 12, previous_root=b"\x02" * 32).pack(), BODY)
    chain.blocks(1)
    assert chain.l1.progress().included.batch_id == 2
    with pytest.raises(L1Rejected, match="duplicate"):
        chain.l1.post_batch(header().pack(), BODY)


def test_the_chain_is_on_disk_and_shared(chain: Chain) -> None:
    other = chain.open()
    chain.l1.faucet(64, 7)
    chain.clock.advance(100)
    assert other.tick()
    assert not chain.l1.tick()
    assert chain.l1.deposits(0) == other.deposits(0) != []
    other.close()


def test_blocks_are_chained_by_their_hashes(chain: Chain) -> None:
    chain.l1.faucet(64, 7)
    chain.blocks(1)
    chain.l1.post_batch(header().pack(), BODY)
    chain.blocks(2)
    blocks = list(read_blocks(chain.path))
    assert [block.number for block in blocks] == [1, 2, 3]
    assert [block.parent for block in blocks] == [bytes(32), blocks[0].hash, blocks[1].hash]
    (paid,) = blocks[0].transactions
    assert paid.hash == transaction_hash(1, paid.kind, paid.calldata)
    assert blocks[0].tx_root == keccak(paid.hash)
    assert (paid.outcome, blocks[2].transactions) == ("", ())


def test_a_failing_l1_answers_nothing_and_changes_nothing(chain: Chain) -> None:
    chain.l1.set_switch("fail", 1)
    calls = (
        chain.l1.progress,
        lambda: chain.l1.faucet(64, 1),
        lambda: chain.l1.deposits(0),
        lambda: chain.l1.post_batch(header().pack(), BODY),
    )
    for call in calls:
        with pytest.raises(L1Unavailable):
            call()
    chain.l1.set_switch("fail", 0)
    assert chain.l1.progress().pending.batch_id == 0
    assert chain.blocks(1) == 0


def test_a_lost_reply_is_a_post_that_was_taken(chain: Chain) -> None:
    chain.l1.set_switch("lose_replies", 1)
    with pytest.raises(L1Unavailable, match="lost"):
        chain.l1.post_batch(header().pack(), BODY)
    assert chain.l1.progress().pending.batch_id == 1


def test_a_held_chain_makes_no_blocks_and_a_slow_one_later(chain: Chain) -> None:
    chain.l1.faucet(64, 1)
    chain.l1.set_switch("hold", 1)
    assert chain.blocks(3) == 0
    chain.l1.set_switch("hold", 0)
    chain.l1.set_switch("slow_ms", 1_000)
    assert chain.blocks(5) == 0
    assert chain.blocks(2) == 1
    with pytest.raises(ValueError, match="unknown switch"):
        chain.l1.set_switch("typo", 1)


def test_a_busy_file_is_unavailable_not_an_error(chain: Chain) -> None:
    blocker = sqlite3.connect(chain.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    hasty = MockL1.__new__(MockL1)
    hasty.__dict__.update(chain.l1.__dict__)
    chain.l1._db.execute("PRAGMA busy_timeout=1")
    with pytest.raises(L1Unavailable, match="locked"):
        hasty.faucet(64, 1)
    blocker.execute("ROLLBACK")
    blocker.close()
    hasty.faucet(64, 1)


def test_what_is_no_mock_l1_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database")
    database = sqlite3.connect(tmp_path / "other")
    database.execute("PRAGMA user_version=7")
    database.close()
    for name in ("text", "other", "absent"):
        with pytest.raises(L1Unavailable):
            list(read_blocks(tmp_path / name))
    with pytest.raises(L1Rejected, match="format 7"):
        MockL1(tmp_path / "other", Clock())


def test_the_bridge_refuses_what_passes_its_total(chain: Chain) -> None:
    for _ in range(5):
        chain.l1.faucet(64, 1 << 56)
    chain.blocks(1)
    outcomes = [tx.outcome for block in read_blocks(chain.path) for tx in block.transactions]
    assert outcomes == ["", "", "", "", "bad_amount"]
    assert [d.deposit_id for d in chain.l1.deposits(0)] == [1, 2, 3, 4]
