"""What a follower keeps between two runs: posted batches, snapshots of the state, how far the L1 was read.

Everything in it can be had from the L1 again; a file that is lost costs time alone. It belongs to one chain
and one inbox. Payloads older than the oldest snapshot are dropped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from settlement.l1.feed import Arrived
from settlement.l1.follower import Mark
from settlement.l1.rollup import Posted
from settlement.sqlite import META_SCHEMA, meta, set_meta, whole

FORMAT: Final = 2
KEPT_SNAPSHOTS: Final = 4
KEPT_HEADS: Final = 1 << 18
_SCHEMA: Final = META_SCHEMA + """
CREATE TABLE IF NOT EXISTS mark (number INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY, block INTEGER NOT NULL, posted BLOB NOT NULL, header BLOB, payload BLOB,
    net BLOB);
CREATE TABLE IF NOT EXISTS head (seq BLOB PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot (
    batch_id INTEGER PRIMARY KEY, header_hash BLOB NOT NULL, packed BLOB NOT NULL);
"""


class WatchStoreError(Exception):
    """The file is of another chain or format, or SQLite refuses."""


class Kept(NamedTuple):
    """A batch as it arrived; `header` without its proof, None where it has none; `payload` None: missing.
    `net` as in `Arrived`."""

    posted: Posted
    header: bytes | None
    payload: bytes | None
    net: bytes | None = None


class WatchStore:
    """One SQLite file, or memory, with one writer."""

    def __init__(self, path: str | Path, chain_id: int, inbox: bytes) -> None:
        """Raises WatchStoreError."""
        try:
            if str(path) != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if found not in (0, FORMAT):
                raise WatchStoreError(f"{path} is of format {found}: begin another file")
            self._db.executescript(_SCHEMA + f"PRAGMA user_version={FORMAT};")
            self._must_be_of(path, chain_id.to_bytes(8, "big") + inbox)
        except (sqlite3.Error, OSError) as error:
            raise WatchStoreError(f"{path}: {error}") from error

    def _must_be_of(self, path: str | Path, whose: bytes) -> None:
        if self.meta("of", whose) != whose:
            raise WatchStoreError(f"{path} follows another chain or inbox: name another file")
        self.set_meta("of", whose)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing. Raises WatchStoreError where SQLite refuses."""
        try:
            with whole(self._db):
                yield
        except sqlite3.Error as error:
            raise WatchStoreError(str(error)) from error

    def meta(self, name: str, default: bytes = b"") -> bytes:
        """A remembered value."""
        found = meta(self._db, name)
        return default if found is None else found

    def set_meta(self, name: str, value: bytes) -> None:
        """Remember a value."""
        set_meta(self._db, name, value)

    # --- how far -----------------------------------------------------------------------------------

    def marks(self) -> tuple[Mark, ...]:
        """How far the L1 was read."""
        return tuple(Mark(*row) for row in self._db.execute("SELECT * FROM mark ORDER BY number"))

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Replace the marks."""
        self._db.execute("DELETE FROM mark")
        self._db.executemany("INSERT INTO mark VALUES (?, ?)", marks)

    # --- batches -----------------------------------------------------------------------------------

    def add(self, item: Arrived) -> None:
        """Keep a batch that arrived, in place of one of the same number."""
        header = item.header.bound() if item.header else None
        posted = msgspec.msgpack.encode(item.posted)
        row = (item.posted.batch_id, item.posted.block, posted, header, item.payload, item.net)
        self._db.execute("INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?, ?)", row)

    def batch(self, batch_id: int) -> Kept | None:
        """A batch that is kept."""
        asked = "SELECT posted, header, payload, net FROM batch WHERE id = ?"
        row = self._db.execute(asked, (batch_id,)).fetchone()
        return None if row is None else Kept(msgspec.msgpack.decode(row[0], type=Posted), *row[1:])

    def headers(self, last: int) -> Iterator[bytes]:
        """The headers of the batches up to `last`."""
        asked = "SELECT header FROM batch WHERE id <= ? AND header IS NOT NULL ORDER BY id"
        return (row[0] for row in self._db.execute(asked, (last,)))

    def last_batch(self) -> int:
        """The newest batch that is kept, 0 if there is none."""
        return int(self._db.execute("SELECT COALESCE(MAX(id), 0) FROM batch").fetchone()[0])

    def forget_from(self, batch_id: int) -> None:
        """Drop a batch and all behind it."""
        self._db.execute("DELETE FROM batch WHERE id >= ?", (batch_id,))
        self._db.execute("DELETE FROM snapshot WHERE batch_id >= ?", (batch_id,))

    def first_behind_block(self, block: int) -> int | None:
        """The first batch that was posted behind a block."""
        row = self._db.execute("SELECT MIN(id) FROM batch WHERE block > ?", (block,)).fetchone()
        return None if row[0] is None else int(row[0])

    # --- signed heads ------------------------------------------------------------------------------

    def head(self, seq: int) -> bytes | None:
        """The signed head known for a sequence number (shard ‖ counter)."""
        row = self._db.execute("SELECT packed FROM head WHERE seq = ?", (seq.to_bytes(8, "big"),)).fetchone()
        return None if row is None else bytes(row[0])

    def add_head(self, seq: int, packed: bytes) -> None:
        """Keep a signed head; the oldest of very many go."""
        self._db.execute("INSERT OR IGNORE INTO head VALUES (?, ?)", (seq.to_bytes(8, "big"), packed))
        asked = "DELETE FROM head WHERE seq <= (SELECT seq FROM head ORDER BY seq DESC LIMIT 1 OFFSET ?)"
        self._db.execute(asked, (KEPT_HEADS,))

    # --- snapshots ---------------------------------------------------------------------------------

    def add_snapshot(self, batch_id: int, header_hash: bytes, packed: bytes) -> None:
        """Keep the state behind a batch. Of many snapshots those are kept whose distance doubles."""
        row = (batch_id, header_hash, packed)
        self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", row)
        numbers = [n for (n,) in self._db.execute("SELECT batch_id FROM snapshot ORDER BY batch_id DESC")]
        for number in thinned(numbers):
            self._db.execute("DELETE FROM snapshot WHERE batch_id = ?", (number,))
        oldest = min(set(numbers) - set(thinned(numbers)))
        self._db.execute("UPDATE batch SET payload = NULL, net = NULL WHERE id <= ?", (oldest,))

    def snapshot(self, last: int) -> tuple[int, bytes, bytes] | None:
        """The newest one behind no later batch than `last`: batch, header hash, bytes."""
        asked = "SELECT * FROM snapshot WHERE batch_id <= ? ORDER BY batch_id DESC LIMIT 1"
        row = self._db.execute(asked, (last,)).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def drop_snapshot(self, batch_id: int) -> None:
        """One that can not be used."""
        self._db.execute("DELETE FROM snapshot WHERE batch_id = ?", (batch_id,))


def thinned(numbers: Sequence[int]) -> list[int]:
    """Which of the snapshots (newest first) may go: the newest four stay, and one for each doubling of the
    distance to the newest."""
    gone: list[int] = []
    seen: set[int] = set()
    for number in numbers[KEPT_SNAPSHOTS:]:
        distance = (numbers[0] - number).bit_length()
        if distance in seen:
            gone.append(number)
        seen.add(distance)
    return gone
