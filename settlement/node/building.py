"""Events in, stored batches out. Nothing here knows the L1 but by its prices and the bridge's queue.

A step never raises for what the outside does: what may pass is told and tried again, what may not raises the
alarm, behind which nothing is built any more.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from exchange.attest.authorisation import Unauthorised, frame_classes
from exchange.domain.events import EventError
from exchange.journal.errors import JournalError, StorageError
from settlement.attested import AttestedRange
from settlement.batch import Frame
from settlement.l1.port import L1Error
from settlement.mismatch import LedgerMismatch
from settlement.node.closing import Closing, NoLayer
from settlement.node.store import NodeStore
from settlement.rollup.builder import Attested, Batch, BatchBuilder, Classes
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.refunds import Deposits, RefundUnknown
from settlement.rollup.store import Loaded
from settlement.source import EventSource

FRAMES_PER_STEP: Final = 256


class Attests(Protocol):
    """What `settlement.attested.AttestedLog` says."""

    def of(self, first_seq: int, last_seq: int) -> AttestedRange | None:
        """Of the commands `first_seq` … `last_seq`; None while it is not there."""


class Sources(NamedTuple):
    """What building reads: events, what the attestor says of them, the bridge's deposits."""

    events: EventSource
    attested: Attests
    deposits: Deposits | None
    classes: Classes = frame_classes


class Building:
    """One shard's batches. Call `step` again and again; it says whether there was work."""

    def __init__(
        self, store: NodeStore, loaded: Loaded, sources: Sources, closing: Closing,
        now_ms: Callable[[], int], waiting_batches: Callable[[int], int], shard: int = 0, *,
        netted: bool = False,
    ) -> None:  # fmt: skip
        """`waiting_batches`: how many of this many built ones are not on the L1, as far as is known."""
        self._store = store
        self._sources = sources
        self._closing = closing
        self._now_ms = now_ms
        self._waiting_batches = waiting_batches
        self._builder = BatchBuilder(
            loaded.ledger_state, loaded.state, Codec5.restored(loaded.coding), classes=sources.classes,
            shard=shard, last_batch_id=loaded.batch_id, last_seq=loaded.next_seq - 1,
            looked_at=loaded.looked_at, deposits=sources.deposits, netted=netted,
        )  # fmt: skip
        last = store.header(loaded.batch_id)
        self._closed_ms = last.closed_ms if last else 0
        self._frames: deque[Frame] = deque()
        self._unsaved: Batch | None = None
        self.built_seq = loaded.next_seq - 1
        self.batch_id = loaded.batch_id
        self.root = self._builder.root
        self.waiting_for = ""
        self.alarm = ("", "")

    @property
    def read_seq(self) -> int:
        """How far events are read."""
        return self._builder.last_seq

    @property
    def waiting_steps(self) -> int:
        """How many steps are in no batch yet."""
        return self._builder.steps

    def step(self) -> bool:
        """Do what there is to do now; True if something moved."""
        if self.alarm[0]:
            return False
        try:
            self.waiting_for = ""
            return self._build()
        except LedgerMismatch as error:
            self.alarm = ("ledger_mismatch", str(error))
        except Unauthorised as error:
            self.alarm = ("unauthorised", str(error))
        except NoLayer as error:
            self.alarm = ("no_layer", str(error))
        except EventError as error:
            self.alarm = ("unknown_event", str(error))
        except StorageError as error:
            self.waiting_for = f"journal: {error}"
        except JournalError as error:
            self.alarm = (error.code, str(error))
        except (RefundUnknown, L1Error) as error:
            self.waiting_for = f"bridge: {error}"
        except sqlite3.OperationalError as error:
            self.waiting_for = f"database: {error}"
        except sqlite3.Error as error:
            self.alarm = ("store", str(error))
        return False

    def _build(self) -> bool:
        worked = self._save()
        for _ in range(FRAMES_PER_STEP):
            waiting = self._waiting_batches(self.batch_id)
            if self._closing.is_due(self._builder, self._now_ms(), waiting):
                return self._close_or_cross() or worked
            if not self._take_frame():
                break
            worked = True
        return worked

    def _take_frame(self) -> bool:
        if not self._frames:
            self._frames.extend(self._sources.events.poll())
        if not self._frames:
            return False
        # A frame that has to wait for the bridge is given again.
        self._builder.add(self._frames[0], self._now_ms())
        self._frames.popleft()
        return True

    def _close_or_cross(self) -> bool:
        """Close the batch where a commit batch ends; False if that can not be done yet."""
        first_seq, last_seq = self._builder.first_seq, self._builder.last_seq
        found = self._sources.events.head_after(last_seq)
        if found.head is None and found.known_seq > last_seq:
            # A commit batch reaches over this frame's end: the batch may end only behind it.
            return self._take_frame()
        attested = self._sources.attested.of(first_seq, last_seq) if found.head is not None else None
        if attested is None:
            self.waiting_for = f"the attestor's heads of {first_seq}…{last_seq}"
            return False
        # The inbox refuses a batch that closes before the last one: a clock may step back.
        self._closed_ms = max(self._now_ms(), self._closed_ms)
        self._unsaved = self._closing.placed(self._builder.close(Attested(*attested), self._closed_ms))
        return self._save()

    def _save(self) -> bool:
        """Store the closed batch, if there is one; on a failing disk it is tried again next step."""
        if self._unsaved is None:
            return False
        builder = self._builder
        self._store.keep(
            self._unsaved, builder.commitment, builder.ledger_state, builder.lowering.looked_at
        )  # fmt: skip
        self._unsaved = None
        builder.begin()
        self.batch_id, self.root, self.built_seq = builder.last_batch_id, builder.root, builder.last_seq
        self._sources.events.consumed(self.built_seq + 1)
        return True
