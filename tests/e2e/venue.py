"""A real venue process on a data directory, started, killed, interrupted and started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from exchange.app.calls import call

START_LIMIT_S = 60.0
END_LIMIT_S = 30.0
LISTENING = "listening on "


class StartFailed(Exception):
    """The venue ended instead of listening; the message is what it wrote."""


def wait_until(reached: Callable[[], Any], what: str, limit_s: float = 30.0) -> Any:
    """What `reached` returns once that is true. Raises TimeoutError."""
    end_s = time.monotonic() + limit_s
    while not (found := reached()):
        if time.monotonic() > end_s:
            raise TimeoutError(f"waited {limit_s} s for {what}")
        time.sleep(0.003)
    return found


class Forks:
    """Starts venues by `tests.e2e.starter`."""

    def __init__(self) -> None:
        self._starter = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.starter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def start(self, output: Path, arguments: list[str]) -> int:
        """The process id."""
        return int(self._ask("start", str(output), *arguments))

    def wait(self, pid: int) -> int:
        """The exit status."""
        return int(self._ask("wait", str(pid)))

    def close(self) -> None:
        """End the starter."""
        self._pipe(self._starter.stdin).close()
        self._starter.wait(timeout=10)
        self._pipe(self._starter.stdout).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *words: str) -> str:
        pipe = self._pipe(self._starter.stdin)
        pipe.write(json.dumps(words) + "\n")
        pipe.flush()
        return self._line()

    def _line(self) -> str:
        return self._pipe(self._starter.stdout).readline()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


class Venue:
    """`strikebook serve` on one data directory. `forks` None: started from the shell, as a user would."""

    def __init__(
        self, data: Path, *arguments: str, forks: Forks | None = None, output: Path | None = None
    ) -> None:
        self.data = data
        self.url = ""
        self.pid = 0
        # numpy starts sooner, and these tests start venues by the dozen.
        fixed = ["--port", "0", "--pricing-engine", "numpy", "--lasting-quotes"]
        if "--settlement" not in arguments:
            fixed += ["--settlement", "1"]  # the mock L1 needs no process and no contracts
        self._arguments = ["serve", *fixed, "--data", str(data), *arguments]
        self._forks = forks
        self._process: subprocess.Popen[bytes] | None = None
        self._output = output or data.parent / f"{data.name}.out"

    def start(self) -> Self:
        """Start and wait until it listens. Raises StartFailed."""
        self.begin()
        return self.wait_listening()

    def begin(self) -> None:
        """Start without waiting."""
        self.url = ""
        self._output.unlink(missing_ok=True)  # it tells of the start before
        if self._forks is not None:
            self.pid = self._forks.start(self._output, self._arguments)
            return
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "exchange.app.cli", *self._arguments],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait_listening(self) -> Self:
        """Wait until it says where it listens. Raises StartFailed."""

        def listens() -> bool:
            text = self.output()
            at = text.find(LISTENING)
            if at >= 0 and "\n" in text[at:]:
                self.url = text[at:].split()[2]
            return bool(self.url) or self.is_over()

        wait_until(listens, "the venue to listen", START_LIMIT_S)
        if not self.url:
            status = self.wait()
            raise StartFailed(f"status {status}: {self.output()}")
        return self

    def is_over(self) -> bool:
        """Whether the process has ended."""
        if self._process is not None:
            return self._process.poll() is not None
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return True

    def output(self) -> str:
        """What it has written so far."""
        with contextlib.suppress(FileNotFoundError):
            return self._output.read_text()
        return ""

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """The exit status, once it is over."""
        if self._process is not None:
            status = self._process.wait(timeout=END_LIMIT_S)
        elif self._forks is not None:
            wait_until(self.is_over, "the venue to end", END_LIMIT_S)
            status = self._forks.wait(self.pid)
        self.pid = 0
        return status

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self.send(signal.SIGKILL)
        self.wait()

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.send(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                self.kill()

    def call(self, method: str, **params: object) -> Any:
        """One JSON-RPC call over HTTP. Raises exchange.app.cli.CallError."""
        return call(self.url, method, params)

    def wait_open(self) -> None:
        """Wait until orders are taken."""
        wait_until(lambda: self.call("public/strikebook_status")["mode"] == "open", "the venue to open")

    def journal(self, pattern: str) -> list[Path]:
        """Files of the journal, by name."""
        return sorted((self.data / "journal").glob(pattern))
