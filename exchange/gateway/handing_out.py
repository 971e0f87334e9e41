"""Events of a batch, handed to those who wait for the commands behind them."""

from __future__ import annotations

import logging

from exchange.core.reading import command_starts, count_kinds
from exchange.edge import answers
from exchange.edge.pending import OnEvents, Waiter

__all__ = ["OnEvents", "Waiter", "answer", "count_events", "hand_out"]
_log = logging.getLogger(__name__)


def answer(done: OnEvents, events: bytes) -> None:
    """Call a waiter back; what it raises is its own affair."""
    try:
        done(events)
    except Exception:  # one broken reply must not cost the others theirs
        _log.exception("a reply failed")


def hand_out(events: bytes, waiters: list[Waiter]) -> None:
    """Give each waiter the slice of `events` its commands caused."""
    answers.hand_out(events, command_starts(events), waiters, answer)


def count_events(events: bytes) -> int:
    """How many records a buffer of events holds."""
    return count_kinds(events)[0]
