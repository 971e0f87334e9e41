"""Long work in small turns: what would hold the loop for many milliseconds goes a slice at a time.

One slice of one job runs per turn of the loop, whatever the number of jobs, so that orders that arrive
meanwhile wait for a slice and not for the whole. Jobs take turns in the order of their arrival.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from exchange.gateway.ports import Loop

Job = Callable[[], bool]  # does one slice; true if there is more
_log: Final = logging.getLogger(__name__)


class Slices:
    """A queue of jobs on one loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._jobs: deque[Job] = deque()
        self._scheduled = False

    def add(self, job: Job) -> None:
        """Run `job` from the next turn of the loop on, until it says that it is done."""
        self._jobs.append(job)
        self._schedule()

    def _schedule(self) -> None:
        if self._jobs and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        job = self._jobs.popleft()
        try:
            if job():
                self._jobs.append(job)
        except Exception:  # one broken job must not stop the others
            _log.exception("a job failed")
        self._schedule()
