"""What blocks leave behind, in an embedded database beside the journal: executed blocks, nonces that are
used up, ids, closed requests for quotes.

A block is written as *pending*, with the nonces it uses up, before its command is sequenced, and as done
when its events came back. What a crash leaves pending the journal's events decide at the next start
(`BlockDesk.recover`): their DONE names the block. So a nonce is used once, and no block is lost or shown
that did not happen.

Everything that is written, and every longer read, runs on a thread of its own, in the order it was asked
for; the loop never waits for the disk. Without a path all of it is in memory.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.ports import Committer
from exchange.wire import errors
from exchange.wire.errors import error

TRADES_KEPT: Final = 50_000
IDS_AHEAD: Final = 1_000
RFQS_KEPT: Final = 10_000
RFQS_STORED: Final = 10 * RFQS_KEPT
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ids (name TEXT PRIMARY KEY, ceiling INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used (digest BLOB PRIMARY KEY, until_ms INTEGER NOT NULL, block INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    id INTEGER PRIMARY KEY, command INTEGER NOT NULL, seq INTEGER NOT NULL, after_seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, taker INTEGER NOT NULL, maker INTEGER NOT NULL, units INTEGER NOT NULL,
    rfq INTEGER NOT NULL, quote INTEGER NOT NULL, taker_key TEXT NOT NULL, maker_key TEXT NOT NULL,
    currencies TEXT NOT NULL, first_trade INTEGER NOT NULL, trades BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS parts_by_trade ON parts (first_trade) WHERE first_trade > 0;
CREATE INDEX IF NOT EXISTS parts_pending ON parts (command) WHERE seq = 0;
CREATE INDEX IF NOT EXISTS parts_by_taker ON parts (taker, id);
CREATE INDEX IF NOT EXISTS parts_by_maker ON parts (maker, id);
CREATE TABLE IF NOT EXISTS rfqs (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS makers (account INTEGER PRIMARY KEY);
"""
_COLUMNS: Final = (
    "id, command, seq, after_seq, time_ms, taker, maker, units, rfq, quote, taker_key, maker_key, "
    "currencies, first_trade, trades"
)
_log: Final = logging.getLogger(__name__)
T = TypeVar("T")
Done = Callable[[BaseException | None], None]


class BlockStoreError(Exception):
    """The file is none of ours, or cannot be written."""


class Part(NamedTuple):
    """What one maker has of a block: a block trade of its own to both of its sides.

    `id` is the number in its name; `command` the id its command carried, that of the block's last part;
    `seq` the command's sequence number, 0 while that is not known; `currencies` the underlyings, each
    between blanks; `first_trade` the id of its first trade, the others follow it; `trades` its TRADE
    records with their tick directions, packed (`pack_trades`).
    """

    id: int
    command: int
    seq: int
    after_seq: int
    time_ms: int
    taker: int
    maker: int
    units: int
    rfq: int
    quote: int
    taker_key: str
    maker_key: str
    currencies: str
    first_trade: int
    trades: bytes

    @property
    def counter(self) -> int:
        """The counter of the command behind it."""
        return self.seq & COUNTER_MASK

    def has(self, trade_id: int) -> bool:
        """Whether a trade is one of this part."""
        return self.first_trade <= trade_id < self.first_trade + self.units


class PartQuery(NamedTuple):
    """Which block trades of an account are wanted, newest first; `key` "": made with any key."""

    account: int
    first: int
    last: int
    currency: str
    rfq: int
    key: str
    limit: int


