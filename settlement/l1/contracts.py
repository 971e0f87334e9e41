"""The rules of the two L1 contracts, as pure functions: what a post, a deposit or a payment must satisfy.

The mock chain executes them and `verify` executes them again over the chain's transactions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from exchange.domain.limits import (
    ACCOUNT_INSURANCE,
    FIRST_USER_ACCOUNT,
    MAX_ACCOUNTS,
    MAX_DEPOSIT_MICRO,
    MAX_TOTAL_DEPOSITS_MICRO,
    SHARD_SHIFT,
)
from settlement import codec
from settlement import operations as op
from settlement.batch import Header, HeaderError, unpack_header
from settlement.columns import MAX_BODY_BYTES, BodyError
from settlement.commitment import GENESIS_ROOT
from settlement.hashing import keccak
from settlement.l1.port import InboxHead, L1Rejected
from settlement.state import NO_OWNER

GENESIS_HEAD: Final = InboxHead(0, GENESIS_ROOT, ())
_FAUCET: Final = struct.Struct(">I20sQ")
_POST: Final = struct.Struct(">I")
_PAY: Final = struct.Struct(">Q")

BridgeOperation = op.AccountSet | op.WithdrawalHeld | op.WithdrawalResolved


class Claim(NamedTuple):
    """A withdrawal that a posted batch holds."""

    account: int
    owner: bytes
    amount_micro: int


def pack_post(header: bytes, body: bytes) -> bytes:
    """Calldata of a post."""
    return _POST.pack(len(header)) + header + body


def unpack_post(calldata: bytes) -> tuple[bytes, bytes]:
    """(header, body). Raises L1Rejected `malformed`."""
    if len(calldata) < _POST.size:
        raise L1Rejected("malformed", "post is cut short")
    end = _POST.size + int(_POST.unpack_from(calldata)[0])
    if end > len(calldata):
        raise L1Rejected("malformed", "post is cut short")
    return calldata[_POST.size : end], calldata[end:]


def check_post(head: InboxHead, header: bytes, body: bytes) -> tuple[Header, InboxHead]:
    """The header read, and the inbox after the post. Raises L1Rejected (codes in `Inbox.post_batch`)."""
    try:
        batch = unpack_header(header)
    except HeaderError as error:
        raise L1Rejected("malformed", str(error)) from error
    if len(body) != batch.body_bytes or len(body) > MAX_BODY_BYTES:
        raise L1Rejected("malformed", f"body of {len(body)} bytes, {batch.body_bytes} in the header")
    if 0 < batch.batch_id <= head.batch_id:
        raise L1Rejected("duplicate", f"batch {batch.batch_id} after batch {head.batch_id}")
    if batch.batch_id != head.batch_id + 1:
        raise L1Rejected("wrong_batch_id", f"batch {batch.batch_id} after batch {head.batch_id}")
    if batch.previous_root != head.root:
        raise L1Rejected("wrong_previous_root", f"{batch.previous_root.hex()} is not {head.root.hex()}")
    if batch.batch_hash != keccak(body):
        raise L1Rejected("wrong_batch_hash", f"the body of batch {batch.batch_id} has another hash")
    return batch, InboxHead(batch.batch_id, batch.new_root, _advance(head, batch))


def _advance(head: InboxHead, batch: Header) -> tuple[tuple[int, int], ...]:
    last_seqs = dict(head.last_seqs)
    for part in batch.ranges:
        expected = last_seqs.get(part.shard, part.shard << SHARD_SHIFT) + 1
        if part.first_seq != expected or part.last_seq < part.first_seq:
            raise L1Rejected(
                "wrong_sequence", f"shard {part.shard}: {part.first_seq}…{part.last_seq} after {expected - 1}"
            )
        if part.last_seq >> SHARD_SHIFT != part.shard:
            raise L1Rejected("wrong_sequence", f"{part.last_seq} is not of shard {part.shard}")
        last_seqs[part.shard] = part.last_seq
    if not batch.ranges:
        raise L1Rejected("wrong_sequence", "a batch without a sequence range")
    return tuple(sorted(last_seqs.items()))


def pack_faucet(account: int, amount_micro: int, owner: bytes) -> bytes:
    """Calldata of a faucet deposit. Raises L1Rejected as `check_faucet`."""
    check_faucet(account, amount_micro, owner)
    return _FAUCET.pack(account, owner, amount_micro)


def unpack_faucet(calldata: bytes) -> tuple[int, int, bytes]:
    """(account, amount_micro, owner). Raises L1Rejected."""
    if len(calldata) != _FAUCET.size:
        raise L1Rejected("malformed", f"deposit of {len(calldata)} bytes")
    account, owner, amount_micro = _FAUCET.unpack(calldata)
    check_faucet(account, amount_micro, owner)
    return account, amount_micro, owner


def check_faucet(account: int, amount_micro: int, owner: bytes) -> None:
    """Raises L1Rejected `bad_account` or `bad_amount`: what the core would have to refuse."""
    known = account == ACCOUNT_INSURANCE or FIRST_USER_ACCOUNT <= account <= MAX_ACCOUNTS
    if not known or len(owner) != 20:
        raise L1Rejected("bad_account", f"account {account} with an owner of {len(owner)} bytes")
    if not 1 <= amount_micro <= MAX_DEPOSIT_MICRO:
        raise L1Rejected("bad_amount", f"{amount_micro} micro-USDC is not within 1…{MAX_DEPOSIT_MICRO}")


def check_total(deposited_micro: int, amount_micro: int) -> None:
    """Raises L1Rejected `bad_amount` when the bridge would hold more than the core can count."""
    if deposited_micro + amount_micro > MAX_TOTAL_DEPOSITS_MICRO:
        raise L1Rejected("bad_amount", "the bridge is full")


def bridge_operations(codec_number: int, body: bytes) -> list[BridgeOperation]:
    """What the bridge learns from a posted body: owners, and withdrawals held and resolved.

    A body that is none teaches it nothing: the inbox takes it all the same, and `verify` says so.
    """
    try:
        operations = codec.decode(body, codec_number)
    except BodyError:
        return []
    return of_the_bridge(operations)


def of_the_bridge(operations: Iterable[op.Operation]) -> list[BridgeOperation]:
    """Those that the bridge learns from."""
    return [o for o in operations if isinstance(o, BridgeOperation) and _fits(o)]


def _fits(operation: BridgeOperation) -> bool:
    """Whether a contract's words hold its numbers; a body may say anything."""
    if isinstance(operation, op.AccountSet):
        return 0 < operation.account <= MAX_ACCOUNTS
    if not 0 < operation.withdrawal_id < 1 << 63:
        return False
    if isinstance(operation, op.WithdrawalHeld):
        return 0 < operation.account <= MAX_ACCOUNTS and 0 < operation.amount_micro <= MAX_DEPOSIT_MICRO
    return True


def pack_pay(withdrawal_id: int) -> bytes:
    """Calldata of a payment. Raises L1Rejected `malformed`."""
    if not 0 < withdrawal_id < 1 << 64:
        raise L1Rejected("malformed", f"withdrawal {withdrawal_id}")
    return _PAY.pack(withdrawal_id)


def unpack_pay(calldata: bytes) -> int:
    """The withdrawal's id. Raises L1Rejected `malformed`."""
    if len(calldata) != _PAY.size:
        raise L1Rejected("malformed", f"payment of {len(calldata)} bytes")
    return int(_PAY.unpack(calldata)[0])


def check_pay(claim: Claim | None, paid: bool, holds_micro: int) -> Claim:
    """The claim, if it may be paid. Raises L1Rejected (codes in `Bridge.pay`)."""
    if paid:
        raise L1Rejected("paid", "the withdrawal is paid, or about to be")
    if claim is None:
        raise L1Rejected("not_posted", "no batch in a block holds the withdrawal")
    if claim.owner == NO_OWNER:
        raise L1Rejected("no_owner", f"account {claim.account} has no address to pay to")
    if claim.amount_micro > holds_micro:
        raise L1Rejected("bridge_short", f"the bridge holds {holds_micro} micro-USDC")
    return claim
