"""The binary keccak tree of settlement's format 2: padded at the end with zero words to a power of two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.attest.keccak import ZERO_WORD, keccak

DEPTH_MAX: Final = 32


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf; a single leaf is its own root. Raises ValueError for none."""
    return _levels(leaves)[-1][0]


def tree_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings of the leaf at `index`, from below. Raises ValueError for an index outside."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"leaf {index} of {len(leaves)}")
    path = []
    for level in _levels(leaves)[:-1]:
        path.append(level[index ^ 1])
        index >>= 1
    return tuple(path)


def proven_root(leaf: bytes, index: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to; None for one that can be none."""
    if len(path) > DEPTH_MAX or index >> len(path) or len(leaf) != 32 or any(len(one) != 32 for one in path):
        return None
    node = leaf
    for sibling in path:
        node = keccak(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    level = list(leaves)
    level += [ZERO_WORD] * ((1 << (len(level) - 1).bit_length()) - len(level))
    levels = [level]
    while len(level) > 1:
        level = [keccak(a + b) for a, b in zip(level[::2], level[1::2], strict=True)]
        levels.append(level)
    return levels
