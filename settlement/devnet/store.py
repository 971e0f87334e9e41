"""The chain on disk: one SQLite file, changed by whole blocks: a kill leaves it before or after one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from settlement.devnet.blocks import Block, Included, PlacedLog
from settlement.devnet.world import Account, Changes, Log
from settlement.l1.transactions import decode
from settlement.sqlite import META_SCHEMA, meta, set_meta, whole

FORMAT: Final = 1
UNDO_BLOCKS: Final = 128  # how far the state can be asked for; reorganisations reach 64

_SCHEMA: Final = META_SCHEMA + """
CREATE TABLE IF NOT EXISTS block (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL, parent BLOB NOT NULL, time_s INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, gas_used INTEGER NOT NULL, base_fee_wei INTEGER NOT NULL,
    blob_gas_used INTEGER NOT NULL, excess_blob_gas INTEGER NOT NULL, randomness BLOB NOT NULL,
    transactions_root BLOB NOT NULL, state_root BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS block_hash ON block (hash);
CREATE TABLE IF NOT EXISTS tx (
    hash BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, raw BLOB NOT NULL,
    sender BLOB NOT NULL, success INTEGER NOT NULL, gas_used INTEGER NOT NULL,
    cumulative_gas INTEGER NOT NULL, price_wei INTEGER NOT NULL, blob_gas INTEGER NOT NULL,
    blob_price_wei INTEGER NOT NULL, created BLOB NOT NULL, reason TEXT NOT NULL, first_log INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS tx_place ON tx (block, position);
CREATE TABLE IF NOT EXISTS log (
    block INTEGER NOT NULL, ordinal INTEGER NOT NULL, position INTEGER NOT NULL, address BLOB NOT NULL,
    topics BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (block, ordinal)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS log_address ON log (address, block);
CREATE TABLE IF NOT EXISTS waiting (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL,
    sender BLOB NOT NULL, arrived_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sidecar (hash BLOB PRIMARY KEY, wrapped BLOB NOT NULL, block INTEGER);
CREATE INDEX IF NOT EXISTS sidecar_block ON sidecar (block);
CREATE TABLE IF NOT EXISTS account (
    address BLOB PRIMARY KEY, nonce INTEGER NOT NULL, balance BLOB NOT NULL, code_hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS code (hash BLOB PRIMARY KEY, code BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS slot (
    address BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (address, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undo (block INTEGER PRIMARY KEY, changes BLOB NOT NULL);
"""


class StoreError(Exception):
    """The file is no chain of this format, or SQLite refuses."""


class Store:
    """Reads and writes; the caller opens a transaction (`writing`) around what belongs together."""

    def __init__(self, path: str | Path) -> None:
        """Raises StoreError."""
        try:
            if str(path) != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")  # one process a chain
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if found not in (0, FORMAT):
                raise StoreError(f"{path} is a chain of format {found}")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={FORMAT}")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing. Raises StoreError where SQLite refuses."""
        try:
            with whole(self._db):
                yield
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def meta(self, name: str) -> bytes | None:
        """A remembered value."""
        return meta(self._db, name)

    def set_meta(self, name: str, value: bytes) -> None:
        """Remember a value."""
        set_meta(self._db, name, value)

    # --- blocks ------------------------------------------------------------------------------------

    def head(self) -> Block | None:
        """The newest block."""
        return self._block("ORDER BY number DESC LIMIT 1")

    def block(self, number: int) -> Block | None:
        """A block by number."""
        return self._block("WHERE number = ?", number)

    def block_by_hash(self, digest: bytes) -> Block | None:
        """A block of the chain by hash."""
        return self._block("WHERE hash = ?", digest)

    def _block(self, where: str, *values: object) -> Block | None:
        row = self._db.execute(f"SELECT * FROM block {where}", values).fetchone()
        return None if row is None else Block(*row)

    def add_block(self, block: Block, included: Sequence[Included], changes: Changes) -> None:
        """A block on top, with what it changed."""
        self._db.execute(f"INSERT INTO block VALUES ({','.join('?' * len(block))})", block)
        for entry in included:
            self._db.execute(
                "INSERT INTO tx VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    entry.hash, entry.block, entry.position, entry.transaction.encoded(), entry.sender,
                    entry.success, entry.gas_used, entry.cumulative_gas, entry.price_wei, entry.blob_gas,
                    entry.blob_price_wei, entry.created, entry.reason, entry.first_log,
                ),
            )  # fmt: skip
            self._db.execute("DELETE FROM waiting WHERE hash = ?", (entry.hash,))
            self._db.execute("UPDATE sidecar SET block = ? WHERE hash = ?", (block.number, entry.hash))
            for index, log in enumerate(entry.logs, entry.first_log):
                row = (block.number, index, entry.position, log.address, b"".join(log.topics), log.data)
                self._db.execute("INSERT INTO log VALUES (?,?,?,?,?,?)", row)
        self.write_state(changes, forward=True)
        self._db.execute("INSERT INTO undo VALUES (?, ?)", (block.number, _pack(changes)))
        self._db.execute("DELETE FROM undo WHERE block <= ?", (block.number - UNDO_BLOCKS,))

    def remove_head(self, number: int) -> Changes:
        """Take the newest block away; what it had changed. Its transactions are read before."""
        changes = self.undo(number)
        if changes is None:
            raise StoreError(f"block {number} is too old to be taken back")
        self.write_state(changes, forward=False)
        for table in ("log", "tx", "undo"):
            self._db.execute(f"DELETE FROM {table} WHERE block = ?", (number,))
        self._db.execute("UPDATE sidecar SET block = NULL WHERE block = ?", (number,))
        self._db.execute("DELETE FROM block WHERE number = ?", (number,))
        return changes

    def undo(self, number: int) -> Changes | None:
        """What a block changed, as long as it is kept."""
        row = self._db.execute("SELECT changes FROM undo WHERE block = ?", (number,)).fetchone()
        return None if row is None else _unpack(row[0])

    # --- transactions ------------------------------------------------------------------------------

    def included(self, digest: bytes) -> Included | None:
        """A transaction in a block."""
        found = self._included("hash = ?", digest)
        return found[0] if found else None

    def included_in(self, number: int) -> list[Included]:
        """A block's transactions in order."""
        return self._included("tx.block = ? ORDER BY position", number)

    def _included(self, where: str, value: object) -> list[Included]:
        rows = self._db.execute(
            "SELECT tx.hash, tx.block, block.hash, position, raw, sender, success, tx.gas_used,"
            " cumulative_gas, price_wei, blob_gas, blob_price_wei, created, reason, first_log"
            f" FROM tx JOIN block ON block.number = tx.block WHERE tx.{where.removeprefix('tx.')}",
            (value,),
        ).fetchall()
        return [
            Included(
                row[0], row[1], row[2], row[3], decode(row[4])[0], row[5], bool(row[6]), row[7], row[8],
                row[9], row[10], row[11], row[12], row[13], self._logs_of(row[1], row[3]), row[14],
            )
            for row in rows
        ]  # fmt: skip

    def _logs_of(self, block: int, position: int) -> tuple[Log, ...]:
        rows = self._db.execute(
            "SELECT address, topics, data FROM log WHERE block = ? AND position = ? ORDER BY ordinal",
            (block, position),
        )
        return tuple(Log(address, _topics(topics), data) for address, topics, data in rows)

    def logs(self, first: int, last: int, addresses: Sequence[bytes], most: int) -> list[PlacedLog]:
        """Logs of blocks first…last in order, of these addresses or of all; at most `most`."""
        wanted = f"AND address IN ({','.join('?' * len(addresses))})" if addresses else ""
        rows = self._db.execute(
            "SELECT address, topics, data, log.block, block.hash, tx.hash, log.position, log.ordinal FROM log"
            " JOIN block ON block.number = log.block"
            " JOIN tx ON tx.block = log.block AND tx.position = log.position"
            f" WHERE log.block BETWEEN ? AND ? {wanted} ORDER BY log.block, log.ordinal LIMIT ?",
            (first, last, *addresses, most),
        )
        return [PlacedLog(Log(row[0], _topics(row[1]), row[2]), *row[3:]) for row in rows]

    # --- waiting -----------------------------------------------------------------------------------

    def add_waiting(self, digest: bytes, raw: bytes, sender: bytes, arrived_ms: int) -> int:
        """A transaction waits; its place in the order of arrival."""
        row = (digest, raw, sender, arrived_ms)
        cursor = self._db.execute(
            "INSERT INTO waiting (hash, raw, sender, arrived_ms) VALUES (?, ?, ?, ?)", row
        )
        return cursor.lastrowid or 0

    def remove_waiting(self, digest: bytes) -> None:
        """It waits no more, and its blobs are forgotten unless a block holds it."""
        self._db.execute("DELETE FROM waiting WHERE hash = ?", (digest,))
        self._db.execute("DELETE FROM sidecar WHERE hash = ? AND block IS NULL", (digest,))

    def waiting(self) -> list[tuple[int, bytes, bytes, bytes, int]]:
        """(ordinal, hash, raw, sender, arrived_ms) of all, in order."""
        return self._db.execute(
            "SELECT ordinal, hash, raw, sender, arrived_ms FROM waiting ORDER BY ordinal"
        ).fetchall()

    def add_sidecar(self, digest: bytes, wrapped: bytes) -> None:
        """Keep a transaction's network form."""
        self._db.execute("INSERT OR REPLACE INTO sidecar VALUES (?, ?, NULL)", (digest, wrapped))

    def sidecar(self, digest: bytes) -> bytes | None:
        """A transaction's network form, as long as it is kept."""
        row = self._db.execute("SELECT wrapped FROM sidecar WHERE hash = ?", (digest,)).fetchone()
        return None if row is None else bytes(row[0])

    def prune_sidecars(self, through_block: int) -> None:
        """Forget the blobs of old blocks."""
        self._db.execute("DELETE FROM sidecar WHERE block <= ?", (through_block,))

    # --- state -------------------------------------------------------------------------------------

    def accounts(self) -> dict[bytes, Account]:
        """All accounts at the head."""
        rows = self._db.execute("SELECT address, nonce, balance, code_hash FROM account")
        return {row[0]: Account(row[1], int.from_bytes(row[2], "big"), row[3]) for row in rows}

    def codes(self) -> dict[bytes, bytes]:
        """All contract codes by hash."""
        return dict(self._db.execute("SELECT hash, code FROM code").fetchall())

    def slots(self) -> Iterator[tuple[bytes, int, int]]:
        """All storage at the head."""
        for address, key, value in self._db.execute("SELECT address, key, value FROM slot"):
            yield address, int.from_bytes(key, "big"), int.from_bytes(value, "big")

    def write_state(self, changes: Changes, *, forward: bool) -> None:
        """Take changes over, or back."""
        self._db.executemany("INSERT OR IGNORE INTO code VALUES (?, ?)", changes.codes.items())
        for address, (before, after) in changes.accounts.items():
            account = after if forward else before
            if account is None:
                self._db.execute("DELETE FROM account WHERE address = ?", (address,))
                continue
            row = (address, account.nonce, _word(account.balance_wei), account.code_hash)
            self._db.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)", row)
        rows = [
            (address, _word(key), _word(new if forward else old))
            for (address, key), (old, new) in changes.slots.items()
        ]
        self._db.executemany("INSERT OR REPLACE INTO slot VALUES (?, ?, ?)", rows)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _topics(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + 32] for at in range(0, len(packed), 32))


_PackedAccount = tuple[int, bytes, bytes] | None


class _Packed(msgspec.Struct, array_like=True):
    accounts: list[tuple[bytes, _PackedAccount, _PackedAccount]]
    slots: list[tuple[bytes, bytes, bytes, bytes]]


def _pack_account(account: Account | None) -> _PackedAccount:
    return None if account is None else (account.nonce, _word(account.balance_wei), account.code_hash)


def _unpack_account(packed: _PackedAccount) -> Account | None:
    return None if packed is None else Account(packed[0], int.from_bytes(packed[1], "big"), packed[2])


def _pack(changes: Changes) -> bytes:
    return msgspec.msgpack.encode(
        _Packed(
            [(a, _pack_account(old), _pack_account(new)) for a, (old, new) in changes.accounts.items()],
            [(a, _word(key), _word(old), _word(new)) for (a, key), (old, new) in changes.slots.items()],
        )
    )


def _unpack(data: bytes) -> Changes:
    packed = msgspec.msgpack.decode(data, type=_Packed)
    accounts = {a: (_unpack_account(old), _unpack_account(new)) for a, old, new in packed.accounts}
    slots = {
        (a, int.from_bytes(key, "big")): (int.from_bytes(old, "big"), int.from_bytes(new, "big"))
        for a, key, old, new in packed.slots
    }
    return Changes(accounts, slots, {})


def packed_changes(changes: Changes) -> bytes:
    """Changes as bytes: what the chain of state roots hashes."""
    return _pack(changes)
