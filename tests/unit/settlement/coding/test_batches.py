"""Payloads of whole batches: fills, other steps, tables, reclassing."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from settlement.coding import payload as pl
from settlement.coding.anchors import Anchors
from settlement.coding.batches import (
    Coded,
    chunked,
    code_batch,
    decode_batch,
    in_chunks,
    reclassed,
    step_of,
)
from settlement.coding.dictionary import Dictionaries
from settlement.coding.fills import columns
from settlement.coding.limits import DecodeError
from settlement.coding.other import decode_steps, encode_steps
from settlement.coding.sequencing import Sequencer
from settlement.coding.tables import Tables
from settlement.stf.chunks import FILL_CHUNK, Chunk
from settlement.stf.steps import ACCOUNT, HOLDER, LISTING, MARK, TRANSFER, Step
from tests.unit.settlement.coding.worlds import cut, kind_of, steps

OTHERS = [
    *(Step(ACCOUNT, first=64 + k, ident=3, word=bytes([k] * 20) + bytes(12)) for k in range(5)),
    *(Step(HOLDER, instrument=7, first=64 + 3 * k) for k in range(70)),
    Step(MARK, instrument=4, ident=1_790_000_000_123, p=123_456_789),
    Step(TRANSFER, first=70, second=71, ident=(1 << 64) - 1, p=-(1 << 63)),
]


def listing(number: int) -> Step:
    from settlement.hashing import keccak

    terms = bytes([number % 256] * 8) * 24
    return Step(LISTING, instrument=number, word=keccak(terms), payload=terms)


class World(NamedTuple):
    coded: list[Coded]
    given: list[list[Chunk]]
    anchors: list[Anchors]


@pytest.fixture(scope="module")
def world() -> World:
    sequencer, anchors = Sequencer(kind_of), Anchors.of(())
    found = World([], [], [])
    for number, rows in enumerate(cut(steps(600, 8, indexes=0.1), 200)):
        chunks = list(in_chunks([listing(number), *OTHERS]))
        for at, count in enumerate(chunked(columns(rows))):
            chunks.insert(at, Chunk(FILL_CHUNK, tuple(map(step_of, rows[at * 64 : at * 64 + count]))))
        found.coded.append(code_batch(sequencer, chunks, anchors))
        found.given.append(chunks)
        found.anchors.append(anchors)
        anchors = anchors.after(columns(rows))
    return found


class TestBatches:
    def test_batch_after_batch_comes_back(self, world: World) -> None:
        dictionaries = Dictionaries()
        tables: Tables | None = None
        for coded, chunks, anchors in zip(*world, strict=True):
            decoded = decode_batch(coded.payload, tables, dictionaries, anchors)
            assert tuple(decoded.chunks()) == coded.chunks
            assert list(coded.chunks[: len(chunks)]) == chunks
            dictionaries.apply_all(reclassed(decoded))
            tables = decoded.tables

    def test_changed_payloads_are_refused_or_decode(self, world: World) -> None:
        rng = random.Random(9)
        refused = 0
        for _ in range(40):
            data = bytearray(world.coded[0].payload)
            data[rng.randrange(rng.choice((12, len(data))))] ^= 1 << rng.randrange(8)
            try:
                decode_batch(bytes(data), None, Dictionaries(), world.anchors[0])
            except DecodeError:
                refused += 1
        assert refused > 15

    def test_without_tables_fills_are_refused(self, world: World) -> None:
        payload = pl.unpack(world.coded[0].payload)._replace(tables=b"")
        with pytest.raises(DecodeError, match="without tables"):
            decode_batch(pl.pack(payload), None, Dictionaries(), world.anchors[0])

    def test_a_batch_without_fills_needs_no_tables(self) -> None:
        chunks = list(in_chunks(OTHERS))
        coded = code_batch(Sequencer(kind_of), chunks, Anchors.of(()))
        decoded = decode_batch(coded.payload, None, Dictionaries(), Anchors.of(()))
        assert list(decoded.chunks()) == chunks
        assert coded.tables is None

    def test_trade_ids_with_a_gap_are_refused_in_one_chunk(self) -> None:
        rows = steps(10, 1)
        rows[5:] = [row._replace(trade_id=row.trade_id + 1) for row in rows[5:]]
        with pytest.raises(ValueError, match="do not follow"):
            code_batch(
                Sequencer(kind_of), [Chunk(FILL_CHUNK, tuple(map(step_of, rows)))], Anchors.of(())
            )
        assert chunked(columns(rows)) == [5, 5]


class TestDirectory:
    @pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 9, -1])
    def test_cut_payloads_are_refused(self, world: World, length: int) -> None:
        with pytest.raises(DecodeError):
            pl.unpack(world.coded[1].payload[:length])

    def test_it_costs_a_byte_a_full_chunk(self) -> None:
        entries = tuple(pl.Entry(FILL_CHUNK, 64, 64 * k, bytes(200 + k % 7)) for k in range(50))
        packed = pl.pack(pl.Payload(b"", entries))
        assert len(packed) == sum(len(entry.data) for entry in entries) + 50 + 4

    def test_an_entry_that_tells_what_is_expected_is_refused(self) -> None:
        packed = pl.pack(pl.Payload(b"", (pl.Entry(FILL_CHUNK, 64, 0, b"abc"),)))
        told = bytes((packed[0], packed[1], 2, 64, 0)) + packed[3:]
        with pytest.raises(DecodeError, match="tells nothing"):
            pl.unpack(told)


class TestOtherSteps:
    def test_every_step_comes_back(self) -> None:
        for at in range(0, len(OTHERS), 20):
            part = OTHERS[at : at + 20]
            assert decode_steps(encode_steps(part), len(part)) == part

    def test_holders_take_two_bytes_each(self) -> None:
        assert len(encode_steps([Step(HOLDER, instrument=7, first=64 + k) for k in range(64)])) < 2 * 64 + 6

    def test_a_step_of_another_shape_is_refused(self) -> None:
        with pytest.raises(ValueError, match="shape"):
            encode_steps([Step(HOLDER, instrument=1, first=64, p=5)])

    def test_terms_that_are_not_the_hashed_ones_are_refused(self) -> None:
        with pytest.raises(ValueError, match="shape"):
            encode_steps([listing(3)._replace(word=bytes(32))])

    def test_changed_bytes_are_refused_or_are_their_steps_own(self) -> None:
        rng = random.Random(4)
        part = [listing(5), *OTHERS[:6], *OTHERS[-4:]]
        whole = encode_steps(part)
        for _ in range(300):
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            try:
                found = decode_steps(bytes(data), len(part))
            except DecodeError:
                continue
            assert encode_steps(found) == data
