"""The settlement process's database: the rollup's own, and beside it what proofs and answers are made of.

    chunks   the steps of every batch, so that a fill is proven without decoding
    trace    the state roots behind the chunks of every batch
    opening  the roots and section hashes behind every batch
    change   what a batch made of withdrawals' leaves, by slot; an empty preimage: the leaf is gone
    posted   what the L1 says of a batch: it can change with a reorganisation
    payout   withdrawals that the bridge has paid
    heads    the heads of every batch's commit batches that may still be asked for, 40 bytes each
    mark     blocks up to which the L1's events were read

One process writes; others may read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import zstandard

from settlement.l1.follower import Mark
from settlement.rollup.builder import Batch
from settlement.rollup.rows import withdrawal_row
from settlement.rollup.store import RollupStore
from settlement.sqlite import whole
from settlement.state import State as LedgerState
from settlement.stf.chunks import Chunk
from settlement.stf.commitment import Commitment
from settlement.stf.header import Header, unpack_header
from settlement.stf.leaves import SECTIONS
from settlement.stf.state import State
from settlement.stf.steps import FILL, STEP_BYTES

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS chunks (
    batch_id INTEGER PRIMARY KEY, trade_first INTEGER NOT NULL, trade_last INTEGER NOT NULL,
    records BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS trace (batch_id INTEGER PRIMARY KEY, roots BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS opening (
    batch_id INTEGER PRIMARY KEY, accounts_root BLOB NOT NULL, instruments_root BLOB NOT NULL,
    sections BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS change (
    batch_id INTEGER NOT NULL, slot INTEGER NOT NULL, ident INTEGER NOT NULL, preimage BLOB NOT NULL,
    PRIMARY KEY (batch_id, slot)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS change_ident ON change (ident);
CREATE TABLE IF NOT EXISTS posted (
    batch_id INTEGER PRIMARY KEY, tx BLOB NOT NULL, block INTEGER NOT NULL, block_hash BLOB NOT NULL,
    data BLOB NOT NULL, gas INTEGER NOT NULL, blob_gas INTEGER NOT NULL, wei TEXT NOT NULL,
    final_at_s INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payout (
    slot INTEGER PRIMARY KEY, ident INTEGER NOT NULL, tx BLOB NOT NULL, block INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS heads (
    batch_id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, heads BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS mark (number INTEGER PRIMARY KEY, hash BLOB NOT NULL);
"""
_LEVEL: Final = 3
_MAX_RECORDS_BYTES: Final = 1 << 26


class PostedRow(NamedTuple):
    """A batch on the L1. `data` is what the inbox keeps of its blobs; `wei` all that its post cost."""

    batch_id: int
    tx: bytes
    block: int
    block_hash: bytes
    data: bytes
    gas: int
    blob_gas: int
    wei: int
    final_at_s: int


class PayoutRow(NamedTuple):
    """A withdrawal that the bridge has paid."""

    slot: int
    ident: int
    tx: bytes
    block: int


class OpeningRow(NamedTuple):
    """The roots that a batch's new root is made of."""

    accounts_root: bytes
    instruments_root: bytes
    sections: tuple[bytes, ...]


