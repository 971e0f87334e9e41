"""Verification from L1 data alone: it agrees with honest chains and finds each lie."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from settlement import codec
from settlement import operations as op
from settlement.batch import Header, ShardRange, unpack_header
from settlement.commitment import GENESIS_ROOT, Commitment
from settlement.hashing import keccak
from settlement.l1 import contracts
from settlement.l1.mock import KIND_POST, MockL1, block_hash, transaction_hash
from settlement.state import State
from settlement.transition import apply
from settlement.verify import main, verify
from tests.unit.settlement.rig import Clock, Rig
from tests.unit.settlement.streams import OPTION, Venue

OPENING: list[op.Operation] = [
    op.UnderlyingSet(0, 0x435442),
    op.Listing(0, 0, OPTION),
    op.AccountSet(64, 0, b"\x11" * 20),
    op.AccountSet(65, 0, b"\x22" * 20),
]
TRADING: list[op.Operation] = [
    op.Deposit(64, 10**9, 1),
    op.Deposit(65, 10**9, 2),
    op.IndexSet(0, 100_000_000_000),
    op.Fill(0, 64, 65, False, 500, 3, 1),
]


class Operator:
    """Posts what it likes, with whatever root comes out of it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "l1.sqlite"
        self.clock = Clock()
        self.l1 = MockL1(self.path, self.clock, block_ms=1)
        self.state = State()
        self.commitment = Commitment(self.state)
        self.head = contracts.GENESIS_HEAD

    def fund(self, *deposits: tuple[int, int]) -> None:
        for account, amount in deposits:
            self.l1.faucet(account, amount)
        self.tick()

    def tick(self) -> None:
        self.clock.advance(1)
        self.l1.tick()

    def post(self, operations: list[op.Operation], body: bytes | None = None, **lies: Any) -> None:
        self.state.begin_batch()
        for operation in operations:
            apply(self.state, operation)
        body = codec.encode(operations) if body is None else body
        last = self.head.last_seqs[0][1] if self.head.last_seqs else 0
        fills = sum(isinstance(operation, op.Fill) for operation in operations)
        header = Header(
            self.head.batch_id + 1, 0, self.head.root, self.commitment.update(), keccak(body), len(body),
            len(operations), fills, (ShardRange(0, last + 1, last + 9, bytes(32)),),
        )._replace(**lies)  # fmt: skip
        self.l1.post_batch(header.pack(), body)
        self.tick()
        self.head = self.l1.progress().included


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    made = Operator(tmp_path)
    made.fund((64, 10**9), (65, 10**9))
    made.post(OPENING)
    return made


HELD: list[op.Operation] = [*OPENING, *TRADING, op.WithdrawalHeld(64, 5, 1), op.WithdrawalHeld(65, 6, 2)]


def funded(path: Path) -> Operator:
    operator = Operator(path)
    operator.fund((64, 10**9), (65, 10**9))
    operator.post(HELD)
    return operator


def test_a_withdrawal_is_followed_from_the_batch_to_the_payment(tmp_path: Path) -> None:
    operator = funded(tmp_path)
    operator.l1.pay(1)
    operator.tick()
    operator.post([op.WithdrawalResolved(1, 0), op.WithdrawalHeld(64, 7, 3)])
    operator.post([op.WithdrawalResolved(2, 1)])
    report = verify(operator.path)
    assert report.problems == []
    counts = (report.withdrawals_held, report.withdrawals_paid, report.withdrawals_cancelled)
    assert (counts, report.paid_micro, report.withdrawn_micro) == ((1, 1, 1), 5, 5)


def test_a_payment_that_never_was_is_found(tmp_path: Path) -> None:
    operator = funded(tmp_path)
    operator.post([op.WithdrawalResolved(1, 0)])
    assert verify(operator.path).problems == ["withdrawal 1 is called paid and is not on the L1"]


