"""What keeps the key from signing two different heads for one sequence number.

Before a signature leaves, what it is over stands on the disk: the newest sequence number that may have been
signed, and its head. Only a higher number, or the very same head, is signed after that, by this process or by
any that follows, whatever became of the one before.

File, two slots of 512 bytes written in turn, so that a torn write leaves the other: shard u32 · zero u32 ·
last_seq u64 (counter) · turn u64 · head (32) · root (32) · sha256 of these 88 bytes (32) · zeros.
"""

from __future__ import annotations

import os
import struct
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

SLOT_BYTES: Final = 512
_LAYOUT: Final = struct.Struct("<IIQQ32s32s")


class GuardError(Exception):
    """It would be signed what contradicts what was signed, or what was signed is not known: nothing is."""


class Last(NamedTuple):
    """The newest head that may have been signed; `last_seq` 0: none."""

    last_seq: int = 0
    head: bytes = bytes(32)
    root: bytes = bytes(32)


class Guard:
    """The durable guard of one shard's key. `fresh`: nothing was ever signed, so that it may be made.

    Raises:
        GuardError: it is gone, damaged, or of another shard.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, shard: int = 0, *, fresh: bool = False) -> None:
        self._shard = shard
        self._turn = 0
        self.last = Last()
        if fresh and not path.exists():
            _make(path)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise GuardError(f"{path} is gone: what this key has signed is not known") from None
        try:
            self._load(path, fresh)
        except BaseException:
            os.close(self._fd)
            raise

    def admit(self, last_seq: int, head: bytes, root: bytes) -> None:
        """Returns once it is durable that this head may have been signed.

        Raises:
            GuardError: at this number, or a higher one, something else was signed.
            OSError: the disk refused; it must not be signed.
        """
        wanted = Last(last_seq, head, root)
        if wanted == self.last:
            return
        if last_seq <= self.last.last_seq:
            raise GuardError(
                f"sequence {last_seq} is asked for, {self.last.last_seq} was signed with the head "
                f"{self.last.head.hex()}"
            )
        turn = self._turn + 1
        raw = _LAYOUT.pack(self._shard, 0, last_seq, turn, head, root)
        os.pwrite(self._fd, raw + sha256(raw).digest(), turn % 2 * SLOT_BYTES)
        os.fdatasync(self._fd)
        self.last, self._turn = wanted, turn

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)

    def _load(self, path: Path, fresh: bool) -> None:
        raw = os.pread(self._fd, 2 * SLOT_BYTES, 0)
        slots = [found for at in (0, 1) if (found := _slot(raw[at * SLOT_BYTES :])) is not None]
        if not slots:
            if fresh and raw == bytes(2 * SLOT_BYTES):
                return
            raise GuardError(f"{path} is damaged: what this key has signed is not known")
        shard, self._turn, self.last = max(slots, key=lambda slot: slot[1])
        if shard != self._shard:
            raise GuardError(f"{path} is the guard of shard {shard}")


def _slot(raw: bytes) -> tuple[int, int, Last] | None:
    plain = raw[: _LAYOUT.size]
    if sha256(plain).digest() != raw[_LAYOUT.size : _LAYOUT.size + 32]:
        return None
    shard, _, last_seq, turn, head, root = _LAYOUT.unpack(plain)
    return shard, turn, Last(last_seq, head, root)


def _make(path: Path) -> None:
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(made, bytes(2 * SLOT_BYTES))
        os.fsync(made)
    finally:
        os.close(made)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
