"""Two heads under one number, or a head that a posted batch contradicts, cost the bond."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.contracts.evm import Reverted
from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.header import Header
from settlement.trees import binary
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import SEQUENCER, World, venue

SHARD = 1
TYPE = keccak(b"SignedHead(uint8 shard,uint64 lastSeq,bytes32 head,bytes32 root)")
DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def signed(
    world: World, last_seq: int, head: bytes, root: bytes = bytes(32), chain: int = 1
) -> tuple[Any, ...]:
    """A head under the sequencer's signature, as the contract takes it."""
    parts = (DOMAIN, keccak(b"Strikebook"), keccak(b"1"), word(chain))
    domain = keccak(b"".join(parts) + world.contracts.inbox.address.rjust(32, b"\0"))
    digest = keccak(b"\x19\x01" + domain + keccak(TYPE + word(SHARD) + word(last_seq) + head + root))
    raw = SEQUENCER.sign_recoverable(digest, hasher=None)
    return SHARD, last_seq, head, root, 27 + raw[64], raw[:32], raw[32:64]


def posted(world: World, leaves: list[tuple[int, bytes]]) -> tuple[Header, list[bytes]]:
    """A batch whose range of the shard has these heads."""
    hashes = [keccak(seq.to_bytes(8, "big") + head) for seq, head in leaves]
    chunks, done = world.batch([s.Step(s.INDEX, p=61_000 * 10**6)])
    header = world.header(chunks, done)
    shard = header.ranges[0]._replace(heads_root=binary.root(hashes))
    header = header._replace(ranges=(shard,))
    world.post(header)
    return header, hashes


def leaf(leaves: list[tuple[int, bytes]], hashes: list[bytes], index: int) -> tuple[Any, ...]:
    return index, *leaves[index], binary.prove(hashes, index)


LEAVES = [(seq, keccak(bytes([seq]))) for seq in (10, 20, 25, 40, 99)]


def test_two_heads_under_one_number_cost_the_bond_once(revm: Machine) -> None:
    world = World(*revm, venue())
    evidence, inbox = world.contracts.evidence, world.contracts.inbox
    one, other = signed(world, 77, keccak(b"one")), signed(world, 77, keccak(b"other"))
    for wrong, code in (((one, one), "SAME"), ((one, signed(world, 78, keccak(b"x"))), "SAME")):
        with pytest.raises(Reverted, match=code):
            world.prove(evidence, "two_heads", *wrong)
    for broken in ((*other[:2], keccak(b"made up"), *other[3:]), signed(world, 77, keccak(b"z"), chain=5)):
        with pytest.raises(Reverted, match="SIGNATURE"):
            world.prove(evidence, "two_heads", one, broken)
    before = world.contracts.token.call("balanceOf", world.challenger)
    world.prove(evidence, "two_heads", one, other)
    assert inbox.call("bond") == 0
    assert world.contracts.token.call("balanceOf", world.challenger) > before
    world.contracts.token.transact(world.deployer, "mint", world.operator, 10)
    inbox.transact(world.operator, "add_bond", 10)
    with pytest.raises(Reverted, match="USED"):
        world.prove(evidence, "two_heads", one, other)


def test_a_posted_batch_with_another_head_costs_the_bond(revm: Machine) -> None:
    world = World(*revm, venue())
    evidence = world.contracts.evidence
    header, hashes = posted(world, LEAVES)
    right = signed(world, 25, LEAVES[2][1])
    bound = header.bound()
    with pytest.raises(Reverted, match="SAME"):
        world.prove(evidence, "head_and_batch", right, bound, bytes(32), 0, leaf(LEAVES, hashes, 2))
    lie = signed(world, 25, keccak(b"what was told"))
    made_up = (2, 25, keccak(b"y"), leaf(LEAVES, hashes, 2)[3])
    with pytest.raises(Reverted, match="LEAF"):
        world.prove(evidence, "head_and_batch", lie, bound, bytes(32), 0, made_up)
    with pytest.raises(Reverted, match="RANGE"):
        world.prove(evidence, "head_and_batch", lie, bound, bytes(32), 1, leaf(LEAVES, hashes, 2))
    world.prove(evidence, "head_and_batch", lie, bound, bytes(32), 0, leaf(LEAVES, hashes, 2))
    assert world.contracts.inbox.call("bond") == 0


def test_a_head_that_a_posted_batch_has_not_costs_the_bond(revm: Machine) -> None:
    world = World(*revm, venue())
    evidence = world.contracts.evidence
    header, hashes = posted(world, LEAVES)
    lie, bound = signed(world, 30, keccak(b"hidden")), header.bound()
    around = leaf(LEAVES, hashes, 2), leaf(LEAVES, hashes, 3)
    wide = leaf(LEAVES, hashes, 1), leaf(LEAVES, hashes, 3)
    with pytest.raises(Reverted, match="LEAF"):
        world.prove(evidence, "head_between", lie, bound, bytes(32), 0, *wide)
    world.prove(evidence, "head_between", lie, bound, bytes(32), 0, *around)
    assert world.contracts.inbox.call("bond") == 0
