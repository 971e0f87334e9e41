"""Binary Merkle trees over a list of 32-byte leaves (docs/protocol.md, Words and hashes).

    node = keccak(left ‖ right), filled with zero words at the end to the next power of two

The leaves stand in the tree as they are and the tree does not hash its size: whoever relies on a root keeps
the count beside it, and `root_of` asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sha3

from settlement.hashing import HASH_BYTES, ZERO_HASH, keccak
from settlement.merkle import EMPTY


def height(count: int) -> int:
    """The height of a tree of `count` leaves: 0 for one leaf or none."""
    return max(0, count - 1).bit_length()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the leaves; zero bytes if there are none."""
    if not leaves:
        return ZERO_HASH
    level = list(leaves)
    for above in range(height(len(leaves))):
        if len(level) & 1:
            level.append(EMPTY[above])
        level = [sha3.keccak_256(level[at] + level[at + 1]).digest() for at in range(0, len(level), 2)]
    return level[0]


def prove(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings of leaf `index` from the leaf up.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"no leaf {index} among {len(leaves)}")
    found: list[bytes] = []
    level = list(leaves)
    for above in range(height(len(leaves))):
        if len(level) & 1:
            level.append(EMPTY[above])
        found.append(level[index ^ 1])
        level = [keccak(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
        index >>= 1
    return tuple(found)


def root_of(index: int, leaf: bytes, count: int, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from `leaf` at `index` of `count` leaves.

    Raises:
        ValueError: no such leaf, or a proof of another length than the tree's height.
    """
    if not 0 <= index < count or len(proof) != height(count):
        raise ValueError(f"no proof of leaf {index} among {count}: {len(proof)} siblings")
    if any(len(part) != HASH_BYTES for part in (leaf, *proof)):
        raise ValueError("a proof is made of hashes of 32 bytes")
    node = leaf
    for level, sibling in enumerate(proof):
        node = keccak(sibling + node if index >> level & 1 else node + sibling)
    return node
