"""Headers and payloads in order (protocol.md: Deriving, Header)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.second_verifier import step as s
from tests.second_verifier.fill_chunks import Known
from tests.second_verifier.hashing import ZERO, binary_root, keccak
from tests.second_verifier.payload import read_payload, tables_of
from tests.second_verifier.reading import Bytes
from tests.second_verifier.state import State, need
from tests.second_verifier.step import Step
from tests.second_verifier.transition import Chunk, run

BLOBS = 1
NETTED = 16
CODEC = 5
SHARD_SHIFT = 56
OfBridge = Callable[[Step], bool]
"""Does a DEPOSIT or FORCED step say what the bridge's queue says under its id?"""


@dataclass
class Header:
    codec: int
    batch_id: int
    closed_ms: int
    previous_root: bytes
    new_root: bytes
    chunk_root: bytes
    trace_root: bytes
    tables_hash: bytes
    data_hash: bytes
    payload_bytes: int
    chunks: int
    steps: int
    fills: int
    layer: int
    blobs: int
    shards: dict[int, tuple[int, int]]
    deposits_through: int
    forced_through: int


def read_header(data: bytes) -> Header:
    source = Bytes(data)
    need(source.take(4) == b"SBB2" and source.number(2) == 2, "another format")
    codec, batch_id, closed_ms = source.number(2), source.number(8), source.number(8)
    roots = [source.take(32) for _ in range(6)]
    counts = [source.number(4) for _ in range(4)]
    layer, blobs, shard_count = struct.unpack(">BBH", source.take(4))
    through = source.number(8), source.number(8)
    shards = {}
    for _ in range(shard_count):
        shard, first, last = struct.unpack(">QQQ", source.take(24))
        source.take(96)
        need(shard not in shards, "a shard twice")
        shards[shard] = first, last
    source.number(2)
    source.take(source.number(4))
    source.end()
    previous_root, new_root, chunk_root, trace_root, tables_hash, data_hash = roots
    payload_bytes, chunks, steps, fills = counts
    return Header(
        codec, batch_id, closed_ms, previous_root, new_root, chunk_root, trace_root, tables_hash, data_hash,
        payload_bytes, chunks, steps, fills, layer, blobs, shards, *through,
    )  # fmt: skip


@dataclass
class Verifier:
    """The state behind the batches taken so far. Raises Wrong at the first that is not what it says."""

    of_bridge: OfBridge
    state: State = field(default_factory=State)
    batch_id: int = 0
    root: bytes = b""
    closed_ms: int = 0
    tables: bytes = b""
    last_seq: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.state.root()

    def take(self, header: Header, payload: bytes) -> list[Chunk]:
        self._follows(header)
        need(header.codec == CODEC and not header.layer & NETTED, "a codec this verifier does not know")
        if header.layer == BLOBS:
            payload = payload[: header.payload_bytes]
        else:
            need(keccak(payload) == header.data_hash, "other data")
        need(len(payload) == header.payload_bytes, "other data")
        chunks = self._decoded(header, payload)
        need(binary_root([chunk.leaf() for chunk in chunks]) == header.chunk_root, "chunk root")
        before = self.state.last_deposit, self.state.forced_through
        trace = [run(self.state, chunk) for chunk in chunks]
        need(binary_root(trace) == header.trace_root, "trace root")
        need((trace[-1] if trace else self.root) == header.new_root, "new root")
        self._counted(header, chunks, before)
        self.batch_id, self.root, self.closed_ms = header.batch_id, header.new_root, header.closed_ms
        return chunks

    def _follows(self, header: Header) -> None:
        need(header.batch_id == self.batch_id + 1 and header.previous_root == self.root, "it does not follow")
        need(header.closed_ms >= self.closed_ms, "time runs back")
        for shard, (first, last) in header.shards.items():
            expected = self.last_seq.get(shard, shard << SHARD_SHIFT) + 1
            need(first == expected <= last, "a gap of commands")
            self.last_seq[shard] = last

    def _decoded(self, header: Header, payload: bytes) -> list[Chunk]:
        found = read_payload(payload)
        if found.tables:
            need(found.tables != self.tables, "tables that were posted before")
            self.tables = found.tables
        need(keccak(self.tables) == header.tables_hash, "other tables")
        listed = self.state.instruments.items()
        anchors = {n: (one.last_price, one.last_taker_sells) for n, one in listed}
        return found.decode(tables_of(self.tables), Known(self.state.dictionaries, anchors))

    def _counted(self, header: Header, chunks: list[Chunk], before: tuple[int, int]) -> None:
        steps = [step for chunk in chunks for step in chunk.steps]
        counts = len(chunks), len(steps), sum(step.kind == s.FILL for step in steps)
        need(counts == (header.chunks, header.steps, header.fills), "counts")
        state = self.state
        through = state.last_deposit, state.forced_through
        need(through == (header.deposits_through, header.forced_through), "what is answered")
        deposits = [step.ident for step in steps if step.kind == s.DEPOSIT]
        need(deposits == list(range(before[0] + 1, through[0] + 1)), "a deposit was passed over")
        asked = [step for step in steps if step.kind in (s.DEPOSIT, s.FORCED)]
        need(all(self.of_bridge(step) for step in asked), "not the bridge's")


__all__ = ["ZERO", "Header", "Verifier", "read_header"]
