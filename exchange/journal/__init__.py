"""The journal: append-only, checksummed command and event segments, snapshots, recovery.

Formats: docs/formats.md. Fault model: `exchange.journal.storage`. Knows the domain and nothing else.
"""

from exchange.journal.cursor import Cursor, pack_cursor, read_cursors, unpack_cursor
from exchange.journal.errors import (
    CorruptRecord,
    JournalError,
    JournalPoisoned,
    ReplayMismatch,
    SequenceGap,
    StorageError,
)
from exchange.journal.follow import CommandReader, EventReader
from exchange.journal.frames import Frame, LabelRecord, count_records, label_records
from exchange.journal.memory import MemoryStorage
from exchange.journal.storage import DiskStorage, Storage
from exchange.journal.writer import Group, JournalWriter

__all__ = [
    "CommandReader",
    "CorruptRecord",
    "Cursor",
    "DiskStorage",
    "EventReader",
    "Frame",
    "Group",
    "JournalError",
    "JournalPoisoned",
    "JournalWriter",
    "LabelRecord",
    "MemoryStorage",
    "ReplayMismatch",
    "SequenceGap",
    "Storage",
    "StorageError",
    "count_records",
    "label_records",
    "pack_cursor",
    "read_cursors",
    "unpack_cursor",
]
