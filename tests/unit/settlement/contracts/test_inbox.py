"""The inbox: what is posted follows what was, is final when its window has passed, and stands with a bond."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.contracts.evm import Reverted
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import steps as s
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import World, venue

INDEX = [s.Step(s.INDEX, p=61_000 * 10**6)]


def refused(world: World, code: str, payload: bytes = b"payload", **changed: Any) -> None:
    """A header that would be right but for `changed` is refused."""
    chunks, done = world.chunks_now
    header = world.header(chunks, done, **changed)
    with pytest.raises(Reverted, match=f"^{code}$"):
        world.contracts.inbox.transact(world.operator, "post", header.bound(), payload)


def test_batches_follow_one_another_and_become_final(any_machine: Machine) -> None:
    world = World(*any_machine, venue())
    inbox = world.contracts.inbox
    first = world.execute(INDEX)
    second = world.execute([s.Step(s.INDEX, p=62_000 * 10**6)])
    told = [inbox.call(name) for name in ("BRIDGE", "TOKEN", "escape")]
    contracts = world.contracts
    assert told == [each.address for each in (contracts.bridge, contracts.token, contracts.escape)]
    assert (inbox.call("head"), inbox.call("final_head")) == (2, 0)
    assert inbox.call("is_posted", 1, first.hash, ZERO_HASH, first.new_root)
    assert not inbox.call("is_posted", 1, second.hash, ZERO_HASH, second.new_root)
    world.make_final()
    assert inbox.call("final_head") == 2
    assert inbox.call("is_final", 2, second.hash, ZERO_HASH, second.new_root)
    with pytest.raises(Reverted, match="BATCH"):  # a batch posted again
        inbox.transact(world.operator, "post", second.bound(), b"payload")


def test_headers_that_do_not_follow_are_refused(revm: Machine) -> None:
    world = World(*revm, venue())
    world.execute(INDEX)
    world.chunks_now = world.batch([s.Step(s.INDEX, p=62_000 * 10**6)])
    inbox = world.contracts.inbox
    shard = world.header(*world.chunks_now).ranges[0]
    refused(world, "BATCH", batch_id=3)
    refused(world, "ROOT", previous_root=keccak(b"x"))
    refused(world, "CLOSED", closed_ms=1)
    refused(world, "CLOSED", closed_ms=world.evm.now() * 1000 + 10**7)
    refused(world, "DATA", b"other!!")
    refused(world, "DATA", payload_bytes=6)
    refused(world, "RANGE", ranges=(shard._replace(first_seq=shard.first_seq + 1),))
    refused(world, "RANGE", ranges=(shard._replace(last_seq=shard.first_seq - 1),))
    refused(world, "RANGE", ranges=(shard._replace(shard=1),))
    refused(world, "RANGE", ranges=(shard._replace(last_seq=shard.first_seq | 1 << 56),))
    refused(world, "BLOBS", layer=1)
    refused(world, "BLOBS", layer=1, blobs=1, payload=b"")
    refused(world, "BLOBS", layer=1, blobs=2, payload=b"")
    refused(world, "SIZE", layer=1, blobs=133, payload_bytes=2**24 + 1, payload=b"")
    refused(world, "SIZE", layer=2, payload_bytes=131_073, payload=b"")
    refused(world, "RANGE", ranges=(shard, shard._replace(first_seq=shard.last_seq + 1, last_seq=10**6)))
    refused(world, "HEADER", layer=3)
    refused(world, "DEPOSITS", deposits_through=1)
    refused(world, "FORCED", forced_through=1)
    chunks, done = world.chunks_now
    world.chunks_now = [], done
    refused(world, "EMPTY")
    world.chunks_now = chunks, done
    header = world.header(chunks, done)
    with pytest.raises(Reverted, match="OPERATOR"):
        inbox.transact(world.user, "post", header.bound(), b"payload")
    with pytest.raises(Reverted, match="HEADER"):
        inbox.transact(world.operator, "post", header.bound() + bytes(120), b"payload")
    with pytest.raises(Reverted, match="OPEN"):
        inbox.transact(world.operator, "take_bond", 1)
    world.post(header)


def test_blobs_are_kept_as_one_hash(revm: Machine) -> None:
    world = World(*revm, venue())
    chunks, done = world.batch(INDEX)
    hashes = [b"\x01" + bytes(30) + bytes([n]) for n in (1, 2)]
    header = world.header(chunks, done, layer=1, blobs=2, payload_bytes=2 * 126_976)
    inbox = world.contracts.inbox
    for wrong in (hashes[:1], [*hashes, hashes[0]]):
        with pytest.raises(Reverted, match="BLOBS"):
            inbox.transact(world.operator, "post", header.bound(), b"", blobs=wrong)
    receipt = inbox.transact(world.operator, "post", header.bound(), b"", blobs=hashes)
    kept = keccak(keccak(ZERO_HASH + hashes[0]) + hashes[1])
    (event,) = inbox.events(receipt)
    assert (event.name, event.fields["data"]) == ("Posted", kept)
    assert inbox.call("is_posted", 1, header.hash, kept, header.new_root)


def test_the_bond_is_taken_back_when_all_is_final(revm: Machine) -> None:
    world = World(*revm, venue())
    inbox, token = world.contracts.inbox, world.contracts.token
    world.execute(INDEX)
    world.make_final()
    before = token.call("balanceOf", world.operator)
    inbox.transact(world.operator, "take_bond", 5)
    assert token.call("balanceOf", world.operator) == before + 5
    world.chunks_now = world.batch([s.Step(s.INDEX, p=62_000 * 10**6)])
    refused(world, "BOND")
    with pytest.raises(Reverted, match="OPERATOR"):
        inbox.transact(world.user, "take_bond", 5)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("slash", (b"\x01" * 20,)),
        ("extend", (1, 10**12)),
        ("freeze", ()),
        ("void", (b"", bytes(32), bytes(20))),
    ],
)
def test_only_judges_judge(revm: Machine, function: str, arguments: tuple[object, ...]) -> None:
    world = World(*revm, venue())
    world.execute(INDEX)
    with pytest.raises(Reverted, match="JUDGE"):
        world.contracts.inbox.transact(world.operator, function, *arguments)
    with pytest.raises(Reverted, match="SEALED"):
        world.contracts.inbox.transact(world.deployer, "enlist", [world.operator], world.operator)
