"""The settlement loop as steps: read events, close batches, post them, tell the status.

Nothing here waits, sleeps or reads a clock: time, events, L1 and the place for the status come in. A
step never raises for what the outside does: temporary faults are told in the status and tried again,
critical ones raise the alarm, which halts reading and posting (the venue does not notice).
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from exchange.domain.events import EventError
from exchange.journal.errors import JournalError, StorageError
from settlement.batch import Batch, BatchBuilder, Frame, Header, Limits, counter
from settlement.l1.port import Inbox, InboxHead, L1Unavailable
from settlement.ledger import LedgerMismatch
from settlement.poster import Poster, PostingHalted
from settlement.source import EventSource
from settlement.status import RECENT_BATCHES, STATUS_VERSION, BatchStatus, Status
from settlement.store import Loaded, Store

FRAMES_PER_STEP: Final = 256
HEARTBEAT_MS: Final = 1_000


class TickingInbox(Inbox, Protocol):
    """An L1 that makes its own blocks when asked (the mock); a real one ignores it."""

    def tick(self) -> bool:
        """Make a block if one is due. Raises L1Unavailable."""


class Service:
    """One shard's settlement. Call `step` again and again; it says whether there was work."""

    def __init__(
        self,
        store: Store,
        loaded: Loaded,
        source: EventSource,
        l1: TickingInbox,
        now_ms: Callable[[], int],
        tell: Callable[[Status], None],
        limits: Limits,
        shard: int = 0,
        before: Status | None = None,
    ) -> None:
        """`before` is the status of the last life: what it knew of the L1 holds until the L1 answers."""
        self._before = before
        self._store = store
        self._source = source
        self._l1 = l1
        self._now_ms = now_ms
        self._tell = tell
        self._shard = shard
        self._builder = BatchBuilder(
            loaded.state, limits, shard=shard, last_batch_id=loaded.batch_id, last_seq=loaded.next_seq - 1
        )
        self._poster = Poster(store, l1, now_ms)
        self._frames: deque[Frame] = deque()
        self._unsaved: Batch | None = None
        self._built_seq = loaded.next_seq - 1
        self._waiting_for = ""
        self._alarm = ("", "")
        self._told: Status | None = None
        self._recent: deque[Header] = deque(maxlen=RECENT_BATCHES)
        for batch_id in range(max(1, loaded.batch_id - RECENT_BATCHES + 1), loaded.batch_id + 1):
            header = store.header(batch_id)
            if header is not None:
                self._recent.appendleft(header)

    @property
    def alarm(self) -> tuple[str, str]:
        """(code, text), both empty while all is well."""
        return self._alarm

    def step(self) -> bool:
        """Do what there is to do now; True if something moved."""
        worked = False
        if not self._alarm[0]:
            worked = self._guarded_build()
        worked |= self._tick()
        worked |= self._post()
        self._tell_status()
        return worked

    # --- building ----------------------------------------------------------------------------------

    def _guarded_build(self) -> bool:
        try:
            self._waiting_for = ""
            return self._build()
        except LedgerMismatch as error:
            self._raise_alarm("ledger_mismatch", error)
        except EventError as error:
            self._raise_alarm("unknown_event", error)
        except StorageError as error:
            self._waiting_for = f"journal: {error}"
        except JournalError as error:
            self._raise_alarm(error.code, error)
        except sqlite3.OperationalError as error:
            self._waiting_for = f"database: {error}"
        except sqlite3.Error as error:
            self._raise_alarm("store", error)
        return False

    def _build(self) -> bool:
        worked = self._save()
        for _ in range(FRAMES_PER_STEP):
            if self._builder.due(self._now_ms()):
                # One batch a step, so that a long backlog is posted while it is worked off.
                return self._close_or_cross() or worked
            elif self._take_frame():
                worked = True
            else:
                break
        return worked

    def _take_frame(self) -> bool:
        if not self._frames:
            self._frames.extend(self._source.poll())
        if not self._frames:
            return False
        self._builder.add(self._frames.popleft(), self._now_ms())
        return True

    def _close_or_cross(self) -> bool:
        """Close the batch where a commit batch ends; False if that can not be done yet."""
        last_seq = self._builder.last_seq
        found = self._source.head_after(last_seq)
        if found.head is not None:
            self._unsaved = self._builder.close(found.head, self._now_ms())
            return self._save()
        if found.known_seq > last_seq:
            # A commit batch reaches over this frame's end: the batch may end only behind it.
            return self._take_frame()
        self._waiting_for = f"chain head after sequence {last_seq}"
        return False

    def _save(self) -> bool:
        """Store the closed batch, if there is one; on a failing disk it is tried again next step."""
        if self._unsaved is None:
            return False
        self._store.commit(self._unsaved, self._builder.state)
        self._recent.appendleft(self._unsaved.header)
        self._unsaved = None
        self._builder.begin()
        self._built_seq = self._builder.last_seq
        self._source.consumed(self._built_seq + 1)
        return True

    # --- L1 ----------------------------------------------------------------------------------------

    def _tick(self) -> bool:
        try:
            return self._l1.tick()
        except L1Unavailable as error:
            self._poster.error = str(error)
            return False

    def _post(self) -> bool:
        try:
            return self._poster.step(halted=bool(self._alarm[0])) > 0
        except PostingHalted as error:
            self._raise_alarm("posting_halted", error)
        except sqlite3.Error as error:
            self._raise_alarm("store", error)
        return False

    def _raise_alarm(self, code: str, error: Exception) -> None:
        self._alarm = (code, str(error))

    # --- status ------------------------------------------------------------------------------------

    def _tell_status(self) -> None:
        now_ms = self._now_ms()
        status = self._status(self._told.updated_ms if self._told else now_ms)
        if self._told is not None and status == self._told and now_ms - self._told.updated_ms < HEARTBEAT_MS:
            return
        self._told = self._status(now_ms)
        self._tell(self._told)

    def _status(self, updated_ms: int) -> Status:
        progress = self._poster.progress
        before = self._before
        if progress is not None:
            posted_id, posted_seq = progress.included.batch_id, self._seq_of(progress.included)
            confirmed_id, confirmed_seq = progress.confirmed.batch_id, self._seq_of(progress.confirmed)
        elif before is not None:
            posted_id, posted_seq = before.posted_batch_id, before.posted_seq
            confirmed_id, confirmed_seq = before.confirmed_batch_id, before.confirmed_seq
        else:
            posted_id = posted_seq = confirmed_id = confirmed_seq = 0
        batch_id = self._builder.last_batch_id
        return Status(
            version=STATUS_VERSION,
            updated_ms=updated_ms,
            shard=self._shard,
            read_seq=self._builder.last_seq,
            built_seq=self._built_seq,
            posted_seq=posted_seq,
            confirmed_seq=confirmed_seq,
            batch_id=batch_id,
            posted_batch_id=posted_id,
            confirmed_batch_id=confirmed_id,
            root=self._builder.root.hex(),
            backlog_batches=max(0, batch_id - posted_id),
            waiting_operations=self._builder.operations,
            waiting_for=self._waiting_for,
            l1_height=progress.height if progress else 0,
            l1_error=self._poster.error,
            alarm_code=self._alarm[0],
            alarm=self._alarm[1],
            batches=[self._batch_status(header, posted_id, confirmed_id) for header in self._recent],
        )

    def _seq_of(self, head: InboxHead) -> int:
        return counter(dict(head.last_seqs).get(self._shard, 0))

    @staticmethod
    def _batch_status(header: Header, posted_id: int, confirmed_id: int) -> BatchStatus:
        if header.batch_id <= confirmed_id:
            state = "confirmed"
        else:
            state = "posted" if header.batch_id <= posted_id else "built"
        return BatchStatus(
            header.batch_id,
            counter(header.ranges[0].first_seq),
            counter(header.ranges[0].last_seq),
            header.operations,
            header.fills,
            len(header.pack()) + header.body_bytes,
            header.closed_ms,
            header.new_root.hex(),
            state,
        )
