"""What the proof of a fill proves, offline: pure, with nothing of the venue's or of settlement's in it.

Three stages, each stands on its own and all must tell of the same fill:

    soft     the sequencer's key has signed a chain in which the fill is the result of a command
    posted   a header of this hash commits to the fill
    final    the L1 holds that header as final: the one thing that must be asked of somebody else (`l1`)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from clients.proofs.documents import (
    BatchPart,
    Document,
    L1Part,
    ProofError,
    ReceiptPart,
    inclusion_of,
    raw,
    receipt_of,
)
from exchange.attest.authorisation import Unauthorised, fill_classes
from exchange.attest.inclusion import Fill, Range, included_in, ranges_of, read_fill
from exchange.attest.keccak import keccak
from exchange.attest.signed_heads import Recover, SignedHead
from exchange.attest.signed_receipts import verify_signed_receipt
from exchange.domain.events import EventError, Trade, read_events

_BATCH_AT: Final = 8
_NEW_ROOT_AT: Final = 56


class Soft(NamedTuple):
    """`signer` (20 bytes) has signed, for the contract of this chain, that the command with the counter `seq`
    has made the fill. `signed` is the head that says so."""

    signer: bytes
    seq: int
    signed: SignedHead


class Posted(NamedTuple):
    """The header with this hash commits to the fill: batch, and the state's root behind it."""

    batch_id: int
    header_hash: bytes
    new_root: bytes


class Proven(NamedTuple):
    """What holds. `l1` is said, not proven: whether the L1 has the header there."""

    fill: Fill
    soft: Soft | None
    posted: Posted | None
    l1: L1Part | None


def check(document: Document, recover: Recover, signer: bytes | None = None) -> Proven:
    """What a proof proves; `signer`: whose word is wanted, anybody's if it is None.

    Raises:
        ProofError: `malformed`; `empty`: nothing is in it; `receipt`: the venue's signature does not say
            this; `signer`: it is another's; `no_such_trade`: the signed events have no such fill;
            `inclusion`: the header does not commit to the step; `another_fill`: the step is not this trade's;
            `contradiction`: both parts hold and say different things, which is evidence against the venue.
    """
    try:
        trade_id = int(document.trade_id)
    except ValueError:
        raise ProofError("malformed", f"trade_id {document.trade_id[:40]!r}") from None
    promised = posted = None
    if document.receipt is not None:
        soft, promised = _soft(document.receipt, trade_id, recover, signer)
    if document.batch is not None:
        found, settled = _posted(document.batch, trade_id)
        posted = found
        if promised is not None:
            _must_agree(soft, promised, document.batch, settled)
        return Proven(settled, soft if promised is not None else None, posted, document.l1)
    if promised is None:
        raise ProofError("empty", "neither a receipt nor a place in a batch")
    return Proven(promised, soft, None, None)


def _soft(part: ReceiptPart, trade_id: int, recover: Recover, signer: bytes | None) -> tuple[Soft, Fill]:
    """The receipt holds, and the trade is in its events."""
    receipt, command, events = receipt_of(part), raw(part.command), raw(part.events)
    by = raw(part.signer, 20)
    if signer not in (None, by):
        raise ProofError("signer", f"signed by {part.signer}, not by 0x{(signer or b'').hex()}")
    if not verify_signed_receipt(receipt, command, events, by, recover):
        raise ProofError("receipt", "the signature does not cover this command with these events")
    if receipt.receipt.seq != part.seq:
        raise ProofError("receipt", f"the receipt is of sequence {receipt.receipt.seq}, not {part.seq}")
    return Soft(by, part.seq, receipt.signed), _traded(events, trade_id)


def _traded(events: bytes, trade_id: int) -> Fill:
    try:
        trades = [each for each in read_events(events) if isinstance(each, Trade)]
        classes = {each.trade_id: each for each in fill_classes(events)}
    except (EventError, Unauthorised, ValueError) as error:
        raise ProofError("malformed", f"the events: {error}") from None
    for trade in trades:
        if trade.trade_id == trade_id:
            sides = classes[trade_id]
            return Fill(
                trade.head.instrument, trade.maker_account, trade.taker_account, trade.taker_sells,
                trade.price_ticks, trade.size_lots, trade_id, sides.maker, sides.taker,
            )  # fmt: skip
    raise ProofError("no_such_trade", f"the signed events have no trade {trade_id}")


def _posted(part: BatchPart, trade_id: int) -> tuple[Posted, Fill]:
    """The header commits to the step, and the step is the trade."""
    proof, step = inclusion_of(part), raw(part.step)
    header_hash = included_in(proof, step)
    if header_hash is None:
        raise ProofError("inclusion", "the header does not commit to this step at this place")
    fill = read_fill(step)
    if fill is None or fill.trade_id != trade_id:
        raise ProofError("another_fill", f"the step is not trade {trade_id}")
    batch_id = int.from_bytes(proof.header[_BATCH_AT : _BATCH_AT + 8], "big")
    if batch_id != part.batch_id:
        raise ProofError("inclusion", f"the header is of batch {batch_id}, not {part.batch_id}")
    return Posted(batch_id, header_hash, proof.header[_NEW_ROOT_AT : _NEW_ROOT_AT + 32]), fill


def _must_agree(soft: Soft, promised: Fill, part: BatchPart, settled: Fill) -> None:
    """The chain that was signed and the batch that was posted tell of one fill."""
    if promised != settled:
        raise ProofError("contradiction", f"signed was {promised}, posted is {settled}")
    signed = soft.signed
    for found in _ranges(raw(part.header)):
        if found.shard == signed.shard and found.first_seq <= soft.seq <= found.last_seq:
            if signed.last_seq == found.last_seq and signed.head != found.chain_head:
                message = f"after sequence {signed.last_seq} another head was signed than posted"
                raise ProofError("contradiction", message)
            return
    raise ProofError("contradiction", f"the batch does not hold sequence {soft.seq}")


def _ranges(header: bytes) -> tuple[Range, ...]:
    try:
        return ranges_of(header)
    except ValueError as error:
        raise ProofError("malformed", f"the header: {error}") from None


def question(posted: Posted, l1: L1Part, *, final: bool) -> bytes:
    """The call to the L1's inbox that answers whether the batch stands there, and as final if that is asked:
    a word that is 1 for yes. Raises ProofError `malformed`."""
    name = b"is_final" if final else b"is_posted"
    selector = keccak(name + b"(uint256,bytes32,bytes32,bytes32)")[:4]
    words = (posted.header_hash, raw(l1.data, 32), posted.new_root)
    return selector + posted.batch_id.to_bytes(32, "big") + b"".join(words)
