"""A batch whose payload does not decode to what its header commits to is void, whatever is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.coding.payload import Entry, Payload, pack, unpack
from settlement.columns import varint
from settlement.contracts.decoding import Unproven, plan, walk
from settlement.contracts.evm import Reverted
from settlement.contracts.planning import Suspect, is_shown, padding, shown
from settlement.contracts.walking import walked
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import blobs
from settlement.l1.openings import BlobOpenings
from settlement.stf.header import Header
from settlement.trees import binary
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.towns import Town, carry_out, go_back, town

GAS_MOST = 10_000_000


def void(found: Town, header: Header, payload: bytes, *, data: bytes = ZERO_HASH) -> int:
    """Plan against a batch that stands, and carry it out; the most gas of a call."""
    suspect = Suspect(header, payload, data)
    gas = carry_out(found.world, plan(suspect, found.before, found.committed, found.world.challenger))
    assert found.world.contracts.inbox.call("head") == 1
    return max(gas.values())


def test_chunks_that_decode_to_others(any_machine: Machine) -> None:
    found = town(any_machine, 4, 2)
    for chunk in range(2):
        header = found.wrongly(chunk)
        found.world.post(header, found.payload)
        assert void(found, header, found.payload) < GAS_MOST
        go_back(found)


def test_who_proves_a_chunk_of_64_fills_wrong_is_paid(revm: Machine) -> None:
    found = town(revm)
    header = found.wrongly(0)
    found.world.post(header, found.payload)
    token = found.world.contracts.token
    before = token.call("balanceOf", found.world.challenger)
    assert void(found, header, found.payload) < GAS_MOST
    assert token.call("balanceOf", found.world.challenger) == before + found.world.settings.bond_least // 2


def test_a_right_batch_can_not_be_convicted(revm: Machine) -> None:
    found = town(revm)
    found.wrongly(0)
    found.world.post(found.header, found.payload)
    suspect = Suspect(found.header, found.payload)
    right = [each.leaf for each in found.chunks]
    with pytest.raises(Unproven):
        plan(suspect, found.before, lambda n: (right[n], binary.prove(right, n)), found.world.challenger)
    *others, judge = plan(suspect, found.before, found.committed, found.world.challenger)
    carry_out(found.world, others)
    arguments = (*judge.arguments[:-2], right[0], binary.prove(right, 0))
    with pytest.raises(Reverted, match="RIGHT"):
        found.world.contracts.decoding.transact(found.world.challenger, "judge", *arguments)
    with pytest.raises(Reverted, match="CHUNK"):
        found.world.contracts.decoding.transact(found.world.challenger, "judge", *judge.arguments)


def with_payload(found: Town, payload: bytes, **changed: Any) -> Header:
    """The last header over another payload, posted."""
    told: dict[str, Any] = {"data_hash": keccak(payload), "payload_bytes": len(payload)} | changed
    header = found.header._replace(**told)
    found.world.post(header, payload)
    return header


def test_a_chunk_that_is_none(revm: Machine) -> None:
    found = town(revm)
    found.leaves = [each.leaf for each in found.chunks]
    payload = unpack(found.payload)
    for kind in (0, 1):
        number = next(n for n, entry in enumerate(payload.entries) if entry.kind == kind)
        start = len(found.payload) - sum(len(entry.data) for entry in payload.entries[number:])
        broken = found.payload[:start] + b"\0" + found.payload[start + 1 :]
        if kind:
            broken = found.payload[:start] + b"\x7f" + found.payload[start + 1 :]
        header = with_payload(found, broken)
        assert void(found, header, broken) < GAS_MOST
        go_back(found)


def varied(found: Town) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Payloads that are none, or not the header's."""
    payload, header = found.payload, found.header
    whole = unpack(payload)
    head = len(varint(len(whole.entries)))
    usual = sorted(len(entry.data) for entry in whole.entries)[(len(whole.entries) - 1) // 2]
    falling = (whole.tables or found.before.tables)[:-4] + b"\xff\xff\0\0"
    strange = b"\x04" + falling[1:]
    cases: dict[str, tuple[bytes, dict[str, Any]]] = {
        "codec": (payload, {"codec": 4}),
        "chunks": (payload, {"chunks": header.chunks + 1}),
        "steps": (payload, {"steps": header.steps - 1}),
        "tables": (payload, {"tables_hash": keccak(b"others")}),
        "cut short": (payload[:-1], {}),
        "a longer varint": (b"\x80" * 11 + payload, {}),
        "not the middle": (payload[:head] + varint(usual + 1) + payload[head + len(varint(usual)) :], {}),
        "nothing": (b"", {}),
        "tables that fall": (pack(whole._replace(tables=falling)), {"tables_hash": keccak(falling)}),
        "strange tables": (pack(whole._replace(tables=strange)), {"tables_hash": keccak(strange)}),
        "tables not its own": (pack(whole._replace(tables=falling)), {"tables_hash": header.tables_hash}),
    }
    return cases


def test_a_payload_that_is_none_or_another(revm: Machine) -> None:
    found = town(revm)
    for name, (payload, changed) in varied(found).items():
        header = with_payload(found, payload, **changed)
        assert void(found, header, payload) < GAS_MOST, name
        go_back(found)


def test_data_in_blobs_is_opened_element_by_element(revm: Machine) -> None:
    found = town(revm, 12, 6)
    kzg = blobs.shared_kzg()
    openings = BlobOpenings(kzg, blobs.pack(found.payload))
    header, world = found.wrongly(0)._replace(layer=1, blobs=1, data_hash=keccak(b"whatever")), found.world
    world.contracts.inbox.transact(world.operator, "post", header.bound(), b"", blobs=openings.hashes)
    suspect = Suspect(header, found.payload, openings.data, openings)
    calls = plan(suspect, found.before, found.committed, found.world.challenger)
    assert {"show_elements"} <= {call.function for call in calls}
    assert max(carry_out(found.world, calls).values()) < GAS_MOST
    assert found.world.contracts.inbox.call("head") == 1


def test_bytes_that_no_payload_has_in_a_blob(revm: Machine) -> None:
    found = town(revm)
    kzg, blob = blobs.shared_kzg(), bytearray(blobs.pack(found.payload)[0])
    blob[31 + 32 * 4_000] = 1
    openings = BlobOpenings(kzg, (bytes(blob),))
    header = found.header._replace(layer=1, blobs=1)
    world = found.world
    world.contracts.inbox.transact(world.operator, "post", header.bound(), b"", blobs=openings.hashes)
    (call,) = padding(Suspect(header, found.payload, openings.data, openings), 4_000, 1)
    with pytest.raises(Reverted, match="PROOF"):
        carry_out(world, [call._replace(arguments=(*call.arguments[:5], 2, call.arguments[6]))])
    assert max(carry_out(world, [call]).values()) < GAS_MOST
    assert world.contracts.inbox.call("head") == 1


def test_who_begins_first_ends_it_first(revm: Machine) -> None:
    found = town(revm)
    world = found.world
    header = found.wrongly(2)
    world.post(header, found.payload)
    decoding = world.contracts.decoding
    decoding.transact(world.user, "begin", header.bound(), ZERO_HASH, 2)
    suspect = Suspect(header, found.payload)
    _, *others, judge = plan(suspect, found.before, found.committed, world.challenger)
    carry_out(world, others)
    with pytest.raises(Reverted, match="FIRST"):
        decoding.transact(world.challenger, "judge", *judge.arguments)
    world.evm.advance(world.settings.dispute_s // 4 + 1)
    carry_out(world, [judge])


def test_a_long_directory_is_walked_in_parts(revm: Machine) -> None:
    """4,000 chunks of 64 steps, a byte each in the directory but for every hundredth."""
    found = town(revm)
    entries = [Entry(1, 64 - (n % 100 == 0), 0, bytes(3)) for n in range(4_000)]
    payload = pack(Payload(b"", tuple(entries)))
    header = with_payload(found, payload, chunks=4_000, steps=sum(entry.steps for entry in entries))
    stages, entry, _ = walked(payload, 3_900)
    assert len(stages) == 2
    calls = walk(Suspect(header, payload, prover=found.world.challenger), 3_900, stages)
    assert max(carry_out(found.world, calls).values()) < GAS_MOST
    directory = found.world.contracts.directory
    assert entry is not None
    assert directory.call("is_entry", header.hash, ZERO_HASH, 3_900, entry)
    assert not directory.call("is_entry", header.hash, ZERO_HASH, 3_899, entry)
    with pytest.raises(Reverted, match="WALK"):
        directory.transact(found.world.challenger, calls[-1].function, *calls[-1].arguments)
    arguments = (*calls[1].arguments[:-1], bytes(len(calls[1].arguments[-1])))
    with pytest.raises(Reverted, match="SHOWN"):
        directory.transact(found.world.user, calls[1].function, *arguments)


def test_ranges_shown_are_joined(revm: Machine) -> None:
    found = town(revm)
    world, payload = found.world, found.payload
    world.post(found.header, payload)
    suspect = Suspect(found.header, payload)
    spans = [(3, 20), (23, 7), (30, 11)]
    carry_out(world, shown(suspect, spans))
    payloads, named = world.contracts.payloads, suspect.named
    joined = (*named, spans, payload[3:41], (10, 25))
    payloads.transact(world.user, "join", *joined)
    assert is_shown(suspect, (10, 25)).holds(payloads.call("hash_of", *named, 10, 25))
    for wrong, code in (
        ((*named, spans, payload[3:40] + bytes((payload[40] ^ 1,)), (10, 25)), "SHOWN"),
        ((*named, spans[::2], payload[3:23] + payload[30:41], (3, 20)), "SHOWN"),
        ((*named, spans, payload[3:41], (2, 5)), "RANGE"),
        ((*named, spans, payload[3:41], (40, 2)), "RANGE"),
    ):
        with pytest.raises(Reverted, match=code):
            payloads.transact(world.user, "join", *wrong)
    with pytest.raises(Reverted, match="RANGE"):
        payloads.transact(world.user, "show_payload", *suspect.posted, [(len(payload), 1)], payload)
    with pytest.raises(Reverted, match="DATA"):
        payloads.transact(world.user, "show_payload", *suspect.posted, [(0, 1)], payload + b"\0")


def test_data_outside_is_shown_by_who_has_it_and_its_length_is_the_header_s(revm: Machine) -> None:
    found = town(revm)
    world = found.world
    for length in (len(found.payload), len(found.payload) + 1):
        header = found.wrongly(2)._replace(layer=2, payload_bytes=length)
        world.contracts.inbox.transact(world.operator, "post", header.bound(), b"")
        suspect = Suspect(header, found.payload)
        if length == len(found.payload):
            carry_out(world, plan(suspect, found.before, found.committed, world.challenger))
        else:
            arguments = (*suspect.posted, [(0, 1)], found.payload)
            world.contracts.payloads.transact(world.challenger, "show_payload", *arguments)
        assert world.contracts.inbox.call("head") == 1
        go_back(found)
