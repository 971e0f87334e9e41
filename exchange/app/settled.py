"""What the settlement process tells, read now and then (`gateway.ports.SettlementView`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from exchange.gateway.ports import Loop, Timer
from settlement.status import BatchStatus, Status, read_status

READ_S: Final = 0.5


class SettlementStatus:
    """The last status the settlement process wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.status: Status | None = None
        self._timer: Timer | None = None
        self._told: dict[int, str] = {}

    def posted_seq(self) -> int:
        """Highest sequence counter inside a batch posted to the L1."""
        return self.status.posted_seq if self.status else 0

    def confirmed_seq(self) -> int:
        """Highest sequence counter inside a confirmed batch."""
        return self.status.confirmed_seq if self.status else 0

    def final_seq(self) -> int:
        """Highest sequence counter inside a final batch (format 2)."""
        return self.status.final_seq if self.status else 0

    def start(self, loop: Loop, on_batch: Callable[[Mapping[str, object]], None]) -> None:
        """Read every half second; `on_batch` gets each batch when its state has changed."""

        def turn() -> None:
            self._timer = loop.call_later(READ_S, turn)
            self.read()
            for batch in self.status.batches if self.status else ():
                if self._told.get(batch.batch_id) != batch.state:
                    self._told[batch.batch_id] = batch.state
                    on_batch(batch_object(batch))
            while len(self._told) > 64:
                del self._told[min(self._told)]

        turn()

    def stop(self) -> None:
        """No more reading."""
        if self._timer is not None:
            self._timer.cancel()

    def read(self) -> None:
        """Look at the file once; one that is missing or half there changes nothing."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self.status = read_status(self._path)


def batch_object(batch: BatchStatus) -> dict[str, object]:
    """A batch as clients see it."""
    return {
        "id": batch.batch_id,
        "root": batch.root,
        "seq": batch.last_seq,
        "state": batch.state,
        "fills": batch.fills,
        "bytes": batch.bytes,
        "timestamp": batch.closed_ms,
        **({"layer": batch.layer, "gas": batch.gas, "blob_gas": batch.blob_gas} if batch.layer else {}),
        **({"l1_tx": batch.l1_tx} if batch.l1_tx else {}),
    }