class IdSeries:
    """Ids that grow and are never given twice: a restart begins above all that may have been given."""

    def __init__(self, store: BlockStore, name: str, ceiling: int) -> None:
        self._store = store
        self._name = name
        self._next = max(1, ceiling)
        self._ceiling = self._next + IDS_AHEAD
        self._asked = self._ceiling

    def take(self) -> int:
        """The next id. Raises RpcError 13028 when the disk has fallen far behind."""
        if self._next >= self._ceiling:
            raise error(errors.TEMPORARILY_UNAVAILABLE, reason="ids are being written")
        found = self._next
        self._next += 1
        self._reach(self._ceiling + IDS_AHEAD if self._ceiling - self._next < IDS_AHEAD // 2 else 0)
        return found

    def pass_by(self, last: int) -> None:
        """Let the next id be above `last` (start)."""
        if last >= self._next:
            self._next = last + 1
            self._ceiling = max(self._ceiling, self._next)
            self._reach(self._next + IDS_AHEAD)

    def _reach(self, ceiling: int) -> None:
        if ceiling <= self._asked:
            return
        self._asked = ceiling

        def done(failed: BaseException | None) -> None:
            if failed is None:
                self._ceiling = max(self._ceiling, ceiling)
            else:
                self._asked = self._ceiling

        self._store.set_ceiling(self._name, ceiling, done)


class BlockStore:
    """The database. One instance a process.

    Raises:
        BlockStoreError: the file is no such database.
    """

    def __init__(self, path: Path | None, committer: Committer) -> None:
        self._committer = committer
        self.is_closed = False
        self.used: dict[bytes, int] = {}
        """Nonces that are used up or about to be, and until when (ms) they matter."""
        self._parts: OrderedDict[int, Part] = OrderedDict()
        name = ":memory:" if path is None else str(path)
        self._db = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        self._reader = self._db
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            if path is not None:
                path.chmod(0o600)
                self._reader = sqlite3.connect(name, isolation_level=None)
            self.used.update(self._db.execute("SELECT digest, until_ms FROM used"))
            self.makers = {row[0] for row in self._db.execute("SELECT account FROM makers")}
        except (sqlite3.DatabaseError, OSError) as wrong:
            self._db.close()
            raise BlockStoreError(f"{path} holds no blocks: {wrong}") from wrong

    def ids(self, name: str) -> IdSeries:
        """A series of ids (start)."""
        row = self._db.execute("SELECT ceiling FROM ids WHERE name = ?", (name,)).fetchone()
        ceiling = 1 if row is None else int(row[0])
        series = IdSeries(self, name, ceiling)
        self._db.execute("INSERT OR REPLACE INTO ids VALUES (?, ?)", (name, max(1, ceiling) + IDS_AHEAD))
        return series

    def set_ceiling(self, name: str, ceiling: int, done: Done) -> None:
        """Write down up to where ids may have been given."""
        self._write([("INSERT OR REPLACE INTO ids VALUES (?, ?)", (name, ceiling))], done)

    # --- blocks ----------------------------------------------------------------------------------------

    def prepare(self, parts: Sequence[Part], digests: Sequence[bytes], until_ms: int, done: Done) -> None:
        """Write a block that is about to be sequenced, and that its nonces are used; `done` when durable."""
        command = parts[0].command
        self.used.update(dict.fromkeys(digests, until_ms))
        places = ", ".join("?" * len(Part._fields))
        rows: list[tuple[str, tuple[object, ...]]] = [
            (f"INSERT INTO parts ({_COLUMNS}) VALUES ({places})", tuple(part)) for part in parts
        ]
        rows += [("INSERT INTO used VALUES (?, ?, ?)", (each, until_ms, command)) for each in digests]
        self._write(rows, done)

    def finish(self, parts: Sequence[Part]) -> None:
        """The block happened: `seq` and `trades` of its parts are known."""
        for part in parts:
            self._keep(part)
        self._write(
            [
                (
                    "UPDATE parts SET seq = ?, time_ms = ?, first_trade = ?, trades = ? WHERE id = ?",
                    (part.seq, part.time_ms, part.first_trade, part.trades, part.id),
                )
                for part in parts
            ],
            _forget,
        )

    def drop(self, command: int, digests: Iterable[bytes]) -> None:
        """The block was refused: its nonces are free again."""
        for digest in digests:
            self.used.pop(digest, None)
        self._write(
            [
                ("DELETE FROM parts WHERE command = ? AND seq = 0", (command,)),
                ("DELETE FROM used WHERE block = ?", (command,)),
            ],
            _forget,
        )

    def use_up(self, digest: bytes, until_ms: int, done: Done) -> None:
        """A nonce is not to be used any more; `done` when durable."""
        self.used[digest] = until_ms
        self._write([("INSERT OR REPLACE INTO used VALUES (?, ?, 0)", (digest, until_ms))], done)

    def purge(self, now_ms: int) -> None:
        """Forget nonces whose time is over, and all but the newest requests."""
        over = [digest for digest, until_ms in self.used.items() if until_ms <= now_ms]
        for digest in over:
            del self.used[digest]
        oldest = "DELETE FROM rfqs WHERE id <= (SELECT max(id) FROM rfqs) - ?"
        rows: list[tuple[str, tuple[object, ...]]] = [(oldest, (RFQS_STORED,))]
        if over:
            rows.append(("DELETE FROM used WHERE until_ms <= ?", (now_ms,)))
        self._write(rows, _forget)

    def pending(self) -> list[Part]:
        """What an earlier process left undecided (start), by id."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM parts WHERE seq = 0 ORDER BY id")
        return [Part(*row) for row in rows]

    def digests_of(self, command: int) -> list[bytes]:
        """The nonces that a block uses up (start)."""
        return [row[0] for row in self._db.execute("SELECT digest FROM used WHERE block = ?", (command,))]

    def part_of(self, trade_id: int) -> Part | None:
        """The part that a trade is of."""
        found = self._parts.get(trade_id)
        if found is None:
            query = f"SELECT {_COLUMNS} FROM parts WHERE first_trade > 0 AND first_trade <= ? "
            row = self._reader.execute(query + "ORDER BY first_trade DESC LIMIT 1", (trade_id,)).fetchone()
            if row is not None and Part(*row).has(trade_id):
                found = self._keep(Part(*row))
        return found

    def _keep(self, part: Part) -> Part:
        for trade_id in range(part.first_trade, part.first_trade + part.units):
            self._parts[trade_id] = part
            if len(self._parts) > TRADES_KEPT:
                self._parts.popitem(last=False)
        return part

    def ask_part(self, number: int, done: Callable[[Part | None], None], failed: Done) -> None:
        """A block trade by its number."""
        query = f"SELECT {_COLUMNS} FROM parts WHERE id = ? AND seq > 0"

        def work() -> Part | None:
            row = self._db.execute(query, (number,)).fetchone()
            return None if row is None else Part(*row)

        self._read(work, done, failed)

    def ask_parts(self, query: PartQuery, done: Callable[[list[Part]], None], failed: Done) -> None:
        """Block trades of an account, newest first."""
        mine = (
            f"SELECT {_COLUMNS} FROM parts WHERE {{side}} = ? AND seq > 0 AND id BETWEEN ? AND ? "
            "AND (? = '' OR currencies LIKE '% ' || ? || ' %') AND (? = 0 OR rfq = ?) "
            "AND (? = '' OR {side}_key = ?) ORDER BY id DESC LIMIT ?"
        )
        currency, rfq, key = query.currency, query.rfq, query.key
        last = min(query.last, (1 << 63) - 1)
        values = (query.account, query.first, last, currency, currency, rfq, rfq, key, key, query.limit)

        def work() -> list[Part]:
            found: dict[int, Part] = {}
            for side in ("taker", "maker"):
                for row in self._db.execute(mine.format(side=side), values):
                    found[row[0]] = Part(*row)
            return sorted(found.values(), reverse=True)[: query.limit]

        self._read(work, done, failed)

    # --- requests for quotes ---------------------------------------------------------------------------

    def save_rfq(self, number: int, body: bytes) -> None:
        """Keep a request as it is now."""
        self._write([("INSERT OR REPLACE INTO rfqs VALUES (?, ?)", (number, body))], _forget)

    def rfqs(self) -> list[bytes]:
        """The newest requests, oldest first (start)."""
        query = "SELECT body FROM (SELECT id, body FROM rfqs ORDER BY id DESC LIMIT ?) ORDER BY id"
        return [row[0] for row in self._db.execute(query, (RFQS_KEPT,))]

    def add_maker(self, account: int) -> None:
        """An account has quoted."""
        if account not in self.makers:
            self.makers.add(account)
            self._write([("INSERT OR IGNORE INTO makers VALUES (?)", (account,))], _forget)

    # --- the thread ------------------------------------------------------------------------------------

    def _write(self, rows: Sequence[tuple[str, tuple[object, ...]]], done: Done) -> None:
        def work() -> None:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for text, values in rows:
                    self._db.execute(text, values)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

        if not self.is_closed:
            self._committer.commit(work, done)

    def _read(self, work: Callable[[], T], done: Callable[[T], None], failed: Done) -> None:
        found: list[T] = []

        def finished(wrong: BaseException | None) -> None:
            if wrong is None:
                done(found[0])
            else:
                failed(wrong)

        self._committer.commit(lambda: found.append(work()), finished)

    def close(self) -> None:
        """Finish what is asked for and close the file."""
        if self.is_closed:
            return
        self.is_closed = True
        self._committer.close()
        if self._reader is not self._db:
            self._reader.close()
        self._db.close()


def _forget(wrong: BaseException | None) -> None:
    """What could not be written now the journal's events tell at the next start."""
    if wrong is not None:
        _log.error("the store of blocks could not be written", exc_info=wrong)
