"""Calls of the contracts that judge batches: Dispute with its contracts of steps, Demands, Evidence.

What they take is described in docs/contracts.md. Transactions give nothing back on a chain: the name of a
dispute and its progress are worked out here as the contract does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from settlement.contracts import abi
from settlement.contracts.announcing import announcement
from settlement.contracts.deployment import executor_of
from settlement.contracts.packing import FeeAccount, Packed, Progress, RunningRoots
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.ethereum import Head, LogEntry
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call
from settlement.stf.header import Header
from settlement.stf.steps import Step
from settlement.trees import binary

CHUNK: Final = "(uint256,uint256,uint256,bytes32,bytes32[],bytes32,bytes32[],bytes32,bytes32[])"
STATE: Final = "(bytes32,bytes32,bytes32,int256)"
PROGRESS: Final = f"(uint256,uint256,bytes32,{STATE})"
WITNESS: Final = "(uint256,uint256,bytes,bytes,bytes,bytes32[])"
SUBJECT: Final = "(address,bytes32,bytes32,uint256,uint256,uint256,bytes32,bytes32)"
CLOSING: Final = "(uint256[4],uint256,bytes32[])"
SIGNED_HEAD: Final = "(uint256,uint256,bytes32,bytes32,uint256,bytes32,bytes32)"
HEAD_LEAF: Final = "(uint256,uint256,bytes32,bytes32[])"

BEGIN: Final = f"begin(bytes,bytes32,{CHUNK},{STATE})"
FINISH: Final = f"finish(bytes,{SUBJECT},{PROGRESS},bytes32[],{CLOSING})"
PROVE_END: Final = "prove_end(bytes32,bytes,bytes32,bytes32,bytes32[])"
PROVE_THROUGH: Final = "prove_through(bytes32,bytes,bytes32,bytes32,bytes32,bytes32[8],uint256[2])"
PROVE_CHUNK: Final = f"prove_chunk(bytes32,bytes,bytes32,{CHUNK},uint256,uint256,uint256,bytes32[])"
STEP: Final = f"step(bytes32,{PROGRESS},{WITNESS})"
STEPS: Final = f"steps(bytes32,{PROGRESS},address[],{WITNESS}[])"
RUNS: Final = "runs(bytes32)"
ANNOUNCE: Final = "announce(bytes32)"
DEMAND: Final = "demand(bytes,bytes32,uint256)"
ANSWER_CHUNK: Final = f"answer_chunk(uint256,bytes,{CHUNK},bytes32[])"
ANSWER_DATA: Final = "answer_data(uint256,bytes,bytes)"
EXPIRE: Final = "expire(uint256,bytes)"
TWO_HEADS: Final = f"two_heads(bytes32,{SIGNED_HEAD},{SIGNED_HEAD})"
HEAD_AND_BATCH: Final = f"head_and_batch(bytes32,{SIGNED_HEAD},bytes,bytes32,uint256,{HEAD_LEAF})"
HEAD_BETWEEN: Final = f"head_between(bytes32,{SIGNED_HEAD},bytes,bytes32,uint256,{HEAD_LEAF},{HEAD_LEAF})"

DATA: Final = 2**32
"""What is demanded where it is the data and not a chunk."""
_WIDE: Final = "Wide"
_FIELDS_USUAL: Final = 2_560
_PAGES_USUAL: Final = 2_048  # bytes; beyond either a step takes the wide variant of its contract
_ANSWERED: Final = keccak(b"Answered(uint256)")


class ChunkOpening(NamedTuple):
    """A chunk as the contracts take it: what the header commits to of it and of the states around it."""

    chunk: int
    kind: int
    steps: int
    steps_root: bytes
    leaf_siblings: tuple[bytes, ...]
    before: bytes
    before_siblings: tuple[bytes, ...]
    behind: bytes
    behind_siblings: tuple[bytes, ...]


def chunk_opening(
    kind: int, hashes: Sequence[bytes], leaves: Sequence[bytes], trace: Sequence[bytes], index: int,
    previous_root: bytes,
) -> ChunkOpening:  # fmt: skip
    """Open chunk `index`, of these step hashes, by all leaves and the whole trace of its batch."""
    before = trace[index - 1] if index else previous_root
    return ChunkOpening(
        index, kind, len(hashes), binary.root(hashes), binary.prove(leaves, index), before,
        binary.prove(trace, index - 1) if index else (), trace[index], binary.prove(trace, index),
    )  # fmt: skip


class Target(NamedTuple):
    """A posted batch as its judges are told of it: header, and what the inbox keeps of its blobs."""

    header: Header
    data: bytes = ZERO_HASH


class Subject(NamedTuple):
    """What a dispute is about; its hash is the dispute's name."""

    challenger: bytes
    header_hash: bytes
    data: bytes
    chunk: int
    kind: int
    steps: int
    steps_root: bytes
    behind: bytes

    @classmethod
    def of(cls, challenger: bytes, target: Target, opening: ChunkOpening) -> Subject:
        """The subject of a dispute that `challenger` begins."""
        told = (opening.chunk, opening.kind, opening.steps, opening.steps_root, opening.behind)
        return cls(challenger, target.header.hash, target.data, *told)

    @property
    def name(self) -> bytes:
        """The dispute's."""
        return keccak(abi.encode([SUBJECT], [tuple(self)]))


