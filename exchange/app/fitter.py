"""The venue's end of the surface process: pipes that never block the loop, deadlines, restarts.

The process is asked by way of :meth:`ChildFitter.poll`, on the loop; each call moves what bytes there is room
for and returns. A worker that dies, is too slow or sends nonsense is killed and, after a pause that doubles
up to a limit, started again; marks go on from the last good surface meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Final

from exchange.app.surfacer import FRAME_BYTES_MAX, LENGTH
from pricing.engines import ENGINE_VARIABLE

COMMAND: Final = (sys.executable, "-m", "exchange.app.surfacer")
DEADLINE_MS: Final = 20_000
PAUSE_MS: Final = 2_000
PAUSE_MS_MAX: Final = 120_000
_CHUNK_BYTES: Final = 1 << 16
_log = logging.getLogger(__name__)


class ChildFitter:
    """An :class:`exchange.oracle.fitter.Fitter` whose worker is a child process.

    The child ends when this process does, for then its stdin ends.
    """

    def __init__(self, command: Sequence[str] = COMMAND, deadline_ms: int = DEADLINE_MS) -> None:
        self._command = list(command)
        self._deadline_ms = deadline_ms
        self._child: subprocess.Popen[bytes] | None = None
        self._out = b""
        self._in = bytearray()
        self._asked_ms: int | None = None
        self._pause_ms = PAUSE_MS
        self._not_before_ms: int | None = None
        self.failures = 0
        self._start()

    @property
    def pid(self) -> int:
        """The worker's process id; 0 if there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def is_busy(self) -> bool:
        """See :class:`exchange.oracle.fitter.Fitter`."""
        return self._asked_ms is not None

    def submit(self, request: bytes, now_ms: int) -> bool:
        """See :class:`exchange.oracle.fitter.Fitter`."""
        if self._asked_ms is not None or len(request) > FRAME_BYTES_MAX:
            return False
        if self._child is None and not self._restart(now_ms):
            return False
        self._out = LENGTH.pack(len(request)) + request
        self._asked_ms = now_ms
        self._write(now_ms)
        return self._asked_ms is not None

    def poll(self, now_ms: int) -> bytes | None:
        """See :class:`exchange.oracle.fitter.Fitter`."""
        asked_ms = self._asked_ms
        if asked_ms is None:
            return None
        if self._out:
            self._write(now_ms)
        reply = self._read(now_ms)
        if reply is not None:
            self._asked_ms = None
            self._pause_ms = PAUSE_MS
            return reply
        # A clock that steps back must not lengthen the wait for ever.
        if self._child is not None and not 0 <= now_ms - asked_ms <= self._deadline_ms:
            self._fail("no answer in time", now_ms)
        return None

    def stop(self) -> None:
        """Close the pipes, which ends the worker; kill it if it goes on."""
        self._asked_ms = None
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        try:
            child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    # --- the pipes -----------------------------------------------------------------------------------

    def _write(self, now_ms: int) -> None:
        assert self._child is not None
        try:
            written = os.write(_pipe(self._child.stdin).fileno(), self._out)
        except BlockingIOError:
            return
        except OSError:
            self._fail("it has ended", now_ms)
            return
        self._out = self._out[written:]

    def _read(self, now_ms: int) -> bytes | None:
        while self._child is not None:
            try:
                part = os.read(_pipe(self._child.stdout).fileno(), _CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            if not part:
                self._fail("it has ended", now_ms)
                return None
            self._in += part
        if len(self._in) < LENGTH.size:
            return None
        size = LENGTH.unpack_from(self._in)[0]
        if size > FRAME_BYTES_MAX or len(self._in) > LENGTH.size + size:
            self._fail("it sends nonsense", now_ms)
            return None
        if len(self._in) < LENGTH.size + size:
            return None
        reply = bytes(self._in[LENGTH.size :])
        self._in.clear()
        return reply

    # --- the process ---------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            # A session of its own: Ctrl-C is for the venue. Its fits are plain numpy, nothing to compile.
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
                env={**os.environ, ENGINE_VARIABLE: "numpy"},
            )
        except OSError as error:
            _log.warning("the surface process does not start: %s", error)
            return
        for pipe in (self._child.stdin, self._child.stdout):
            os.set_blocking(_pipe(pipe).fileno(), False)

    def _restart(self, now_ms: int) -> bool:
        if self._not_before_ms is not None and 0 < self._not_before_ms - now_ms <= PAUSE_MS_MAX:
            return False
        self._start()
        if self._child is None:
            self._put_off(now_ms)
        return self._child is not None

    def _fail(self, why: str, now_ms: int) -> None:
        """Give this worker up."""
        self.failures += 1
        _log.warning("the surface process failed: %s; the last surface stays", why)
        self._out = b""
        self._in.clear()
        if self._child is not None:
            self._child.kill()
        self.stop()
        self._put_off(now_ms)

    def _put_off(self, now_ms: int) -> None:
        self._not_before_ms = now_ms + self._pause_ms
        self._pause_ms = min(2 * self._pause_ms, PAUSE_MS_MAX)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