def test_a_cancelled_withdrawal_that_was_paid_is_found(tmp_path: Path) -> None:
    operator = funded(tmp_path)
    operator.l1.pay(1)
    operator.tick()
    operator.post([op.WithdrawalResolved(1, 1)])
    assert verify(operator.path).problems == ["withdrawal 1 is called cancelled and was paid on the L1"]


def test_a_forged_payment_is_found(tmp_path: Path) -> None:
    """The chain's file says that a withdrawal nobody posted was paid."""
    operator = funded(tmp_path)
    operator.l1.pay(1)
    operator.tick()
    calldata = contracts.pack_pay(9)
    with sqlite3.connect(operator.path) as db:
        db.execute("UPDATE tx SET calldata = ? WHERE kind = 3", (calldata,))
    db.close()
    problems = verify(operator.path).problems
    assert any("outcome '', by the contracts 'not_posted'" in problem for problem in problems)


def test_a_takeover_left_open_at_the_end_of_a_batch_is_found(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.fund((64, 10**9), (65, 10**9))
    operator.post([*OPENING, *TRADING, op.Moved(0, 65, 64, 1, 5)])
    assert any("nothing pays for them" in problem for problem in verify(operator.path).problems)


def test_the_insurance_funds_deposit_is_followed(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.fund((2, 700), (64, 10**9), (65, 10**9))
    deposits = [op.Deposit(2, 700, 1), op.Deposit(64, 10**9, 2), op.Deposit(65, 10**9, 3)]
    operator.post([*OPENING, *deposits, *TRADING[2:]])
    report = verify(operator.path)
    assert report.problems == []
    assert next(found.cash_micro for found in report.accounts if found.account == 2) == 700


def test_batches_of_the_first_codec_stay_readable(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.fund((64, 10**9), (65, 10**9))
    operator.post(OPENING, codec=1)
    operator.post(TRADING, codec=1)
    operator.post([op.WithdrawalHeld(64, 5, 1)])
    assert verify(operator.path).ok
    operator.post([op.WithdrawalHeld(64, 5, 2)], codec=1)
    assert any("of kind" in problem for problem in verify(operator.path).problems)


# 64 sold three options and owes 5,977.3985 USDC after their delivery; 65 has 7,972.0015 and 66 1,000.
LOSING: list[op.Operation] = [
    op.AccountSet(66, 0, bytes(20)),
    op.Deposit(66, 10**9, 3),
    op.LiquidationSet(64, 1),
    op.Settlement(0, 1, 333_000_000_000),
    op.StateSet(0, 4),
]


def sharing(path: Path, codec_number: int, steps: Sequence[op.Operation]) -> Operator:
    operator = Operator(path)
    operator.fund((64, 10**9), (65, 10**9), (66, 10**9))
    operator.post([*OPENING, *TRADING, *LOSING])
    body = codec.encode(steps, codec_number)
    operator.post(list(steps), body=body, codec=codec_number)
    return operator


def test_a_shared_loss_is_verified_in_either_codec(tmp_path: Path) -> None:
    for number, steps in (
        (2, [op.LossShare(64, 3), op.LossShare(64, 3)]),
        (3, [op.LossStep(64, 3, ()), op.LossStep(64, 3, ((65, 5_311_170_513), (66, 666_227_987)))]),
    ):
        (tmp_path / str(number)).mkdir()
        operator = sharing(tmp_path / str(number), number, steps)
        report = verify(operator.path)
        assert report.problems == []
        found = {account.account: account.cash_micro for account in report.accounts}
        assert [found[n] for n in (64, 65, 66)] == [0, 2_660_830_987, 333_772_013]


@pytest.mark.parametrize("shares", [(), ((65, 5_311_170_514), (66, 666_227_986)), ((65, 5_977_398_500),)])
def test_a_loss_shared_otherwise_is_found(tmp_path: Path, shares: tuple[tuple[int, int], ...]) -> None:
    operator = sharing(tmp_path, 3, [op.LossStep(64, 3, ())])
    looked_at = shares[-1][0] - 63 if shares else 3
    operator.post([], body=codec.encode([op.LossStep(64, looked_at, shares)]))
    lie(operator, "batch 3: ")


def test_an_empty_chain_is_verified(tmp_path: Path) -> None:
    MockL1(tmp_path / "l1.sqlite", Clock()).close()
    report = verify(tmp_path / "l1.sqlite")
    assert (report.ok, report.blocks, report.root) == (True, 0, GENESIS_ROOT.hex())


def test_an_honest_operator_is_verified(operator: Operator) -> None:
    operator.post(TRADING)
    operator.post([op.Withdrawal(64, 5, 0)])
    report = verify(operator.path)
    assert (report.ok, report.problems, report.batches, report.fills) == (True, [], 3, 1)
    assert (report.deposits, report.deposits_credited, report.deposits_waiting) == (2, 2, 0)
    assert (report.deposited_micro, report.withdrawn_micro) == (2 * 10**9, 5)
    by_id = {account.account: account for account in report.accounts}
    assert by_id[65].positions[0].name.startswith("BTC_USDC-")
    assert by_id[65].positions[0].size_lots == 3
    assert by_id[65].owner == "0x" + "22" * 20
    assert by_id[3].cash_micro == 5 - 2 * 10**9


def lie(operator: Operator, text: str) -> None:
    report = verify(operator.path)
    assert not report.ok
    assert any(text in problem for problem in report.problems), report.problems


def test_a_wrong_root_is_found(operator: Operator) -> None:
    operator.post(TRADING, new_root=b"\x66" * 32)
    lie(operator, "batch 2: its root is")


def test_a_balance_from_nowhere_is_found(operator: Operator) -> None:
    account = operator.state.accounts[64]
    operator.state.pay(64, account, 5)
    operator.post(TRADING)
    lie(operator, "batch 2: its root is")


def test_an_invented_deposit_is_found(operator: Operator) -> None:
    operator.post([*TRADING, op.Deposit(64, 1, 3)])
    lie(operator, "deposit 3 to account 64 is not on the L1")


@pytest.mark.parametrize("credit", [op.Deposit(65, 10**9, 1), op.Deposit(64, 10**9 + 1, 1)])
def test_a_deposit_to_another_or_of_more_is_found(operator: Operator, credit: op.Deposit) -> None:
    operator.post([credit])
    lie(operator, "deposit 1 to account")


def test_a_deposit_passed_over_is_found(operator: Operator) -> None:
    operator.post([op.Deposit(65, 10**9, 2)])
    lie(operator, "deposit 1 to account 64 was passed over")


def test_a_deposit_number_from_far_away_is_found_at_once(operator: Operator) -> None:
    operator.post([op.Deposit(65, 10**9, 1 << 60)])
    lie(operator, "is not on the L1")


def test_a_deposit_to_nobody_is_unclaimable_not_a_lie(operator: Operator) -> None:
    operator.fund((99, 7), (64, 8))
    operator.post([*TRADING, op.Deposit(64, 8, 4)])
    report = verify(operator.path)
    assert report.problems == []
    assert report.deposits_unclaimable == [3]


def test_waiting_deposits_are_counted(operator: Operator) -> None:
    operator.post(TRADING[:1])
    report = verify(operator.path)
    assert (report.ok, report.deposits_waiting) == (True, 1)


def test_counts_in_the_header_are_checked(operator: Operator) -> None:
    operator.post(TRADING, fills=2)
    lie(operator, "not as its header says")


@pytest.mark.parametrize("body", [b"", b"\x01\x02\x03", codec.encode(TRADING)[:-1]])
def test_a_body_that_is_none_is_found(operator: Operator, body: bytes) -> None:
    operator.post(TRADING, body=body)
    operator.post([op.Withdrawal(64, 5, 0)])
    lie(operator, "batch 2: ")
    assert verify(operator.path).batches == 3


@pytest.mark.parametrize(
    "operations",
    [
        [op.Withdrawal(64, 1, 0)],
        [op.Fill(0, 64, 65, False, 500, 3, 1)],
        [op.StateSet(9, 1)],
        [op.AccountSet(1 << 40, 0, bytes(20))],
        [op.UnderlyingSet(1 << 40, 5)],
        [op.Deposit(64, 1 << 66, 1)],
    ],
)
def test_operations_the_state_does_not_allow_are_found(
    operator: Operator, operations: list[op.Operation]
) -> None:
    operator.post([], body=codec.encode(operations))
    lie(operator, "batch 2: ")


def tamper(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement, values)
    database.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE block SET time_ms = time_ms + 1 WHERE number = 2", "block 2 has another hash"),
        ("UPDATE block SET tx_root = zeroblob(32) WHERE number = 2", "its transactions have another root"),
        ("DELETE FROM block WHERE number = 2", "block 3 does not follow block 1"),
        ("DELETE FROM tx WHERE ordinal = 2", "its transactions have another root"),
        ("UPDATE tx SET calldata = zeroblob(32) WHERE ordinal = 1", "transaction 1 is not in place"),
        ("UPDATE tx SET kind = 7 WHERE ordinal = 1", "unknown kind 7"),
        ("UPDATE tx SET outcome = 'duplicate' WHERE ordinal = 3", "by the contracts ''"),
    ],
)
def test_a_tampered_chain_is_found(operator: Operator, statement: str, found: str) -> None:
    operator.post(TRADING)
    operator.l1.close()
    tamper(operator.path, statement)
    lie(operator, found)


def test_a_rewritten_chain_with_good_hashes_still_has_a_wrong_root(operator: Operator) -> None:
    operator.post(TRADING)
    operator.l1.close()
    database = sqlite3.connect(operator.path)
    ordinal, number, calldata = database.execute(
        "SELECT ordinal, block, calldata FROM tx WHERE kind = ? ORDER BY ordinal DESC LIMIT 1", (KIND_POST,)
    ).fetchone()
    packed, _ = contracts.unpack_post(calldata)
    body = codec.encode([*TRADING[:3], op.Fill(0, 64, 65, True, 500, 3, 1)])
    header = unpack_header(packed)._replace(batch_hash=keccak(body), body_bytes=len(body))
    forged = contracts.pack_post(header.pack(), body)
    digest = transaction_hash(ordinal, KIND_POST, forged)
    time_ms, parent = database.execute(
        "SELECT time_ms, parent FROM block WHERE number = ?", (number,)
    ).fetchone()
    root = keccak(digest)
    with database:
        database.execute(
            "UPDATE tx SET calldata = ?, hash = ? WHERE ordinal = ?", (forged, digest, ordinal)
        )
        database.execute(
            "UPDATE block SET tx_root = ?, hash = ? WHERE number = ?",
            (root, block_hash(number, time_ms, parent, root), number),
        )
    database.close()
    report = verify(operator.path)
    assert len(report.problems) == 1
    assert report.problems[0].startswith("batch 2: its root is")


def test_the_command_prints_what_it_found(
    operator: Operator, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    operator.post(TRADING)
    assert main(["--data", str(tmp_path), "--account", "65"]) == 0
    told = capsys.readouterr().out
    assert "verified: every root, deposit and sum agrees" in told
    assert "3 lots" in told
    assert "account 64" not in told
    assert main(["--l1", str(operator.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fills"] == 1
    operator.post([], new_root=bytes(32))
    assert main(["--l1", str(operator.path)]) == 1
    assert "NOT VERIFIED" in capsys.readouterr().out
    assert main(["--l1", str(tmp_path / "absent")]) == 2
    assert "strikebook verify: " in capsys.readouterr().err


def test_a_venues_whole_day_is_verified_while_it_runs(tmp_path: Path) -> None:
    venue = Venue(9)
    rig = Rig(tmp_path, venue.frames(150))
    rig.fund(venue)
    with rig.opened() as service:
        for _ in range(40):
            rig.steps(service, 2)
            assert verify(rig.l1_path).problems == []
