"""What is told of a batch, and batches read from the process's database by others."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from settlement.batch import counter
from settlement.data.costs import NAMES
from settlement.node.store import PostedRow, posted_of, reader
from settlement.status import BatchStatus
from settlement.stf.header import NETTED, Header, unpack_header


class Reached(NamedTuple):
    """The newest batch that is posted, confirmed and final."""

    posted: int = 0
    confirmed: int = 0
    final: int = 0


def batch_status(header: Header, row: PostedRow | None, reached: Reached) -> BatchStatus:
    """A batch out of its header and of what the L1 says of it: nothing where it is not posted."""
    number = header.batch_id
    states = ((reached.final, "final"), (reached.confirmed, "confirmed"), (reached.posted, "posted"))
    return BatchStatus(
        batch_id=number,
        first_seq=counter(header.ranges[0].first_seq),
        last_seq=counter(header.ranges[0].last_seq),
        operations=header.steps,
        fills=header.fills,
        bytes=header.payload_bytes + len(header.bound()),
        closed_ms=header.closed_ms,
        root=header.new_root.hex(),
        state=next((name for through, name in states if number <= through), "built"),
        layer=NAMES[header.layer & ~NETTED],
        l1_tx="0x" + row.tx.hex() if row else "",
        l1_block=row.block if row else 0,
        gas=row.gas if row else 0,
        blob_gas=row.blob_gas if row else 0,
        wei=str(row.wei) if row else "",
    )


def newest(path: Path, before: int, most: int, reached: Reached) -> list[BatchStatus]:
    """Up to `most` batches with ids below `before` (0: all), newest first. Raises sqlite3.Error."""
    query = "SELECT header FROM batch WHERE id < ? ORDER BY id DESC LIMIT ?"
    db = reader(path)
    try:
        found = db.execute(query, (before or 1 << 62, most)).fetchall()
        return [_status(db, unpack_header(raw), reached) for (raw,) in found]
    finally:
        db.close()


def with_command(path: Path, seq: int, reached: Reached) -> BatchStatus | None:
    """The batch that has the command with this counter, None while there is none. Raises sqlite3.Error."""
    db = reader(path)
    try:
        high = int(db.execute("SELECT COALESCE(MAX(id), 0) FROM batch").fetchone()[0])
        low = 1
        while low < high:  # the first that ends no earlier
            middle = (low + high) // 2
            header = _header(db, middle)
            if header is None or counter(header.ranges[0].last_seq) < seq:
                low = middle + 1
            else:
                high = middle
        header = _header(db, high)
        if header is None or counter(header.ranges[0].last_seq) < seq:
            return None
        return _status(db, header, reached)
    finally:
        db.close()


def _header(db: sqlite3.Connection, batch_id: int) -> Header | None:
    row = db.execute("SELECT header FROM batch WHERE id = ?", (batch_id,)).fetchone()
    return None if row is None else unpack_header(row[0])


def _status(db: sqlite3.Connection, header: Header, reached: Reached) -> BatchStatus:
    posted = header.batch_id <= reached.posted
    return batch_status(header, posted_of(db, header.batch_id) if posted else None, reached)
