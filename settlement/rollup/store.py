"""The database of format 2: state, cursor and batches, moved together in one transaction.

What is stored of the state are the preimages that the root hashes, of what a batch changed; a restart reads
them, hashes everything again and compares the root. The ledger's account is made of the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.batch import counter
from settlement.rollup import rows as rows_of
from settlement.rollup.builder import Batch
from settlement.rollup.ledgers import ledger_of
from settlement.sqlite import whole
from settlement.state import Range, Share, Sharing
from settlement.state import State as LedgerState
from settlement.stf import leaves
from settlement.stf.commitment import Commitment
from settlement.stf.state import State
from settlement.store import StoreError, open_database

__all__ = ["Loaded", "RollupStore", "StoreError"]

FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS progress (
    one INTEGER PRIMARY KEY CHECK (one = 1), batch_id INTEGER NOT NULL, next_seq INTEGER NOT NULL,
    root BLOB NOT NULL, looked_at INTEGER NOT NULL, sharing BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, preimage BLOB NOT NULL, positions BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS instrument (id INTEGER PRIMARY KEY, preimage BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS withdrawal (slot INTEGER PRIMARY KEY, preimage BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS entry (place INTEGER PRIMARY KEY, ident INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS section (number INTEGER PRIMARY KEY, words BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS coding (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outside (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY, header BLOB NOT NULL, payload BLOB NOT NULL);
"""


class _Loss(msgspec.Struct, frozen=True, array_like=True):
    """What the ledger knows of the loss being shared (msgpack): ranges as (least, most)."""

    figures: tuple[int, int, int, int, int]
    """Account, phase, at, deficit, remaining."""
    total: tuple[int, int]
    basis: dict[int, tuple[int, int]]
    shares: dict[int, tuple[int, bool]]

    @classmethod
    def of(cls, one: Sharing) -> _Loss:
        figures = (one.account, one.phase, one.at, one.deficit_micro, one.remaining_micro)
        basis = {number: (least, most) for number, (least, most) in one.basis.items()}
        shares = {number: (paid, is_whole) for number, (paid, is_whole) in one.shares.items()}
        return cls(figures, (one.total.least, one.total.most), basis, shares)

    def sharing(self) -> Sharing:
        account, phase, at, deficit, remaining = self.figures
        basis = {number: Range(*one) for number, one in self.basis.items()}
        shares = {number: Share(*one) for number, one in self.shares.items()}
        return Sharing(account, phase, at, Range(*self.total), deficit, remaining, basis, shares)


class Loaded(NamedTuple):
    """What a restart continues from. `next_seq` is the counter of the first event not yet in a batch,
    `looked_at` what the lowering goes on with."""

    ledger_state: LedgerState
    state: State
    batch_id: int
    next_seq: int
    looked_at: int
    coding: dict[str, bytes]
    """What the codec goes on with (`Codec5.restored`)."""


class RollupStore:
    """One SQLite file with one writer. `sqlite3.Error` passes through: the caller retries or stops."""

    def __init__(self, path: str | Path) -> None:
        self._db, _ = open_database(path, FORMAT)
        self._db.executescript(_SCHEMA + f"PRAGMA user_version={FORMAT};")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def commit(
        self, batch: Batch, commitment: Commitment, ledger: LedgerState, looked_at: int,
        more: Mapping[str, list[tuple[object, ...]]] | None = None,
    ) -> None:  # fmt: skip
        """Store a batch with the state it leads to and move the cursor behind it; durable on return.

        `more` are rows of other tables in the same transaction, by what follows INSERT OR REPLACE INTO.
        """
        header, state, changed = batch.header, commitment.state, commitment.changed
        loss = msgspec.msgpack.encode(_Loss.of(ledger.sharing))
        next_seq = counter(header.ranges[0].last_seq) + 1
        rows: dict[str, list[tuple[object, ...]]] = {
            "account VALUES (?, ?, ?)": [rows_of.account_row(n, commitment) for n in changed.accounts],
            "instrument VALUES (?, ?)": [
                (n, leaves.instrument_preimage(state.instruments[n])) for n in changed.instruments
            ],
            "section VALUES (?, ?)": list(rows_of.section_rows(commitment).items()),
            "coding VALUES (?, ?)": list(batch.kept.items()),
            "outside VALUES (?, ?)": [(header.batch_id, batch.outside)] if batch.outside else [],
            "batch VALUES (?, ?, ?)": [(header.batch_id, header.pack(), batch.payload)],
            "progress VALUES (1, ?, ?, ?, ?, ?)": [
                (header.batch_id, next_seq, header.new_root, looked_at, loss)
            ],
            **(more or {}),
        }
        slots = {n: rows_of.withdrawal_row(state.withdrawals.get(n)) for n in changed.withdrawals}
        places = {n: state.entries.get(n) for n in changed.entries}
        with whole(self._db):
            for into, values in rows.items():
                self._db.executemany(f"INSERT OR REPLACE INTO {into}", values)
            self._replace("withdrawal", "slot", slots)
            self._replace("entry", "place", places)

    def _replace(self, table: str, key: str, rows: dict[int, bytes | None] | dict[int, int | None]) -> None:
        gone = [(number,) for number, value in rows.items() if value is None]
        kept = [(number, value) for number, value in rows.items() if value is not None]
        self._db.executemany(f"DELETE FROM {table} WHERE {key} = ?", gone)
        self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", kept)

    def load(self) -> Loaded:
        """Both accounts, batch id and cursor of the last commit.

        Raises:
            StoreError: the state's root is not the one stored with it.
        """
        row = self._db.execute("SELECT * FROM progress").fetchone()
        if row is None:
            return Loaded(LedgerState(), State(), 0, 1, FIRST_USER_ACCOUNT, {})
        _, batch_id, next_seq, root, looked_at, loss = row
        state = self._state()
        if Commitment(state).root != root:
            raise StoreError(f"the stored state is not the one batch {batch_id} committed to")
        sharing = msgspec.msgpack.decode(loss, type=_Loss).sharing()
        coding = dict(self._db.execute("SELECT * FROM coding").fetchall())
        return Loaded(ledger_of(state, sharing), state, batch_id, next_seq, looked_at, coding)

    def _state(self) -> State:
        read = self._db.execute
        entries = dict(read("SELECT * FROM entry").fetchall())
        sections = dict(read("SELECT * FROM section").fetchall())
        return rows_of.state_of(
            read("SELECT * FROM account"), read("SELECT * FROM instrument"),
            read("SELECT * FROM withdrawal"), entries, sections,
        )  # fmt: skip

    def last_batch_id(self) -> int:
        """The newest built batch, 0 if there is none."""
        return int(self._db.execute("SELECT COALESCE(MAX(id), 0) FROM batch").fetchone()[0])

    def packed_batch(self, batch_id: int) -> tuple[bytes, bytes] | None:
        """(header, payload) as they are posted."""
        row = self._db.execute("SELECT header, payload FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else (row[0], row[1])

    def outside(self, batch_id: int) -> bytes | None:
        """The chunks of a netted batch, as they belong into the external store."""
        row = self._db.execute("SELECT payload FROM outside WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else bytes(row[0])
