"""A process that has everything loaded and forks a venue when asked: `python -m tests.e2e.starter`.

What a fork runs is the command line itself (`exchange.app.cli.main`); only the second of importing is
saved, which a campaign of a thousand starts would spend waiting.

Lines in: `start OUTPUT ARGUMENT…` (JSON list), answered with the process id; `wait PID`, answered with
the exit status, negative for a signal.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from typing import NoReturn

from exchange.app import cli


def _become(output: str, arguments: list[str]) -> NoReturn:
    """The child: a venue whose output goes to a file."""
    status = 70
    try:
        os.setsid()
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = cli.main(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Serve until the input ends."""
    for name in ("uvloop", "exchange.app.serve", "pricing.engines.numpy_engine"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what a fork has from here it need not look through
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *rest = json.loads(line)
        if verb == "start":
            pid = os.fork()
            if pid == 0:
                _become(rest[0], rest[1:])
            print(pid, flush=True)
        else:
            _, status = os.waitpid(int(rest[0]), 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
