"""The walk through a payload's directory as Directory.vy does it: what each call takes and leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from settlement.coding import limits as lim
from settlement.coding.limits import DecodeError
from settlement.coding.payload import FILL_CHUNK, read_head
from settlement.columns import BodyError, read_varint
from settlement.contracts import abi
from settlement.hashing import keccak

NO_CHUNK: Final = 1 << 32
"""A walk to no chunk: to the end alone."""
PIECE_BYTES: Final = 2_400
"""About 80 elements of a blob."""
_LONGEST_ENTRY: Final = 30
_TYPE: Final = "(" + ",".join(["uint256"] * 10) + ",(" + ",".join(["uint256"] * 5) + "))"


class Entry(NamedTuple):
    """A chunk as the directory tells it; `start` is its first byte in the payload."""

    kind: int
    steps: int
    first_trade_id: int
    start: int
    length: int


class Walk(NamedTuple):
    """How far a walk is. Of `entry` the start counts from the first chunk's until the walk is over."""

    at: int = 0
    done: int = 0
    chunk_count: int = 0
    usual: int = 0
    expected: int = 0
    total: int = 0
    steps: int = 0
    fill_chunks: int = 0
    below: int = 0
    equal: int = 0
    entry: Entry = Entry(0, 0, 0, 0, 0)

    def hash(self) -> bytes:
        """As the contract keeps it."""
        return keccak(abi.encode([_TYPE], [self]))


class Stage(NamedTuple):
    """One call: from a walk, over bytes and so many entries, to another (None: it voids the batch)."""

    before: Walk
    start: int
    length: int
    most: int
    behind: Walk | None


def walked(payload: bytes, chunk: int) -> tuple[list[Stage], Entry | None, tuple[int, int]]:
    """The stages of the walk to a chunk, its entry (None if there is no such chunk or the directory is none),
    and where the tables stand and how long they are."""
    stages: list[Stage] = []
    before = now = Walk()
    try:
        for now in _steps(payload, chunk):
            if now.at - before.at > PIECE_BYTES and now.done < now.chunk_count:
                length = now.at - before.at
                stages.append(Stage(before, before.at, length, now.done - before.done, now))
                before = now
        tables, at = read_varint(payload, now.at)
    except (BodyError, DecodeError):
        end = min(len(payload), now.at + 2 * _LONGEST_ENTRY)
        stages.append(Stage(before, before.at, end - before.at, now.done - before.done + 1, None))
        return stages, None, (0, 0)
    stages.append(Stage(before, before.at, at - before.at, now.done - before.done, now))
    entry = now.entry._replace(start=now.entry.start + at + tables) if chunk < now.chunk_count else None
    return stages, entry, (at, tables)


def _steps(payload: bytes, chunk: int) -> Iterator[Walk]:
    """The walk behind the head, and behind every entry. Raises BodyError, DecodeError."""
    count, at = read_varint(payload, 0)
    usual, at = read_varint(payload, at)
    if count > min(len(payload), lim.CHUNKS_MAX) or usual > lim.CHUNK_BYTES_MAX:
        raise DecodeError(f"{count} chunks of {usual} bytes")
    now = Walk(at=at, chunk_count=count, usual=usual)
    yield now
    for _ in range(count):
        now = _entry(payload, now, chunk)
        yield now


def _entry(payload: bytes, walk: Walk, chunk: int) -> Walk:
    kind, steps, first, length, at = read_head(payload, walk.at, walk.usual, walk.expected)
    is_fill = kind == FILL_CHUNK
    return Walk(
        at,
        walk.done + 1,
        walk.chunk_count,
        walk.usual,
        first + steps if is_fill else walk.expected,
        walk.total + length,
        walk.steps + steps,
        walk.fill_chunks + is_fill,
        walk.below + (length < walk.usual),
        walk.equal + (length == walk.usual),
        Entry(kind, steps, first, walk.total, length) if walk.done == chunk else walk.entry,
    )
