"""A batch's payload: directory, tables, chunks (docs/codec-5.md).

    varint chunks · varint usual length · an entry a chunk · varint length of the tables · tables ·
    the chunks' bytes
    entry = varint(4 · zigzag(length − usual length) + 2 · told + other)
            told: varint steps, and of a fill chunk varint zigzag(first trade id − expected)

A chunk that is not told has 64 steps, and a fill chunk the expected trade id: that of the last fill chunk
before it plus that one's steps, 0 at first. The usual length is the lower median of all. The tables are left
out (length 0) if they are those of the batch before.
"""

from __future__ import annotations

from statistics import median_low
from typing import Final, NamedTuple

from settlement.coding import limits as lim
from settlement.coding.limits import DecodeError
from settlement.columns import BodyError, read_varint, unzigzag, varint, zigzag

FILL_CHUNK: Final = 0
OTHER_CHUNK: Final = 1


class Entry(NamedTuple):
    """A chunk as the directory tells it, and its bytes."""

    kind: int
    steps: int
    first_trade_id: int
    """Of a fill chunk; 0 of others."""
    data: bytes


class Payload(NamedTuple):
    """A payload taken apart. No tables: those of the batch before."""

    tables: bytes
    entries: tuple[Entry, ...]


class Head(NamedTuple):
    """An entry of the directory: what it tells of its chunk, and the byte behind it."""

    kind: int
    steps: int
    first_trade_id: int
    length: int
    end: int


def pack(payload: Payload) -> bytes:
    """The bytes. Raises ValueError for what a payload may not hold."""
    usual = median_low([len(entry.data) for entry in payload.entries] or [0])
    out = [varint(len(payload.entries)), varint(usual)]
    expected = 0
    for entry in payload.entries:
        other = entry.kind == OTHER_CHUNK
        shift = 0 if other else entry.first_trade_id - expected
        told = entry.steps != lim.CHUNK_STEPS_MAX or shift != 0
        out.append(varint(4 * zigzag(len(entry.data) - usual) + 2 * told + other))
        if told:
            out += [varint(entry.steps), b"" if other else varint(zigzag(shift))]
        if not other:
            expected = entry.first_trade_id + entry.steps
    out += [varint(len(payload.tables)), payload.tables, *(entry.data for entry in payload.entries)]
    packed = b"".join(out)
    try:
        same = unpack(packed) == payload
    except DecodeError as error:
        raise ValueError(f"no payload: {error}") from error
    if not same:
        raise ValueError("a payload that does not come back")
    return packed


def unpack(data: bytes) -> Payload:
    """Take a payload apart.

    Raises:
        DecodeError: not the bytes `pack` writes, or more than `limits` allow.
    """
    if len(data) > lim.PAYLOAD_BYTES_MAX:
        raise DecodeError(f"a payload of {len(data)} bytes")
    try:
        return _unpack(data)
    except BodyError as error:
        raise DecodeError(f"a payload's directory: {error}") from error


def read_head(data: bytes, at: int, usual: int, expected: int) -> Head:
    """The entry at a byte; `expected` is the trade id of a fill chunk that tells none.

    Raises:
        DecodeError, BodyError: what no directory says.
    """
    head, at = read_varint(data, at)
    kind, steps, first, length = head & 1, lim.CHUNK_STEPS_MAX, 0, usual + unzigzag(head >> 2)
    shift = 0
    if head & 2:
        steps, at = read_varint(data, at)
        if kind == FILL_CHUNK:
            coded, at = read_varint(data, at)
            shift = unzigzag(coded)
        if steps == lim.CHUNK_STEPS_MAX and shift == 0:
            raise DecodeError("a chunk that tells nothing")
    if kind == FILL_CHUNK:
        first = expected + shift
    if not 1 <= steps <= lim.CHUNK_STEPS_MAX or not 0 <= first < lim.TRADE_ID_BOUND - steps:
        raise DecodeError(f"a chunk of {steps} steps from trade {first}")
    if not 0 <= length <= lim.CHUNK_BYTES_MAX:
        raise DecodeError(f"a chunk of {length} bytes")
    return Head(kind, steps, first, length, at)


def _unpack(data: bytes) -> Payload:
    count, at = read_varint(data, 0)
    usual, at = read_varint(data, at)
    if count > min(len(data), lim.CHUNKS_MAX) or usual > lim.CHUNK_BYTES_MAX:
        raise DecodeError(f"a payload of {count} chunks of {usual} bytes")
    heads: list[Head] = []
    expected = 0
    for _ in range(count):
        head = read_head(data, at, usual, expected)
        at = head.end
        if head.kind == FILL_CHUNK:
            expected = head.first_trade_id + head.steps
        heads.append(head)
    table_bytes, at = read_varint(data, at)
    total = sum(head.length for head in heads)
    if table_bytes > lim.TABLES_BYTES_MAX or len(data) != at + table_bytes + total:
        raise DecodeError("a payload that is not as long as its directory says")
    if usual != median_low([head.length for head in heads] or [0]):
        raise DecodeError("a usual length that is not the middle one")
    tables, at = data[at : at + table_bytes], at + table_bytes
    entries: list[Entry] = []
    for kind, steps, first, length, _ in heads:
        entries.append(Entry(kind, steps, first, data[at : at + length]))
        at += length
    return Payload(tables, tuple(entries))
