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


class SignedHeads(TypedDict):
    """The newest blocks, who signed them, and for which chain and contract."""

    blocks: list[HeadBlock]
    chain_id: int
    contract: str
    signer: str
