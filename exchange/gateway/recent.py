"""An answer that is dear to compute and asked for by anybody: computed at most ten times a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

AGE_MS_MAX: Final = 100
"""Marks blocks come about as often."""


class Recent(Generic[T]):
    """Keeps the last answer while nothing was sequenced since, and else for 100 ms."""

    def __init__(self) -> None:
        self._kept: tuple[int, int, T] | None = None

    def get(self, seq: int, now_ms: int, compute: Callable[[], T]) -> T:
        """The kept answer, or a new one of `compute`, made at sequence number `seq`."""
        kept = self._kept
        if kept is not None and (kept[0] == seq or 0 <= now_ms - kept[1] < AGE_MS_MAX):
            return kept[2]
        answer = compute()
        self._kept = (seq, now_ms, answer)
        return answer

    def forget(self) -> None:
        """Compute anew when asked next."""
        self._kept = None
