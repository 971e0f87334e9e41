"""Rebuild every account from the L1's data alone, and say whether it holds together.

Reads nothing but the L1's blocks: the hashes of the chain, the transactions, the contracts' rules over
them, each batch's body, the state after it and its root, each deposit against the bridge's, and the sums.
`main` is the sub-command `strikebook verify`.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from exchange.domain.commands import symbol_text
from exchange.domain.limits import ACCOUNT_BRIDGE, COUNTER_MASK
from exchange.domain.names import instrument_name
from exchange.domain.records import WITHDRAWAL_PAID
from settlement import codec
from settlement import operations as op
from settlement.batch import Header
from settlement.columns import BodyError
from settlement.commitment import Commitment
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import contracts
from settlement.l1.mock import KIND_FAUCET, KIND_PAY, KIND_POST, Block, Transaction, block_hash, read_blocks
from settlement.l1.mock import transaction_hash as hash_of
from settlement.l1.port import Deposit, L1Rejected, L1Unavailable
from settlement.reports import AccountReport, PositionReport
from settlement.state import State
from settlement.transition import apply

MAX_PROBLEMS: Final = 100


class Report(msgspec.Struct):
    """What was found. `ok` means: no problems, and everything posted is explained."""

    ok: bool = True
    blocks: int = 0
    batches: int = 0
    operations: int = 0
    fills: int = 0
    posted_bytes: int = 0
    last_seq: int = 0
    root: str = ""
    deposits: int = 0
    deposits_credited: int = 0
    deposits_waiting: int = 0
    deposits_unclaimable: list[int] = msgspec.field(default_factory=list)
    deposited_micro: int = 0
    withdrawn_micro: int = 0
    withdrawals_held: int = 0
    withdrawals_paid: int = 0
    withdrawals_cancelled: int = 0
    paid_micro: int = 0
    problems: list[str] = msgspec.field(default_factory=list)
    accounts: list[AccountReport] = msgspec.field(default_factory=list)


class _BridgeBooks:
    """The bridge's contract once more: owners and withdrawals from posted bodies, payments from calldata."""

    def __init__(self) -> None:
        self.paid: dict[int, contracts.Claim] = {}
        self._owners: dict[int, bytes] = {}
        self._held: dict[int, tuple[int, int]] = {}
        self._paid_micro = 0

    def learn(self, operations: list[op.Operation]) -> None:
        """Take over what a posted body says about owners and withdrawals."""
        for operation in contracts.of_the_bridge(operations):
            if isinstance(operation, op.AccountSet):
                self._owners[operation.account] = operation.owner
            elif isinstance(operation, op.WithdrawalHeld):
                self._held.setdefault(operation.withdrawal_id, (operation.account, operation.amount_micro))
            else:
                self._held.pop(operation.withdrawal_id, None)

    def pay(self, calldata: bytes, deposited_micro: int) -> None:
        """Execute a payment. Raises L1Rejected."""
        ident = contracts.unpack_pay(calldata)
        account, amount = self._held.get(ident, (0, 0))
        owner = self._owners.get(account)
        claim = contracts.Claim(account, owner, amount) if owner is not None else None
        found = contracts.check_pay(claim, ident in self.paid, deposited_micro - self._paid_micro)
        self.paid[ident] = found
        self._paid_micro += found.amount_micro


