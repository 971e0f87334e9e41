"""Step records: 64 bytes and back, and fields that a kind does not have."""

from __future__ import annotations

import random

import pytest

from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.errors import TransitionError
from settlement.stf.steps import SHAPES, Step, must_be_shaped, unpack
from tests.unit.settlement.stf.every_kind import BATCHES

STEPS = [step for batch in BATCHES for step in batch]


def test_every_kind_reads_back_from_its_64_bytes() -> None:
    for step in STEPS:
        record = step.pack()
        assert len(record) == 64
        assert unpack(record, step.payload) == step
        assert step.hash() == keccak(record)


def test_any_64_bytes_read_back() -> None:
    rng = random.Random(2)
    for _ in range(500):
        record = bytearray(rng.randbytes(64))
        record[0] = rng.randrange(40)
        if rng.random() < 0.5:
            record[40:] = bytes(24)
        assert unpack(bytes(record)).pack() == bytes(record)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="63 bytes"):
        unpack(bytes(63))


def test_there_is_a_shape_for_every_kind() -> None:
    assert len(SHAPES) == s.KINDS == len({step.kind for step in STEPS})


FOREIGN = [Step(33), Step(s.INDEX, ident=1), Step(s.TAKEN, q=1), Step(s.SETTLED, word=b"1")]


@pytest.mark.parametrize("step", FOREIGN)
def test_unknown_kinds_and_foreign_fields_are_refused(step: Step) -> None:
    with pytest.raises(TransitionError, match="kind"):
        must_be_shaped(step)
