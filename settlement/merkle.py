"""Sparse Merkle tree of depth 32 over dense ids, keccak-256.

    node = keccak(left ‖ right)            an absent leaf is 32 zero bytes

Leaf `i` hangs at the path spelled by the 32 bits of `i`, most significant first. Ids are dense and
sequential, so a batch of changed leaves shares most of its path: `update` goes up block by block and
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


# The tree is kept in blocks of four levels, each one array with the children of node n at 2n and 2n + 1: two
# hashes that are hashed together lie together.
_BLOCK_LEVELS: Final = 4
_LEAVES: Final = 1 << _BLOCK_LEVELS
_LOCAL: Final = _LEAVES - 1


def _empty_block(lowest: int) -> bytes:
    """A block whose leaves are empty subtrees of height `lowest`; node 0 is not used."""
    nodes = [ZERO_HASH]
    for level in range(_BLOCK_LEVELS, -1, -1):
        nodes.extend([EMPTY[lowest + level]] * (1 << _BLOCK_LEVELS - level))
    return b"".join(nodes)


_EMPTY_BLOCKS: Final = tuple(_empty_block(lowest) for lowest in range(0, DEPTH, _BLOCK_LEVELS))


class SparseMerkleTree:
    """A tree kept as one mapping of blocks per four levels; blocks of empty subtrees are not kept."""

    def __init__(self) -> None:
        self._layers: list[dict[int, bytearray]] = [{} for _ in _EMPTY_BLOCKS]

    @property
    def root(self) -> bytes:
        """The root hash, 32 bytes."""
        return self._node(DEPTH, 0)

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`, zero bytes if absent."""
        return self._node(0, index)

    def _node(self, height: int, number: int) -> bytes:
        """The hash of one node."""
        layer, level = divmod(height, _BLOCK_LEVELS)
        if layer == len(self._layers):  # the root is the first node of the last block
            layer, level = layer - 1, _BLOCK_LEVELS
        above = _BLOCK_LEVELS - level
        block = self._layers[layer].get(number >> above)
        if block is None:
            return EMPTY[height]
        at = (1 << above | number & (1 << above) - 1) * HASH_BYTES
        return bytes(block[at : at + HASH_BYTES])

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
        changed = sorted(leaves.items())
        for layer, empty in enumerate(_EMPTY_BLOCKS):
            changed = _update_layer(self._layers[layer], empty, changed)
        return self.root

    def prove(self, index: int) -> tuple[bytes, ...]:
        """The 32 sibling hashes from the leaf up: proves the leaf, or its absence (zero leaf).

        Raises:
            ValueError: an index outside the tree.
        """
        if not 0 <= index < 1 << DEPTH:
            raise ValueError(f"leaf index {index} outside the tree")
        return tuple(self._node(height, (index >> height) ^ 1) for height in range(DEPTH))


def _update_layer(
    blocks: dict[int, bytearray], empty: bytes, changed: list[tuple[int, bytes]]
) -> list[tuple[int, bytes]]:
    """Set the `changed` leaves (sorted) of one layer's blocks and hash their paths; returns the blocks'
    roots."""
    roots: list[tuple[int, bytes]] = []
    at, count = 0, len(changed)
    keccak_256, blank = sha3.keccak_256, empty[HASH_BYTES : 2 * HASH_BYTES]
    while at < count:
        number, value = changed[at]
        prefix = number >> _BLOCK_LEVELS
        block = blocks.get(prefix)
        if block is None:
            block = blocks[prefix] = bytearray(empty)
        node = _LEAVES | number & _LOCAL
        block[node * 32 : node * 32 + 32] = value
        at += 1
        if at < count and changed[at][0] >> _BLOCK_LEVELS == prefix:
            at = _update_block(block, prefix, changed, at, node)
        else:
            for _ in range(_BLOCK_LEVELS):
                node >>= 1
                block[node * 32 : node * 32 + 32] = keccak_256(block[node * 64 : node * 64 + 64]).digest()
        root = bytes(block[HASH_BYTES : 2 * HASH_BYTES])
        if root == blank:
            del blocks[prefix]
        roots.append((prefix, root))
    return roots


def _update_block(
    block: bytearray, prefix: int, changed: list[tuple[int, bytes]], at: int, first: int
) -> int:
    """As the loop above for a block with several changed leaves; returns where the next block's begin."""
    nodes = [first]
    while at < len(changed) and changed[at][0] >> _BLOCK_LEVELS == prefix:
        number, value = changed[at]
        node = _LEAVES | number & _LOCAL
        block[node * 32 : node * 32 + 32] = value
        nodes.append(node)
        at += 1
    for _ in range(_BLOCK_LEVELS):
        above: list[int] = []
        last = 0
        for node in nodes:
            node >>= 1
            if node != last:
                pair = block[node * 64 : node * 64 + 64]
                block[node * 32 : node * 32 + 32] = sha3.keccak_256(pair).digest()
                above.append(node)
                last = node
        nodes = above
    return at


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