class _Verifier:
    """Walks the chain once; after a batch that is wrong the state is no longer followed."""

    def __init__(self) -> None:
        self.report = Report()
        self.state = State()
        self._commitment = Commitment(self.state)
        self._head = contracts.GENESIS_HEAD
        self._deposits: dict[int, Deposit] = {}
        self._deposited_micro = 0
        self._bridge = _BridgeBooks()
        self._parent = ZERO_HASH
        self._number = self._time_ms = self._ordinal = 0
        self._following = True

    def problem(self, text: str) -> None:
        """Note a problem; the first hundred are kept."""
        self.report.ok = False
        if len(self.report.problems) < MAX_PROBLEMS:
            self.report.problems.append(text)

    def block(self, block: Block) -> None:
        """Check a block's place and hashes, and execute its transactions."""
        self.report.blocks += 1
        if (block.number, block.parent) != (self._number + 1, self._parent) or block.time_ms <= self._time_ms:
            self.problem(f"block {block.number} does not follow block {self._number}")
        if block.tx_root != keccak(b"".join(tx.hash for tx in block.transactions)):
            self.problem(f"block {block.number}: its transactions have another root")
        if block.hash != block_hash(block.number, block.time_ms, block.parent, block.tx_root):
            self.problem(f"block {block.number} has another hash")
        self._number, self._parent, self._time_ms = block.number, block.hash, block.time_ms
        for transaction in block.transactions:
            self._transaction(block, transaction)

    def _transaction(self, block: Block, tx: Transaction) -> None:
        if tx.ordinal <= self._ordinal or tx.hash != hash_of(tx.ordinal, tx.kind, tx.calldata):
            self.problem(f"block {block.number}: transaction {tx.ordinal} is not in place or not in its hash")
        self._ordinal = tx.ordinal
        outcome = ""
        try:
            if tx.kind == KIND_FAUCET:
                self._faucet(block.number, tx.calldata)
            elif tx.kind == KIND_POST:
                self._post(tx.calldata)
            elif tx.kind == KIND_PAY:
                self._bridge.pay(tx.calldata, self._deposited_micro)
            else:
                self.problem(f"transaction {tx.ordinal} of unknown kind {tx.kind}")
        except L1Rejected as error:
            outcome = error.code
        if outcome != tx.outcome:
            self.problem(f"transaction {tx.ordinal}: outcome {tx.outcome!r}, by the contracts {outcome!r}")

    def _faucet(self, number: int, calldata: bytes) -> None:
        account, amount, owner = contracts.unpack_faucet(calldata)
        contracts.check_total(self._deposited_micro, amount)
        self._deposited_micro += amount
        deposit_id = len(self._deposits) + 1
        self._deposits[deposit_id] = Deposit(deposit_id, account, owner, amount, number)

    def _post(self, calldata: bytes) -> None:
        packed, body = contracts.unpack_post(calldata)
        header, self._head = contracts.check_post(self._head, packed, body)
        self.report.batches += 1
        self.report.posted_bytes += len(packed) + len(body)
        try:
            operations = codec.decode(body, header.codec)
        except BodyError as error:
            if self._following:
                self.problem(f"batch {header.batch_id}: {error}")
            self._following = False
            return
        self._bridge.learn(operations)
        if self._following:
            self._following = self._batch(header, operations)

    def _batch(self, header: Header, operations: list[op.Operation]) -> bool:
        """Execute a batch; False if it is wrong, after noting why."""
        state, what = self.state, f"batch {header.batch_id}"
        try:
            state.begin_batch()
            for operation in operations:
                if isinstance(operation, op.Deposit):
                    self._credit(operation)
                elif isinstance(operation, op.WithdrawalResolved):
                    self._resolve(operation)
                apply(state, operation)
            root = self._commitment.update()
        except (ValueError, ArithmeticError, struct.error) as error:
            # TransitionError, and integers that no field of the state can hold.
            self.problem(f"{what}: {error}")
            return False
        fills = sum(isinstance(operation, op.FILLS) for operation in operations)
        self.report.operations += len(operations)
        self.report.fills += fills
        if (len(operations), fills) != (header.operations, header.fills):
            self.problem(f"{what}: {len(operations)} operations, {fills} fills, not as its header says")
        for fault in state.conservation_faults():
            self.problem(f"{what}: {fault}")
        if root != header.new_root:
            self.problem(f"{what}: its root is {root.hex()}, not {header.new_root.hex()}")
            return False
        return True

    def _credit(self, credit: op.Deposit) -> None:
        """A credited deposit must be the bridge's; those jumped over must not have been creditable."""
        end = min(credit.deposit_id, len(self._deposits) + 1)
        for skipped in range(self.state.last_deposit_id + 1, end):
            self._skip(skipped)
        made = self._deposits.get(credit.deposit_id)
        if made is None or (made.account, made.amount_micro) != (credit.account, credit.amount_micro):
            self.problem(f"deposit {credit.deposit_id} to account {credit.account} is not on the L1")
        self.report.deposits_credited += 1

    def _resolve(self, resolved: op.WithdrawalResolved) -> None:
        """A withdrawal is called paid if and only if the bridge has paid it."""
        ident, paid = resolved.withdrawal_id, resolved.withdrawal_id in self._bridge.paid
        if resolved.outcome == WITHDRAWAL_PAID:
            self.report.withdrawals_paid += 1
            if not paid:
                self.problem(f"withdrawal {ident} is called paid and is not on the L1")
        else:
            self.report.withdrawals_cancelled += 1
            if paid:
                self.problem(f"withdrawal {ident} is called cancelled and was paid on the L1")

    def _skip(self, deposit_id: int) -> None:
        deposit = self._deposits[deposit_id]
        if self.state.account(deposit.account) is None:
            self.report.deposits_unclaimable.append(deposit_id)
        else:
            self.problem(f"deposit {deposit_id} to account {deposit.account} was passed over")

    def finish(self) -> Report:
        """The sums at the end, and the accounts."""
        report, state = self.report, self.state
        report.root = self._head.root.hex()
        report.last_seq = max((seq & COUNTER_MASK for _, seq in self._head.last_seqs), default=0)
        report.deposits = len(self._deposits)
        report.deposits_waiting = sum(number > state.last_deposit_id for number in self._deposits)
        report.deposited_micro, report.withdrawn_micro = state.deposited_micro, state.withdrawn_micro
        report.withdrawals_held = len(state.withdrawals)
        report.paid_micro = sum(claim.amount_micro for claim in self._bridge.paid.values())
        bridge = state.accounts.get(ACCOUNT_BRIDGE)
        owed = state.deposited_micro - state.withdrawn_micro
        if (bridge.cash_micro if bridge else 0) != -owed:
            self.problem(f"the bridge account does not mirror the {owed} micro-USDC it holds")
        total = sum(account.cash_micro for account in state.accounts.values())
        if total:
            self.problem(f"cash of all accounts adds up to {total} micro-USDC, not 0")
        report.accounts = [self._account_report(number) for number in sorted(state.accounts)]
        return report

    def _account_report(self, number: int) -> AccountReport:
        account = self.state.accounts[number]
        positions = [
            PositionReport(instrument, self._name(instrument), size, entry)
            for instrument, (size, entry) in sorted(account.positions.items())
        ]
        return AccountReport(number, "0x" + account.owner.hex(), account.cash_micro, positions)

    def _name(self, instrument: int) -> str:
        terms = self.state.instruments[instrument].terms
        try:
            return instrument_name(symbol_text(self.state.underlyings[terms.underlying]), terms)
        except ValueError:
            return f"instrument {instrument}"


