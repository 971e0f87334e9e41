"""Binary trees: the definition, and proofs of every leaf."""

from __future__ import annotations

import pytest

from settlement.hashing import keccak
from settlement.trees import binary

LEAVES = [keccak(bytes((n,))) for n in range(70)]
ZERO = bytes(32)


def by_definition(leaves: list[bytes]) -> bytes:
    size = 1
    while size < len(leaves):
        size *= 2
    level = leaves + [ZERO] * (size - len(leaves))
    while len(level) > 1:
        level = [keccak(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def test_no_leaf_and_one_leaf() -> None:
    assert binary.root([]) == ZERO
    assert binary.root(LEAVES[:1]) == LEAVES[0]


@pytest.mark.parametrize("count", [2, 3, 5, 8, 33, 64, 70])
def test_roots_are_as_defined_and_every_leaf_is_proven(count: int) -> None:
    leaves = LEAVES[:count]
    root = binary.root(leaves)
    assert root == by_definition(leaves)
    for index, leaf in enumerate(leaves):
        proof = binary.prove(leaves, index)
        assert len(proof) == binary.height(count)
        assert binary.root_of(index, leaf, count, proof) == root
        assert binary.root_of(index, keccak(leaf), count, proof) != root


def test_what_is_no_proof_is_refused() -> None:
    proof = binary.prove(LEAVES[:5], 2)
    for index, leaf, count, siblings in (
        (5, LEAVES[2], 5, proof),
        (-1, LEAVES[2], 5, proof),
        (2, LEAVES[2], 5, proof[:2]),
        (2, LEAVES[2], 3, proof),
        (2, b"short", 5, proof),
    ):
        with pytest.raises(ValueError, match="proof"):
            binary.root_of(index, leaf, count, siblings)
    with pytest.raises(ValueError, match="no leaf"):
        binary.prove(LEAVES[:5], 5)
