"""What a restart finds is what was committed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from settlement.batch import Batch, BatchBuilder, Limits, unpack_header
from settlement.commitment import GENESIS_ROOT
from settlement.state import State
from settlement.store import Store, StoreError
from tests.unit.settlement.streams import Venue


def filled(path: Path, seed: int = 1, fills: int = 15) -> tuple[BatchBuilder, list[Batch]]:
    """A store with a few batches in it."""
    store, built = Store(path), BatchBuilder(State(), Limits(fills, 10**9))
    batches: list[Batch] = []
    for frame in Venue(seed).frames(150):
        built.add(frame, 0)
        if built.due(0):
            batches.append(built.close(bytes(32), 0))
            store.commit(batches[-1], built.state)
            built.begin()
    if built.operations:
        batches.append(built.close(bytes(32), 0))
        store.commit(batches[-1], built.state)
        built.begin()
    store.close()
    return built, batches


@pytest.mark.parametrize("seed", range(3))
def test_state_cursor_and_batches_come_back(tmp_path: Path, seed: int) -> None:
    built, batches = filled(tmp_path / "s.sqlite", seed)
    store = Store(tmp_path / "s.sqlite")
    loaded = store.load()
    assert loaded.state.accounts == built.state.accounts
    assert loaded.state.instruments == built.state.instruments
    assert loaded.state.underlyings == built.state.underlyings
    assert loaded.state.cash_total_micro == 0
    assert loaded.state.last_deposit_id == built.state.last_deposit_id
    open_holders = {n: holders for n, holders in built.state.holders.items() if holders}
    assert loaded.state.holders == open_holders
    assert (loaded.batch_id, loaded.next_seq) == (len(batches), batches[-1].header.ranges[0].last_seq + 1)
    assert store.last_batch_id() == len(batches)
    assert store.packed_batch(1) == (batches[0].header.pack(), batches[0].body)
    assert store.header(2) == batches[1].header == unpack_header(batches[1].header.pack())
    assert store.root_after(1) == batches[0].header.new_root
    store.close()


def test_an_empty_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "s.sqlite")
    loaded = store.load()
    assert (loaded.state.accounts, loaded.batch_id, loaded.next_seq) == ({}, 0, 1)
    assert store.root_after(0) == GENESIS_ROOT
    assert (store.root_after(1), store.header(1), store.packed_batch(1)) == (None, None, None)
    store.close()


def test_state_that_misses_its_root_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "s.sqlite")
    database = sqlite3.connect(tmp_path / "s.sqlite")
    with database:
        database.execute("UPDATE account SET cash_micro = cash_micro + 1 WHERE id = 64")
    database.close()
    store = Store(tmp_path / "s.sqlite")
    with pytest.raises(StoreError, match="committed to"):
        store.load()
    store.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "s.sqlite")
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="format 99"):
        Store(tmp_path / "s.sqlite")


def test_a_failed_commit_leaves_the_old_state(tmp_path: Path) -> None:
    built, batches = filled(tmp_path / "s.sqlite")
    store = Store(tmp_path / "s.sqlite")
    built.state.touched_accounts.add(64)
    built.state.accounts[64].cash_micro += 1
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(batches[0], built.state)  # this batch is there already
    assert store.load().batch_id == len(batches)
    store.close()
