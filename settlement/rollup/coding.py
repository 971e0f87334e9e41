"""How chunks become a payload and back: what a builder and a deriver ask of a codec, and the plainest one.

`RawCoding` (codec 0) writes every step as its 64 bytes. It needs nothing of the state and is what a smaller
codec is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from settlement.coding.fills import Fills
from settlement.coding.netted import Known
from settlement.hashing import keccak
from settlement.stf.chunks import MAX_STEPS, Chunk
from settlement.stf.header import Header
from settlement.stf.state import State
from settlement.stf.steps import LISTING, STEP_BYTES, TERMS_BYTES, Step, unpack

MAX_PAYLOAD_BYTES: Final = 1 << 24


class Undecodable(ValueError):
    """Bytes that are no payload. `chunk` is the one that can not be read, None if it is the whole."""

    def __init__(self, text: str, chunk: int | None = None) -> None:
        super().__init__(text)
        self.chunk = chunk


class Encoded(NamedTuple):
    """A payload and the hash of the tables it is coded with."""

    payload: bytes
    tables_hash: bytes


class Coding(Protocol):
    """A codec over one chain of batches: it may keep what a payload leans on of the batches before."""

    number: int

    def stored(self) -> dict[str, bytes]:
        """By name what a restarted builder goes on with, as far as it is news since the last call."""

    def begin(self, state: State) -> None:
        """Called with the state in front of every batch, before its first step."""

    def known(self) -> Known:
        """What netting leans on, of the state in front of the batch begun last. Raises Undecodable where
        there is no such form."""

    def reclass(self, chunks: Sequence[Chunk], /) -> Sequence[Step]:
        """RECLASS steps for the end of the batch begun last, whose other chunks these are."""

    def encode(self, chunks: Sequence[Chunk]) -> Encoded:
        """The payload of the batch begun last: all its chunks."""

    def decode(self, header: Header, payload: bytes) -> list[Chunk]:
        """The chunks of the batch begun last.

        Raises:
            Undecodable: these bytes are not what `encode` makes of any chunks.
        """

    @property
    def columns(self) -> Fills | None:
        """All steps of the fill chunks decoded last, in order, where the codec has them as columns."""


NO_TABLES: Final = keccak(b"")


class RawCoding:
    """Per chunk: kind u8, steps u8, its records, the terms of its listings."""

    number = 0

    columns = None

    def stored(self) -> dict[str, bytes]:
        """Nothing is learnt."""
        return {}

    def begin(self, state: State) -> None:
        """Nothing of the state is needed."""

    def known(self) -> Known:
        """Raises Undecodable."""
        raise Undecodable("codec 0 has no netted form")

    def reclass(self, _: Sequence[Chunk], /) -> Sequence[Step]:
        """There are no dictionaries."""
        return ()

    def encode(self, chunks: Sequence[Chunk]) -> Encoded:
        """The chunks one after another."""
        parts: list[bytes] = []
        for chunk in chunks:
            parts.append(bytes((chunk.kind, len(chunk.steps))))
            parts.extend(step.pack() for step in chunk.steps)
            parts.extend(step.payload for step in chunk.steps if step.kind == LISTING)
        return Encoded(b"".join(parts), NO_TABLES)

    def decode(self, header: Header, payload: bytes) -> list[Chunk]:
        """The inverse. Raises Undecodable."""
        if header.tables_hash != NO_TABLES:
            raise Undecodable("a raw payload with tables")
        chunks: list[Chunk] = []
        at = 0
        while at < len(payload):
            chunk, at = _read_chunk(payload, at, len(chunks))
            chunks.append(chunk)
        return chunks


def _read_chunk(payload: bytes, at: int, number: int) -> tuple[Chunk, int]:
    """The chunk that begins at a byte, and the byte after it."""
    count = payload[at + 1] if at + 2 <= len(payload) else 0
    end = at + 2 + count * STEP_BYTES
    if not 1 <= count <= MAX_STEPS or end > len(payload):
        raise Undecodable(f"chunk {number} is cut short or has {count} steps", number)
    steps: list[Step] = []
    for place in range(at + 2, at + 2 + count * STEP_BYTES, STEP_BYTES):
        step = unpack(payload[place : place + STEP_BYTES])
        if step.kind == LISTING:
            step = step._replace(payload=payload[end : end + TERMS_BYTES])
            end += TERMS_BYTES
            if end > len(payload) or keccak(step.payload) != step.word:
                raise Undecodable(f"chunk {number} lacks the terms of its listing", number)
        steps.append(step)
    return Chunk(payload[at], tuple(steps)), end