class NodeStore(RollupStore):
    """See the module. `sqlite3.Error` passes through: the caller retries or stops."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._db.executescript(_SCHEMA)

    def keep(self, batch: Batch, commitment: Commitment, ledger: LedgerState, looked_at: int) -> None:
        """Store a batch with all that belongs to it; durable on return."""
        number = batch.header.batch_id
        trades = [step.ident for chunk in batch.chunks for step in chunk.steps if step.kind == FILL]
        records = zstandard.ZstdCompressor(level=_LEVEL).compress(packed_chunks(batch.chunks))
        roots = (commitment.accounts.root, commitment.instruments.root, b"".join(commitment.sections()))
        more: dict[str, list[tuple[object, ...]]] = {
            "chunks VALUES (?, ?, ?, ?)": [
                (number, min(trades, default=0), max(trades, default=0), records)
            ],
            "trace VALUES (?, ?)": [(number, b"".join(batch.trace))],
            "opening VALUES (?, ?, ?, ?)": [(number, *roots)],
            "change VALUES (?, ?, ?, ?)": [
                (number, slot, *_leaf(commitment.state, slot)) for slot in commitment.changed.withdrawals
            ],
        }  # fmt: skip
        self.commit(batch, commitment, ledger, looked_at, more)

    # --- what was built ----------------------------------------------------------------------------

    def header(self, batch_id: int) -> Header | None:
        """A batch's header."""
        found = self.packed_batch(batch_id)
        return None if found is None else unpack_header(found[0])

    def records(self, batch_id: int) -> list[tuple[int, list[bytes]]]:
        """The chunks of a batch, each its kind and the 64 bytes of its steps."""
        row = self._db.execute("SELECT records FROM chunks WHERE batch_id = ?", (batch_id,)).fetchone()
        return [] if row is None else read_records(row[0])

    def trace(self, batch_id: int) -> list[bytes]:
        """The state roots behind the chunks of a batch."""
        row = self._db.execute("SELECT roots FROM trace WHERE batch_id = ?", (batch_id,)).fetchone()
        return [] if row is None else [row[0][at : at + 32] for at in range(0, len(row[0]), 32)]

    def opening(self, batch_id: int) -> OpeningRow | None:
        """What the root behind a batch is made of."""
        row = self._db.execute(
            "SELECT accounts_root, instruments_root, sections FROM opening WHERE batch_id = ?", (batch_id,)
        ).fetchone()
        if row is None:
            return None
        sections = tuple(row[2][32 * n : 32 * n + 32] for n in range(SECTIONS))
        return OpeningRow(row[0], row[1], sections)

    def changes(self, after_batch: int, through_batch: int) -> Iterator[tuple[int, bytes]]:
        """What batches made of withdrawals' leaves, in order: slot and 64 bytes, or nothing."""
        query = "SELECT slot, preimage FROM change WHERE batch_id > ? AND batch_id <= ? ORDER BY batch_id"
        return iter(self._db.execute(query, (after_batch, through_batch)).fetchall())

    def backlog_bytes(self, after_batch: int) -> int:
        """How many bytes of payload stand in batches behind this one."""
        query = "SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM batch WHERE id > ?"
        return int(self._db.execute(query, (after_batch,)).fetchone()[0])

    # --- what the L1 says --------------------------------------------------------------------------

    def posted(self, batch_id: int) -> PostedRow | None:
        """A batch as it stands on the L1."""
        return posted_of(self._db, batch_id)

    def payouts(self) -> dict[int, PayoutRow]:
        """All withdrawals that were paid, by slot."""
        return {row[0]: PayoutRow(*row) for row in self._db.execute("SELECT * FROM payout")}

    def marks(self) -> list[Mark]:
        """How far the L1's events were read."""
        return [Mark(*row) for row in self._db.execute("SELECT * FROM mark ORDER BY number")]

    def heard(
        self, posted: Iterable[PostedRow], payouts: Iterable[PayoutRow], marks: Sequence[Mark]
    ) -> None:  # fmt: skip
        """Keep what a stretch of blocks said, and how far it went."""
        told = [(*row[:7], str(row.wei), row.final_at_s) for row in posted]
        with whole(self._db):
            self._db.executemany("INSERT OR REPLACE INTO posted VALUES (?,?,?,?,?,?,?,?,?)", told)
            self._db.executemany("INSERT OR REPLACE INTO payout VALUES (?, ?, ?, ?)", list(payouts))
            self._set_marks(marks)

    def set_heads(self, batch_id: int, first_seq: int, last_seq: int, heads: bytes) -> None:
        """Keep the heads of a batch's range (counters)."""
        with whole(self._db):
            row = (batch_id, first_seq, last_seq, heads)
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", row)

    def heads_of(self, seq: int) -> bytes:
        """The heads of the batch that has this counter; empty where they are not kept."""
        query = "SELECT heads FROM heads WHERE first_seq <= ? AND last_seq >= ?"
        row = self._db.execute(query, (seq, seq)).fetchone()
        return b"" if row is None else bytes(row[0])

    def heads_through(self) -> int:
        """The newest batch whose heads were kept."""
        return int(self._db.execute("SELECT COALESCE(MAX(batch_id), 0) FROM heads").fetchone()[0])

    def drop_heads(self, through_batch: int) -> None:
        """Nobody can ask for these any more; the newest batch's stay."""
        with whole(self._db):
            query = "DELETE FROM heads WHERE batch_id <= ? AND batch_id < (SELECT MAX(batch_id) FROM heads)"
            self._db.execute(query, (through_batch,))

    def forget_blocks(self, after: int, marks: Sequence[Mark]) -> None:
        """The L1 took back what stood behind a block."""
        with whole(self._db):
            self._db.execute("DELETE FROM posted WHERE block > ?", (after,))
            self._db.execute("DELETE FROM payout WHERE block > ?", (after,))
            self._set_marks(marks)

    def _set_marks(self, marks: Sequence[Mark]) -> None:
        self._db.execute("DELETE FROM mark")
        self._db.executemany("INSERT INTO mark VALUES (?, ?)", marks)


def packed_chunks(chunks: Iterable[Chunk]) -> bytes:
    """Chunks one behind the other: kind u8, number of steps u8, the steps' 64 bytes."""
    return b"".join(
        bytes((chunk.kind, len(chunk.steps))) + b"".join(step.pack() for step in chunk.steps)
        for chunk in chunks
    )


def read_records(stored: bytes) -> list[tuple[int, list[bytes]]]:
    """The inverse of what `chunks` keeps: of each chunk its kind and the 64 bytes of its steps."""
    data = zstandard.ZstdDecompressor().decompress(stored, max_output_size=_MAX_RECORDS_BYTES)
    found: list[tuple[int, list[bytes]]] = []
    at = 0
    while at < len(data):
        kind, count = data[at], data[at + 1]
        ends = range(at + 2, at + 2 + count * STEP_BYTES, STEP_BYTES)
        found.append((kind, [data[one : one + STEP_BYTES] for one in ends]))
        at += 2 + count * STEP_BYTES
    return found


def _leaf(state: State, slot: int) -> tuple[int, bytes]:
    found = state.withdrawals.get(slot)
    return (found.ident if found else 0), withdrawal_row(found) or b""


def posted_of(db: sqlite3.Connection, batch_id: int) -> PostedRow | None:
    """A batch as it stands on the L1."""
    row = db.execute("SELECT * FROM posted WHERE batch_id = ?", (batch_id,)).fetchone()
    return None if row is None else PostedRow._make((*row[:7], int(row[7]), row[8]))


def reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises sqlite3.Error where there is no database."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=1.0)
