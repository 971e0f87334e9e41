"""How a command ends early: refused with a numbered reason, or not even a batch."""

from __future__ import annotations


class BatchError(ValueError):
    """The record lengths of a batch do not add up; nothing was applied."""


class BrokenInvariant(AssertionError):
    """The state contradicts itself."""


class Reject(Exception):
    """A command, or one side of a quote, is refused. `reason` is of `exchange.domain.rejects`.

    `position` is the number of the part of the command that failed, −1 where it is none.
    """

    def __init__(self, reason: int, detail: int = 0, position: int = -1) -> None:
        super().__init__(reason, detail, position)
        self.reason = reason
        self.detail = detail
        self.position = position


def must(condition: bool, what: str) -> None:
    """An invariant. Raises BrokenInvariant, naming it, unless it holds."""
    if not condition:
        raise BrokenInvariant(what)


def require(condition: bool, reason: int, detail: int = 0) -> None:
    """Refuse with `reason` unless the condition holds."""
    if not condition:
        raise Reject(reason, detail)
