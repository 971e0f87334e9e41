"""Two heads under one number, or a head that a posted batch contradicts, cost the bond."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.contracts.announcing import announcement, proof_hash
from settlement.contracts.evm import Reverted
from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.header import Header
from settlement.trees import binary
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import SEQUENCER, World, venue

SHARD = 0
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


def test_a_head_outside_of_a_batch_s_heads_costs_the_bond(revm: Machine) -> None:
    """Behind the last leaf, in front of the first, and where there are none at all."""
    for count, seq, at in ((5, 100, 4), (4, 60, 3), (5, 5, 0), (0, 50, 0)):
        world, leaves = World(*revm, venue()), LEAVES[:count]
        evidence = world.contracts.evidence
        header, hashes = posted(world, leaves)
        bound, lie = header.bound(), signed(world, seq, keccak(b"hidden"))
        told = leaf(leaves, hashes, at) if leaves else (0, 0, bytes(32), ())
        padded = [*hashes, *[bytes(32)] * (8 - len(hashes))]
        behind = binary.prove(padded, 5) if count == 5 and at == 4 else ()
        if count == 5 and at == 4:
            middle = leaf(leaves, hashes, 3)
            with pytest.raises(Reverted, match="LEAF"):
                world.prove(evidence, "head_outside", lie, bound, bytes(32), 0, middle, behind)
        world.prove(evidence, "head_outside", lie, bound, bytes(32), 0, told, behind)
        assert world.contracts.inbox.call("bond") == 0


def test_a_number_that_is_not_of_the_range_proves_nothing(revm: Machine) -> None:
    world = World(*revm, venue())
    header, hashes = posted(world, LEAVES)
    lie = signed(world, 101, keccak(b"of the next batch"))
    told = leaf(LEAVES, hashes, 4)
    behind = binary.prove([*hashes, *[bytes(32)] * 3], 5)
    with pytest.raises(Reverted, match="RANGE"):
        world.prove(world.contracts.evidence, "head_outside", lie, header.bound(), bytes(32), 0, told, behind)


def test_what_was_not_announced_is_not_taken(revm: Machine) -> None:
    """Nor what another announced, nor in the block it was announced in."""
    world = World(*revm, venue())
    evidence, salt = world.contracts.evidence, bytes(32)
    proof = signed(world, 77, keccak(b"one")), signed(world, 77, keccak(b"other"))
    told = announcement(world.challenger, salt, proof_hash(evidence, "two_heads", *proof))
    evidence.transact(world.challenger, "announce", told)
    with pytest.raises(Reverted, match="ANNOUNCED"):
        evidence.transact(world.challenger, "two_heads", salt, *proof)
    world.evm.advance(1)
    with pytest.raises(Reverted, match="ANNOUNCED"):
        evidence.transact(world.user, "two_heads", salt, *proof)
    with pytest.raises(Reverted, match="ANNOUNCED"):
        evidence.transact(world.challenger, "announce", told)
    evidence.transact(world.challenger, "two_heads", salt, *proof)


def test_the_operator_is_asked_for_the_leaf_of_a_receipt(revm: Machine) -> None:
    world = World(*revm, venue())
    evidence, token = world.contracts.evidence, world.contracts.token
    header, hashes = posted(world, LEAVES)

    def ask(seq: int, head: bytes) -> int:
        arguments = signed(world, seq, head), header.bound(), bytes(32), 0
        receipt = evidence.transact(world.challenger, "ask", *arguments)
        return int(evidence.returned("ask", receipt.output))

    true, lie = ask(25, LEAVES[2][1]), ask(40, keccak(b"what was told"))
    before = token.call("balanceOf", world.operator)
    evidence.transact(world.user, "show", true, leaf(LEAVES, hashes, 2))
    assert token.call("balanceOf", world.operator) == before + world.settings.stake
    with pytest.raises(Reverted, match="LEAF"):
        evidence.transact(world.user, "show", lie, leaf(LEAVES, hashes, 3))
    with pytest.raises(Reverted, match="SOON"):
        evidence.transact(world.user, "expire", lie)
    with pytest.raises(Reverted, match="QUESTION"):
        evidence.transact(world.user, "expire", true)
    world.evm.advance(world.settings.response_s + 1)
    before = token.call("balanceOf", world.challenger)
    evidence.transact(world.user, "expire", lie)
    gained = world.settings.stake + world.settings.bond_least // 2
    assert token.call("balanceOf", world.challenger) == before + gained
    world.evm.advance(world.settings.challenge_s)
    with pytest.raises(Reverted, match="LATE"):
        ask(10, keccak(b"late"))
