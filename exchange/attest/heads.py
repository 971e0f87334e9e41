"""Heads in one tree: what blocks of signed heads and settlement's headers commit to (docs/receipts.md).

Leaf = keccak(last_seq u64 ‖ head), big-endian, one for every commit batch in order; tree as in `merkle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from exchange.attest.chain import shard_seq
from exchange.attest.keccak import keccak
from exchange.attest.merkle import proven_root, tree_proof, tree_root
from exchange.attest.signed_heads import Recover, SignedHead, verify_signed_head

Head = tuple[int, bytes]
"""(counter of a commit batch's last command, the chain's head after it)."""


class HeadProof(NamedTuple):
    """That a tree of heads holds `head` after the command `last_seq`."""

    last_seq: int
    head: bytes
    position: int
    path: tuple[bytes, ...]


class HeadBlock(NamedTuple):
    """The heads of the commit batches `first_seq` … `signed.last_seq`, several times a second: how many
    batches, the root of their tree, and the signature over the last of them. Blocks follow each other without
    a gap: `first_seq` is one more than the `last_seq` of the block before, `number` likewise."""

    number: int
    first_seq: int
    batches: int
    root: bytes
    signed: SignedHead


def head_leaf(shard: int, head: Head) -> bytes:
    """The leaf of one commit batch."""
    return keccak(shard_seq(shard, head[0]).to_bytes(8, "big") + head[1])


def heads_root(shard: int, heads: Sequence[Head]) -> bytes:
    """The root over the heads of at least one batch. Raises ValueError for none."""
    return tree_root([head_leaf(shard, head) for head in heads])


def heads_proof(shard: int, heads: Sequence[Head], index: int) -> HeadProof:
    """The proof of one of them. Raises ValueError for an index outside."""
    path = tree_proof([head_leaf(shard, head) for head in heads], index)
    return HeadProof(*heads[index], index, path)


def holds(root: bytes, shard: int, proof: HeadProof) -> bool:
    """Whether the tree of `root` holds the head. Never raises for what a stranger sent."""
    if len(proof.head) != 32 or proof.position < 0:
        return False
    try:
        leaf = head_leaf(shard, (proof.last_seq, proof.head))
    except ValueError:
        return False
    return proven_root(leaf, proof.position, proof.path) == root


def verify_block(block: HeadBlock, heads: Sequence[Head], signer: bytes, recover: Recover) -> bool:
    """Whether a block is signed, and its heads are these."""
    last = (block.signed.last_seq, block.signed.head)
    if len(heads) != block.batches or not heads or heads[-1] != last or heads[0][0] < block.first_seq:
        return False
    if any(a[0] >= b[0] for a, b in pairwise(heads)):
        return False
    if heads_root(block.signed.shard, heads) != block.root:
        return False
    return verify_signed_head(block.signed, signer, recover)
