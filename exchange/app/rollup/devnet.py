"""The development chain as a child process: there before everything else, gone after it."""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Final

from exchange.app.children import ended
from exchange.app.stores import StartError

START_S: Final = 60.0
_NICE: Final = "5"
_LISTENING: Final = b"listening on "
_log = logging.getLogger(__name__)


class Devnet:
    """`python -m settlement.devnet` on one file; it keeps its port when it has to be started again."""

    def __init__(self, chain: Path, port: int = 0) -> None:
        """`port` 0: any free one."""
        self._chain = chain
        self._port = port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start it and wait until it answers; its address. Raises StartError."""
        child = self._child = self._spawned(subprocess.PIPE)
        assert child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            line = child.stdout.readline() if selector.select(START_S) else b""
        if not line.startswith(_LISTENING):
            self.stop()
            raise StartError(f"the development chain {self._chain} does not start; what it said stands above")
        self._port = int(line.rsplit(b":", 1)[1])
        return self.url

    def revive(self) -> None:
        """Start it again if it has ended; whoever uses it asks until it answers."""
        if self._child is not None and self._child.poll() is not None:
            _log.error("the development chain has ended with status %s", self._child.returncode)
            self._close_pipe()
            self._child = self._spawned(subprocess.DEVNULL)

    def stop(self) -> None:
        """End it, by force if need be."""
        if self._child is None:
            return
        self._child.terminate()
        ended(self._child)
        self._close_pipe()
        self._child = None

    def _close_pipe(self) -> None:
        if self._child is not None and self._child.stdout is not None:
            self._child.stdout.close()

    def _spawned(self, output: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "settlement.devnet", "--data", str(self._chain)]
        command += ["--port", str(self._port), "--parent", str(os.getpid()), "--nice", _NICE]
        # A session of its own: Ctrl-C is for the venue, which stops its children in order.
        return subprocess.Popen(command, stdout=output, start_new_session=True)
