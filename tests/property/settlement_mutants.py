"""Mutated blobs, headers, step proofs and exit requests: nothing of it may be accepted, nothing may crash.

A trial changes one good thing and hands it to whoever judges such things: who derives the chain, the rules
over a witness, the contracts. It raises `Accepted` if that took it for good, and lets through what no judge
may raise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any, Final, NamedTuple

from settlement.contracts import packing
from settlement.contracts.evm import Contract, Reverted
from settlement.contracts.revm import Revm
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import blobs
from settlement.rollup.builder import Batch
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Derivation, Fault
from settlement.stf import onestep
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError, WitnessError
from settlement.stf.header import BLOBS, Header, HeaderError, unpack_header
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import DEPOSIT, FORCED, Step
from settlement.stf.witness import Running, Witness, Witnessing
from settlement.trees.sparse import prove
from tests.unit.settlement.contracts.test_bridge import NUMBER, start, withdrawal
from tests.unit.settlement.contracts.worlds import World, opening, words_of
from tests.unit.settlement.rollup.chains import Queues, chain_of
from tests.unit.settlement.stf.every_kind import BATCHES
from tests.unit.settlement.stf.tampering import tampered

SEED: Final = 5
NO_PROOF: Final = bytes(6)
CLOSED: Final = slice(16, 24)
"""Of a header, when the batch was closed: within the inbox's bounds nobody knows better."""


class Accepted(AssertionError):
    """Something mutated was taken for good."""


def mutated(data: bytes, rng: random.Random, other: bytes = b"") -> bytes:
    """Bytes that differ from these: in bits or bytes, in length, or with a part of another's in them."""
    while True:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            at = rng.randrange(len(changed)) if changed else 0
            width = min(rng.choice((1, 2, 4, 32)), len(changed) - at)
            match rng.randrange(6):
                case 0 | 1 if changed:
                    changed[at] ^= 1 << rng.randrange(8)
                case 2:
                    changed[at : at + width] = rng.randbytes(width)
                case 3:
                    changed[at:at] = rng.randbytes(rng.choice((1, 2, 32)))
                case 4:
                    del changed[at : at + width]
                case _ if other:
                    source = rng.randrange(len(other))
                    changed[at : at + width] = other[source : source + width]
        if bytes(changed) != data:
            return bytes(changed)


# --- blobs and headers, before who derives ----------------------------------------------------------------


class Front(NamedTuple):
    """What a derivation knows in front of a batch."""

    state: State
    tables: bytes
    batch_id: int
    closed_ms: int
    last_seqs: dict[int, int]
    batch: Batch

    def takes(self, header: Header, payload: bytes) -> bool:
        """Whether somebody who derives takes this for the next batch. He has the heads of the chain by his
        receipts, and found the data where the batch's was posted."""
        heads = [part[2:] for part in header.ranges]
        known = [part[2:] for part in self.batch.header.ranges]
        if (header.layer, header.blobs) != (BLOBS, 1) or heads != known:
            return False
        found = Derivation(
            Codec5(self.tables), BRIDGE, deepcopy(self.state), self.batch_id, self.closed_ms,
            dict(self.last_seqs),
        )  # fmt: skip
        try:
            found.take(header, payload)
        except Fault:
            return False
        return True


BRIDGE: Final = Queues()


@cache
def fronts() -> list[Front]:
    """A chain of batches with deposits, fills and much else, whose data stand in blobs."""
    chain = chain_of(SEED, 160, 40, Codec5())
    BRIDGE.deposits.update(chain.bridge.deposits)
    coding, found = Codec5(), list[Front]()
    derived = Derivation(coding, BRIDGE)
    for batch in chain.batches:
        header = batch.header._replace(layer=BLOBS, blobs=1)
        front = (deepcopy(derived.state), coding.tables_data, derived.batch_id, derived.closed_ms)
        found.append(Front(*front, dict(derived.last_seqs), batch._replace(header=header)))
        derived.take(header, batch.payload)
    assert all(one.takes(one.batch.header, one.batch.payload) for one in found)
    return found


def blob(rng: random.Random) -> None:
    """The blob of a batch, with a header that is honest about it."""
    one, other = rng.choice(fronts()), rng.choice(fronts())
    payload = mutated(one.batch.payload, rng, other.batch.payload)
    (packed,) = blobs.pack(payload)
    if rng.random() < 0.25:  # and the blob's own form
        at = rng.randrange(len(packed))
        packed = packed[:at] + bytes((packed[at] ^ 1 << rng.randrange(8),)) + packed[at + 1 :]
    length = rng.choice((len(payload), one.batch.header.payload_bytes))
    try:
        payload = blobs.unpack([packed], length)
    except blobs.BlobError:
        return
    header = one.batch.header._replace(data_hash=keccak(payload), payload_bytes=length)
    if payload != one.batch.payload and one.takes(header, payload):
        raise Accepted(f"blob of batch {header.batch_id}: {payload.hex()}")


