"""The fast decoder against the plain one."""

from __future__ import annotations

import random

import pytest

from settlement.coding.fills import FILL, Step
from settlement.coding.lanes import decode_chunks
from settlement.coding.limits import DecodeError
from settlement.coding.plain import decode_chunk
from settlement.coding.writer import symbols_of
from tests.unit.settlement.coding.worlds import Batch, batches, cut, steps


@pytest.fixture(scope="module")
def usual() -> list[Batch]:
    return batches(cut(steps(1_500, 1), 500))


@pytest.fixture(scope="module")
def odd() -> list[Batch]:
    return batches(cut(steps(900, 2, indexes=0.2, odd=0.3), 300), 50)


def plainly(batch: Batch) -> list[Step]:
    found: list[Step] = []
    for data, extent in zip(batch.chunks, batch.extents, strict=True):
        found += decode_chunk(data, extent, batch.setting)
    return found


class TestBothDecoders:
    @pytest.mark.parametrize("world", ["usual", "odd"])
    def test_what_was_written_comes_back(self, world: str, request: pytest.FixtureRequest) -> None:
        for batch in request.getfixturevalue(world):
            assert decode_chunks(batch.chunks, batch.extents, batch.setting).rows() == batch.rows
            assert plainly(batch) == batch.rows

    def test_a_chunk_decodes_alone(self, odd: list[Batch]) -> None:
        batch = odd[-1]
        alone = decode_chunks([batch.chunks[3]], [batch.extents[3]], batch.setting)
        assert alone.rows() == batch.rows[150:200]

    def test_no_chunks_are_no_steps(self, usual: list[Batch]) -> None:
        assert decode_chunks([], [], usual[0].setting).rows() == []

    @pytest.mark.parametrize("world", ["usual", "odd"])
    def test_changed_bytes_are_refused_by_both_or_are_another_chunks_own(
        self, world: str, request: pytest.FixtureRequest
    ) -> None:
        """Whatever both accept is exactly what they would write for it."""
        rng = random.Random(5)
        batch: Batch = request.getfixturevalue(world)[-1]
        accepted = 0
        for _ in range(40):
            place = rng.randrange(len(batch.chunks))
            data = changed(batch.chunks[place], rng)
            extent = batch.extents[place]
            try:
                rows = decode_chunk(data, extent, batch.setting)
            except DecodeError:
                with pytest.raises(DecodeError):
                    decode_chunks([data], [extent], batch.setting)
                continue
            fills = decode_chunks([data], [extent], batch.setting)
            assert fills.rows() == rows
            accepted += 1
            if not by_name(rows, batch):
                symbols = symbols_of(fills, [extent], batch.setting)
                assert symbols.emit(batch.setting.tables) == [data]
        assert accepted < 40

    def test_a_chunk_of_no_or_too_many_steps_is_refused(self, usual: list[Batch]) -> None:
        batch = usual[0]
        for count in (0, 65):
            extent = batch.extents[0]._replace(steps=count)
            with pytest.raises(DecodeError, match="chunk of"):
                decode_chunk(batch.chunks[0], extent, batch.setting)
            with pytest.raises(DecodeError, match="chunk of"):
                decode_chunks([batch.chunks[0]], [extent], batch.setting)


def changed(data: bytes, rng: random.Random) -> bytes:
    """Bytes a little otherwise."""
    kind = rng.randrange(4)
    at = rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data + rng.randbytes(rng.randrange(1, 4))
    flipped = bytearray(data)
    flipped[at if kind == 2 else -1 - rng.randrange(min(4, len(data)))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def by_name(rows: list[Step], batch: Batch) -> bool:
    """Whether an id that has a class might stand behind the escape all the same, which both decoders take."""
    places = [batch.setting.dictionaries.places(number) for number in range(3)]
    shape = batch.setting.tables.shape
    classes = shape.instrument_classes, shape.maker_classes, shape.taker_classes
    for row in rows:
        for number, known in enumerate(places):
            kind, _ = known.get(row[1 + number], (classes[number], 0))
            if row.kind == FILL and kind >= classes[number]:
                return True
    return False
