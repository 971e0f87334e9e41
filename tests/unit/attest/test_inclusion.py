"""A fill's inclusion is proven against what settlement really commits to, and nothing else is."""

from __future__ import annotations

import random

import pytest

from exchange.attest.inclusion import Fill, InclusionProof, included_in, read_fill
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk
from settlement.stf.header import Header, ShardRange
from settlement.trees import binary


def fill(trade: int) -> s.Step:
    return s.Step(s.FILL, 0x21, 1, 9, 64, 65, trade, 7_000 + trade, 3)


CHUNKS = tuple(
    Chunk(0, tuple(fill(trade) for trade in range(first, first + size)))
    for first, size in ((1, 64), (65, 5), (70, 1))
)
LEAVES = [chunk.leaf for chunk in CHUNKS]
RANGE = ShardRange(0, 1, 70, b"h" * 32, b"r" * 32, b"l" * 32)
HEADER = Header(
    codec=5, batch_id=3, closed_ms=1_750_000_000_000, previous_root=b"a" * 32, new_root=b"b" * 32,
    chunk_root=binary.root(LEAVES), trace_root=b"c" * 32, tables_hash=b"d" * 32, data_hash=b"e" * 32,
    payload_bytes=230, chunks=len(CHUNKS), steps=70, fills=70, layer=0, blobs=0, deposits_through=4,
    forced_through=2, ranges=(RANGE,),
)  # fmt: skip


def proof(chunk: int, step: int) -> InclusionProof:
    hashes = s.step_hashes(CHUNKS[chunk].steps)
    return InclusionProof(
        HEADER.bound(), chunk, CHUNKS[chunk].kind, len(hashes), step,
        binary.prove(hashes, step), binary.prove(LEAVES, chunk),
    )  # fmt: skip


@pytest.mark.parametrize(("chunk", "step"), [(0, 0), (0, 63), (0, 17), (1, 0), (1, 4), (2, 0)])
def test_every_fill_is_found_where_it_is(chunk: int, step: int) -> None:
    packed = CHUNKS[chunk].steps[step].pack()
    assert included_in(proof(chunk, step), packed) == HEADER.hash
    trade = int(CHUNKS[chunk].steps[step].ident)
    assert read_fill(packed) == Fill(9, 64, 65, True, 7_000 + trade, 3, trade, 2, 1)


def test_a_fill_is_nowhere_else() -> None:
    packed = CHUNKS[1].steps[2].pack()
    right = proof(1, 2)
    assert included_in(right, packed) == HEADER.hash
    for wrong in (
        right._replace(step=3), right._replace(chunk=2), right._replace(kind=1), right._replace(steps=6),
        right._replace(step_path=right.step_path[:-1]), right._replace(chunk_path=()), proof(1, 3),
        right._replace(header=b""), right._replace(header=right.header + bytes(120)), right._replace(step=-1),
        right._replace(steps=0), right._replace(steps=65), right._replace(chunk=99),
    ):  # fmt: skip
        assert included_in(wrong, packed) is None
    assert included_in(right, packed[:-1]) is None
    assert included_in(right, CHUNKS[1].steps[3].pack()) is None


def test_mutated_proofs_are_not_accepted() -> None:
    rng = random.Random(9)
    right, packed = proof(0, 17), CHUNKS[0].steps[17].pack()
    for _ in range(2_000):
        place = rng.randrange(3)
        header, path, step = bytearray(right.header), list(right.step_path), bytearray(packed)
        if place == 0:
            header[rng.randrange(len(header))] ^= 1 << rng.randrange(8)
        elif place == 1:
            each = rng.randrange(len(path))
            path[each] = path[each][:-1] + bytes([path[each][-1] ^ 1 << rng.randrange(8)])
        else:
            step[rng.randrange(64)] ^= 1 << rng.randrange(8)
        mutated = right._replace(header=bytes(header), step_path=tuple(path))
        assert included_in(mutated, bytes(step)) != HEADER.hash


def test_other_steps_are_no_fills() -> None:
    assert read_fill(s.Step(s.INDEX, 0, 0, 1).pack()) is None
    assert read_fill(b"\x01" * 64) is None
    assert read_fill(b"") is None