def progress_hash(progress: Progress) -> bytes:
    """What the dispute's contract keeps of a progress."""
    return keccak(abi.encode([PROGRESS], [tuple(progress)]))


class Proof(NamedTuple):
    """What is proven in one transaction, and announced before: a function's arguments behind the salt."""

    to: bytes
    signature: str
    values: tuple[Any, ...]
    text: str

    @property
    def hash(self) -> bytes:
        """What the announcement is over."""
        types = abi.split_types(self.signature[self.signature.index("(") + 1 : -1])
        return keccak(abi.encode(types[1:], self.values))


class Demand(NamedTuple):
    """A demand that stands: `what` is a chunk's number or DATA, `until` the second it can be answered to."""

    number: int
    header_hash: bytes
    data: bytes
    what: int
    challenger: bytes
    until_s: int


class Answer(NamedTuple):
    """What the operator showed of a batch: a chunk's opening, or data."""

    number: int
    header_hash: bytes
    opening: ChunkOpening | None
    payload: bytes | None


class SignedHeadArgument(NamedTuple):
    """A signed head as Evidence takes it; last_seq is shard ‖ counter."""

    shard: int
    last_seq: int
    head: bytes
    root: bytes
    v: int
    r: bytes
    s: bytes


class LeafArgument(NamedTuple):
    """A leaf of a header's heads root."""

    position: int
    last_seq: int
    head: bytes
    siblings: tuple[bytes, ...]


