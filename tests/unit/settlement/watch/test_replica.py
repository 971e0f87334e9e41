"""The state by the L1's data alone: from a file, through voided batches, reorganisations and outages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.contracts.compiler import compiled
from settlement.l1 import judging, leaving
from settlement.l1.blobs import shared_kzg
from settlement.l1.feed import Feed
from settlement.l1.follower import Mark
from settlement.l1.port import L1Unavailable
from settlement.rollup.derive import Derivation, Wrong
from settlement.watch import replica as module
from settlement.watch.alarms import SEVERITY, Alarm, Alarms
from settlement.watch.replica import Replica, WrongBatch
from settlement.watch.snapshots import Following, SnapshotError
from settlement.watch.store import KEPT_SNAPSHOTS, WatchStore, WatchStoreError, thinned
from tests.e2e.lies.operator import Operator, Town
from tests.e2e.lies.test_wrong_batches import wrong_root
from tests.unit.settlement.l1.backends import Devnet
from tests.unit.settlement.stf import every_kind as day


class Rig:
    """A town, its operator, and a replica that can be closed and opened again."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self.backend = Devnet()
        self.town = Town(self.backend)
        self.operator = Operator(self.town)
        self.operator.open()
        self.path = path
        self.open()

    def open(self) -> None:
        where = self.town.rollup.addresses
        self.store = WatchStore(self.path, where.chain_id, where.inbox)
        self.replica = Replica(self.town.rollup, self.store, self._feed)

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def _feed(self, marks: Sequence[Mark]) -> Feed:
        return Feed(self.town.rollup, shared_kzg(), marks=marks)

    def poll(self) -> list[str]:
        return [type(happened).__name__ for happened in self.replica.poll()]

    @property
    def derivation(self) -> Derivation:
        return self.replica.following.derivation

    def agrees(self) -> bool:
        return self.derivation.root == self.operator.root


def test_a_restart_goes_on_from_the_last_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SNAPSHOT_BATCHES", 2)
    rig = Rig(tmp_path / "watch.sqlite")
    for fills in (day.TRADING[:2], day.TRADING[2:4], day.TRADING[4:6]):
        rig.operator.post(fills)
    assert rig.poll() == ["Taken"] * 4
    rig.operator.post(day.TRADING[6:8])
    rig.poll()
    rig.reopen()
    assert (rig.replica.batch_id, rig.agrees()) == (5, True)
    rig.operator.post(day.TRADING[8:])
    assert rig.poll() == ["Taken"]
    assert rig.agrees()


def test_a_snapshot_that_was_spoiled_is_not_believed(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "watch.sqlite")
    rig.operator.post(day.TRADING[:4])
    rig.poll()
    packed = rig.replica.following.pack()
    assert Following.unpack(packed).derivation.root == rig.operator.root
    for broken in (packed[:-3], b"", b"\0" * 50):
        with pytest.raises(SnapshotError):
            Following.unpack(broken)
    kept = rig.store.batch(2)
    assert kept is not None
    with rig.store.writing():
        rig.store.add_snapshot(1, kept.posted.header_hash, b"nothing")
    rig.reopen()
    assert rig.replica.batch_id == 0  # payloads behind a snapshot were dropped: they are asked for again
    assert rig.poll() == ["Taken", "Taken"]
    assert rig.agrees()


def test_batches_that_the_l1_takes_back_are_forgotten() -> None:
    rig = Rig()
    rig.poll()
    before = rig.operator.kept()
    rig.operator.post(day.TRADING[:4])
    rig.poll()
    rig.backend.rig.chain.reorganise(1, forget=waiting(rig))
    assert rig.poll() == ["TakenBack"]
    assert rig.replica.batch_id == 1
    before.post(day.TRADING[:2])
    assert rig.poll()[-1] == "Taken"
    assert rig.derivation.root == before.root


def waiting(rig: Rig) -> list[bytes]:
    """The transaction of the newest batch."""
    kept = rig.store.batch(2)
    assert kept is not None
    return [kept.posted.transaction]


def test_nothing_is_taken_behind_a_wrong_batch_until_it_is_voided() -> None:
    rig = Rig()
    rig.operator.post(day.TRADING[:4], lie=wrong_root)
    rig.operator.post([day.account(70)])
    found = list(rig.replica.poll())
    assert isinstance(found[-1], WrongBatch)
    assert rig.poll() == []
    assert rig.replica.batch_id == 1


