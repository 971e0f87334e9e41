"""The proof of a fill as a file (docs/receipts.md, "A fill's proof"): JSON in, typed parts out.

Nothing here says whether a proof holds: that is `checking`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from exchange.attest.inclusion import InclusionProof
from exchange.attest.signed_receipts import SignedReceipt, unpack_signed_receipt

VERSION: Final = 1
DOCUMENT_BYTES_MAX: Final = 16 << 20
_PATH_MAX: Final = 32


class ProofError(Exception):
    """A proof that proves nothing: `code` is stable, the message says which part does not hold."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ReceiptPart(msgspec.Struct, frozen=True):
    """The venue's signed word: the reply of `private/strikebook_get_receipt`."""

    seq: int
    signer: str
    receipt: str
    command: str
    events: str


class BatchPart(msgspec.Struct, frozen=True):
    """The fill's place in a batch of settlement."""

    batch_id: int
    header: str
    step: str
    chunk: int
    kind: int
    steps: int
    position: int
    step_path: list[str]
    chunk_path: list[str]


class L1Part(msgspec.Struct, frozen=True):
    """Where the L1 has the batch; nothing of it is proven offline. `data`: what the inbox keeps of blobs."""

    chain_id: int
    inbox: str
    transaction: str
    block: int
    block_hash: str
    data: str
    final_at: int


class Document(msgspec.Struct, frozen=True):
    """The proof of one fill; parts that are not there are null."""

    strikebook_fill_proof: int
    trade_id: str
    receipt: ReceiptPart | None = None
    batch: BatchPart | None = None
    l1: L1Part | None = None


def read(raw: bytes) -> Document:
    """A file's bytes. Raises ProofError `malformed`, `unknown_version`."""
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise ProofError("malformed", f"a proof of {len(raw)} bytes")
    try:
        found = msgspec.json.decode(raw, type=Document)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ProofError("malformed", f"not a fill's proof: {error}") from None
    if found.strikebook_fill_proof != VERSION:
        raise ProofError("unknown_version", f"version {found.strikebook_fill_proof} of fills' proofs")
    return found


def write(document: Document) -> bytes:
    """The file's bytes."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def raw(text: str, size: int | None = None) -> bytes:
    """Bytes out of 0x and hexadecimal digits. Raises ProofError `malformed`."""
    try:
        found = bytes.fromhex(text[2:])
    except ValueError:
        found = b""
    if text[:2] != "0x" or len(text) != 2 + 2 * len(found) or size not in (None, len(found)):
        raise ProofError("malformed", f"{text[:80]!r} is not 0x and {size or 'some'} bytes")
    return found


def receipt_of(part: ReceiptPart) -> SignedReceipt:
    """The receipt unpacked. Raises ProofError `malformed`."""
    try:
        return unpack_signed_receipt(raw(part.receipt))
    except ValueError as error:
        raise ProofError("malformed", f"the receipt: {error}") from None


def inclusion_of(part: BatchPart) -> InclusionProof:
    """The place in the batch. Raises ProofError `malformed`."""
    if max(len(part.step_path), len(part.chunk_path)) > _PATH_MAX:
        raise ProofError("malformed", "a path is too long")
    return InclusionProof(
        raw(part.header),
        part.chunk,
        part.kind,
        part.steps,
        part.position,
        tuple(raw(node, 32) for node in part.step_path),
        tuple(raw(node, 32) for node in part.chunk_path),
    )
