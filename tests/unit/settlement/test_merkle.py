"""The sparse Merkle tree against its definition."""

from __future__ import annotations

import random

import pytest

from settlement.hashing import ZERO_HASH, keccak
from settlement.merkle import DEPTH, EMPTY, EMPTY_ROOT, SparseMerkleTree, root_of, verify_proof


def naive_root(leaves: dict[int, bytes], height: int = DEPTH, number: int = 0) -> bytes:
    """The root by recursion, straight from the definition."""
    low, high = number << height, (number + 1) << height
    if not any(low <= index < high for index in leaves):
        return EMPTY[height]
    if height == 0:
        return leaves[number]
    left = naive_root(leaves, height - 1, 2 * number)
    return keccak(left + naive_root(leaves, height - 1, 2 * number + 1))


def leaf(number: int) -> bytes:
    return keccak(b"leaf %d" % number)


def test_keccak_is_ethereums() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_empty_tree() -> None:
    assert SparseMerkleTree().root == EMPTY_ROOT
    assert EMPTY[1] == keccak(bytes(64))
    # The root of an empty depth-32 keccak tree, as the Ethereum deposit tooling for keccak trees lists it.
    assert EMPTY_ROOT.hex() == "27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757"


@pytest.mark.parametrize("seed", range(5))
def test_root_is_that_of_the_definition_after_each_update(seed: int) -> None:
    rng = random.Random(seed)
    tree, leaves = SparseMerkleTree(), dict[int, bytes]()
    for _ in range(6):
        changed = {
            rng.choice((rng.randrange(70), rng.randrange(1 << DEPTH))): rng.choice(
                (leaf(rng.randrange(99)), leaf(rng.randrange(99)), ZERO_HASH)
            )
            for _ in range(rng.randrange(1, 30))
        }
        leaves.update(changed)
        leaves = {index: value for index, value in leaves.items() if value != ZERO_HASH}
        assert tree.update(changed) == naive_root(leaves)
    for index in [*leaves, 5, 1 << 20]:
        proof = tree.prove(index)
        assert verify_proof(tree.root, index, leaves.get(index, ZERO_HASH), proof)
        assert not verify_proof(tree.root, index, leaf(1000), proof)
        assert not verify_proof(tree.root, index ^ 1, leaves.get(index, leaf(1001)), proof)


def test_removing_every_leaf_gives_the_empty_root() -> None:
    tree = SparseMerkleTree()
    tree.update({number: leaf(number) for number in range(40)})
    assert tree.leaf(3) == leaf(3)
    assert tree.update(dict.fromkeys(range(40), ZERO_HASH)) == EMPTY_ROOT
    assert tree.leaf(3) == ZERO_HASH


def test_what_does_not_fit_is_refused() -> None:
    tree = SparseMerkleTree()
    for index, value in ((-1, leaf(1)), (1 << DEPTH, leaf(1)), (1, b"short")):
        with pytest.raises(ValueError, match="leaf"):
            tree.update({index: value})
    with pytest.raises(ValueError, match="outside"):
        tree.prove(1 << DEPTH)
    with pytest.raises(ValueError, match="32 hashes"):
        root_of(1, leaf(1), ())
    assert not verify_proof(tree.root, 1, leaf(1), tree.prove(1)[:-1])
    assert not verify_proof(tree.root, -1, leaf(1), tree.prove(1))
