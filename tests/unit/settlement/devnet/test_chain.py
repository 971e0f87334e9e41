"""Blocks, fees, replacement, reorganisations and restarts of the development chain."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.devnet import accounts
from settlement.devnet.chain import DEFAULTS
from settlement.devnet.executor import Refused
from settlement.devnet.store import StoreError
from settlement.l1.transactions import LEGACY
from tests.unit.settlement.devnet.rig import GWEI, MANUAL, Clock, Rig, count

TURNS = ("send", "mine", "back", "late")
ALICE, BOB, CAROL = (accounts.key(n) for n in range(3))


@pytest.fixture
def rig() -> Rig:
    return Rig()


class TestTransactions:
    def test_a_contract_is_created_and_called(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        digest = rig.send(BOB, contract, count(5), value_wei=3)
        rig.chain.mine()
        found = rig.chain.included(digest)
        assert found is not None
        assert found.success
        assert rig.total(contract) == 5
        assert rig.chain.world.account(contract).balance_wei == 3
        assert found.logs[0].data == (5).to_bytes(32, "big")

    def test_who_sends_pays_the_price_and_the_coinbase_gets_the_tip(self, rig: Rig) -> None:
        before = rig.chain.world.account(ALICE.address).balance_wei
        rig.send(ALICE, BOB.address, value_wei=7)
        block = rig.chain.mine()
        price = block.base_fee_wei + GWEI
        assert rig.chain.world.account(ALICE.address).balance_wei == before - 7 - 21_000 * price
        assert rig.chain.world.account(BOB.address).balance_wei == accounts.BALANCE_WEI + 7
        assert rig.chain.world.account(bytes(19) + b"\x0c").balance_wei == 21_000 * GWEI

    def test_a_revert_costs_gas_and_changes_nothing_else(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        digest = rig.send(BOB, contract, count(13), value_wei=3)
        rig.chain.mine()
        found = rig.chain.included(digest)
        assert found is not None
        assert (found.success, found.reason, found.logs) == (False, "revert", ())
        assert rig.chain.world.account(contract).balance_wei == 0
        bob = rig.chain.world.account(BOB.address)
        assert bob == (1, accounts.BALANCE_WEI - found.gas_used * found.price_wei, bob.code_hash)

    def test_gas_is_counted_cold_in_every_transaction(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        used = []
        for _ in range(3):
            digest = rig.send(BOB, contract, count(1))
            rig.chain.mine()
            found = rig.chain.included(digest)
            assert found is not None
            used.append(found.gas_used)
        assert used[0] == used[1] + 2 * 17_100  # two slots that were zero
        assert used[1] == used[2]

    def test_calldata_has_a_floor(self, rig: Rig) -> None:
        digest = rig.send(ALICE, BOB.address, b"\1" * 1_000)
        rig.chain.mine()
        found = rig.chain.included(digest)
        assert found is not None
        assert found.gas_used == 21_000 + 40 * 1_000

    def test_a_legacy_transaction_pays_its_gas_price(self, rig: Rig) -> None:
        price = 3 * GWEI
        transaction = rig.transaction(ALICE, BOB.address, kind=LEGACY, max_fee=price, priority_fee=price)
        rig.chain.submit(transaction.encoded())
        rig.chain.mine()
        found = rig.chain.included(transaction.hash())
        assert found is not None
        assert found.price_wei == price

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"chain_id": 1}, "wrong_chain"),
            ({"gas": 20_999}, "intrinsic_gas_too_low"),
            ({"gas": (1 << 24) + 1}, "gas_limit_too_high"),
            ({"priority_fee": 21 * GWEI}, "tip_above_fee_cap"),
            ({"nonce": 65}, "nonce_too_high"),
            ({"value_wei": accounts.BALANCE_WEI}, "insufficient_funds"),
            ({"data": bytes(131_073), "gas": 1 << 24}, "oversized_data"),
        ],
    )
    def test_what_cannot_be_is_refused(self, rig: Rig, changes: dict[str, Any], code: str) -> None:
        with pytest.raises(Refused) as refused:
            rig.send(ALICE, BOB.address, **changes)
        assert refused.value.code == code
        assert len(rig.chain.pool) == 0

    def test_any_bytes_are_a_transaction_or_refused(self, rig: Rig) -> None:
        raw = rig.transaction(ALICE, BOB.address, b"hello").encoded()
        generator = random.Random(7)
        for _ in range(400):
            changed = bytearray(raw)
            for _ in range(generator.randrange(1, 4)):
                changed[generator.randrange(len(changed))] = generator.randrange(256)
            with pytest.raises(Refused):
                rig.chain.submit(bytes(changed[: generator.randrange(len(changed) + 1)]))

    def test_the_best_tip_comes_first_and_a_sender_in_order(self, rig: Rig) -> None:
        low = rig.send(ALICE, CAROL.address, priority_fee=1)
        second = rig.send(ALICE, CAROL.address, priority_fee=9 * GWEI)
        high = rig.send(BOB, CAROL.address, priority_fee=2 * GWEI)
        rig.chain.mine()
        assert [entry.hash for entry in rig.chain.included_in(1)] == [high, low, second]

    def test_a_replacement_must_pay_a_tenth_more(self, rig: Rig) -> None:
        rig.send(ALICE, BOB.address, nonce=0)
        with pytest.raises(Refused, match="underpriced"):
            rig.send(ALICE, CAROL.address, nonce=0, max_fee=21 * GWEI)
        better = rig.send(ALICE, CAROL.address, nonce=0, max_fee=22 * GWEI, priority_fee=11 * GWEI // 10)
        rig.chain.mine()
        assert [entry.hash for entry in rig.chain.included_in(1)] == [better]
        with pytest.raises(Refused, match="nonce too low"):
            rig.send(ALICE, BOB.address, nonce=0)

    def test_who_cannot_pay_the_base_fee_waits(self, rig: Rig) -> None:
        digest = rig.send(ALICE, BOB.address, max_fee=GWEI // 2, priority_fee=0)
        rig.chain.mine()
        assert rig.chain.pool.get(digest) is not None
        rig.chain.mine(8)  # empty blocks: the base fee falls by an eighth each time
        assert rig.chain.included(digest) is not None


class TestTime:
    def test_blocks_come_when_they_are_due(self) -> None:
        rig = Rig(options=DEFAULTS)
        assert not rig.chain.tick()
        rig.send(ALICE, BOB.address)
        rig.clock.now_ms += 999
        assert not rig.chain.tick()
        for number in (1, 2, 3):  # its own and two more for three confirmations
            rig.clock.now_ms += 1_000
            assert rig.chain.tick()
            assert rig.chain.head.number == number
        rig.clock.now_ms += 1_000
        assert not rig.chain.tick()
        rig.clock.now_ms += 11_000
        assert rig.chain.tick()

    def test_an_instant_chain_makes_one_with_each_transaction(self) -> None:
        rig = Rig(options=DEFAULTS._replace(block_ms=0))
        digest = rig.send(ALICE, BOB.address)
        assert rig.chain.included(digest) is not None

    def test_time_runs_ahead_when_told_to(self, rig: Rig) -> None:
        first = rig.chain.mine()
        rig.chain.increase_time(1_000)
        second = rig.chain.mine()
        assert second.time_s == first.time_s + 1_000
        assert rig.chain.mine().time_s == second.time_s + 1  # never twice the same

    def test_waiting_long_is_enforced(self, rig: Rig) -> None:
        rig.chain.faults.set({"slow_ms": 5_000})
        digest = rig.send(ALICE, BOB.address)
        rig.chain.mine()
        assert rig.chain.included(digest) is None
        rig.clock.now_ms += 5_000
        rig.chain.mine()
        assert rig.chain.included(digest) is not None


class TestReorganisations:
    def test_transactions_enter_the_new_branch(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        digests = []
        for step in range(1, 5):
            digests.append(rig.send(BOB, contract, count(step)))
            rig.chain.mine()
        before, old = rig.chain.world.accounts.copy(), rig.chain.head
        new = rig.chain.reorganise(4)
        assert new.number == old.number + 1
        assert rig.chain.block_by_hash(old.hash) is None
        assert rig.total(contract) == 10
        assert [rig.chain.included(digest) is not None for digest in digests] == [True] * 4
        assert rig.chain.world.accounts.keys() == before.keys()

    def test_forgotten_transactions_are_gone(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        kept, lost = rig.send(ALICE, contract, count(1)), rig.send(BOB, contract, count(2))
        rig.chain.mine()
        rig.chain.reorganise(1, forget=[lost])
        assert rig.total(contract) == 1
        assert rig.chain.included(kept) is not None
        assert rig.chain.included(lost) is None
        assert len(rig.chain.pool) == 0

    def test_late_transactions_wait_again(self, rig: Rig) -> None:
        contract = rig.deploy(ALICE)
        digest = rig.send(ALICE, contract, count(1))
        rig.chain.mine()
        rig.chain.reorganise(1, late=True)
        assert rig.total(contract) == 0
        assert rig.chain.pool.get(digest) is not None
        rig.chain.mine()
        assert rig.total(contract) == 1

    def test_depth_is_bounded(self, rig: Rig) -> None:
        rig.chain.mine(70)
        with pytest.raises(ValueError, match="64"):
            rig.chain.reorganise(65)
        assert rig.chain.reorganise(64).number == 71

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(TURNS), st.integers(1, 4)), max_size=14))
    def test_state_is_always_what_the_blocks_say(self, turns: list[tuple[str, int]]) -> None:
        """The same blocks executed from the genesis give the same accounts, storage and roots."""
        rig = Rig()
        contract = rig.deploy(ALICE)
        for what, number in turns:
            if what == "send":
                rig.send((ALICE, BOB, CAROL)[number % 3], contract, count(12 + number % 3))
            elif what == "mine":
                rig.chain.mine(number)
            elif number < rig.chain.head.number:
                rig.chain.reorganise(number, late=what == "late")
        fresh = Rig()
        for number in range(1, rig.chain.head.number + 1):
            for entry in rig.chain.included_in(number):
                fresh.chain.submit(entry.transaction.encoded())
            fresh.chain.mine()
        assert fresh.total(contract) == rig.total(contract)
        mine, theirs = fresh.chain.world.accounts, rig.chain.world.accounts
        assert {a: e.nonce for a, e in mine.items()} == {a: e.nonce for a, e in theirs.items()}


class TestDisk:
    def test_a_chain_goes_on_where_it_was(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path / "l1.sqlite")
        contract = rig.deploy(ALICE)
        rig.send(BOB, contract, count(5))
        rig.chain.mine()
        waiting = rig.send(BOB, contract, count(6))
        before, head = rig.chain.world.accounts, rig.chain.head
        rig.reopen()
        assert rig.chain.world.accounts == before
        assert rig.chain.head == head
        assert rig.total(contract) == 5
        assert rig.chain.pool.get(waiting) is not None
        rig.chain.mine()
        assert rig.total(contract) == 11
        rig.chain.reorganise(3)
        rig.reopen()
        assert rig.total(contract) == 11

    def test_another_chain_is_not_taken_for_it(self, tmp_path: Path) -> None:
        Rig(tmp_path / "l1.sqlite").chain.close()
        with pytest.raises(StoreError, match="another chain"):
            Rig(tmp_path / "l1.sqlite", MANUAL._replace(chain_id=5))

    def test_a_file_that_is_none_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "l1.sqlite").write_bytes(b"something else entirely" * 100)
        with pytest.raises(StoreError):
            Rig(tmp_path / "l1.sqlite", clock=Clock())
