"""Snapshots: a second process replays the journal and writes them; the live engine vouches for the state.

Every so many commands the venue forks at a commit boundary. The child hashes the engine's state as it was at
that sequence, writes the hash to a small file and ends; the matching thread goes on. The snapshot
process replays to exactly that sequence, compares, and writes a snapshot only of a state whose hash
agrees.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exchange.attest import chain
from exchange.core.engine import Engine
from exchange.gateway.labels import label_section
from exchange.gateway.ports import Committer
from exchange.journal import Labels, Machine, Replica, Storage

_log = logging.getLogger(__name__)
SUFFIX: Final = ".statehash"


class SnapshotMismatch(Exception):
    """The replayed state is not the live engine's: one of them is wrong, and no snapshot is written."""


def machine(reserve_orders: int = 1 << 12) -> Machine[Engine]:
    """The engine as the journal sees it."""
    return Machine(
        fresh=lambda: Engine(reserve_orders=reserve_orders),
        restore=lambda state: Engine.restore(state, reserve_orders),
        apply=lambda engine, batch: engine.apply(batch),
        next_seq=lambda engine: engine.next_seq,
    )


class VouchingCommitter:
    """A committer that, every `every` commands, has a forked child hash the engine's state.

    It is asked to commit right after a group was sealed: the engine stands at the end of that group.
    """

    def __init__(self, inner: Committer, engine: Engine, folder: Path, every: int) -> None:
        self._inner = inner
        self._engine = engine
        self._folder = folder
        self._every = every
        self._last = engine.next_seq - 1
        self._child = 0

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        """Vouch if it is time, then commit."""
        seq = self._engine.next_seq - 1
        if seq - self._last >= self._every and self._reaped():
            self._last = seq
            self._vouch(seq)
        self._inner.commit(work, done)

    def close(self) -> None:
        """Finish what runs."""
        self._inner.close()
        if self._child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._child, 0)

    def _reaped(self) -> bool:
        if self._child:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self._child, os.WNOHANG) == (0, 0):
                    return False
            self._child = 0
        return True

    def _vouch(self, seq: int) -> None:
        try:
            child = os.fork()
        except OSError as error:  # no memory for a child: this snapshot is left out
            _log.warning("no child to vouch for sequence %d: %s", seq, error)
            return
        if child:
            self._child = child
            return
        status = 1
        try:  # the child: nothing but the hash, and away without any clean-up of the parent's
            os.nice(10)
            write_vouch(self._folder, seq, self._engine.state_hash())
            status = 0
        finally:
            os._exit(status)


def write_vouch(folder: Path, seq: int, state_hash: bytes) -> None:
    """Write the live engine's hash at `seq`, replacing the file whole."""
    temporary = folder / f"{seq:020d}.tmp"
    temporary.write_bytes(state_hash)
    temporary.replace(folder / f"{seq:020d}{SUFFIX}")


def vouches(folder: Path) -> dict[int, Path]:
    """The vouched sequences and their files."""
    return {int(path.name.removesuffix(SUFFIX)): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


class Snapshotter:
    """Follows the journal and writes a snapshot at each vouched sequence."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._folder = folder
        self.replica = Replica(storage, machine(), chain)

    def _labels(self, found: Labels) -> bytes:
        return label_section(found.section, found.records, self.replica.engine)

    def step(self) -> int | None:
        """Look for a vouch and work toward it; the sequence of a snapshot written, else None.

        Raises:
            SnapshotMismatch: the live engine's state and the replayed one differ.
            JournalError: the segments cannot be read.
        """
        for seq, path in vouches(self._folder).items():
            if seq < self.replica.next_seq - 1:
                path.unlink()
                continue
            self.replica.catch_up(until_seq=seq)
            if self.replica.next_seq - 1 < seq:
                return None  # not durable yet
            found = self.replica.engine.state_hash() if self.replica.next_seq - 1 == seq else b""
            if found and found != path.read_bytes():
                raise SnapshotMismatch(
                    f"at sequence {seq} the live engine's state hash is {path.read_bytes().hex()}, "
                    f"replay gives {found.hex()}"
                )
            path.unlink()
            if found and self.replica.make_snapshot(lambda engine: engine.state_bytes(), self._labels):
                return seq
        return None
