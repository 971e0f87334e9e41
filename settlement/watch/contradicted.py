"""A signed head held against the batch that has its number: pure, all heads of the batch's range at hand."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from exchange.attest.chain import shard_seq
from exchange.attest.heads import Head, head_leaf, heads_proof, heads_root
from exchange.attest.merkle import tree_proof
from exchange.attest.signed_heads import SignedHead
from exchange.domain.limits import COUNTER_MASK
from settlement.hashing import ZERO_HASH
from settlement.l1.judging import Judges, LeafArgument, Proof, Target
from settlement.l1.questioning import Questions
from settlement.stf.header import Header, ShardRange
from settlement.watch.heads import argument


class NotItsHeads(Exception):
    """These are not the heads that the batch's range commits to."""


class Place(NamedTuple):
    """The range of a posted batch that has a signed head's number."""

    target: Target
    range_index: int
    part: ShardRange


class Contradiction(NamedTuple):
    """What a posted batch says instead: another head under the number, heads around it, or none on one side.

    `leaf`: that, or the one before it, or the first or last; `following`: its neighbour behind the number;
    `behind`: the path of the place behind the last leaf.
    """

    text: str
    leaf: LeafArgument
    following: LeafArgument | None = None
    behind: tuple[bytes, ...] | None = None


def place_of(signed: SignedHead, header: Header, data: bytes = ZERO_HASH) -> Place | None:
    """The range of a batch that has the number; None if it has not."""
    seq = shard_seq(signed.shard, signed.last_seq)
    for index, part in enumerate(header.ranges):
        if part.shard == signed.shard and part.first_seq <= seq <= part.last_seq:
            return Place(Target(header, data), index, part)
    return None


def compare(signed: SignedHead, part: ShardRange, heads: Sequence[Head]) -> Contradiction | None:
    """What the range says instead of the signed head; None: it says the same. `heads` are all of the range,
    by the counter of each one's last command.

    Raises:
        NotItsHeads: the range's heads root is of others.
    """
    if not heads or heads_root(signed.shard, heads) != part.heads_root:
        raise NotItsHeads(f"{len(heads)} heads, and not those of the range")
    at = bisect_left([seq for seq, _ in heads], signed.last_seq)
    if at < len(heads) and heads[at][0] == signed.last_seq:
        if heads[at][1] == signed.head:
            return None
        return Contradiction("the batch has another head under the number", _leaf(signed.shard, heads, at))
    if 0 < at < len(heads):
        around = _leaf(signed.shard, heads, at - 1), _leaf(signed.shard, heads, at)
        return Contradiction("the batch has no head under the number", *around)
    text = "the batch's heads do not reach the number"
    if at == 0:
        return Contradiction(text, _leaf(signed.shard, heads, 0), behind=())
    return Contradiction(text, _leaf(signed.shard, heads, at - 1), behind=_behind(signed.shard, heads))


def _leaf(shard: int, heads: Sequence[Head], index: int) -> LeafArgument:
    proof = heads_proof(shard, heads, index)
    return LeafArgument(index, shard_seq(shard, proof.last_seq), proof.head, proof.path)


def _behind(shard: int, heads: Sequence[Head]) -> tuple[bytes, ...]:
    """The path of the zero word behind the last leaf; nothing where that has the tree's last place."""
    if len(heads) & (len(heads) - 1) == 0:
        return ()
    leaves = [head_leaf(shard, head) for head in heads]
    return tree_proof([*leaves, ZERO_HASH], len(heads))


def proof_of(
    found: Contradiction, signed: SignedHead, place: Place, judges: Judges, questions: Questions
) -> Proof:  # fmt: skip
    """What Evidence takes for it."""
    told = argument(signed)
    if found.following is not None:
        return judges.head_between(told, place.target, place.range_index, found.leaf, found.following)
    if found.behind is not None:
        return questions.outside(told, place.target, place.range_index, found.leaf, found.behind)
    return judges.head_and_batch(told, place.target, place.range_index, found.leaf)


def own_heads(heads: Sequence[Head], part: ShardRange) -> list[Head]:
    """Those of a stretch of the chain that end in the range."""
    first, last = part.first_seq & COUNTER_MASK, part.last_seq & COUNTER_MASK
    return [head for head in heads if first <= head[0] <= last]
