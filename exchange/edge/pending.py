"""Commands that were submitted and wait to be applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

OnEvents = Callable[[bytes], None]
Waiter = tuple[int, int, OnEvents]
"""Place of its first command in the batch, how many, callback."""


@final
class Pending:
    """Entries of a command each, or of a run that stays together. At most `most` commands wait; behind them
    there is room for `cancel_room` cancels. `wake` is called when the first one comes."""

    def __init__(self, most: int, cancel_room: int, wake: Callable[[], object]) -> None:
        self.most = most
        """Commands that may wait."""
        self._cancel_room = cancel_room
        self._wake = wake
        self.is_open = True
        """Whether anything is taken at all."""
        self.entries: list[bytes] = []
        self.count = 0
        """Commands that wait."""
        self._counts: list[int] = []
        self._waiters: list[tuple[int, OnEvents]] = []  # place of its entry, callback
        self._is_awake = False

    def add(self, packed: bytes, count: int, done: OnEvents | None, is_cancel: bool) -> bool:
        """Take an entry of so many commands; False, and nothing has happened, where there is no room."""
        waiting = self.count + count
        if not self.is_open or (
            waiting > self.most and not (is_cancel and waiting <= self.most + self._cancel_room)
        ):
            return False
        self.count = waiting
        if done is not None:
            self._waiters.append((len(self.entries), done))
        self.entries.append(packed)
        self._counts.append(count)
        if not self._is_awake:
            self.rouse()
        return True

    def rouse(self) -> None:
        """Call `wake`, unless it was called since the last `rest`."""
        if not self._is_awake:
            self._is_awake = True
            self._wake()

    def rest(self) -> None:
        """What waits is being seen to."""
        self._is_awake = False

    def take(self, most: int, at_once: int) -> tuple[list[bytes], list[Waiter], int]:
        """Take out the first entries, at most `most` of them and about `at_once` commands: the entries, who
        waits for them, how many commands they are."""
        counts = self._counts
        entries, total = len(counts), self.count
        if most < entries:
            entries = most
            total = sum(counts[:entries])
        while total > at_once and entries > 1:  # a run stays whole
            entries = min(entries - 1, max(1, entries * at_once // total))
            total = sum(counts[:entries])
        taken, waiters = self.entries, self._waiters
        if entries == len(counts):
            self.entries, self._counts, self._waiters = [], [], []
        else:
            self.entries, self._counts = taken[entries:], counts[entries:]
            taken, counts = taken[:entries], counts[:entries]
            self._waiters = [(at - entries, done) for at, done in waiters if at >= entries]
            waiters = [entry for entry in waiters if entry[0] < entries]
        self.count -= total
        return taken, _placed(waiters, counts), total

    def clear(self) -> list[OnEvents]:
        """Take out everything, for good; who waits for it."""
        waiting = [done for _, done in self._waiters]
        self.is_open = False
        self.entries, self._counts, self._waiters = [], [], []
        self.count = 0
        return waiting


def _placed(waiters: list[tuple[int, OnEvents]], counts: list[int]) -> list[Waiter]:
    """The waiters of entries that hold so many commands each."""
    found: list[Waiter] = []
    first = 0
    at = 0
    for entry, done in waiters:
        while at < entry:
            first += counts[at]
            at += 1
        found.append((first, counts[entry], done))
    return found
