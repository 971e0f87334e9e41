"""The status file of format 2: what is read, built, posted, confirmed and final, and what is wrong."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from settlement.batch import counter
from settlement.l1.posting import Progress
from settlement.node.batches import Reached, batch_status
from settlement.node.building import Building
from settlement.node.limits import ALARM_AGE_MS, ALARM_BATCHES, ALARM_BYTES
from settlement.node.outside import Outside
from settlement.node.store import NodeStore
from settlement.status import RECENT_BATCHES, STATUS_VERSION, BatchStatus, Status
from settlement.stf.header import Header

HEARTBEAT_MS: Final = 1_000
LOOK_MS: Final = 100
_HEADERS_KEPT: Final = 4 * RECENT_BATCHES


class Reporting:
    """Tells the status whenever it has changed, and every second."""

    def __init__(
        self, store: NodeStore, building: Building, outside: Outside, now_ms: Callable[[], int],
        tell: Callable[[Status], None], shard: int = 0, before: Status | None = None,
    ) -> None:  # fmt: skip
        """`before` is the status of the last life: what it knew of the L1 holds until the L1 answers."""
        self._store = store
        self._building = building
        self._outside = outside
        self._now_ms = now_ms
        self._tell = tell
        self._shard = shard
        self._before = before
        self._next_ms = 0
        self._told: Status | None = None
        self._headers: OrderedDict[int, Header] = OrderedDict()
        self._backlog: tuple[tuple[int, int], int] = ((-1, -1), 0)

    @property
    def alarm(self) -> tuple[str, str]:
        """(code, text) of what is wrong, both empty while all is well."""
        return (self._told.alarm_code, self._told.alarm) if self._told else ("", "")

    def step(self) -> None:
        """Tell it if it is time."""
        now_ms, told = self._now_ms(), self._told
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + LOOK_MS
        with contextlib.suppress(sqlite3.OperationalError):  # busy: the next look finds it
            self._look(now_ms, told)

    def _look(self, now_ms: int, told: Status | None) -> None:
        status = self._status(told.updated_ms if told else now_ms)
        if told is not None and status == told and now_ms - told.updated_ms < HEARTBEAT_MS:
            return
        self._told = self._status(now_ms)
        self._tell(self._told)

    def _status(self, updated_ms: int) -> Status:
        building, outside, seen = self._building, self._outside, self._outside.seen
        batch_id = building.batch_id
        posted, confirmed, final = self._reached(seen)
        unposted = max(0, batch_id - posted)
        oldest = self._header(posted + 1) if unposted else None
        age_ms = max(0, updated_ms - oldest.closed_ms) if oldest else 0
        code, alarm = self._alarm(unposted, age_ms, posted, batch_id)
        recent = range(batch_id, max(0, batch_id - RECENT_BATCHES), -1)
        return Status(
            version=STATUS_VERSION,
            updated_ms=updated_ms,
            shard=self._shard,
            read_seq=building.read_seq,
            built_seq=building.built_seq,
            posted_seq=self._last_seq(posted),
            confirmed_seq=self._last_seq(confirmed),
            batch_id=batch_id,
            posted_batch_id=posted,
            confirmed_batch_id=confirmed,
            root=building.root.hex(),
            backlog_batches=unposted,
            waiting_operations=building.waiting_steps,
            waiting_for=building.waiting_for or outside.waiting_for,
            l1_height=seen.head.number if seen else 0,
            l1_error=outside.error,
            alarm_code=code,
            alarm=alarm,
            batches=[one for n in recent if (one := self._batch(n, posted, confirmed, final))],
            format=2,
            final_seq=self._last_seq(final),
            final_batch_id=final,
            backlog_bytes=self._backlog_bytes(posted, batch_id),
            # In whole minutes: a status is told when it has changed.
            backlog_age_ms=age_ms // 60_000 * 60_000,
        )

    def _reached(self, seen: Progress | None) -> tuple[int, int, int]:
        """The newest batch in a block, confirmed, and final as of what is confirmed."""
        if seen is not None:
            return seen.included.batch_id, seen.confirmed.batch_id, seen.confirmed.final_id
        before = self._before
        if before is not None:
            return before.posted_batch_id, before.confirmed_batch_id, before.final_batch_id
        return 0, 0, 0

    def _alarm(self, unposted: int, age_ms: int, posted: int, batch_id: int) -> tuple[str, str]:
        for found in (self._building.alarm, self._outside.alarm):
            if found[0]:
                return found
        waiting_bytes = self._backlog_bytes(posted, batch_id)
        if unposted > ALARM_BATCHES or age_ms > ALARM_AGE_MS or waiting_bytes > ALARM_BYTES:
            waits = f"{unposted} batches of {waiting_bytes} bytes wait for the L1"
            return "backlog", f"{waits}, the oldest for {age_ms // 60_000} minutes"
        return "", ""

    def _backlog_bytes(self, posted: int, batch_id: int) -> int:
        if self._backlog[0] != (posted, batch_id):
            waiting = self._store.backlog_bytes(posted) if batch_id > posted else 0
            self._backlog = ((posted, batch_id), waiting)
        return self._backlog[1]

    def _header(self, batch_id: int) -> Header | None:
        found = self._headers.get(batch_id)
        if found is None:
            found = self._store.header(batch_id)
            if found is None:
                return None
            self._headers[batch_id] = found
            while len(self._headers) > _HEADERS_KEPT:
                self._headers.popitem(last=False)
        return found

    def _last_seq(self, batch_id: int) -> int:
        header = self._header(batch_id)
        return counter(header.ranges[0].last_seq) if header else 0

    def _batch(self, batch_id: int, posted: int, confirmed: int, final: int) -> BatchStatus | None:
        header = self._header(batch_id)
        if header is None:
            return None
        row = self._store.posted(batch_id) if batch_id <= posted else None
        return batch_status(header, row, Reached(posted, confirmed, final))
