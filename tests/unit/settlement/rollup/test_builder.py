"""The builder: what it refuses, and the authorisation classes that fills carry."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.attest.authorisation import frame_classes
from settlement.batch import Frame
from settlement.mismatch import LedgerMismatch
from settlement.rollup.builder import Batch, BatchBuilder, Limits
from settlement.rollup.coding import Encoded, RawCoding
from settlement.rollup.derive import Derivation
from settlement.state import State as LedgerState
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk
from settlement.stf.header import Header
from settlement.stf.state import State
from tests.property.test_settlement_orders import told
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RiskTraffic
from tests.unit.settlement.rollup.chains import ATTESTED
from tests.unit.settlement.streams import TIME_MS, Venue

LIMITS = Limits(25, 1 << 60)


def frames_of(runs: list[bytes]) -> list[Frame]:
    return [Frame(n, n, events) for n, events in enumerate(runs, 1)]


def risky(seed: int) -> list[bytes]:
    reference = ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    return [reference.apply(traffic.batch(40) if n else traffic.opening()) for n in range(20)]


def built(frames: list[Frame]) -> list[Batch]:
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), LIMITS, classes=frame_classes)
    found: list[Batch] = []
    for frame in frames:
        builder.add(frame, TIME_MS)
        if builder.due(TIME_MS):
            found.append(builder.close(ATTESTED, TIME_MS))
            builder.begin()
    return found


@pytest.mark.parametrize("name", ["blocks", "risky 1"])
def test_every_fill_says_what_authorised_it(name: str) -> None:
    """Grants of the venue, blocks on both sides, liquidations of who is in liquidation; all derived again."""
    runs = told("blocks").runs if name == "blocks" else risky(int(name[-1]))
    batches = built(frames_of(runs))
    found = Derivation(RawCoding())
    classes = Counter[int]()
    for batch in batches:
        found.take(batch.header, batch.payload)
        classes.update(x.classes for chunk in batch.chunks for x in chunk.steps if x.kind == s.FILL)
    assert set(classes) <= {0x22, 0x23, 0x55}
    assert classes[0x55] > 100 if name == "blocks" else classes[0x23] > 0


def test_frames_follow_each_other() -> None:
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), LIMITS)
    frames = Venue(1).frames(5)
    builder.add(frames[0], TIME_MS)
    for wrong in (frames[0], Frame(frames[0].last_seq + 2, frames[0].last_seq + 3, b"")):
        with pytest.raises(LedgerMismatch, match="does not follow"):
            builder.add(wrong, TIME_MS)


def test_batches_close_by_fills_and_by_time() -> None:
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), Limits(1 << 30, 1_000))
    assert not builder.due(TIME_MS + 5_000)
    for frame in Venue(1).frames(30):
        builder.add(frame, TIME_MS)
    assert builder.steps > 0
    assert (builder.due(TIME_MS + 999), builder.due(TIME_MS + 1_000)) == (False, True)


class Forgetful(RawCoding):
    """Loses the last chunk."""

    def decode(self, header: Header, payload: bytes) -> list[Chunk]:
        return super().decode(header, payload)[:-1]


class Broken(RawCoding):
    """Writes what can not be read."""

    def encode(self, chunks: list[Chunk] | tuple[Chunk, ...] | object) -> Encoded:
        return Encoded(b"\0", RawCoding().encode(()).tables_hash)


@pytest.mark.parametrize("coding", [Forgetful(), Broken()])
def test_a_payload_that_does_not_read_back_is_never_posted(coding: RawCoding) -> None:
    builder = BatchBuilder(LedgerState(), State(), coding, LIMITS)
    builder.add(Venue(1).frames(5)[0], TIME_MS)
    with pytest.raises(LedgerMismatch, match=r"read back|decoded"):
        builder.close(ATTESTED, TIME_MS)


def test_two_accounts_that_differ_are_an_alarm() -> None:
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), LIMITS)
    for frame in Venue(1).frames(30):
        builder.add(frame, TIME_MS)
    builder.ledger_state.accounts[64].cash_micro += 1
    builder.ledger_state.accounts[65].cash_micro -= 1
    with pytest.raises(LedgerMismatch, match="account 6"):
        builder.close(ATTESTED, TIME_MS)
