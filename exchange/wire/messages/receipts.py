"""Receipts and signed heads (docs/receipts.md). Bytes are hexadecimal behind `0x`."""

from typing import TypedDict


class SignedReceipt(TypedDict):
    """What proves a command and its result, for whoever trusts nobody."""

    command: str
    events: str
    receipt: str
    seq: int
    signer: str


class HeadBlock(TypedDict):
    """The heads of some commit batches, and the signature over the last of them."""

    batches: int
    first_seq: int
    head: str
    heads_root: str
    last_seq: int
    number: int
    root: str
    shard: int
    signature: str


class SignedAfter(TypedDict):
    """How long after their results had gone out the newest commit batches were signed: how many they are, and
    quantiles in microseconds."""

    batches: int
    max: int
    p50: int
    p99: int


class SignedHeads(TypedDict):
    """The newest blocks, who signed them, for which chain and contract, and how soon."""

    blocks: list[HeadBlock]
    chain_id: int
    contract: str
    signed_after_us: SignedAfter
    signer: str


class FillPlace(TypedDict):
    """A step in a posted batch: the header's bytes, the step's, the chunk's number, kind and count of steps,
    the step's position in it, siblings from below."""

    batch_id: int
    chunk: int
    chunk_path: list[str]
    header: str
    kind: int
    position: int
    step: str
    step_path: list[str]
    steps: int


class FillPosting(TypedDict):
    """Where the L1 has a batch; `data` is what its inbox keeps of blobs, `final_at` seconds since 1970."""

    block: int
    block_hash: str
    chain_id: int
    data: str
    final_at: int
    inbox: str
    transaction: str


class FillProof(TypedDict):
    """Where a fill stands in settlement."""

    batch: FillPlace
    l1: FillPosting | None
    trade_id: str


class CommitBatch(TypedDict):
    """A commit batch of the sequencer's chain."""

    first_seq: int
    head: str
    last_seq: int
    root: str


class CommitBatches(TypedDict):
    """Some of the chain, ascending."""

    batches: list[CommitBatch]
