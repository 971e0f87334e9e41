"""A rig with a history store behind it, fed as the history process would, as far as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.gateway.archive import InlineArchive
from exchange.gateway.labels import Labels
from exchange.history.past import Past
from exchange.history.store import HistoryReader, HistoryWriter
from exchange.journal import label_records
from tests.unit.gateway.fakes import ManualLoop


class Store:
    """A store on disk; `ports()` are those of a rig that reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = HistoryWriter(path)
        self._events = 0
        self._commands = 0

    def ports(self) -> dict[str, Any]:
        """`Rig(**store.ports())`."""

        def archive(loop: ManualLoop) -> InlineArchive:
            return InlineArchive(loop, Past(self.path))

        return {"history": HistoryReader(self.path), "archive": archive}

    def begin(self, prologue: bytes, next_seq: int) -> None:
        """The events from before the rig's journal."""
        self.writer.add_events([prologue], next_seq)

    def feed(self, rig: Any, *, but: int = 0) -> None:
        """Store what the rig's journal has since, but for the last `but` frames of events."""
        frames = rig.journal.event_frames
        for first, count, _, packed in frames[self._events : len(frames) - but]:
            self.writer.add_events([packed], first + count)
        self._events = len(frames) - but
        for first, commands, count in rig.journal.appended[self._commands :]:
            self.writer.add_commands([commands], label_records(commands), first + count)
        self._commands = len(rig.journal.appended)

    def crash(self) -> None:
        """The writer is gone, and another begins where the store is."""
        self.writer.close()
        self.writer = HistoryWriter(self.path)

    def close(self) -> None:
        self.writer.close()


def restarted(rig: Any, store: Store, make: Callable[..., Any], *, behind: int = 0) -> Any:
    """A venue that starts where the rig has left: its engine and journal, nothing of its memory. Snapshots
    keep recent labels: where the store is behind, they are there."""
    labels = Labels.from_journal(rig.venue.labels.pack() if behind else b"", ())
    again = make(engine=rig.engine, labels=labels, **store.ports())
    again.clock.ms = rig.clock.ms
    frames = [packed for *_, packed in rig.journal.event_frames]
    again.venue.remember(frames)
    return again
