"""Sparse Merkle tree of depth 32 over dense ids, keccak-256.

    node = keccak(left ‖ right)            an absent leaf is 32 zero bytes

Leaf `i` hangs at the path spelled by the 32 bits of `i`, most significant first. Ids are dense and
sequential, so a batch of changed leaves shares most of its path: `update` goes level by level and
hashes every touched node once. Leaf hashes are made by the caller (`settlement/commitment.py`) over
encodings that are never 64 bytes long; the depth is fixed, so a node can not stand in for a leaf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sha3

from settlement.hashing import HASH_BYTES, ZERO_HASH, keccak

DEPTH: Final = 32


def _empty_subtrees() -> tuple[bytes, ...]:
    hashes = [ZERO_HASH]
    for _ in range(DEPTH):
        hashes.append(keccak(hashes[-1] + hashes[-1]))
    return tuple(hashes)


# EMPTY[h] is the root of an empty subtree of height h.
EMPTY: Final = _empty_subtrees()
EMPTY_ROOT: Final = EMPTY[DEPTH]


class SparseMerkleTree:
    """A tree kept as one mapping per height, from node number to hash; empty subtrees are not kept."""

    def __init__(self) -> None:
        self._levels: list[dict[int, bytes]] = [{} for _ in range(DEPTH + 1)]

    @property
    def root(self) -> bytes:
        """The root hash, 32 bytes."""
        return self._levels[DEPTH].get(0, EMPTY_ROOT)

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`, zero bytes if absent."""
        return self._levels[0].get(index, ZERO_HASH)

    def update(self, leaves: Mapping[int, bytes]) -> bytes:
        """Set many leaves at once (zero bytes remove one) and return the new root.

        Raises:
            ValueError: an index outside 0…2**32 - 1 or a hash that is not 32 bytes.
        """
        for index, leaf in leaves.items():
            if not 0 <= index < 1 << DEPTH:
                raise ValueError(f"leaf index {index} outside the tree")
            if len(leaf) != HASH_BYTES:
                raise ValueError(f"leaf {index} is {len(leaf)} bytes long, not {HASH_BYTES}")
        changed = sorted(leaves)
        level = self._levels[0]
        for index in changed:
            _put(level, index, leaves[index], ZERO_HASH)
        for height in range(DEPTH):
            changed = self._update_level(height, changed)
        return self.root

    def _update_level(self, height: int, changed: list[int]) -> list[int]:
        """Hash the parents of the `changed` nodes (sorted) of one height; returns the parents."""
        below, above = self._levels[height], self._levels[height + 1]
        empty, empty_parent = EMPTY[height], EMPTY[height + 1]
        parents: list[int] = []
        last = -1
        for node in changed:
            parent = node >> 1
            if parent == last:
                continue
            last = parent
            left = below.get(2 * parent, empty)
            right = below.get(2 * parent + 1, empty)
            _put(above, parent, sha3.keccak_256(left + right).digest(), empty_parent)
            parents.append(parent)
        return parents

    def prove(self, index: int) -> tuple[bytes, ...]:
        """The 32 sibling hashes from the leaf up: proves the leaf, or its absence (zero leaf).

        Raises:
            ValueError: an index outside the tree.
        """
        if not 0 <= index < 1 << DEPTH:
            raise ValueError(f"leaf index {index} outside the tree")
        return tuple(
            self._levels[height].get((index >> height) ^ 1, EMPTY[height]) for height in range(DEPTH)
        )


def _put(level: dict[int, bytes], index: int, value: bytes, empty: bytes) -> None:
    if value == empty:
        level.pop(index, None)
    else:
        level[index] = value


def root_of(index: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from `leaf` at `index`.

    Raises:
        ValueError: an index outside the tree, or a proof that is not 32 hashes of 32 bytes.
    """
    if not 0 <= index < 1 << DEPTH:
        raise ValueError(f"leaf index {index} outside the tree")
    if len(proof) != DEPTH or any(len(sibling) != HASH_BYTES for sibling in (leaf, *proof)):
        raise ValueError("a proof is 32 hashes of 32 bytes")
    node = leaf
    for height, sibling in enumerate(proof):
        pair = sibling + node if (index >> height) & 1 else node + sibling
        node = keccak(pair)
    return node


def verify_proof(root: bytes, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree with this root holds `leaf` at `index`."""
    try:
        return root_of(index, leaf, proof) == root
    except ValueError:
        return False
