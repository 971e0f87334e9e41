"""Signed heads, their blocks, and what stands against their signer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.attest import evidence, heads
from exchange.attest.eip712 import Domain
from exchange.attest.merkle import proven_root, tree_proof, tree_root
from exchange.attest.secp256k1 import recover
from exchange.attest.signed_heads import (
    pack_signed_head,
    unpack_signed_head,
    verify_signed_head,
)
from tests.unit.attest.worlds import DOMAIN, OTHER, SHARD, SIGNER, World, signed

ME = SIGNER.address
HEAD = b"h" * 32


def test_a_signed_head_says_what_it_says() -> None:
    one = signed(9, HEAD)
    assert verify_signed_head(one, ME, recover)
    assert unpack_signed_head(pack_signed_head(one)) == one
    assert not verify_signed_head(one, OTHER.address, recover)
    for wrong in (
        one._replace(head=b"x" * 32), one._replace(root=b"x" * 32), one._replace(last_seq=8),
        one._replace(shard=1), one._replace(domain=Domain(1, DOMAIN.contract)),
        one._replace(domain=Domain(31337, b"x" * 20)), one._replace(signature=b""),
        one._replace(last_seq=-1), one._replace(head=b""), one._replace(domain=Domain(-1, b"x" * 20)),
    ):  # fmt: skip
        assert not verify_signed_head(wrong, ME, recover)


def test_every_packed_bit_of_a_signed_head_matters() -> None:
    raw = pack_signed_head(signed(9, HEAD))
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        try:
            one = unpack_signed_head(bytes(changed))
        except ValueError:
            continue
        assert not verify_signed_head(one, ME, recover)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20), st.data())
def test_trees_prove_their_leaves(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = tree_proof(leaves, index)
    assert proven_root(leaves[index], index, path) == tree_root(leaves)
    assert proven_root(leaves[index], index + (1 << len(path)), path) is None


def test_a_tree_needs_leaves() -> None:
    with pytest.raises(ValueError, match="one leaf"):
        tree_root([])
    with pytest.raises(ValueError, match="leaf 1"):
        tree_proof([HEAD], 1)


def test_a_block_holds_its_heads_and_no_others() -> None:
    world = World(1, 3, 2, 4, 1)
    known = world.heads[1:]
    block = heads.HeadBlock(1, 1, 5, heads.heads_root(SHARD, known), signed(*known[-1], world.roots[-1]))
    assert heads.verify_block(block, known, ME, recover)
    assert not heads.verify_block(block, known[:-1], ME, recover)
    assert not heads.verify_block(block, [*known[:-2], (9, HEAD), known[-1]], ME, recover)
    assert not heads.verify_block(block, [known[1], known[0], *known[2:]], ME, recover)
    assert not heads.verify_block(block._replace(root=HEAD), known, ME, recover)
    assert not heads.verify_block(block, known, OTHER.address, recover)
    assert not heads.verify_block(block._replace(first_seq=2), known, ME, recover)


def test_two_contradictory_heads_are_evidence_and_nothing_else_is() -> None:
    one, other = signed(9, HEAD), signed(9, b"x" * 32)
    assert evidence.two_heads(one, other, ME, recover)
    assert evidence.two_heads(one, signed(9, HEAD, b"x" * 32), ME, recover)
    for harmless in (
        one, signed(10, b"x" * 32), signed(9, b"x" * 32, signer=OTHER),
        signed(9, b"x" * 32, domain=Domain(1, DOMAIN.contract)), other._replace(head=b"y" * 32),
    ):  # fmt: skip
        assert not evidence.two_heads(one, harmless, ME, recover)


def test_a_posted_header_can_contradict_a_signed_head() -> None:
    world = World(2, 3, 4)
    known = world.heads[1:]
    root = heads.heads_root(SHARD, known)
    before, at, after = (heads.heads_proof(SHARD, known, index) for index in range(3))
    lie = signed(5, HEAD)
    assert evidence.against_posted(lie, root, at, ME, recover)
    assert not evidence.against_posted(signed(*known[1]), root, at, ME, recover)
    assert not evidence.against_posted(lie, root, before, ME, recover)
    assert not evidence.against_posted(lie, HEAD, at, ME, recover)
    assert not evidence.against_posted(lie, root, at._replace(position=-1), ME, recover)
    assert not evidence.against_posted(signed(5, HEAD, signer=OTHER), root, at, ME, recover)
    unknown = signed(4, HEAD)
    assert evidence.no_such_batch(unknown, root, before, at, ME, recover)
    assert not evidence.no_such_batch(unknown, root, before, after, ME, recover)
    assert not evidence.no_such_batch(lie, root, before, at, ME, recover)
    assert not evidence.no_such_batch(unknown, root, at, after, ME, recover)


def test_ten_thousand_mutated_proofs_of_equivocation_accuse_nobody_who_is_honest() -> None:
    rng = random.Random(5)
    world = World(2, 3, 4)
    known = world.heads[1:]
    root = heads.heads_root(SHARD, known)
    honest = [signed(*known[at], world.roots[at]) for at in range(3)]
    raws = [pack_signed_head(one) for one in honest]
    proofs = [heads.heads_proof(SHARD, known, at) for at in range(3)]
    for _ in range(10_000):
        at = rng.randrange(3)
        raw = bytearray(raws[at])
        for _ in range(rng.randrange(1, 4)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        try:
            mutated = unpack_signed_head(bytes(raw))
        except ValueError:
            continue
        assert not evidence.two_heads(honest[at], mutated, ME, recover)
        assert not evidence.against_posted(mutated, root, proofs[at], ME, recover)


