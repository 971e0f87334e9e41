"""A payload's directory and its other chunks (codec-5.md: Payload, Other chunk)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.second_verifier import step as s
from tests.second_verifier.fill_chunks import FillChunk, Known
from tests.second_verifier.hashing import keccak
from tests.second_verifier.reading import Bytes, zigzag
from tests.second_verifier.state import fits, need
from tests.second_verifier.step import NAMED, WITH_WORD, Step
from tests.second_verifier.tables import Tables, read
from tests.second_verifier.transition import FILL_CHUNK, MOST_STEPS, OTHER_CHUNK, Chunk

BITS = {"classes": 8, "flags": 16, "instrument": 32, "first": 32, "second": 32, "ident": 64}


@dataclass
class Entry:
    kind: int
    length: int
    steps: int
    first_trade_id: int


@dataclass
class Payload:
    entries: list[Entry]
    tables: bytes
    chunks: list[bytes]

    def decode(self, tables: Tables | None, known: Known) -> list[Chunk]:
        """All chunks; `tables` are those in force behind the batch."""
        found = []
        for number, (entry, data) in enumerate(zip(self.entries, self.chunks, strict=True)):
            if entry.kind == OTHER_CHUNK:
                found.append(Chunk(OTHER_CHUNK, other_steps(data, entry.steps)))
                continue
            need(tables is not None, "no tables")
            assert tables is not None
            chunk = FillChunk(data, number, tables, known)
            found.append(Chunk(FILL_CHUNK, chunk.steps(entry.steps, entry.first_trade_id)))
        return found


def read_payload(data: bytes) -> Payload:
    need(len(data) <= 1 << 24, "a long payload")
    source = Bytes(data)
    count, usual = source.varint(), source.varint()
    need(count <= 65_536, "chunks")
    entries: list[Entry] = []
    expected = 0
    for _ in range(count):
        entry = _entry(source, usual, expected)
        entries.append(entry)
        if entry.kind == FILL_CHUNK:
            expected = entry.first_trade_id + entry.steps
    lengths = sorted(entry.length for entry in entries)
    need(usual == (lengths[(count - 1) // 2] if lengths else 0), "the usual length")
    size = source.varint()
    need(size <= 65_536, "tables")
    tables = source.take(size)
    chunks = [source.take(entry.length) for entry in entries]
    source.end()
    need(not tables or any(entry.kind == FILL_CHUNK for entry in entries), "tables for nothing")
    return Payload(entries, tables, chunks)


def _entry(source: Bytes, usual: int, expected: int) -> Entry:
    head = source.varint()
    kind, told = head & 1, head >> 1 & 1
    length = usual + (head >> 3 if head >> 2 & 1 == 0 else -((head >> 2) + 1 >> 1))
    steps, first = MOST_STEPS, expected
    if told:
        steps = source.varint()
        if kind == FILL_CHUNK:
            first += source.zigzag()
        need((steps, first) != (MOST_STEPS, expected), "told for nothing")
    need(1 <= steps <= MOST_STEPS and 0 <= length <= 16_384 and 0 <= first < 1 << 63, "an entry")
    return Entry(kind, length, steps, first)


def other_steps(data: bytes, count: int) -> list[Step]:
    """The steps of an other chunk."""
    source = Bytes(data)
    steps: list[Step] = []
    last: dict[int, Step] = {}
    terms = [0] * 24
    before = -1
    while len(steps) < count:
        kind, run = source.number(1), source.varint()
        need(kind in NAMED and kind != before and 1 <= run <= count - len(steps), "a run")
        before = kind
        for _ in range(run):
            step = _other(source, kind, last.get(kind, Step(kind)), terms)
            last[kind] = step
            steps.append(step)
    source.end()
    return steps


def _other(source: Bytes, kind: int, before: Step, terms: list[int]) -> Step:
    mask = source.number(1)
    step = Step(kind)
    for bit, name in enumerate(NAMED[kind]):
        value = getattr(before, name)
        if mask >> bit & 1:
            difference = source.zigzag()
            need(difference != 0, "no difference")
            value += difference
        need(fits(value, BITS.get(name, 64), signed=name in "pq"), name)
        setattr(step, name, value)
    need(mask >> len(NAMED[kind]) == 0, "a mask")
    if kind == s.LISTING:
        for n in range(24):
            terms[n] += source.zigzag()
            need(fits(terms[n], 64, signed=True), "a term")
        step.terms = struct.pack(">24q", *terms)
        step.word = keccak(step.terms)
    elif kind in WITH_WORD:
        size = source.number(1)
        word = source.take(size)
        need(size <= 32 and (not word or word[-1] != 0), "a word")
        step.word = word.ljust(32, b"\0")
    return step


def tables_of(data: bytes) -> Tables | None:
    return read(data) if data else None


__all__ = ["Entry", "Payload", "other_steps", "read_payload", "tables_of", "zigzag"]
