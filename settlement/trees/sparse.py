"""Compact proofs in the sparse tree of depth 32 (`settlement.merkle`), and changing leaves by proofs alone.

A proof is a bitmap of the heights (bit h: height h, 0 beside the leaf) whose sibling is not the root of an
empty subtree, and those siblings from the leaf up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from settlement.hashing import HASH_BYTES, keccak
from settlement.merkle import DEPTH, EMPTY, EMPTY_ROOT, SparseMerkleTree

__all__ = ["DEPTH", "EMPTY_ROOT", "Change", "Proof", "SparseMerkleTree", "change", "prove", "root_of"]


class Proof(NamedTuple):
    """Siblings that are not empty, from the leaf up; bit h of `bitmap` is set if height h has one."""

    bitmap: int
    siblings: tuple[bytes, ...]


class Change(NamedTuple):
    """A leaf before and after, with its proof in the tree before."""

    before: bytes
    after: bytes
    proof: Proof


def prove(tree: SparseMerkleTree, index: int) -> Proof:
    """The compact proof of leaf `index`, present or not.

    Raises:
        ValueError: an index outside the tree.
    """
    bitmap, kept = 0, []
    for level, sibling in enumerate(tree.prove(index)):
        if sibling != EMPTY[level]:
            bitmap |= 1 << level
            kept.append(sibling)
    return Proof(bitmap, tuple(kept))


def _siblings(proof: Proof) -> Iterator[bytes]:
    """One sibling a height. Raises ValueError for a bitmap that does not fit."""
    if not 0 <= proof.bitmap < 1 << DEPTH or proof.bitmap.bit_count() != len(proof.siblings):
        raise ValueError(f"a bitmap of {proof.bitmap:#x} with {len(proof.siblings)} siblings")
    if any(len(sibling) != HASH_BYTES for sibling in proof.siblings):
        raise ValueError("a sibling is a hash of 32 bytes")
    kept = iter(proof.siblings)
    return (next(kept) if proof.bitmap >> level & 1 else EMPTY[level] for level in range(DEPTH))


def root_of(index: int, leaf: bytes, proof: Proof) -> bytes:
    """The root that `proof` leads to from `leaf` at `index`.

    Raises:
        ValueError: an index outside the tree, or a proof that is none.
    """
    if not 0 <= index < 1 << DEPTH or len(leaf) != HASH_BYTES:
        raise ValueError(f"no leaf {index} of {len(leaf)} bytes")
    node = leaf
    for level, sibling in enumerate(_siblings(proof)):
        node = keccak(sibling + node if index >> level & 1 else node + sibling)
    return node


def change(root: bytes, changes: Mapping[int, Change]) -> bytes:
    """The root after several leaves have changed at once, all proven in the tree with `root`.

    Raises:
        ValueError: a proof does not lead to `root`.
    """
    for index, one in changes.items():
        if root_of(index, one.before, one.proof) != root:
            raise ValueError(f"the proof of leaf {index} does not lead to the root")
    nodes = {index: one.after for index, one in changes.items()}
    paths = {index: list(_siblings(one.proof)) for index, one in changes.items()}
    for level in range(DEPTH):
        nodes = {node >> 1: keccak(_pair(level, node, nodes, paths)) for node in sorted(nodes)}
    return nodes.get(0, root)


def _pair(level: int, node: int, nodes: Mapping[int, bytes], paths: Mapping[int, Sequence[bytes]]) -> bytes:
    """Both children's hashes of `node`'s parent: of a changed sibling its new hash."""
    sibling = nodes.get(node ^ 1)
    if sibling is None:
        sibling = next(path[level] for index, path in paths.items() if index >> level == node)
    return sibling + nodes[node] if node & 1 else nodes[node] + sibling