class Judges:
    """The judging contracts of a rollup. Calls are only made, to be sent by a `Sender`."""

    def __init__(self, rollup: Rollup) -> None:
        self.rollup = rollup
        self._others = dict(rollup.addresses.others)

    def proving(self, proof: Proof, sender: bytes, secret: bytes, at: Head) -> Call:
        """The announcement of a proof, or, once that is in a block, the proof.

        `secret` makes the salt, so that nobody learns from the announcement what will be proven.
        """
        salt = keccak(secret + proof.hash)
        announced = announcement(sender, salt, proof.hash)
        if self.rollup.ask(proof.to, at, "made_at(bytes32)", "uint256", announced)[0] == 0:
            return Call(proof.to, abi.encode_call(ANNOUNCE, (announced,)))
        return Call(proof.to, abi.encode_call(proof.signature, (salt, *proof.values)))

    def _executor(self, kind: int, witness: Packed) -> bytes:
        pages = max(len(witness.first_pages), len(witness.second_pages))
        is_wide = len(witness.fields) > _FIELDS_USUAL or pages > _PAGES_USUAL
        return self._others[_WIDE * is_wide + executor_of(kind)]

    # --- disputes ----------------------------------------------------------------------------------

    def run(self, subject: Subject, at: Head) -> bytes:
        """The hash of a dispute's progress as of a block; zero: not begun, or ended."""
        found: bytes = self.rollup.ask(self.rollup.addresses.dispute, at, RUNS, "bytes32", subject.name)[0]
        return found

    def begin(self, target: Target, opening: ChunkOpening, state: RunningRoots) -> Call:
        """Begin a dispute about a chunk."""
        return self._dispute(BEGIN, target.header.bound(), target.data, tuple(opening), state)

    def looked(self, kind: int, progress: Progress, witness: Packed, at: Head) -> Progress:
        """Where a dispute would stand behind a step, without changing anything. Raises Reverted."""
        to = self._executor(kind, witness)
        (found,) = self.rollup.ask(to, at, STEP, PROGRESS, bytes(32), tuple(progress), tuple(witness))
        return Progress(found[0], found[1], found[2], tuple(found[3]))

    def steps(
        self, subject: Subject, progress: Progress, kinds: Sequence[int], witnesses: Sequence[Packed]
    ) -> Call:
        """Execute the next steps of a dispute, of these kinds, in one transaction."""
        pairs = zip(kinds, witnesses, strict=True)
        executors = [self._executor(kind, witness) for kind, witness in pairs]
        packed = [tuple(witness) for witness in witnesses]
        calldata = abi.encode_call(STEPS, (subject.name, tuple(progress), executors, packed))
        return Call(self.rollup.addresses.runner, calldata)

    def finish(
        self, target: Target, subject: Subject, progress: Progress, steps: Sequence[Step], closing: FeeAccount
    ) -> Call:
        """End a dispute whose steps are executed."""
        hashes = [step.hash() for step in steps]
        arguments = (target.header.bound(), tuple(subject), tuple(progress), hashes, closing)
        return self._dispute(FINISH, *arguments)

    def prove_end(self, target: Target, trace: Sequence[bytes]) -> Proof:
        """The new root is not the last of the trace."""
        siblings = binary.prove(trace, len(trace) - 1)
        values = (target.header.bound(), target.data, trace[-1], siblings)
        return self._proof(PROVE_END, values, "that the new root is not the last of the trace")

    def prove_through(
        self, target: Target, accounts: bytes, instruments: bytes, sections: Sequence[bytes], money: bytes
    ) -> Proof:
        """deposits_through or forced_through are not those of the new state; `money` are its two words."""
        words = [int.from_bytes(money[at : at + 32], "big") for at in (0, 32)]
        values = (target.header.bound(), target.data, accounts, instruments, list(sections), words)
        return self._proof(PROVE_THROUGH, values, "that the counts of the queues are wrong")

    def prove_chunk(self, target: Target, opening: ChunkOpening, index: int, steps: Sequence[Step]) -> Proof:
        """A chunk that is none, or one whose step `index` is not of its kind."""
        step, siblings = bytes(64), tuple[bytes, ...]()
        if steps:
            step, siblings = steps[index].pack(), binary.prove([one.hash() for one in steps], index)
        words = int.from_bytes(step[:32], "big"), int.from_bytes(step[32:], "big")
        values = (target.header.bound(), target.data, tuple(opening), index, *words, siblings)
        return self._proof(PROVE_CHUNK, values, f"that chunk {opening.chunk} is none")

    def _proof(self, signature: str, values: tuple[Any, ...], text: str) -> Proof:
        return Proof(self.rollup.addresses.dispute, signature, values, text)

    def _dispute(self, signature: str, *values: Any) -> Call:
        return Call(self.rollup.addresses.dispute, abi.encode_call(signature, values))

    # --- demands -----------------------------------------------------------------------------------

    def demand(self, target: Target, what: int) -> list[Call]:
        """Demand a chunk by its number, or the DATA, with a stake: the token is told first."""
        demands = self.rollup.addresses.demands
        stake = self.stake_micro()
        call = Call(demands, abi.encode_call(DEMAND, (target.header.bound(), target.data, what)))
        return [self.rollup.approve(demands, stake), call._replace(gas=600_000)]

    def stake_micro(self) -> int:
        """What a demand costs until it is settled."""
        return int(self.rollup.ask(self.rollup.addresses.demands, None, "STAKE()", "uint256")[0])

    def answer_chunk(
        self, number: int, header: Header, opening: ChunkOpening, hashes: Sequence[bytes]
    ) -> Call:
        """The operator's answer: a chunk is opened."""
        values = (number, header.bound(), tuple(opening), list(hashes))
        return Call(self.rollup.addresses.demands, abi.encode_call(ANSWER_CHUNK, values))

    def answer_data(self, number: int, header: Header, payload: bytes) -> Call:
        """The operator's answer: the data is published."""
        values = (number, header.bound(), payload)
        return Call(self.rollup.addresses.demands, abi.encode_call(ANSWER_DATA, values))

    def expire(self, number: int, header: Header) -> Call:
        """Nobody answered in time: the batch is void."""
        return Call(self.rollup.addresses.demands, abi.encode_call(EXPIRE, (number, header.bound())))

    def demand_count(self, at: Head) -> int:
        """How many were ever made."""
        return int(self.rollup.ask(self.rollup.addresses.demands, at, "demand_count()", "uint256")[0])

    def demands(self, at: Head, after: int = 0) -> list[Demand]:
        """All demands that stand as of a block, behind the number `after`: few, each costs a stake."""
        to, found = self.rollup.addresses.demands, list[Demand]()
        count = self.demand_count(at)
        kinds = "(bytes32,bytes32,uint256,address,uint256)"
        for number in range(after + 1, count + 1):
            (told,) = self.rollup.ask(to, at, "demands(uint256)", kinds, number)
            if told[4]:
                found.append(Demand(number, *told))
        return found

    def answer(self, log: LogEntry) -> Answer | None:
        """What an `Answered` event's transaction has shown; None for other events.

        Raises LookupError where the transaction is of another kind (a contract in between has answered).
        """
        if log.address != self.rollup.addresses.demands or log.topics[:1] != (_ANSWERED,):
            return None
        calldata = self.rollup.calldata(log.transaction)
        number = int.from_bytes(log.topics[1], "big")
        try:
            if calldata[:4] == abi.selector(ANSWER_DATA):
                _, header, payload = abi.decode(["uint256", "bytes", "bytes"], calldata[4:])
                return Answer(number, keccak(header), None, payload)
            if calldata[:4] == abi.selector(ANSWER_CHUNK):
                _, header, told, _ = abi.decode(["uint256", "bytes", CHUNK, "bytes32[]"], calldata[4:])
                return Answer(number, keccak(header), ChunkOpening(*told), None)
        except abi.AbiError as error:
            raise LookupError(f"the answer to demand {number}: {error}") from error
        raise LookupError(f"demand {number} was not answered by its transaction alone")

    # --- evidence ----------------------------------------------------------------------------------

    def two_heads(self, one: SignedHeadArgument, other: SignedHeadArgument) -> Proof:
        """Two signatures over one number that contradict each other."""
        return self._evidence(TWO_HEADS, (tuple(one), tuple(other)), "two heads under one number")

    def head_and_batch(
        self, signed: SignedHeadArgument, target: Target, range_index: int, leaf: LeafArgument
    ) -> Proof:
        """A signed head, and a posted batch that has another for its number."""
        values = (tuple(signed), target.header.bound(), target.data, range_index, tuple(leaf))
        return self._evidence(HEAD_AND_BATCH, values, "a head that a posted batch contradicts")

    def head_between(
        self, signed: SignedHeadArgument, target: Target, range_index: int, leaf: LeafArgument,
        following: LeafArgument,
    ) -> Proof:  # fmt: skip
        """A signed head, and a posted batch that has none for its number."""
        around = (tuple(leaf), tuple(following))
        values = (tuple(signed), target.header.bound(), target.data, range_index, *around)
        return self._evidence(HEAD_BETWEEN, values, "a head that a posted batch has not")

    def is_punished(self, last_seq: int, at: Head) -> bool:
        """Whether a sequence number (shard ‖ counter) was punished already."""
        evidence = self.rollup.addresses.evidence
        return bool(self.rollup.ask(evidence, at, "is_used(uint256)", "bool", last_seq)[0])

    def _evidence(self, signature: str, values: tuple[Any, ...], text: str) -> Proof:
        return Proof(self.rollup.addresses.evidence, signature, values, text)
