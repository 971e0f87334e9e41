"""Compact proofs in the sparse tree, and changing leaves by proofs alone."""

from __future__ import annotations

import random

import pytest

from settlement.hashing import ZERO_HASH, keccak
from settlement.trees import sparse
from settlement.trees.sparse import Change, Proof, SparseMerkleTree


def grown(rng: random.Random, count: int = 40) -> tuple[SparseMerkleTree, dict[int, bytes]]:
    numbers = [rng.randrange(100) for _ in range(count)] + [rng.randrange(1 << 32) for _ in range(5)]
    leaves = {number: keccak(number.to_bytes(4, "big")) for number in numbers}
    tree = SparseMerkleTree()
    tree.update(leaves)
    return tree, leaves


def test_proofs_of_what_is_there_and_of_what_is_not() -> None:
    rng = random.Random(1)
    tree, leaves = grown(rng)
    for index in [*leaves, *(rng.randrange(200) for _ in range(20)), 0, (1 << 32) - 1]:
        proof = sparse.prove(tree, index)
        assert proof.bitmap.bit_count() == len(proof.siblings)
        assert sparse.root_of(index, leaves.get(index, ZERO_HASH), proof) == tree.root


def test_an_empty_tree_is_proven_by_nothing() -> None:
    assert sparse.prove(SparseMerkleTree(), 7) == Proof(0, ())
    assert sparse.root_of(7, ZERO_HASH, Proof(0, ())) == sparse.EMPTY_ROOT


@pytest.mark.parametrize("seed", range(20))
def test_leaves_changed_together_by_their_proofs(seed: int) -> None:
    rng = random.Random(seed)
    tree, leaves = grown(rng)
    picked = {rng.choice((rng.randrange(100), rng.randrange(1 << 32))) for _ in range(rng.randint(0, 4))}
    after = {index: rng.choice((ZERO_HASH, rng.randbytes(32))) for index in picked}
    changes = {
        index: Change(leaves.get(index, ZERO_HASH), new, sparse.prove(tree, index))
        for index, new in after.items()
    }
    root = sparse.change(tree.root, changes)
    tree.update(after)
    assert root == tree.root


def test_what_is_no_proof_is_refused() -> None:
    rng = random.Random(3)
    tree, leaves = grown(rng)
    index, leaf = next(iter(leaves.items()))
    proof = sparse.prove(tree, index)
    for wrong in (
        proof._replace(bitmap=proof.bitmap ^ 1 << 31),
        proof._replace(bitmap=1 << 32),
        proof._replace(siblings=(b"short", *proof.siblings[1:])),
    ):
        with pytest.raises(ValueError, match=r"sibling|bitmap"):
            sparse.root_of(index, leaf, wrong)
    with pytest.raises(ValueError, match="no leaf"):
        sparse.root_of(1 << 32, leaf, proof)
    with pytest.raises(ValueError, match="does not lead"):
        sparse.change(keccak(b"another"), {index: Change(leaf, leaf, proof)})
