"""Longer questions to the history store, asked away from the loop.

Production has one thread with a connection of its own (SQLite lets go of the interpreter lock while it
reads); simulation and tests ask inline. What a question returns is rows; objects are made of them on the
loop, some at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from exchange.gateway.ports import Loop, ThreadLoop
from exchange.history.past import Past

WAITING_MAX: Final = 256

Work = Callable[[Past], Any]


class Answer(NamedTuple):
    """What a question came to: `found` as of the moment before the command `next_seq` (0: there is no
    store, and `found` is None), or what went wrong."""

    next_seq: int
    found: Any
    error: BaseException | None = None


Done = Callable[[Answer], None]


class ArchiveBusy(Exception):
    """Too many questions wait."""


class Archive(Protocol):
    """Whoever answers them."""

    def ask(self, work: Work, done: Done) -> None:
        """Run `work(past)` on one moment of the store, then `done(answer)` on the loop.

        Raises:
            ArchiveBusy: too many wait already.
        """

    def close(self) -> None:
        """Finish what runs and stop."""


def _answered(past: Past, work: Work) -> Answer:
    try:
        return Answer(*past.ask(work))
    except Exception as error:  # told to whoever asked
        return Answer(0, None, error)


class NoArchive:
    """There is no store."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def ask(self, work: Work, done: Done) -> None:
        """Answers that there is none."""
        del work
        self._loop.call_soon(lambda: done(Answer(0, None)))

    def close(self) -> None:
        """Nothing runs."""


class InlineArchive:
    """Asks on the caller's stack and answers at the loop's next turn (simulation, tests)."""

    def __init__(self, loop: Loop, past: Past) -> None:
        self._loop = loop
        self._past = past

    def ask(self, work: Work, done: Done) -> None:
        """Ask now; `done` follows through `call_soon`."""
        answer = _answered(self._past, work)
        self._loop.call_soon(lambda: done(answer))

    def close(self) -> None:
        """Close the store."""
        self._past.close()


class ThreadArchive:
    """One thread that asks while the loop goes on."""

    def __init__(self, loop: ThreadLoop, past: Past) -> None:
        self._loop = loop
        self._past = past
        self._jobs: queue.Queue[tuple[Work, Done] | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="strikebook-archive", daemon=True)
        self._thread.start()

    def ask(self, work: Work, done: Done) -> None:
        """Queue a question."""
        try:
            self._jobs.put_nowait((work, done))
        except queue.Full:
            raise ArchiveBusy from None

    def close(self) -> None:
        """Answer what waits and join the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, done = job
            self._report(done, _answered(self._past, work))
        self._past.close()

    def _report(self, done: Done, answer: Answer) -> None:
        self._loop.call_soon_threadsafe(lambda: done(answer))
