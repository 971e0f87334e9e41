"""The journal: append-only, checksummed command and event segments, snapshots, recovery.

Formats: docs/formats.md. Fault model: `exchange.journal.storage`. Knows the domain and nothing else.
"""

from exchange.journal.chainlog import Chain, ChainEntry, ChainLog
from exchange.journal.cursor import Cursor, pack_cursor, read_cursors, unpack_cursor
from exchange.journal.errors import (
    CorruptRecord,
    JournalError,
    JournalPoisoned,
    ReplayMismatch,
    SequenceGap,
    StorageError,
)
from exchange.journal.follow import CommandReader, EventReader, WrittenCommands
from exchange.journal.frames import Frame, LabelRecord, count_records, label_records
from exchange.journal.memory import MemoryStorage
from exchange.journal.reader import Cut, scan
from exchange.journal.replay import Labels, Machine, Recovered, missing_events, recover, replay
from exchange.journal.replica import Replica
from exchange.journal.retention import Retention, retain
from exchange.journal.segments import Kind
from exchange.journal.snapshots import Snapshot, SnapshotStore
from exchange.journal.storage import DiskStorage, Storage
from exchange.journal.writer import Group, JournalWriter

__all__ = [
    "Chain",
    "ChainEntry",
    "ChainLog",
    "CommandReader",
    "CorruptRecord",
    "Cursor",
    "Cut",
    "DiskStorage",
    "EventReader",
    "Frame",
    "Group",
    "JournalError",
    "JournalPoisoned",
    "JournalWriter",
    "Kind",
    "LabelRecord",
    "Labels",
    "Machine",
    "MemoryStorage",
    "Recovered",
    "ReplayMismatch",
    "Replica",
    "Retention",
    "SequenceGap",
    "Snapshot",
    "SnapshotStore",
    "Storage",
    "StorageError",
    "WrittenCommands",
    "count_records",
    "label_records",
    "missing_events",
    "pack_cursor",
    "read_cursors",
    "recover",
    "replay",
    "retain",
    "scan",
    "unpack_cursor",
]
