"""The verdict that settlement's figures and the venue's differ."""

from __future__ import annotations


class LedgerMismatch(Exception):
    """The venue's figures and settlement's differ, or events do not follow each other (critical)."""


def must_agree(seq: int, what: str, ours: object, theirs: object) -> None:
    """Raises LedgerMismatch, naming sequence number and figure, if the two differ."""
    if ours != theirs:
        raise LedgerMismatch(f"seq {seq}: {what}: settlement has {ours}, the venue {theirs}")
