"""What a restart finds is what was committed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from exchange.domain.commands_risk import FeeTier
from settlement import operations as op
from settlement.batch import Batch, BatchBuilder, Frame, Limits, unpack_header
from settlement.commitment import GENESIS_ROOT
from settlement.state import Range, Share, Sharing, State
from settlement.store import Store, StoreError
from settlement.transition import apply
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


def test_what_rules_2_adds_comes_back(tmp_path: Path) -> None:
    """In the middle of everything: a withdrawal held, a loss half shared, a family, tiers."""
    state = of_rules_2(tmp_path, op.LossStep(66, 2, ()))
    loaded = reloaded(tmp_path)
    assert loaded.accounts == state.accounts
    assert (loaded.withdrawals, loaded.last_withdrawal_id) == ({9: (64, 100)}, 9)
    assert (loaded.tiers, loaded.liquidation_fee_ppm) == (state.tiers, {0: 77})
    exact = {64: Range(400, 400)}
    assert loaded.sharing == state.sharing == Sharing(66, 3, 66, Range(400, 400), 0, 0, exact)
    assert loaded.account_count == 67


@pytest.mark.parametrize("shares", [{}, {64: Share(3, True), 65: Share(1 << 60, False)}])
def test_what_is_only_bounded_comes_back(tmp_path: Path, shares: dict[int, Share]) -> None:
    basis = {64: Range(0, 400), 65: Range(7, 7), 66: Range(3, 1 << 60)}
    sharing = Sharing(66, 4, 65, Range(9, (1 << 60) + 407), 500, 497, basis, shares)
    assert of_rules_2(tmp_path, sharing).sharing == reloaded(tmp_path).sharing == sharing


def of_rules_2(path: Path, last: op.Operation | Sharing) -> State:
    """A store with everything of rules 2, then the operation, or that loss being shared."""
    built = BatchBuilder(State(), Limits(1, 0))
    state = built.state
    operations: list[op.Operation] = [
        op.UnderlyingSet(0, 0x435442),
        *(op.AccountSet(n, 0, bytes([n]) * 20) for n in (64, 65, 66)),
        op.Deposit(64, 500, 1),
        op.FamilySet(65, 64, 3),
        op.FeesSet((FeeTier(-1, 2, -3, 4), FeeTier(1, 2, 3, 4))),
        op.RiskSet(0, 77),
        op.WithdrawalHeld(64, 100, 9),
        op.LiquidationSet(66, 1),
    ]
    for operation in operations:
        apply(state, operation)
    if isinstance(last, Sharing):
        state.sharing = last
    else:
        apply(state, last)
    built.add(Frame(1, 1, b""), 0)
    store = Store(path / "s.sqlite")
    store.commit(built.close(bytes(32), 0), state)
    store.close()
    return state


def reloaded(path: Path) -> State:
    store = Store(path / "s.sqlite")
    state = store.load().state
    store.close()
    return state


def test_a_database_of_format_2_is_taken_over(tmp_path: Path) -> None:
    """It knows what is shared by cash alone, and every figure of that is exact."""
    state = of_rules_2(tmp_path, op.LossShare(66, 2))
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        figures = msgspec.msgpack.decode(db.execute("SELECT figures FROM risk").fetchone()[0])
        db.execute("UPDATE risk SET figures = ?", (msgspec.msgpack.encode(figures[:6]),))
        db.execute("PRAGMA user_version=2")
    db.close()
    exact = {64: Range(400, 400)}
    assert reloaded(tmp_path).sharing == state.sharing == Sharing(66, 1, 66, Range(400, 400), 0, 0, exact)


def test_a_database_of_format_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    built, batches = filled(path)
    with sqlite3.connect(path) as db:
        for column in ("main", "tier", "in_liquidation"):
            db.execute(f"ALTER TABLE account DROP COLUMN {column}")
        db.execute("DROP TABLE risk")
        db.execute("PRAGMA user_version=1")
    db.close()
    store = Store(path)
    loaded = store.load()
    assert (loaded.state.accounts, loaded.batch_id) == (built.state.accounts, len(batches))
    store.close()
    Store(path).close()


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