def test_an_l1_that_goes_away_in_the_middle_of_a_batch_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig()
    rig.operator.post(day.TRADING[:4])
    calls = 0
    rollup = rig.town.rollup
    usual = rollup.ask

    def failing(*args: Any) -> tuple[object, ...]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise L1Unavailable("gone")
        return usual(*args)

    monkeypatch.setattr(rollup, "ask", failing)
    with pytest.raises(L1Unavailable):
        rig.poll()
    assert rig.poll() == ["Taken", "Taken"]
    assert rig.agrees()


def test_who_stands_behind_an_earlier_batch_goes_on_from_there() -> None:
    rig = Rig()
    roots = [rig.operator.root]
    for fills in (day.TRADING[:2], day.TRADING[2:4]):
        rig.operator.post(fills)
        roots.append(rig.operator.root)
    rig.poll()
    rig.replica.go_back(2)
    assert (rig.replica.batch_id, rig.derivation.root) == (2, roots[1])
    assert rig.poll() == []
    rig.replica.stop_at = None
    assert rig.poll() == ["Taken"]
    assert rig.derivation.root == roots[2]


def test_a_file_belongs_to_one_inbox(tmp_path: Path) -> None:
    store = WatchStore(tmp_path / "a", 1, b"\1" * 20)
    store.close()
    with pytest.raises(WatchStoreError, match="another chain or inbox"):
        WatchStore(tmp_path / "a", 1, b"\2" * 20)
    (tmp_path / "b").write_bytes(b"no database at all")
    with pytest.raises(WatchStoreError):
        WatchStore(tmp_path / "b", 1, b"\1" * 20)


@given(st.sets(st.integers(1, 1 << 20), min_size=1, max_size=60))
def test_of_many_snapshots_some_near_ones_and_a_few_far_ones_stay(numbers: set[int]) -> None:
    ordered = sorted(numbers, reverse=True)
    kept = [one for one in ordered if one not in thinned(ordered)]
    assert kept[:KEPT_SNAPSHOTS] == ordered[:KEPT_SNAPSHOTS]
    assert len(kept) <= KEPT_SNAPSHOTS + 21
    spans = {(ordered[0] - one).bit_length() for one in ordered[KEPT_SNAPSHOTS:]}
    assert {(ordered[0] - one).bit_length() for one in kept[KEPT_SNAPSHOTS:]} == spans


def test_an_alarm_is_told_once_while_it_lasts() -> None:
    told: list[Alarm] = []
    alarms = Alarms(told.append, lambda: 5)
    for _ in range(3):
        alarms.raise_("late_batch", "nothing came")
    alarms.over("late_batch")
    alarms.over("late_batch")
    alarms.raise_("late_batch", "nothing came")
    assert [one.code for one in told] == ["late_batch", "settled", "late_batch"]
    assert told[0].line() == "ALARM (warning) late_batch: nothing came"
    assert alarms.standing == [("late_batch", 0)]
    with pytest.raises(KeyError):
        alarms.raise_("no such code", "")


CALLS = {
    "Dispute": ("BEGIN", "FINISH", "PROVE_END", "PROVE_THROUGH", "PROVE_CHUNK", "RUNS", "ANNOUNCE"),
    "FillSteps": ("STEP",),
    "Runner": ("STEPS",),
    "Demands": ("DEMAND", "ANSWER_CHUNK", "ANSWER_DATA", "EXPIRE"),
    "Evidence": ("TWO_HEADS", "HEAD_AND_BATCH", "HEAD_BETWEEN", "ANNOUNCE"),
    "Bridge": ("WITHDRAW", "REQUEST"),
    "Escape": ("OPEN", "MARK", "COUNT", "CLOSE", "PAY", "REFUND"),
}


@pytest.mark.parametrize("contract", list(CALLS))
def test_calls_are_those_the_contracts_have(contract: str) -> None:
    functions = {_signature(entry) for entry in compiled(contract).abi if entry["type"] == "function"}
    names = {name: getattr(judging, name, None) or getattr(leaving, name) for name in CALLS[contract]}
    assert set(names.values()) <= functions


def _signature(entry: dict[str, object]) -> str:
    inputs = entry["inputs"]
    assert isinstance(inputs, list)
    return f"{entry['name']}({','.join(_kind(one) for one in inputs)})"


def _kind(one: dict[str, object]) -> str:
    kind = str(one["type"])
    if not kind.startswith("tuple"):
        return kind
    parts = one["components"]
    assert isinstance(parts, list)
    return f"({','.join(_kind(part) for part in parts)}){kind[5:]}"



def test_every_kind_of_wrong_has_an_alarm() -> None:
    assert {wrong.name.lower() for wrong in Wrong} <= set(SEVERITY)
