"""Hashes and trees (protocol.md: Words and hashes)."""

from __future__ import annotations

from collections.abc import Sequence

import sha3

ZERO = bytes(32)
DEPTH = 32


def keccak(data: bytes) -> bytes:
    found: bytes = sha3.keccak_256(data).digest()
    return found


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def hashed_list(words: Sequence[bytes]) -> bytes:
    return keccak(b"".join(words)) if words else ZERO


def _empty_roots() -> list[bytes]:
    roots = [ZERO]
    for _ in range(DEPTH):
        roots.append(keccak(roots[-1] * 2))
    return roots


EMPTY = _empty_roots()


def sparse_root(leaves: dict[int, bytes]) -> bytes:
    """Root of the tree over u32 ids; a leaf that is absent is zero."""
    level = {at: leaf for at, leaf in leaves.items() if leaf != ZERO}
    for height in range(DEPTH):
        above = {}
        for at in {at >> 1 for at in level}:
            left, right = (level.get(2 * at + side, EMPTY[height]) for side in (0, 1))
            above[at] = keccak(left + right)
        level = above
    return level.get(0, EMPTY[DEPTH])


def binary_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaves in order, filled with zero words to a power of two."""
    level = list(leaves)
    if not level:
        return ZERO
    while len(level) & (len(level) - 1):
        level.append(ZERO)
    while len(level) > 1:
        level = [keccak(level[n] + level[n + 1]) for n in range(0, len(level), 2)]
    return level[0]
