"""Replay a command stream through the production engine: `python -m tests.reference.replay FILE`.

Prints one JSON object: whether the core is compiled, the count of commands, the sha256 of all events and
the state hash. The file is a plain run of commands, or the same compressed with xz.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

from exchange.core import engine as engine_module
from exchange.domain import commands as c

BATCH = 100


class Applies(Protocol):
    """What the engine and the reference have in common."""

    def apply(self, batch: bytes) -> bytes: ...

    def state_hash(self) -> bytes: ...


class Outcome(NamedTuple):
    """What a stream comes to."""

    commands: int
    commands_sha256: str
    events_sha256: str
    state_hash: str


def load(path: Path) -> bytes:
    """The commands of a file."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def replay(stream: bytes, engine: Applies) -> Outcome:
    """Apply a stream in batches of 100."""
    records = c.split(stream)
    events = hashlib.sha256()
    for at in range(0, len(records), BATCH):
        events.update(engine.apply(b"".join(records[at : at + BATCH])))
    return Outcome(
        len(records), hashlib.sha256(stream).hexdigest(), events.hexdigest(), engine.state_hash().hex()
    )


def main(paths: list[str]) -> int:
    """Replay each file in a new engine."""
    compiled = not str(engine_module.__file__).endswith(".py")
    for path in paths:
        outcome = replay(load(Path(path)), engine_module.Engine())
        print(json.dumps({"compiled": compiled, **outcome._asdict()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
