"""anvil, a real Ethereum node: fetched once from npm, started on a free port, ended with the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

VERSION: Final = "1.7.1"
PACKAGE: Final = "@foundry-rs/anvil-linux-amd64"
_LISTENING: Final = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")


def binary() -> Path:
    """The program, from STRIKEBOOK_ANVIL or kept in the virtual environment; fetched if it is not there.

    Raises subprocess.CalledProcessError when npm cannot fetch it.
    """
    named = os.environ.get("STRIKEBOOK_ANVIL")
    if named:
        return Path(named)
    folder = Path(sys.prefix, "anvil", VERSION)
    program = folder / "package" / "bin" / "anvil"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
        archive = folder / packed.stdout.split()[-1]
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()
        program.chmod(0o755)
    return program


@contextmanager
def running(*options: str) -> Iterator[str]:
    """anvil's address while the block lasts; blocks are made only when asked for."""
    command = [str(binary()), "--port", "0", "--no-mining", "--chain-id", "1337", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield f"http://127.0.0.1:{_port(process)}"
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    told: list[str] = []
    for line in process.stdout or ():
        told.append(line)
        found = _LISTENING.search(line)
        if found:
            return int(found[1])
    raise AssertionError("anvil did not start: " + "".join(told)[-2_000:])
