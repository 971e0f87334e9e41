"""What a sequencer has learnt as bytes and back, so that a restart goes on as if nothing had happened.

Nobody but the venue's own store ever sees it. zlib over msgpack; arrays as their shape and 64-bit numbers.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from settlement.coding.learner import Kind
from settlement.coding.sequencing import Sequencer

VERSION: Final = 1
_LEVEL: Final = 1


class LearntError(ValueError):
    """Bytes that are not what `pack` makes."""


class _Array(msgspec.Struct, frozen=True, array_like=True):
    """Numbers of 64 bits, whole or not."""

    shape: tuple[int, ...]
    whole: bool
    data: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> _Array:
        return cls(array.shape, array.dtype.kind == "i", array.astype(f"<{array.dtype.kind}8").tobytes())

    def array(self) -> NDArray[Any]:
        kind = "<i8" if self.whole else "<f8"
        return np.frombuffer(self.data, kind).reshape(self.shape).astype(kind[1:])


class _Learnt(msgspec.Struct, frozen=True, array_like=True):
    """Of learner, model and sequencer, in the order of their attributes."""

    version: int
    seen: list[tuple[_Array, float]]
    signs: _Array
    distance: _Array
    last: _Array
    fills: int
    tiers: dict[int, int]
    kinds: list[tuple[int, int]]
    single: dict[int, int]
    underlyings: list[int]
    makers: _Array
    sizes: _Array
    maker_signs: _Array
    rows: dict[int, _Array]
    regret_bits: float
    renewing: bool


def pack(sequencer: Sequencer) -> bytes:
    """Everything but the tables and dictionaries, which are the chain's."""
    learner, model = sequencer.learner, sequencer.model
    learnt = _Learnt(
        VERSION,
        [(_Array.of(one.weight), float(one.total)) for one in learner.seen],
        _Array.of(learner.signs), _Array.of(learner.distance), _Array.of(learner.last),
        learner.fills, learner.tiers,
        [(one.underlying, one.step_ticks) for one in learner.kinds], learner.single,
        model.underlyings, _Array.of(model.makers), _Array.of(model.sizes), _Array.of(model.maker_signs),
        {group: _Array.of(rows) for group, rows in model.rows.items()},
        float(sequencer.regret_bits), bool(sequencer.renewing),
    )  # fmt: skip
    return zlib.compress(msgspec.msgpack.encode(learnt), _LEVEL)


def restore(sequencer: Sequencer, data: bytes) -> None:
    """Let a new sequencer know it. Raises LearntError, having changed nothing."""
    try:
        learnt = msgspec.msgpack.decode(zlib.decompress(data), type=_Learnt)
        arrays = [one.array() for one in (learnt.signs, learnt.distance, learnt.last)]
        counts = [one.array() for one in (learnt.makers, learnt.sizes, learnt.maker_signs)]
        rows = {group: one.array() for group, one in learnt.rows.items()}
        weights = [(one.array(), total) for one, total in learnt.seen]
    except (zlib.error, msgspec.MsgspecError, ValueError) as error:
        raise LearntError(f"nothing learnt can be read: {error}") from error
    learner, model = sequencer.learner, sequencer.model
    if learnt.version != VERSION or len(weights) != len(learner.seen) or rows.keys() != model.rows.keys():
        raise LearntError(f"what was learnt is of version {learnt.version}")
    for seen, (weight, total) in zip(learner.seen, weights, strict=True):
        seen.weight, seen.total = weight, total
    learner.signs, learner.distance, learner.last = arrays
    learner.fills, learner.tiers, learner.single = learnt.fills, dict(learnt.tiers), dict(learnt.single)
    learner.kinds = [Kind(*kind) for kind in learnt.kinds]
    model.underlyings = list(learnt.underlyings)
    model.makers, model.sizes, model.maker_signs = counts
    model.rows = rows
    sequencer.regret_bits, sequencer.renewing = learnt.regret_bits, learnt.renewing