def header(rng: random.Random) -> None:
    """The header of a batch, whose data are as they were."""
    one, other = rng.choice(fronts()), rng.choice(fronts())
    good = one.batch.header.bound()
    bound = mutated(good, rng, other.batch.header.bound())
    try:
        found = unpack_header(bound + NO_PROOF)
    except HeaderError:
        return
    told = bytearray(bound)
    told[CLOSED] = good[CLOSED]
    # What the data hash says of blobs binds nobody.
    same = unpack_header(bytes(told) + NO_PROOF)._replace(data_hash=one.batch.header.data_hash)
    if same != one.batch.header and one.takes(found, one.batch.payload):
        raise Accepted(f"header of batch {one.batch.header.batch_id}: {bound.hex()}")


# --- proofs of steps, before the rules and before the contracts -------------------------------------------


class Proven(NamedTuple):
    """A step of the trading day, what it opens, and what it comes to."""

    step: Step
    witness: Witness
    behind: Running


@cache
def day() -> list[Proven]:
    """Every kind of step."""
    state, found = State(), list[Proven]()
    witnessing = Witnessing(state, Commitment(state))
    for step in (step for batch in BATCHES for step in batch):
        witness = witnessing.of(step)
        apply(state, step)
        found.append(Proven(step, witness, witnessing.running()))
    return found


@cache
def tried_on() -> World:
    """The contracts on the machine in process, with a batch that is final: one withdrawal paid, one held."""
    world, last = start((Revm(), [bytes([n]) * 20 for n in range(1, 9)]))
    world.make_final()
    FINAL.append(last)
    return world


FINAL: Final[list[Header]] = []


def proof(rng: random.Random) -> None:
    """A witness, before the rules."""
    step, witness, _ = rng.choice(day())
    broken = rng.choice([*tampered(witness, rng)] or [witness._replace(before=_elsewhere(witness))])
    try:
        onestep.execute(broken, step)
    except (WitnessError, TransitionError):
        return
    raise Accepted(f"witness of {step}: {broken}")


def _elsewhere(witness: Witness) -> Running:
    sections = (keccak(b"another"),) * len(witness.before.sections)
    return witness.before._replace(sections=sections)


def packed_proof(rng: random.Random) -> None:
    """A witness as bytes, before the contract of its kind of step; of none that asks the bridge's queue."""
    step, witness, behind = rng.choice([one for one in day() if one.step.kind not in (DEPOSIT, FORCED)])
    executor = tried_on().contracts.executor(step.kind)
    good = packing.pack(step, witness)
    name = rng.choice([name for name in good._fields[2:] if getattr(good, name)] or ["fields"])
    value = getattr(good, name)
    if name == "siblings":
        changed: Any = list(value)
        at = rng.randrange(len(changed))
        changed[at] = mutated(changed[at], rng)[:32].ljust(32, b"\0")
    else:
        changed = mutated(value, rng)
    progress = packing.start(witness.before)
    right = (0, packing.running(behind))
    assert _behind(executor, progress, good) == right
    packed = packing.Packed(**{**good._asdict(), name: changed})
    try:
        found = _behind(executor, progress, packed)
    except Reverted:
        return
    if found != right:
        raise Accepted(f"packed witness of {step}: {packed}")


def _behind(executor: Contract, progress: packing.Progress, packed: packing.Packed) -> tuple[int, Any]:
    """Whether a step is allowed and the state behind it, as its contract says. Raises Reverted."""
    told = packing.Progress(*executor.call("step", ZERO_HASH, progress, packed))
    return told.code, told.state


# --- requests to leave, before the contracts ---------------------------------------------------------------


class Request(NamedTuple):
    """A good call, its sender, and which of its words are the sender's to choose."""

    contract: Contract
    sender: bytes
    data: bytes
    free: slice


@cache
def requests() -> list[Request]:
    """A withdrawal out of a final state, and a forced one."""
    world = tried_on()
    bridge, opened = world.contracts.bridge, opening(world.commitment, FINAL[0])
    one, siblings = withdrawal(world, 0)
    words = words_of(world.commitment.account_preimage(NUMBER))
    path = tuple(prove(world.commitment.accounts, NUMBER))
    return [
        Request(bridge, world.challenger, bridge.data("withdraw", opened, one, siblings), slice(0, 0)),
        Request(bridge, world.user, bridge.data("request", NUMBER, 7, opened, words, path), slice(36, 68)),
    ]


def exit_request(rng: random.Random) -> None:
    """A call's data; whatever of it is taken must have done what the good one does."""
    contract, sender, good, free = rng.choice(requests())
    data = bytearray(good[:4] + mutated(good[4:], rng))
    data[free] = good[free]
    evm = tried_on().evm
    assert isinstance(evm, Revm)
    before = evm.snapshot()
    expected = evm.transact(sender, contract.address, good).logs
    evm.revert(before)
    before = evm.snapshot()
    try:
        found = evm.transact(sender, contract.address, bytes(data)).logs
    except Reverted:
        return
    finally:
        evm.revert(before)
    if found != expected:
        raise Accepted(f"request {data.hex()}")


TRIALS: Final[dict[str, Callable[[random.Random], None]]] = {
    "blobs": blob,
    "headers": header,
    "step proofs": proof,
    "step proofs on the chain": packed_proof,
    "exit requests": exit_request,
}
