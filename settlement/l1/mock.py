"""The embedded mock L1: a small chain in one SQLite file, shared by the processes of the venue.

Transactions wait in order, enter a block when the chain's clock says so, and are confirmed once
`confirmations` blocks stand on theirs (the own one counts). Any process may `tick`; the file decides
whether a block is due. With nothing waiting and nothing unconfirmed no blocks are made. Every write is
one SQLite transaction in WAL mode with synchronous=FULL, so a kill leaves the chain before or after it.

Test switches live in the file too, so that another process can set them: `fail` (every call is refused),
`lose_replies` (calls that write take effect but answer L1Unavailable), `hold` (no blocks), `slow_ms` (a
transaction waits at least that long).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from settlement.batch import unpack_header
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import claims, contracts
from settlement.l1.port import Deposit, InboxHead, L1Rejected, L1Unavailable, Payout, Progress, Request
from settlement.state import NO_OWNER

FORMAT: Final = 2
FORMATS: Final = (1, FORMAT)
KIND_FAUCET: Final = 1
KIND_POST: Final = 2
KIND_PAY: Final = 3
SWITCHES: Final = ("fail", "lose_replies", "hold", "slow_ms")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS block (
    number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, parent BLOB NOT NULL,
    tx_root BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tx (
    ordinal INTEGER PRIMARY KEY, kind INTEGER NOT NULL, calldata BLOB NOT NULL, hash BLOB NOT NULL,
    submitted_ms INTEGER NOT NULL, block INTEGER, outcome TEXT);
CREATE INDEX IF NOT EXISTS tx_block ON tx (block);
CREATE TABLE IF NOT EXISTS deposit (
    deposit_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, owner BLOB NOT NULL,
    amount_micro INTEGER NOT NULL, block INTEGER NOT NULL, total_micro INTEGER NOT NULL,
    tx INTEGER NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS inbox (
    batch_id INTEGER PRIMARY KEY, root BLOB NOT NULL, last_seqs TEXT NOT NULL, block INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS switch (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Transaction(NamedTuple):
    """A transaction in a block. `outcome` is empty if it took effect, else the reject's code."""

    ordinal: int
    kind: int
    calldata: bytes
    hash: bytes
    outcome: str


class Block(NamedTuple):
    """A block with its transactions."""

    number: int
    time_ms: int
    parent: bytes
    tx_root: bytes
    hash: bytes
    transactions: tuple[Transaction, ...]


def transaction_hash(ordinal: int, kind: int, calldata: bytes) -> bytes:
    """keccak(ordinal u64 ‖ kind u8 ‖ calldata)."""
    return keccak(ordinal.to_bytes(8, "big") + bytes([kind]) + calldata)


def block_hash(number: int, time_ms: int, parent: bytes, tx_root: bytes) -> bytes:
    """keccak(number u64 ‖ time_ms u64 ‖ parent ‖ tx_root); tx_root is the keccak of all hashes in order."""
    return keccak(number.to_bytes(8, "big") + time_ms.to_bytes(8, "big") + parent + tx_root)


