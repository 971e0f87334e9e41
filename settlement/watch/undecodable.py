"""Carries out what proves that a payload does not decode to what its header commits to.

The plan is `settlement.contracts.decoding`'s: calls, each with a question that tells whether it was made. The
first that was not comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from settlement.contracts.compiler import compiled
from settlement.contracts.decoding import Before, plan
from settlement.contracts.deployment import SOURCES
from settlement.contracts.evm import Contract
from settlement.contracts.planning import (
    ELEMENT_BYTES,
    ELEMENTS_PER_BLOB,
    Planned,
    Suspect,
    padding,
)
from settlement.hashing import keccak
from settlement.l1.ethereum import Head
from settlement.l1.judging import ChunkOpening
from settlement.l1.onchain import OnChain
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call
from settlement.stf.chunks import Chunk
from settlement.trees import binary

WORD_BYTES: Final = 32


@dataclass(frozen=True)
class Decoding:
    """What the decoders have to be told of a batch: its bytes, and what was in force in front of it."""

    suspect: Suspect
    before: Before


class Stray(NamedTuple):
    """An element of blobs, counted through all, that no payload has there, and what stands in it."""

    element: int
    value: int


def stray_in(blobs: Sequence[bytes], payload_bytes: int) -> Stray | None:
    """The first element that begins with another byte than 0, or has bytes behind the payload's end."""
    for number, blob in enumerate(blobs):
        for at in range(0, len(blob), WORD_BYTES):
            element = number * ELEMENTS_PER_BLOB + at // WORD_BYTES
            raw = blob[at : at + WORD_BYTES]
            inside = min(max(0, payload_bytes - element * ELEMENT_BYTES), ELEMENT_BYTES)
            if raw[0] or any(raw[1 + inside :]):
                return Stray(element, int.from_bytes(raw, "big"))
    return None


class Plans:
    """Plans over the contracts of a rollup, carried out by `prover` (an address)."""

    def __init__(self, rollup: Rollup, prover: bytes) -> None:
        self._rollup = rollup
        self._prover = prover
        # A machine for calldata and answers alone: it has no key to send with.
        self._evm = OnChain(rollup.ethereum, (), lambda: None, lambda _: None)
        self._contracts: dict[str, Contract] = {}
        self._plans: dict[tuple[bytes, int], list[Planned]] = {}

    def next(self, decoding: Decoding, shown: dict[int, ChunkOpening], at: Head) -> Call | None:
        """The next call; None: all were made.

        Raises:
            settlement.contracts.decoding.Unproven: nothing can be proven with the chunks shown so far.
            L1Error: the L1 does not answer.
        """
        key = decoding.suspect.header.hash, len(shown)
        if key not in self._plans:
            self._plans[key] = plan(
                decoding.suspect, decoding.before, Shown(decoding, shown), self._prover
            )
        return self._first(self._plans[key], at)

    def padding(self, suspect: Suspect, stray: Stray, at: Head) -> Call | None:
        """The next call that proves an element of the blobs to be none of a payload; None: all were made."""
        return self._first(padding(replace(suspect, prover=self._prover), *stray), at)

    def _first(self, plan: Sequence[Planned], at: Head) -> Call | None:
        for planned in plan:
            if not self._is_done(planned, at):
                contract = self._contract(planned.contract)
                return Call(contract.address, contract.data(planned.function, *planned.arguments))
        return None

    def _is_done(self, planned: Planned, at: Head) -> bool:
        check = planned.done
        contract = self._contract(check.contract)
        calldata = contract.data(check.function, *check.arguments)
        answer = self._rollup.ethereum.call(contract.address, calldata, at)
        return check.holds(contract.returned(check.function, answer))

    def _contract(self, field: str) -> Contract:
        if field not in self._contracts:
            where = self._rollup.addresses
            name = SOURCES[field]
            address = dict(where.others).get(name) or getattr(where, field)
            self._contracts[field] = Contract(self._evm, compiled(name), address)
        return self._contracts[field]


class Shown:
    """What is known of the committed leaves: those that were shown, or the only one there is."""

    def __init__(self, decoding: Decoding, shown: dict[int, ChunkOpening]) -> None:
        self._header = decoding.suspect.header
        self._shown = shown

    def __call__(self, chunk: int) -> tuple[bytes, tuple[bytes, ...]] | None:
        """See `settlement.contracts.decoding.Committed`."""
        if self._header.chunks == 1:
            return self._header.chunk_root, ()
        opening = self._shown.get(chunk)
        return None if opening is None else (leaf_of(opening), opening.leaf_siblings)


def leaf_of(opening: ChunkOpening) -> bytes:
    """The chunk leaf that an opening shows."""
    head = bytes(24) + opening.kind.to_bytes(4, "big") + opening.steps.to_bytes(4, "big")
    return keccak(head + opening.steps_root)


def to_demand(chunks: Sequence[Chunk], count: int, shown: dict[int, ChunkOpening]) -> int | None:
    """The chunk whose opening says most: where a shown path leaves one's own tree the difference lies."""
    leaves = [chunk.leaf for chunk in chunks]
    left = set(range(count))
    for number, opening in shown.items():
        if number < len(leaves):
            left &= _different(leaves, number, opening)
    left -= set(shown)
    return sorted(left)[len(left) // 2] if left else None


def _different(leaves: list[bytes], number: int, opening: ChunkOpening) -> set[int]:
    """The chunks under those siblings of a shown path that are not those of one's own tree."""
    try:
        own = binary.prove(leaves, number)
    except ValueError:
        return set(range(len(leaves)))
    found: set[int] = set()
    for level, (told, ours) in enumerate(zip(opening.leaf_siblings, own, strict=False)):
        if told != ours:
            first = ((number >> level) ^ 1) << level
            found |= set(range(first, first + (1 << level)))
    return found
