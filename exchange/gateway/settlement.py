"""Settlement as the gateway sees it: how far it has come, its batches, and what became of a command's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.fixed_members import CONFIRMED, FINAL, POSTED, SOFT
from exchange.wire.objects import JsonObject


class BatchQuery(NamedTuple):
    """Which batches: `most` of them with ids below `before` (0: the newest), newest first; or, where `seq`
    is not 0, the one that has the command with this counter."""

    most: int = 1
    before: int = 0
    seq: int = 0


BatchesFound = Callable[[list[JsonObject]], None]


class SettlementBusy(Exception):
    """Too many wait for batches that are not at hand."""


class SettlementView(Protocol):
    """Counters are those of the shard's sequence, batches as `exchange.wire.messages.settlement.Batch`."""

    def posted_seq(self) -> int:
        """Highest counter inside a batch posted to the L1."""

    def confirmed_seq(self) -> int:
        """Highest counter inside a batch that stands behind enough blocks of the L1."""

    def final_seq(self) -> int:
        """Highest counter inside a batch that nothing can dispute any more."""

    def progress(self) -> JsonObject:
        """`exchange.wire.messages.settlement.Progress`, but for its batches."""

    def recent(self) -> Sequence[JsonObject]:
        """The newest batches, the newest first."""

    def ask(self, query: BatchQuery, done: BatchesFound) -> None:
        """Look for batches, also old ones; `done` on the loop, at once or later.

        Raises:
            SettlementBusy: too many wait.
        """


class NoSettlement:
    """Nothing is ever posted."""

    def posted_seq(self) -> int:
        """Zero."""
        return 0

    def confirmed_seq(self) -> int:
        """Zero."""
        return 0

    def final_seq(self) -> int:
        """Zero."""
        return 0

    def progress(self) -> JsonObject:
        """Nothing has been posted."""
        counters = dict.fromkeys(("posted", "confirmed", "final"), 0)
        return {
            "format": 0,
            "seq": counters,
            "batch": dict(counters),
            "waiting_batches": 0,
            "l1_height": 0,
            "alarm": "",
        }

    def recent(self) -> Sequence[JsonObject]:
        """None."""
        return ()

    def ask(self, query: BatchQuery, done: BatchesFound) -> None:
        """None."""
        del query
        done([])


def finality_of(settlement: SettlementView, seq: int) -> str:
    """soft (sequenced and durable), posted (in a batch on the L1), confirmed (behind enough blocks there),
    final (nothing can dispute it any more)."""
    counter = seq & COUNTER_MASK
    if counter > settlement.posted_seq():
        return SOFT
    if counter > settlement.confirmed_seq():
        return POSTED
    return CONFIRMED if counter > settlement.final_seq() else FINAL
