"""Settlement's own database: state, cursor and built batches, moved together in one transaction.

A batch, the state after it and the cursor behind its events become durable at once, so a kill leaves
all of it or nothing, and the events of an unfinished batch are read again. Batches are kept: what the
L1 lost or never took is posted from here.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from exchange.domain.commands import pack_terms
from exchange.domain.commands_risk import FeeTier
from exchange.domain.events import unpack_terms
from settlement.batch import Batch, Header, counter, unpack_header
from settlement.commitment import GENESIS_ROOT, Commitment, position_words, read_position_words
from settlement.sqlite import whole
from settlement.state import Account, Instrument, Range, Share, Sharing, State

FORMAT: Final = 4
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS progress (
    one INTEGER PRIMARY KEY CHECK (one = 1), batch_id INTEGER NOT NULL, next_seq INTEGER NOT NULL,
    root BLOB NOT NULL, last_deposit_id INTEGER NOT NULL, deposited_micro INTEGER NOT NULL,
    withdrawn_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY, owner BLOB NOT NULL, flags INTEGER NOT NULL, cash_micro INTEGER NOT NULL,
    positions BLOB NOT NULL, main INTEGER NOT NULL DEFAULT 0, tier INTEGER NOT NULL DEFAULT 0,
    in_liquidation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS instrument (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, terms BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS underlying (id INTEGER PRIMARY KEY, symbol BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS risk (one INTEGER PRIMARY KEY CHECK (one = 1), figures BLOB NOT NULL);
"""
# A database of format 1 knew neither families nor what `_Risk` holds; one of format 2 only shares by cash,
# one of format 3 no combos.
_FROM_FORMAT_1: Final = """
ALTER TABLE account ADD COLUMN main INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN tier INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN in_liquidation INTEGER NOT NULL DEFAULT 0;
"""


class _Risk(msgspec.Struct, frozen=True, array_like=True):
    """What the state has from rules version 2 on, besides its accounts (msgpack)."""

    last_withdrawal_id: int
    withdrawals: dict[int, tuple[int, int]]
    tiers: list[tuple[int, int, int, int]]
    liquidation_fee_ppm: dict[int, int]
    sharing: tuple[int, int, int, int, int, int]
    """Account, phase, at, the most the total can be, deficit, remaining."""
    basis_micro: dict[int, int]
    """The most each can be."""
    total_slack_micro: int = 0
    """Most less least; this and the rest from format 3 on."""
    slack_micro: dict[int, int] = msgspec.field(default_factory=dict)
    """The same of the bases that are not exact."""
    shares: dict[int, tuple[int, bool]] = msgspec.field(default_factory=dict)
    combo_discount_permille: int = 0
    """From format 4 on."""

    @classmethod
    def of(cls, state: State) -> _Risk:
        s = state.sharing
        return cls(
            state.last_withdrawal_id,
            state.withdrawals,
            [(a, b, c, d) for a, b, c, d in state.tiers],
            state.liquidation_fee_ppm,
            (s.account, s.phase, s.at, s.total.most, s.deficit_micro, s.remaining_micro),
            {n: basis.most for n, basis in s.basis.items()},
            s.total.most - s.total.least,
            {n: basis.most - basis.least for n, basis in s.basis.items() if basis.most > basis.least},
            {n: (share.paid_micro, share.is_whole) for n, share in s.shares.items()},
            state.combo_discount_permille,
        )

    def give(self, state: State) -> None:
        """Put it into a state."""
        state.last_withdrawal_id = self.last_withdrawal_id
        state.withdrawals = dict(self.withdrawals)
        state.tiers = tuple(FeeTier(*tier) for tier in self.tiers)
        state.liquidation_fee_ppm = dict(self.liquidation_fee_ppm)
        state.combo_discount_permille = self.combo_discount_permille
        account, phase, at, total, deficit, remaining = self.sharing
        state.sharing = Sharing(
            account,
            phase,
            at,
            Range(total - self.total_slack_micro, total),
            deficit,
            remaining,
            {n: Range(most - self.slack_micro.get(n, 0), most) for n, most in self.basis_micro.items()},
            {n: Share(*share) for n, share in self.shares.items()},
        )


class StoreError(Exception):
    """The database is not what it must be (critical): another format, or state that misses its root."""


class Loaded(NamedTuple):
    """What a restart continues from. `next_seq` is the counter of the first event not yet in a batch."""

    state: State
    batch_id: int
    next_seq: int