def verify(l1_path: str | Path) -> Report:
    """Verify everything in the blocks of a mock L1.

    Raises:
        L1Unavailable: the file can not be read as a mock L1.
    """
    verifier = _Verifier()
    for block in read_blocks(l1_path):
        verifier.block(block)
    return verifier.finish()


def _print(report: Report, account: int | None) -> None:
    per_fill = report.posted_bytes / report.fills if report.fills else 0.0
    print(f"blocks {report.blocks}  batches {report.batches}  fills {report.fills}", end="  ")
    print(f"bytes {report.posted_bytes} ({per_fill:.2f} a fill)  up to sequence {report.last_seq}")
    print(f"deposits {report.deposits}: {report.deposits_credited} credited", end=", ")
    print(f"{report.deposits_waiting} waiting, {len(report.deposits_unclaimable)} unclaimable")
    print(f"withdrawals {report.withdrawals_held} held, {report.withdrawals_paid} paid", end=", ")
    print(f"{report.withdrawals_cancelled} cancelled")
    print(f"root {report.root}")
    for found in report.accounts:
        if account is None or account == found.account:
            print(f"account {found.account}  cash {_usdc(found.cash_micro)} USDC  positions", end=" ")
            print(len(found.positions))
            for position in found.positions if account is not None else ():
                print(f"  {position.name}  {position.size_lots} lots", end="  ")
                print(f"entry value {_usdc(position.entry_value_micro)} USDC")
    for problem in report.problems:
        print(f"PROBLEM {problem}")
    print("verified: every root, deposit and sum agrees" if report.ok else "NOT VERIFIED")


def _usdc(micro: int) -> str:
    sign, micro = ("-", -micro) if micro < 0 else ("", micro)
    return f"{sign}{micro // 1_000_000}.{micro % 1_000_000:06d}"


def main(argv: Sequence[str] | None = None) -> int:
    """`strikebook verify`: 0 verified, 1 not, 2 no L1 to read."""
    parser = argparse.ArgumentParser(
        prog="strikebook verify", description="Rebuild every account from the L1's data alone."
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="the venue's data directory")
    parser.add_argument("--l1", type=Path, help="the mock L1's file (DATA/l1.sqlite)")
    parser.add_argument("--account", type=int, help="show this account's positions")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    options = parser.parse_args(sys.argv[1:] if argv is None else argv)
    try:
        report = verify(options.l1 or options.data / "l1.sqlite")
    except L1Unavailable as error:
        where = options.l1 or options.data / "l1.sqlite"
        print(
            f"strikebook verify: no L1 can be read at {where} ({error}); name the data directory of a venue "
            "that has run with --data",
            file=sys.stderr,
        )
        return 2
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print(report, options.account)
    return 0 if report.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
