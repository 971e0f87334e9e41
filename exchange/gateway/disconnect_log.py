"""Which orders die with which connection, on disk: what a crash of the venue must not make it forget.

An append-only file of checksummed records: a connection began cancel on disconnect; an order is its; results
up to a sequence number are out; it is over. A record is written before the reply it belongs to leaves. That
survives a crash of the process; after a loss of power the tail may be missing, and then the last known
sequence number is older: orders behind it are taken for the connection's if they are of its account.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_RECORD: Final = struct.Struct("<IIQI")  # kind | connection << 8, account, value, checksum
_BODY: Final = struct.Struct("<IIQ")
_OPENED, _ORDER, _RELEASED, _CLOSED = 1, 2, 3, 4
RECORDS_MAX: Final = 262_144
CONNECTIONS_MAX: Final = 1 << 24


class Left(NamedTuple):
    """What a crash left behind."""

    orders: dict[int, set[int]]
    """By account: the orders of connections that were alive."""
    accounts: frozenset[int]
    """Accounts of such connections."""
    released_seq: int
    """Results up to here were out."""
    last_connection: int


class DisconnectLog:
    """The file. Without a folder nothing is kept.

    Raises:
        OSError: the file cannot be read or written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "disconnects.log"
        self._buffer: list[bytes] = []
        self._records = 0
        self._file = -1
        if self._path is not None and self._path.exists():
            self.left = _read(self._path.read_bytes())
        else:
            self.left = Left({}, frozenset(), 0, 0)
        if self._path is not None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _put(self, kind: int, connection: int, account: int, value: int) -> None:
        if self._file >= 0:
            self._buffer.append(_pack(kind, connection, account, value))

    def opened(self, connection: int, account: int, released_seq: int) -> None:
        """A connection begins; on disk when this returns."""
        self._put(_OPENED, connection, account, released_seq)
        self.flush()
        if self._file >= 0:
            os.fdatasync(self._file)

    def order(self, connection: int, account: int, order_id: int) -> None:
        """An order is the connection's. Written by the next `flush`."""
        self._put(_ORDER, connection, account, order_id)

    def closed(self, connection: int) -> None:
        """A connection's orders are gone, or are to stay."""
        self._put(_CLOSED, connection, 0, 0)

    def flush(self, released_seq: int = 0) -> None:
        """Write what waits, and that results up to a sequence number are known."""
        if self._file < 0:
            return
        if released_seq:
            self._put(_RELEASED, 0, 0, released_seq)
        if self._buffer:
            self._records += len(self._buffer)
            data = b"".join(self._buffer)
            self._buffer.clear()
            if os.write(self._file, data) != len(data):
                raise OSError(28, "a short write", str(self._path))

    @property
    def is_long(self) -> bool:
        """Whether the file should be written anew."""
        return self._records >= RECORDS_MAX

    def rewrite(
        self, alive: Mapping[int, tuple[Iterable[int], Iterable[tuple[int, int]]]], released_seq: int
    ) -> None:
        """Replace the file by what still counts: (accounts, (account, order) pairs) by connection."""
        if self._path is None:
            return
        parts = []
        for connection, (accounts, orders) in alive.items():
            parts += [_pack(_OPENED, connection, account, released_seq) for account in accounts]
            parts += [_pack(_ORDER, connection, account, order) for account, order in orders]
        parts.append(_pack(_RELEASED, 0, 0, released_seq))
        fresh = self._path.with_suffix(".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.write(file, b"".join(parts))
        os.fdatasync(file)
        os.replace(fresh, self._path)
        os.close(self._file)
        self._file = file
        self._buffer.clear()
        self._records = 0

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _pack(kind: int, connection: int, account: int, value: int) -> bytes:
    body = _BODY.pack(kind | connection << 8, account, value)
    return body + zlib.crc32(body).to_bytes(4, "little")


def _read(data: bytes) -> Left:
    orders: dict[int, dict[int, int]] = {}  # by connection: order to account
    accounts: dict[int, set[int]] = {}
    released = last = 0
    for at in range(0, len(data) - _RECORD.size + 1, _RECORD.size):
        word, account, value, checksum = _RECORD.unpack_from(data, at)
        if zlib.crc32(data[at : at + _BODY.size]) != checksum:
            break  # torn: what follows is not known
        kind, connection = word & 0xFF, word >> 8
        last = max(last, connection)
        if kind == _OPENED:
            accounts.setdefault(connection, set()).add(account)
            released = max(released, value)
        elif kind == _ORDER:
            orders.setdefault(connection, {})[value] = account
        elif kind == _RELEASED:
            released = max(released, value)
        elif kind == _CLOSED:
            orders.pop(connection, None)
            accounts.pop(connection, None)
    found: dict[int, set[int]] = {}
    for of_connection in orders.values():
        for order, account in of_connection.items():
            found.setdefault(account, set()).add(order)
    alive = frozenset(account for of_connection in accounts.values() for account in of_connection)
    return Left(found, alive, released, last)
