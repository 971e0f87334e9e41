"""Chains of netted batches of a random venue."""

from __future__ import annotations

from settlement.rollup.builder import Batch, BatchBuilder, Limits
from settlement.rollup.codec_5 import Codec5
from settlement.state import State as LedgerState
from settlement.stf.header import BLOBS
from settlement.stf.state import State
from tests.unit.settlement.rollup.chains import ATTESTED
from tests.unit.settlement.streams import TIME_MS, Venue


def chain_of(seed: int, commands: int = 60) -> list[Batch]:
    frames = Venue(seed).frames(commands)
    builder = BatchBuilder(LedgerState(), State(), Codec5(), Limits(20, 1 << 60), netted=True)
    batches: list[Batch] = []
    for frame in frames:
        builder.add(frame, TIME_MS)
        if builder.due(TIME_MS) or frame is frames[-1]:
            batches.append(builder.close(ATTESTED, TIME_MS + len(batches), BLOBS, 1))
            builder.begin()
    return batches
