"""What the settlement process tells, read now and then; older batches out of its database
(`gateway.settlement.SettlementView`)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from exchange.gateway.ports import ThreadLoop, Timer
from exchange.gateway.settlement import BatchesFound, BatchQuery, NoSettlement, SettlementBusy
from exchange.wire.objects import JsonObject
from settlement.node.batches import Reached, newest, with_command
from settlement.status import BatchStatus, Status, read_status
from settlement.stf.header import HeaderError

READ_S: Final = 0.5
ASKED_MAX: Final = 64
_REMEMBERED: Final = 64


class SettlementStatus:
    """The last status the settlement process wrote. All of it on the loop's thread, but for old batches."""

    def __init__(self, path: Path, database: Path | None = None) -> None:
        """`database` is that of settlement on contracts; without it only the newest batches are known."""
        self._path = path
        self._database = database
        self.status: Status | None = None
        self._recent: list[JsonObject] = []
        self._loop: ThreadLoop | None = None
        self._timer: Timer | None = None
        self._told: dict[int, str] = {}
        self._reader = ThreadPoolExecutor(1, "strikebook-batches")
        self._asked = 0

    # --- how far it has come -------------------------------------------------------------------------

    def posted_seq(self) -> int:
        """Highest sequence counter inside a batch posted to the L1."""
        return self.status.posted_seq if self.status else 0

    def confirmed_seq(self) -> int:
        """Highest sequence counter inside a confirmed batch."""
        return self.status.confirmed_seq if self.status else 0

    def final_seq(self) -> int:
        """Highest sequence counter inside a final batch (format 2)."""
        return self.status.final_seq if self.status else 0

    def progress(self) -> JsonObject:
        """See `SettlementView`."""
        told = self.status
        if told is None:
            return NoSettlement().progress()
        return {
            "format": told.format,
            "seq": {"posted": told.posted_seq, "confirmed": told.confirmed_seq, "final": told.final_seq},
            "batch": {
                "posted": told.posted_batch_id,
                "confirmed": told.confirmed_batch_id,
                "final": told.final_batch_id,
            },
            "waiting_batches": told.backlog_batches,
            "l1_height": told.l1_height,
            "alarm": told.alarm,
        }

    def recent(self) -> list[JsonObject]:
        """The newest batches, the newest first."""
        return self._recent

    def ask(self, query: BatchQuery, done: BatchesFound) -> None:
        """See `SettlementView`: the newest are at hand, for others a thread reads the database."""
        recent = [each for each in self.status.batches if _is_asked(each, query)] if self.status else []
        if query.seq:
            enough = bool(recent) or query.seq > self._built_seq()
        else:
            enough = len(recent) >= query.most
        database, loop = self._database, self._loop
        if enough or database is None or loop is None or not database.exists():
            done([batch_object(each) for each in recent[: query.most]])
            return
        if self._asked >= ASKED_MAX:
            raise SettlementBusy
        self._asked += 1
        reached = self._reached()

        def answer(found: list[JsonObject]) -> None:
            self._asked -= 1
            done(found)

        def work() -> None:
            found = [batch_object(each) for each in _stored(database, query, reached)]
            loop.call_soon_threadsafe(lambda: answer(found))

        self._reader.submit(work)

    def _built_seq(self) -> int:
        return self.status.built_seq if self.status else 0

    def _reached(self) -> Reached:
        told = self.status
        if told is None:
            return Reached()
        return Reached(told.posted_batch_id, told.confirmed_batch_id, told.final_batch_id)

    # --- reading it ----------------------------------------------------------------------------------

    def start(self, loop: ThreadLoop, on_batch: Callable[[Mapping[str, object]], None]) -> None:
        """Read every half second; `on_batch` gets each batch when its state has changed."""
        self._loop = loop

        def turn() -> None:
            self._timer = loop.call_later(READ_S, turn)
            self.read()
            for batch in self.status.batches if self.status else ():
                if self._told.get(batch.batch_id) != batch.state:
                    self._told[batch.batch_id] = batch.state
                    on_batch(batch_object(batch))
            while len(self._told) > _REMEMBERED:
                del self._told[min(self._told)]

        turn()

    def stop(self) -> None:
        """No more reading."""
        if self._timer is not None:
            self._timer.cancel()
        self._reader.shutdown(cancel_futures=True)

    def read(self) -> None:
        """Look at the file once; one that is missing or half there changes nothing."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            told = read_status(self._path)
            if told != self.status:
                self.status = told
                self._recent = [batch_object(batch) for batch in told.batches] if told else []


def _is_asked(batch: BatchStatus, query: BatchQuery) -> bool:
    if query.seq:
        return batch.first_seq <= query.seq <= batch.last_seq
    return not query.before or batch.batch_id < query.before


def _stored(database: Path, query: BatchQuery, reached: Reached) -> list[BatchStatus]:
    """Batches out of the database; none where it cannot be read."""
    try:
        if not query.seq:
            return newest(database, query.before, query.most, reached)
        found = with_command(database, query.seq, reached)
    except (sqlite3.Error, HeaderError):
        return []
    return [] if found is None else [found]


def batch_object(batch: BatchStatus) -> JsonObject:
    """A batch as clients see it (`exchange.wire.messages.settlement.Batch`)."""
    found: JsonObject = {
        "id": batch.batch_id,
        "state": batch.state,
        "first_seq": batch.first_seq,
        "last_seq": batch.last_seq,
        "steps": batch.operations,
        "fills": batch.fills,
        "bytes": batch.bytes,
        "root": batch.root,
        "timestamp": batch.closed_ms,
    }
    if batch.fills:
        found["bytes_per_fill"] = round(batch.bytes / batch.fills, 3)
    if batch.layer:
        found["layer"] = batch.layer
    if batch.l1_tx:
        found |= {"l1_tx": batch.l1_tx, "l1_block": batch.l1_block, "l1_cost_wei": batch.wei}
        found |= {"gas": batch.gas, "blob_gas": batch.blob_gas}
        if batch.fills:
            found["gas_per_fill"] = round(batch.gas / batch.fills, 3)
            found["blob_gas_per_fill"] = round(batch.blob_gas / batch.fills, 3)
    return found
