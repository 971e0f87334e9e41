"""What can go wrong with the journal. Every error has a stable `code`; those about bytes name the place."""

from __future__ import annotations

from typing import ClassVar


class JournalError(Exception):
    """Base of all errors of this package."""

    code: ClassVar[str] = "journal_error"


class StorageError(JournalError):
    """The disk refused: no space, input/output error, a missing file, a lock that is held."""

    code = "storage_error"

    def __init__(self, operation: str, name: str, why: str, errno: int = 0) -> None:
        super().__init__(f"{operation} of {name} failed: {why}")
        self.operation = operation
        self.name = name
        self.errno = errno


class JournalPoisoned(StorageError):
    """A write or a sync failed earlier: what is on disk is unknown, so nothing may be acknowledged."""

    code = "journal_poisoned"


class CorruptRecord(JournalError):
    """Bytes that were written whole are not what was written; `name` and `offset` say where."""

    code = "corrupt_record"

    def __init__(self, name: str, offset: int, why: str) -> None:
        super().__init__(f"{name} at byte {offset}: {why}")
        self.name = name
        self.offset = offset
        self.why = why


class SequenceGap(JournalError):
    """A sequence number is missing or out of order; `name` and `offset` say where."""

    code = "sequence_gap"

    def __init__(self, name: str, offset: int, expected_seq: int, found_seq: int) -> None:
        super().__init__(f"{name} at byte {offset}: expected sequence {expected_seq}, found {found_seq}")
        self.name = name
        self.offset = offset
        self.expected_seq = expected_seq
        self.found_seq = found_seq


class ReplayMismatch(JournalError):
    """Replay did not give what was recorded: events, a chain head or a state hash differ."""

    code = "replay_mismatch"

    def __init__(self, what: str, seq: int, why: str) -> None:
        super().__init__(f"{what} at sequence {seq}: {why}")
        self.what = what
        self.seq = seq
