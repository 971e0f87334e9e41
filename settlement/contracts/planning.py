"""Planned calls of a proof, and the bytes of a payload shown on the chain.

A plan is computed once, without a chain; whoever carries it out asks of every call whether it was done, and
sends the next that was not. So restarts, reorganisations and others who do the same change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from settlement.hashing import ZERO_HASH, keccak
from settlement.stf.header import BLOBS, NETTED, Header

ELEMENT_BYTES: Final = 31
ELEMENTS_PER_BLOB: Final = 4_096
ELEMENTS_AT_ONCE: Final = 100
"""Each costs about 56,000 gas."""
RANGES_AT_ONCE: Final = 32
JOINED_MOST: Final = 65_536


class Check(NamedTuple):
    """A question that tells whether a call was done: a view function of a contract and its answers then."""

    contract: str
    function: str
    arguments: tuple[Any, ...]
    wanted: frozenset[Any] | None
    """None: anything but zero."""

    def holds(self, answer: Any) -> bool:
        """Whether this answer says that it was done."""
        if self.wanted is None:
            return answer not in (0, ZERO_HASH)
        return answer in self.wanted


class Planned(NamedTuple):
    """A call of a contract (a field of `deployment.Contracts`); `done` tells whether it was made."""

    contract: str
    function: str
    arguments: tuple[Any, ...]
    done: Check


class Openings(Protocol):
    """The blobs of a batch and proofs of their elements."""

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Their versioned hashes."""

    def commitment(self, blob: int) -> bytes:
        """Of one blob, 48 bytes."""

    def proof(self, element: int) -> bytes:
        """Of an element counted through all blobs, 48 bytes."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A batch that stands, and its payload. `data` is what the inbox keeps of blobs, else zero."""

    header: Header
    payload: bytes
    data: bytes = ZERO_HASH
    openings: Openings | None = None
    """Where the data is in blobs."""
    prover: bytes = bytes(20)
    """Who sends the calls of a plan: a walk and a result are its own."""

    @property
    def named(self) -> tuple[bytes, bytes]:
        """As the contracts that look at shown bytes name it: header hash and data."""
        return self.header.hash, self.data

    @property
    def posted(self) -> tuple[bytes, bytes]:
        """As those that ask the inbox do: header and data."""
        return self.header.bound(), self.data

    def voided(self) -> Check:
        """Whether the batch is void."""
        asked = (self.header.batch_id, self.header.hash, self.data, self.header.new_root)
        return Check("inbox", "is_posted", asked, frozenset((False,)))


Span = tuple[int, int]
"""First byte and length."""


def shown(suspect: Suspect, spans: Sequence[Span]) -> list[Planned]:
    """The calls that show these ranges of a payload. Raises ValueError for blobs without their openings."""
    if suspect.header.layer & ~NETTED == BLOBS:
        return [call for span in spans for call in _elements(suspect, span)]
    found: list[Planned] = []
    for at in range(0, len(spans), RANGES_AT_ONCE):
        part = tuple(spans[at : at + RANGES_AT_ONCE])
        arguments = (*suspect.posted, part, suspect.payload)
        found.append(Planned("payloads", "show_payload", arguments, is_shown(suspect, part[-1])))
    return found


def is_shown(suspect: Suspect, span: Span) -> Check:
    """Whether a range was shown."""
    start, length = span
    wanted = frozenset((keccak(suspect.payload[start : start + length]),))
    return Check("payloads", "hash_of", (*suspect.named, start, length), wanted)


def _elements(suspect: Suspect, span: Span) -> list[Planned]:
    """A range of blobs: its elements in groups of one blob each, joined if they are several."""
    openings = suspect.openings
    if openings is None:
        raise ValueError("the batch's blobs are not at hand")
    start, length = span
    first, end = start // ELEMENT_BYTES, -(-(start + max(length, 1)) // ELEMENT_BYTES)
    groups: list[range] = []
    while first < end:
        stop = min(end, first + ELEMENTS_AT_ONCE, (first // ELEMENTS_PER_BLOB + 1) * ELEMENTS_PER_BLOB)
        groups.append(range(first, stop))
        first = stop
    spans = [_part(group, span) for group in groups]
    found: list[Planned] = []
    for group, part in zip(groups, spans, strict=True):
        raw = suspect.payload[group.start * ELEMENT_BYTES : group.stop * ELEMENT_BYTES]
        content = raw.ljust(len(group) * ELEMENT_BYTES, b"\0")
        commitment = openings.commitment(group.start // ELEMENTS_PER_BLOB)
        proofs = b"".join(map(openings.proof, group))
        arguments: tuple[Any, ...] = (
            *suspect.posted, openings.hashes, group.start, commitment, content, proofs, part,
        )  # fmt: skip
        found.append(Planned("payloads", "show_elements", arguments, is_shown(suspect, part)))
    if len(groups) > 1:
        content = suspect.payload[start : start + length]
        arguments = (*suspect.named, spans, content, span)
        found.append(Planned("payloads", "join", arguments, is_shown(suspect, span)))
    return found


def _part(group: range, span: Span) -> Span:
    """What of a range stands in a group of elements."""
    start = max(span[0], group.start * ELEMENT_BYTES)
    return start, min(span[0] + span[1], group.stop * ELEMENT_BYTES) - start


def padding(suspect: Suspect, element: int, value: int) -> list[Planned]:
    """The call that proves an element of the blobs to be none of a payload; `value` is what stands there.

    Raises ValueError for blobs without their openings.
    """
    openings = suspect.openings
    if openings is None:
        raise ValueError("the batch's blobs are not at hand")
    opened = openings.commitment(element // ELEMENTS_PER_BLOB), value, openings.proof(element)
    arguments = (*suspect.posted, openings.hashes, element, *opened)
    return [Planned("payloads", "prove_padding", arguments, suspect.voided())]
