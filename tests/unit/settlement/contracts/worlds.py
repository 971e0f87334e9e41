"""Venues of format 2 in memory, the contracts on a machine, and batches with their headers."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Any, Final

from coincurve import PrivateKey

from settlement.contracts import packing
from settlement.contracts.announcing import announcement, proof_hash
from settlement.contracts.deployment import Contracts, Settings, deploy_all
from settlement.contracts.evm import Contract, Evm, Receipt
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, ChunkBuilder, Executed
from settlement.stf.commitment import Commitment
from settlement.stf.header import Header, ShardRange
from settlement.stf.sections import Underlying
from settlement.stf.state import Account, Instrument, State
from settlement.stf.terms import Terms
from settlement.stf.witness import Witnessing
from settlement.trees import binary

SHORT: Final = Settings(
    challenge_s=1000, response_s=300, dispute_s=600, deposit_s=500, forced_s=500, silence_s=5000, claim_s=400
)
OPTION: Final = 1
PERPETUAL: Final = 2
E6: Final = 10**6
FULL: Final = (70, 75)
"""The accounts with a position on every page of `full_venue`."""


SEQUENCER: Final = PrivateKey(b"\x07" * 32)


def address_of(key: PrivateKey) -> bytes:
    """The account of a key."""
    return keccak(key.public_key.format(compressed=False)[1:])[12:]


def opening(commitment: Commitment, header: Header | None) -> tuple[object, ...]:
    """A batch and the state behind it, as Bridge and Escape take them; no header: the beginning."""
    trees = (commitment.accounts.root, commitment.instruments.root, commitment.sections())
    if header is None:
        return (0, ZERO_HASH, ZERO_HASH, *trees)
    return (header.batch_id, header.hash, ZERO_HASH, *trees)


def words_of(preimage: bytes) -> tuple[int, ...]:
    """A preimage as words."""
    return tuple(int.from_bytes(preimage[at : at + 32], "big") for at in range(0, len(preimage), 32))


def terms(kind: int = OPTION, option_type: int = 1) -> Terms:
    """Terms of a call, a put or a perpetual of underlying 0."""
    head = kind | (option_type if kind == OPTION else 0) << 8 | 1 << 16
    words = [head, 1_735_286_400_000, 60_000 * E6, 10_000, 10**7, 1, 10**7, E6, 300 | 300 << 32]
    words += [125 | 150 << 32, 0, 0, 0, 1, *[0] * 10]
    return Terms(struct.pack(">24Q", *words))


def venue(accounts: int = 20, instruments: int = 40, seed: int = 1) -> State:
    """Accounts from 64 up with cash, every fifth instrument a perpetual."""
    rng, state = random.Random(seed), State()
    for number in range(64, 64 + accounts):
        state.accounts[number] = Account(
            owner=bytes([number & 255]) * 20, cash_micro=10_000 * E6, tier=rng.randrange(4)
        )
    for number in range(instruments):
        state.instruments[number] = Instrument(terms(OPTION if number % 5 else PERPETUAL, 1 + number % 2), 0)
    parameters = state.parameters
    parameters.underlyings.by_id[0] = Underlying(0x425443, 60_000 * E6, 1_000)
    parameters.underlyings.by_id[3] = Underlying(0x455448, 3_000 * E6, 500)
    parameters.fees.tiers = [(-10, 300, -20, 500), (10, 250, -20, 500), (0, 300, 20, 500)]
    parameters.fees.combo_discount_permille = 200
    return state


def hold(state: State, account: int, instrument: int, size: int, entry: int) -> None:
    """Give an account a position, out of nowhere."""
    state.move(account, state.accounts[account], instrument, state.instruments[instrument], size, entry)


def full_venue(pages: int, underlyings: int) -> State:
    """Two accounts with a position on every page, and so many underlyings."""
    state = venue(20, 0)
    listed = terms()
    for page in range(pages):
        state.instruments[16 * page] = Instrument(listed, 0)
        hold(state, FULL[0], 16 * page, 3, 30)
        hold(state, FULL[1], 16 * page, -3, -30)
    for number in range(4, underlyings):
        state.parameters.underlyings.by_id[number] = Underlying(number, 10**9, 1_000)
    return state


def fill(
    maker: int,
    taker: int,
    instrument: int = 1,
    *,
    price: int = 1200,
    lots: int = 7,
    flags: int = 0,
    classes: int = 0x22,
    ident: int = 1,
) -> s.Step:
    """A FILL. In one chunk their idents have no gaps."""
    return s.Step(s.FILL, classes, flags, instrument, maker, taker, ident, price, lots)


@dataclass
class World:
    """A venue whose batches an operator posts to the contracts."""

    evm: Evm
    senders: list[bytes]
    state: State
    settings: Settings = SHORT
    contracts: Contracts = field(init=False)
    commitment: Commitment = field(init=False)
    builder: ChunkBuilder = field(init=False)
    next_seq: int = 1
    batch_id: int = 0
    chunks_now: tuple[list[Chunk], Executed] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.deployer, self.operator, self.guardian, self.challenger, self.user = self.senders[:5]
        self.commitment = Commitment(self.state)
        self.root = self.commitment.root
        self.builder = ChunkBuilder(self.state, self.commitment)
        self.contracts = deploy_all(
            self.evm,
            self.deployer,
            operator=self.operator,
            sequencer=address_of(SEQUENCER),
            guardian=self.guardian,
            genesis_root=self.root,
            settings=self.settings,
        )
        token, bond = self.contracts.token, self.settings.bond_least
        for who, spender in (
            (self.operator, self.contracts.inbox),
            (self.user, self.contracts.bridge),
            (self.challenger, self.contracts.demands),
            (self.challenger, self.contracts.evidence),
        ):
            token.transact(self.deployer, "mint", who, 2 * bond)
            token.transact(who, "approve", spender.address, 2 * bond)
        self.contracts.inbox.transact(self.operator, "add_bond", bond)

    def batch(self, steps: list[s.Step]) -> tuple[list[Chunk], Executed]:
        """Execute steps as the next batch."""
        self.builder.begin()
        for step in steps:
            self.builder.add(step)
        return self.builder.chunks, self.builder.close()

    def header(self, chunks: list[Chunk], done: Executed, **changed: object) -> Header:
        """The header of a batch just executed; fields may be told otherwise."""
        money = self.state.parameters.money
        shard = ShardRange(0, self.next_seq, self.next_seq + 99, keccak(b"c"), keccak(b"h"), keccak(b"l"))
        fields: dict[str, Any] = {
            "codec": 5,
            "batch_id": self.batch_id + 1,
            "closed_ms": self.evm.now() * 1000,
            "previous_root": self.root,
            "new_root": done.new_root,
            "chunk_root": done.chunk_root if chunks else ZERO_HASH,
            "trace_root": done.trace_root if chunks else ZERO_HASH,
            "tables_hash": ZERO_HASH,
            "data_hash": keccak(b"payload"),
            "payload_bytes": 7,
            "chunks": len(chunks),
            "steps": sum(len(chunk.steps) for chunk in chunks),
            "fills": 0,
            "layer": 0,
            "blobs": 0,
            "deposits_through": money.last_deposit_id,
            "forced_through": money.forced_through,
            "ranges": (shard,),
        }
        fields |= changed
        return Header(**fields)

    def post(self, header: Header, payload: bytes = b"payload") -> Receipt:
        """Post a header. Raises Reverted."""
        receipt = self.contracts.inbox.transact(self.operator, "post", header.bound(), payload)
        self.root, self.batch_id = header.new_root, header.batch_id
        self.next_seq = header.ranges[-1].last_seq + 1
        return receipt

    def execute(self, steps: list[s.Step], **changed: object) -> Header:
        """Execute and post a batch; returns its header."""
        chunks, done = self.batch(steps)
        header = self.header(chunks, done, **changed)
        self.post(header)
        return header

    def prove(self, contract: Contract, function: str, *proof: object) -> Receipt:
        """Announce a proof, and a block later send it. Raises Reverted."""
        salt = keccak(function.encode())
        hash = announcement(self.challenger, salt, proof_hash(contract, function, *proof))
        if not contract.call("made_at", hash):
            contract.transact(self.challenger, "announce", hash)
            self.evm.advance(1)
        return contract.transact(self.challenger, function, salt, *proof)

    def make_final(self) -> None:
        """Let the window of everything posted pass."""
        self.evm.advance(self.settings.challenge_s + 1)
        self.contracts.inbox.transact(self.user, "finalise")


def chunk_argument(
    chunks: list[Chunk], trace: list[bytes], index: int, previous: bytes
) -> tuple[object, ...]:
    """A chunk as `Dispute` takes it: what the header commits to of it and of the states around it."""
    chunk = chunks[index]
    before = trace[index - 1] if index else previous
    return (
        index,
        chunk.kind,
        len(chunk.steps),
        binary.root([step.hash() for step in chunk.steps]),
        binary.prove([each.leaf for each in chunks], index),
        before,
        binary.prove(trace, index - 1) if index else (),
        trace[index],
        binary.prove(trace, index),
    )


def run_chunk(
    world: World, subject: bytes, before: Witnessing, steps: list[s.Step]
) -> tuple[packing.Progress, list[Receipt]]:
    """Execute a chunk's steps by their contracts and by the rules alike, each in a transaction."""
    progress, receipts = packing.start(before.running()), []
    for step, witness in before.chunk(Chunk(1, tuple(steps))):
        assert progress.state == packing.running(witness.before)
        executor = world.contracts.executor(step.kind)
        packed = packing.pack(step, witness)
        receipts.append(executor.transact(world.challenger, "step", subject, progress, packed))
        progress = packing.Progress(*executor.returned("step", receipts[-1].output))
        if progress.code:
            break
    return progress, receipts