class MockL1:
    """The chain behind the ports `Inbox` and `Bridge`. One instance a thread; many processes a file."""

    def __init__(
        self,
        path: str | Path,
        now_ms: Callable[[], int],
        *,
        block_ms: int = 1_000,
        confirmations: int = 3,
        busy_timeout_ms: int = 5_000,
    ) -> None:
        self._now_ms = now_ms
        self._block_ms = block_ms
        self._confirmations = max(1, confirmations)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=busy_timeout_ms / 1000, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        known = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if known not in (0, *FORMATS):
            raise L1Rejected("malformed", f"{path} is a mock L1 of format {known}")
        self._db.executescript(_SCHEMA + claims.SCHEMA)
        self._claims = claims.Claims(self._db)
        if known == 1:
            self._learn_claims()
        self._db.execute(f"PRAGMA user_version={FORMAT}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- switches ----------------------------------------------------------------------------------

    def set_switch(self, name: str, value: int) -> None:
        """Set a test switch (0: off). Raises ValueError for an unknown name."""
        if name not in SWITCHES:
            raise ValueError(f"unknown switch {name}")
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO switch VALUES (?, ?)", (name, value))

    def _switch(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM switch WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _call(self, *, write: bool = False) -> Iterator[None]:
        """One call of a port: a transaction, with the switches and SQLite's own failures applied."""
        try:
            self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                if self._switch("fail"):
                    raise L1Unavailable("the L1 does not answer")
                yield
                lost = write and self._switch("lose_replies")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise L1Unavailable(f"the L1's file: {error}") from error
        if lost:
            raise L1Unavailable("the reply was lost")

    # --- the inbox ---------------------------------------------------------------------------------

    def progress(self) -> Progress:
        """See `Inbox`."""
        with self._call():
            height = self._height()
            included = self._inbox_head(height)
            confirmed = self._inbox_head(height - self._confirmations + 1)
            return Progress(height, self._pending_head(included), included, confirmed)

    def post_batch(self, header: bytes, body: bytes) -> bytes:
        """See `Inbox`. Checked against the waiting posts, and again when the block is made."""
        with self._call(write=True):
            contracts.check_post(self._pending_head(self._inbox_head(self._height())), header, body)
            return self._submit(KIND_POST, contracts.pack_post(header, body))

    def _height(self) -> int:
        return int(self._db.execute("SELECT COALESCE(MAX(number), 0) FROM block").fetchone()[0])

    def _inbox_head(self, height: int) -> InboxHead:
        row = self._db.execute(
            "SELECT batch_id, root, last_seqs FROM inbox WHERE block <= ? ORDER BY batch_id DESC LIMIT 1",
            (height,),
        ).fetchone()
        if row is None:
            return contracts.GENESIS_HEAD
        pairs = (pair.split(":") for pair in row[2].split(","))
        return InboxHead(row[0], row[1], tuple((int(shard), int(seq)) for shard, seq in pairs))

    def _pending_head(self, head: InboxHead) -> InboxHead:
        waiting = self._db.execute(
            "SELECT calldata FROM tx WHERE block IS NULL AND kind = ? ORDER BY ordinal", (KIND_POST,)
        )
        for (calldata,) in waiting.fetchall():
            _, head = contracts.check_post(head, *contracts.unpack_post(calldata))
        return head

    def _submit(self, kind: int, calldata: bytes) -> bytes:
        (last,) = self._db.execute("SELECT COALESCE(MAX(ordinal), 0) FROM tx").fetchone()
        digest = transaction_hash(last + 1, kind, calldata)
        self._db.execute(
            "INSERT INTO tx VALUES (?, ?, ?, ?, ?, NULL, NULL)",
            (last + 1, kind, calldata, digest, self._now_ms()),
        )
        return digest

    # --- the bridge --------------------------------------------------------------------------------

    def faucet(self, account: int, amount_micro: int, owner: bytes = NO_OWNER) -> bytes:
        """See `Bridge`."""
        calldata = contracts.pack_faucet(account, amount_micro, owner)
        with self._call(write=True):
            return self._submit(KIND_FAUCET, calldata)

    def requests(self, after_id: int) -> list[Request]:
        """Nobody can force anything here."""
        del after_id
        return []

    def deposits(self, after_id: int, limit: int = 1_000, confirmations: int = 1) -> list[Deposit]:
        """See `Bridge`."""
        with self._call():
            found = self._db.execute(
                "SELECT deposit_id, account, owner, amount_micro, block FROM deposit"
                " WHERE deposit_id > ? AND block <= ? ORDER BY deposit_id LIMIT ?",
                (after_id, self._height() - max(1, confirmations) + 1, limit),
            )
            return [Deposit(*row) for row in found.fetchall()]

    def deposit_of(self, transaction: bytes) -> Deposit | None:
        """The deposit a faucet transaction became, None while it waits. Raises L1Unavailable."""
        with self._call():
            row = self._db.execute(
                "SELECT deposit_id, account, owner, amount_micro, deposit.block FROM deposit"
                " JOIN tx ON tx.ordinal = deposit.tx WHERE tx.hash = ?",
                (transaction,),
            ).fetchone()
            return None if row is None else Deposit(*row)

    def pay(self, withdrawal_id: int) -> bytes:
        """See `Bridge`. Checked with waiting payments counted, and again when the block is made."""
        calldata = contracts.pack_pay(withdrawal_id)
        with self._call(write=True):
            paid = self._pays(calldata) or self._claims.payout(withdrawal_id) is not None
            contracts.check_pay(self._claims.claim(withdrawal_id), paid, self._claims.holds_micro())
            return self._submit(KIND_PAY, calldata)

    def payout_of(self, withdrawal_id: int) -> Payout | None:
        """See `Bridge`."""
        with self._call():
            found = self._claims.payout(withdrawal_id)
            claim = self._claims.claim(withdrawal_id)
            if found or claim is None or not self._pays(contracts.pack_pay(withdrawal_id)):
                return found
            return Payout(withdrawal_id, *claim, None)

    def _pays(self, calldata: bytes) -> bool:
        """Whether this payment waits for a block."""
        query = "SELECT 1 FROM tx WHERE block IS NULL AND kind = ? AND calldata = ?"
        return self._db.execute(query, (KIND_PAY, calldata)).fetchone() is not None

    def _learn_claims(self) -> None:
        """A chain of format 1 kept none: read them from the batches in its blocks."""
        posts = self._db.execute(
            "SELECT calldata FROM tx WHERE kind = ? AND outcome = '' ORDER BY ordinal", (KIND_POST,)
        )
        self._db.execute("BEGIN IMMEDIATE")
        for (calldata,) in posts.fetchall():
            packed, body = contracts.unpack_post(calldata)
            self._claims.learn(unpack_header(packed).codec, body)
        self._db.execute("COMMIT")

    # --- blocks ------------------------------------------------------------------------------------

    def tick(self) -> bool:
        """Make a block if one is due; True if one was made. Raises L1Unavailable (also on `fail`)."""
        now_ms = self._now_ms()
        if not self._is_due(now_ms):
            return False
        with self._call(write=True):
            # Another process may have made it meanwhile.
            due = self._is_due(now_ms)
            if due:
                self._make_block(now_ms)
        return due

    def _is_due(self, now_ms: int) -> bool:
        row = self._db.execute("SELECT number, time_ms FROM block ORDER BY number DESC LIMIT 1").fetchone()
        height, last_ms = row or (0, 0)
        if self._switch("hold") or (height and now_ms < last_ms + self._block_ms):
            return False
        (last_busy,) = self._db.execute("SELECT MAX(block) FROM tx").fetchone()
        unconfirmed = last_busy is not None and height - last_busy + 1 < self._confirmations
        return unconfirmed or bool(self._ready(now_ms))

    def _ready(self, now_ms: int) -> list[tuple[int, int, bytes, bytes]]:
        """The waiting transactions that may enter a block, in order."""
        slow_ms = self._switch("slow_ms")
        latest = now_ms - slow_ms if slow_ms else (1 << 63) - 1
        rows = self._db.execute(
            "SELECT ordinal, kind, calldata, hash FROM tx WHERE block IS NULL AND ordinal < COALESCE("
            "(SELECT MIN(ordinal) FROM tx WHERE block IS NULL AND submitted_ms > ?), ?) ORDER BY ordinal",
            (latest, (1 << 63) - 1),
        )
        return rows.fetchall()

    def _make_block(self, now_ms: int) -> None:
        row = self._db.execute(
            "SELECT number, time_ms, hash FROM block ORDER BY number DESC LIMIT 1"
        ).fetchone()
        height, last_ms, parent = row or (0, 0, ZERO_HASH)
        number, time_ms = height + 1, max(now_ms, last_ms + 1)
        ready = self._ready(now_ms)
        for ordinal, kind, calldata, _ in ready:
            try:
                self._execute(ordinal, kind, calldata, number)
                outcome = ""
            except L1Rejected as error:
                outcome = error.code
            self._db.execute(
                "UPDATE tx SET block = ?, outcome = ? WHERE ordinal = ?", (number, outcome, ordinal)
            )
        tx_root = keccak(b"".join(row[3] for row in ready))
        digest = block_hash(number, time_ms, parent, tx_root)
        self._db.execute(
            "INSERT INTO block VALUES (?, ?, ?, ?, ?)", (number, time_ms, parent, tx_root, digest)
        )

    def _execute(self, ordinal: int, kind: int, calldata: bytes, number: int) -> None:
        if kind == KIND_FAUCET:
            account, amount, owner = contracts.unpack_faucet(calldata)
            row = self._db.execute(
                "SELECT deposit_id, total_micro FROM deposit ORDER BY deposit_id DESC LIMIT 1"
            ).fetchone()
            last_id, total = row or (0, 0)
            contracts.check_total(total, amount)
            self._db.execute(
                "INSERT INTO deposit VALUES (?, ?, ?, ?, ?, ?, ?)",
                (last_id + 1, account, owner, amount, number, total + amount, ordinal),
            )
        elif kind == KIND_PAY:
            self._claims.execute(calldata, number)
        else:
            packed, body = contracts.unpack_post(calldata)
            header, head = contracts.check_post(self._inbox_head(number), packed, body)
            self._claims.learn(header.codec, body)
            last_seqs = ",".join(f"{shard}:{seq}" for shard, seq in head.last_seqs)
            self._db.execute(
                "INSERT INTO inbox VALUES (?, ?, ?, ?)", (head.batch_id, head.root, last_seqs, number)
            )


def read_blocks(path: str | Path) -> Iterator[Block]:
    """All blocks with their transactions, in order, from one consistent view of the file.

    Raises:
        L1Unavailable: no such file, not a mock L1, or one of another format.
    """
    try:
        database = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise L1Unavailable(f"{path}: {error}") from error
    try:
        found_format = int(database.execute("PRAGMA user_version").fetchone()[0])
        if found_format not in FORMATS:
            raise L1Unavailable(f"{path} is not a mock L1 of a known format")
        database.execute("BEGIN")
        blocks = database.execute("SELECT number, time_ms, parent, tx_root, hash FROM block ORDER BY number")
        for number, time_ms, parent, tx_root, digest in blocks:
            rows = database.execute(
                "SELECT ordinal, kind, calldata, hash, outcome FROM tx WHERE block = ? ORDER BY ordinal",
                (number,),
            )
            transactions = tuple(Transaction(*row) for row in rows.fetchall())
            yield Block(number, time_ms, parent, tx_root, digest, transactions)
    except sqlite3.Error as error:
        raise L1Unavailable(f"{path}: {error}") from error
    finally:
        database.close()