def open_database(path: str | Path, newest: int) -> tuple[sqlite3.Connection, int]:
    """A database whose commits are durable, and the format it has (0: it is new).

    Raises:
        StoreError: a format beyond the newest this version knows.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    known = int(database.execute("PRAGMA user_version").fetchone()[0])
    if known not in range(newest + 1):
        raise StoreError(f"{path} has format {known}, this version knows {newest}")
    return database, known


class Store:
    """One SQLite file with one writer. `sqlite3.Error` passes through: the caller retries or stops."""

    def __init__(self, path: str | Path) -> None:
        self._db, known = open_database(path, FORMAT)
        if known == 1:
            self._db.executescript(f"BEGIN; {_FROM_FORMAT_1} PRAGMA user_version={FORMAT}; COMMIT;")
        self._db.executescript(_SCHEMA + f"PRAGMA user_version={FORMAT};")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def load(self) -> Loaded:
        """State, batch id and cursor of the last commit.

        Raises:
            StoreError: the state's root is not the one stored with it.
        """
        state = State()
        for number, symbol in self._db.execute("SELECT id, symbol FROM underlying"):
            state.underlyings[number] = int.from_bytes(symbol, "little")
        for number, condition, terms in self._db.execute("SELECT id, state, terms FROM instrument"):
            state.instruments[number] = Instrument(unpack_terms(terms, 0), condition)
        for number, owner, flags, cash, words, *family in self._db.execute("SELECT * FROM account"):
            state.adopt(number, Account(owner, flags, cash, read_position_words(words), *family))
        row = self._db.execute("SELECT * FROM progress").fetchone()
        if row is None:
            return Loaded(state, 0, 1)
        _, batch_id, next_seq, root, *deposits = row
        state.last_deposit_id, state.deposited_micro, state.withdrawn_micro = deposits
        figures = self._db.execute("SELECT figures FROM risk").fetchone()
        if figures is not None:
            msgspec.msgpack.decode(figures[0], type=_Risk).give(state)
        if Commitment(state).root != root:
            raise StoreError(f"the stored state is not the one batch {batch_id} committed to")
        return Loaded(state, batch_id, next_seq)

    def commit(self, batch: Batch, state: State) -> None:
        """Store a batch with the state it leads to and move the cursor behind it; durable on return."""
        header = batch.header
        accounts = [
            (n, a.owner, a.flags, a.cash_micro, position_words(a), a.main, a.tier, a.in_liquidation)
            for n, a in ((n, state.accounts[n]) for n in state.touched_accounts)
        ]
        instruments = [
            (n, i.state, pack_terms(i.terms))
            for n, i in ((n, state.instruments[n]) for n in state.touched_instruments)
        ]
        symbols = [(n, symbol.to_bytes(8, "little")) for n, symbol in state.underlyings.items()]
        progress = (
            header.batch_id,
            counter(header.ranges[0].last_seq) + 1,
            header.new_root,
            state.last_deposit_id,
            state.deposited_micro,
            state.withdrawn_micro,
        )
        risk = msgspec.msgpack.encode(_Risk.of(state))
        with whole(self._db):
            self._db.executemany("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)", accounts)
            self._db.executemany("INSERT OR REPLACE INTO instrument VALUES (?, ?, ?)", instruments)
            self._db.executemany("INSERT OR REPLACE INTO underlying VALUES (?, ?)", symbols)
            self._db.execute(
                "INSERT INTO batch VALUES (?, ?, ?)", (header.batch_id, header.pack(), batch.body)
            )
            self._db.execute("INSERT OR REPLACE INTO risk VALUES (1, ?)", (risk,))
            self._db.execute("INSERT OR REPLACE INTO progress VALUES (1, ?, ?, ?, ?, ?, ?)", progress)

    def last_batch_id(self) -> int:
        """The newest built batch, 0 if there is none."""
        return int(self._db.execute("SELECT COALESCE(MAX(id), 0) FROM batch").fetchone()[0])

    def packed_batch(self, batch_id: int) -> tuple[bytes, bytes] | None:
        """(header, body) as they are posted."""
        row = self._db.execute("SELECT header, body FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else (row[0], row[1])

    def header(self, batch_id: int) -> Header | None:
        """A batch's header."""
        row = self._db.execute("SELECT header FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else unpack_header(row[0])

    def root_after(self, batch_id: int) -> bytes | None:
        """The state root after a batch (0: the empty state's); None if there is no such batch."""
        if batch_id == 0:
            return GENESIS_ROOT
        header = self.header(batch_id)
        return None if header is None else header.new_root
