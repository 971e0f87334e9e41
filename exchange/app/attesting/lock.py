"""Who may write the chain's files: one process at a time, and none lets go before it has ended.

The attestor of a venue that was killed ends by itself, a moment later; the next venue waits for that before
it completes the chain.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final

_LOOK_S: Final = 0.01


class ChainBusy(Exception):
    """Another process holds the lock."""


class ChainLock:
    """Held from `take` to `release`, or to the end of the process.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def take(self, wait_s: float) -> None:
        """Take it, waiting up to `wait_s`. Raises ChainBusy."""
        never = threading.Event()
        for _ in range(max(1, round(wait_s / _LOOK_S))):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                never.wait(_LOOK_S)
            else:
                return
        raise ChainBusy(f"another process holds {self._path}")

    def release(self) -> None:
        """Let go, for good."""
        os.close(self._fd)
