"""What settlement tells the rest of the venue: one small JSON file, replaced whole.

A reader opens it, reads it, and has one consistent view; an `updated_ms` that stands still for seconds
means that the process is gone. A trade with sequence number `n` is final if `n <= final_seq`, else confirmed
if `n <= confirmed_seq`, posted if `n <= posted_seq` (it is in an L1 block), and soft otherwise. Fields:
docs/settlement.md and docs/posting.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

STATUS_VERSION: Final = 1
RECENT_BATCHES: Final = 8


class BatchStatus(msgspec.Struct, frozen=True):
    """One recent batch. Sequence numbers are counters; `state` is built, posted, confirmed or final.

    From `layer` on format 2 alone: where its data is, its transaction (0x…, empty while none is in a block),
    what that used and what it cost.
    """

    batch_id: int
    first_seq: int
    last_seq: int
    operations: int
    fills: int
    bytes: int
    closed_ms: int
    root: str
    state: str
    layer: str = ""
    l1_tx: str = ""
    l1_block: int = 0
    gas: int = 0
    blob_gas: int = 0
    wei: str = ""


class Status(msgspec.Struct, frozen=True):
    """See the module's text. Empty `alarm` and `l1_error`: all is well."""

    version: int
    updated_ms: int
    shard: int
    read_seq: int
    built_seq: int
    posted_seq: int
    confirmed_seq: int
    batch_id: int
    posted_batch_id: int
    confirmed_batch_id: int
    root: str
    backlog_batches: int
    waiting_operations: int
    waiting_for: str
    l1_height: int
    l1_error: str
    alarm_code: str
    alarm: str
    batches: list[BatchStatus]
    format: int = 1
    final_seq: int = 0
    final_batch_id: int = 0
    backlog_bytes: int = 0
    backlog_age_ms: int = 0


def write_status(path: Path, status: Status) -> None:
    """Replace the file. Not synced: after a crash of the machine the next write makes it anew."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(msgspec.json.encode(status))
    os.replace(temporary, path)


def read_status(path: Path) -> Status | None:
    """The present status, None while there is none.

    Raises:
        msgspec.DecodeError: the file is not a status of this version.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(raw, type=Status)
