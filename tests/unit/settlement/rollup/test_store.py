"""What a restart finds is what was committed, in both accounts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.batch import Frame
from settlement.coding import learnt
from settlement.coding.limits import DecodeError
from settlement.rollup.builder import BatchBuilder, Limits
from settlement.rollup.codec_5 import LEARNT, TABLES, Codec5
from settlement.rollup.coding import RawCoding
from settlement.rollup.store import RollupStore, StoreError
from settlement.state import Account
from settlement.state import State as LedgerState
from settlement.stf.state import Account as SteppedAccount
from settlement.stf.state import State
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RiskTraffic
from tests.unit.settlement.rollup.chains import ATTESTED
from tests.unit.settlement.streams import TIME_MS, Venue

LIMITS = Limits(15, 1 << 60)


def risky_frames(seed: int, batches: int = 40) -> list[Frame]:
    """Days with withdrawals, liquidations, takeovers and losses half shared."""
    reference = ReferenceEngine()
    traffic, frames = RiskTraffic(seed, reference), list[Frame]()
    for number in range(batches):
        first = reference.next_seq
        told = reference.apply(traffic.batch(20) if number else traffic.opening())
        frames.append(Frame(first, reference.next_seq - 1, told))
    return frames


def life(path: Path, frames: list[Frame], count: int) -> BatchBuilder:
    """One life of a settlement: it takes up where the last one ended, for some frames."""
    store = RollupStore(path)
    loaded = store.load()
    builder = BatchBuilder(
        loaded.ledger_state,
        loaded.state,
        RawCoding(),
        LIMITS,
        last_batch_id=loaded.batch_id,
        last_seq=loaded.next_seq - 1,
        looked_at=loaded.looked_at,
    )
    for frame in [frame for frame in frames if frame.first_seq >= loaded.next_seq][:count]:
        builder.add(frame, TIME_MS)
        if builder.due(TIME_MS) or frame is frames[-1]:
            batch = builder.close(ATTESTED, TIME_MS)
            store.commit(batch, builder.commitment, builder.ledger_state, builder.lowering.looked_at)
            builder.begin()
    store.close()
    return builder


def whole(frames: list[Frame]) -> BatchBuilder:
    builder = BatchBuilder(LedgerState(), State(), RawCoding(), LIMITS)
    for frame in frames:
        builder.add(frame, TIME_MS)
    return builder


@pytest.mark.parametrize("seed", [1, 4])
def test_restarts_anywhere_change_nothing(tmp_path: Path, seed: int) -> None:
    frames = risky_frames(seed)
    for count in (3, 7, 1, 9, 2, 5):
        life(tmp_path / "r.sqlite", frames, count)
    life(tmp_path / "r.sqlite", frames, len(frames))
    store, expected = RollupStore(tmp_path / "r.sqlite"), whole(frames)
    loaded = store.load()
    store.close()
    assert loaded.next_seq == frames[-1].last_seq + 1
    ours, theirs = loaded.ledger_state, expected.ledger_state
    assert {n: a for n, a in ours.accounts.items() if a != Account()} == {
        n: a for n, a in theirs.accounts.items() if a != Account()
    }
    assert (ours.withdrawals, ours.tiers, ours.sharing) == (theirs.withdrawals, theirs.tiers, theirs.sharing)
    assert (ours.instruments, ours.underlyings) == (theirs.instruments, theirs.underlyings)
    stepped = {n: a for n, a in loaded.state.accounts.items() if n > 1 and a != SteppedAccount()}
    assert stepped == {n: a for n, a in expected.state.accounts.items() if n > 1 and a != SteppedAccount()}
    assert loaded.state.withdrawals == expected.state.withdrawals
    assert loaded.state.parameters == expected.state.parameters


def test_batches_and_roots_come_back(tmp_path: Path) -> None:
    frames = Venue(2).frames(60)
    builder = life(tmp_path / "r.sqlite", frames, len(frames))
    store = RollupStore(tmp_path / "r.sqlite")
    assert store.last_batch_id() == builder.last_batch_id > 3
    assert store.packed_batch(99) is None
    assert store.packed_batch(1) is not None
    store.close()


def test_a_state_that_misses_its_root_is_refused(tmp_path: Path) -> None:
    frames = Venue(2).frames(30)
    life(tmp_path / "r.sqlite", frames, len(frames))
    with sqlite3.connect(tmp_path / "r.sqlite") as db:
        db.execute("UPDATE account SET preimage = (SELECT preimage FROM account WHERE id = 64) WHERE id = 65")
    store = RollupStore(tmp_path / "r.sqlite")
    with pytest.raises(StoreError, match="committed to"):
        store.load()
    store.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "r.sqlite") as db:
        db.execute("PRAGMA user_version=9")
    with pytest.raises(StoreError, match="format 9"):
        RollupStore(tmp_path / "r.sqlite")


def test_a_restarted_codec_writes_what_one_that_went_on_does(tmp_path: Path) -> None:
    frames = Venue(3).frames(160)
    went_on, restarted = Codec5(), Codec5()
    one = BatchBuilder(LedgerState(), State(), went_on, LIMITS)
    other = BatchBuilder(LedgerState(), State(), restarted, LIMITS)
    store, batches = RollupStore(tmp_path / "r.sqlite"), 0
    for frame in frames:
        one.add(frame, TIME_MS)
        other.add(frame, TIME_MS)
        if not one.due(TIME_MS) and frame is not frames[-1]:
            continue
        batch, again = one.close(ATTESTED, TIME_MS), other.close(ATTESTED, TIME_MS)
        assert again[:3] == batch[:3]
        batches += 1
        kept = {**again.kept, LEARNT: learnt.pack(restarted._sequencer)}
        store.commit(again._replace(kept=kept), other.commitment, other.ledger_state, FIRST_USER_ACCOUNT)
        loaded = store.load()
        restarted = Codec5.restored(loaded.coding)
        one.begin()
        other = BatchBuilder(
            loaded.ledger_state, loaded.state, restarted, LIMITS,
            last_batch_id=loaded.batch_id, last_seq=loaded.next_seq - 1,
        )  # fmt: skip
    store.close()
    assert batches > 4


def test_a_codec_keeps_what_it_learns_now_and_then() -> None:
    codec = Codec5()
    builder = BatchBuilder(LedgerState(), State(), codec, LIMITS)
    kept: list[set[str]] = []
    for frame in Venue(3).frames(160):
        builder.add(frame, TIME_MS)
        if builder.due(TIME_MS):
            kept.append(set(builder.close(ATTESTED, TIME_MS).kept))
            builder.begin()
    assert kept[0] == {TABLES, LEARNT}
    assert LEARNT not in set().union(*kept[1:])


@pytest.mark.parametrize("damage", [b"", b"\x78\x9c", bytes(50)])
def test_what_was_learnt_is_read_whole_or_not_at_all(damage: bytes) -> None:
    with pytest.raises(DecodeError):
        Codec5.restored({LEARNT: damage})
