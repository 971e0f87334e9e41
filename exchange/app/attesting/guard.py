"""What keeps the key from signing two different heads for one sequence number.

Before a signature leaves, what it is over stands in the guard's file: the newest sequence number that may
have been signed, and its head. Only a higher number, or the very same head, is signed after that, by this
process or by any that follows, whatever became of the one before.

No signature waits for the disk: what is written survives the process, and against the end of the machine a
range of numbers is **reserved**, durably, before the first of them is signed, and the next range while this
one is used. After a machine has stopped, which is known by its boot id, nothing up to the end of the reserved
range is signed: what was signed of it is not known. An orderly end gives the rest of the range back.

File, four slots of 512 bytes. The first two, written in turn, hold the newest: shard u32 · zero u32 ·
last_seq u64 (counter) · turn u64 · head (32) · root (32) · sha256 of these 88 bytes (32) · zeros. The other
two, in turn and synced, the range: shard u32 · zero u32 · reserved up to u64 (counter) · turn u64 · sha256 of
the boot id (32) · the floor when it was reserved u64 · zero (24) · sha256 · zeros. A torn write leaves the
slot before.
"""

from __future__ import annotations

import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

SLOT_BYTES: Final = 512
AHEAD: Final = 4_096
"""So many numbers are reserved at once: after a stop of the machine at most so many are signed by none but
later heads."""
_LAYOUT: Final = struct.Struct("<IIQQ32s32s")
_FILE_BYTES: Final = 4 * SLOT_BYTES
_RESERVED_AT: Final = 2 * SLOT_BYTES
UNKNOWN_BOOT: Final = bytes(32)
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class GuardError(Exception):
    """It would be signed what contradicts what was signed, or what was signed is not known: nothing is."""


class Last(NamedTuple):
    """The newest head that may have been signed; `last_seq` 0: none."""

    last_seq: int = 0
    head: bytes = bytes(32)
    root: bytes = bytes(32)


def this_boot() -> bytes:
    """Since when the machine runs, 32 bytes; where it does not tell, `UNKNOWN_BOOT`, which is another each
    time."""
    try:
        return sha256(_BOOT_ID.read_bytes()).digest()
    except OSError:
        return UNKNOWN_BOOT


class Guard:
    """The durable guard of one shard's key. `fresh`: nothing was ever signed, so that it may be made.

    `floor`: up to this number something else may have been signed before the machine stopped; nothing is now.

    Raises:
        GuardError: it is gone, damaged, or of another shard.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, shard: int = 0, *, fresh: bool = False, boot: bytes | None = None) -> None:
        self._shard = shard
        self._boot = boot or this_boot()
        self._turn = self._reserved_turn = 0
        self._reserved = 0  # durably, by this process
        self._reserving: Future[int] | None = None
        self.last = Last()
        self.floor = 0
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
        self._pool = ThreadPoolExecutor(1)

    def admit(self, last_seq: int, head: bytes, root: bytes) -> None:
        """Returns once it is certain that whoever follows will know that this head may have been signed.

        Raises:
            GuardError: at this number, or a higher one, something else was signed, or may have been.
            OSError: the disk refused; it must not be signed.
        """
        wanted = Last(last_seq, head, root)
        if wanted == self.last:
            return
        if last_seq <= self.last.last_seq or last_seq <= self.floor:
            raise GuardError(
                f"sequence {last_seq} is asked for, {self.last.last_seq} was signed with the head "
                f"{self.last.head.hex()}, and up to {self.floor} others may have been"
            )
        self._reserve(last_seq)
        turn = self._turn + 1
        self._write(turn % 2 * SLOT_BYTES, _LAYOUT.pack(self._shard, 0, last_seq, turn, head, root))
        self.last, self._turn = wanted, turn

    def close(self) -> None:
        """Give back what is reserved and not used, and the file. Raises OSError."""
        self._pool.shutdown()
        try:
            if self._reserved:
                self._reserve_to(self.last.last_seq)
        finally:
            os.close(self._fd)

    def _reserve(self, last_seq: int) -> None:
        """See to it that the number is reserved, and that the next ones soon will be."""
        if self._reserving is not None and (self._reserving.done() or last_seq > self._reserved):
            self._reserved = self._reserving.result()
            self._reserving = None
        if last_seq > self._reserved:
            self._reserved = self._reserve_to(last_seq + AHEAD)
        elif self._reserving is None and self._reserved - last_seq < AHEAD // 2:
            self._reserving = self._pool.submit(self._reserve_to, last_seq + AHEAD)

    def _reserve_to(self, last_seq: int) -> int:
        self._reserved_turn += 1
        floor = self.floor.to_bytes(32, "little")
        raw = _LAYOUT.pack(self._shard, 0, last_seq, self._reserved_turn, self._boot, floor)
        self._write(_RESERVED_AT + self._reserved_turn % 2 * SLOT_BYTES, raw)
        os.fdatasync(self._fd)
        return last_seq

    def _write(self, at: int, raw: bytes) -> None:
        os.pwrite(self._fd, raw + sha256(raw).digest(), at)

    def _load(self, path: Path, fresh: bool) -> None:
        raw = os.pread(self._fd, _FILE_BYTES, 0)
        damaged = f"{path} is damaged: what this key has signed is not known"
        newest = _newest(raw[:_RESERVED_AT])
        reserved = _newest(raw[_RESERVED_AT:])
        if newest is None and (any(raw[:_RESERVED_AT]) or len(raw) < _RESERVED_AT):
            raise GuardError(damaged)
        if reserved is None and any(raw[_RESERVED_AT:]):
            raise GuardError(damaged)
        if newest is None and reserved is None and not fresh:
            raise GuardError(damaged)
        for found in (newest, reserved):
            if found is not None and found.shard != self._shard:
                raise GuardError(f"{path} is the guard of shard {found.shard}")
        if newest is not None:
            self._turn, self.last = newest.turn, Last(newest.seq, newest.first, newest.second)
        if reserved is not None:
            self._reserved_turn = reserved.turn
            is_same_boot = reserved.first == self._boot != UNKNOWN_BOOT
            floor = int.from_bytes(reserved.second, "little") if is_same_boot else reserved.seq
            self.floor = floor if floor > self.last.last_seq else 0


class _Slot(NamedTuple):
    shard: int
    seq: int
    turn: int
    first: bytes
    second: bytes


def _newest(raw: bytes) -> _Slot | None:
    """The newer of two slots; None if neither is whole."""
    found = [slot for at in (0, SLOT_BYTES) if (slot := _slot(raw[at : at + SLOT_BYTES])) is not None]
    return max(found, key=lambda slot: slot.turn) if found else None


def _slot(raw: bytes) -> _Slot | None:
    plain = raw[: _LAYOUT.size]
    if len(plain) < _LAYOUT.size or sha256(plain).digest() != raw[_LAYOUT.size : _LAYOUT.size + 32]:
        return None
    shard, _, seq, turn, first, second = _LAYOUT.unpack(plain)
    return _Slot(shard, seq, turn, first, second)


def _make(path: Path) -> None:
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(made, bytes(_FILE_BYTES))
        os.fsync(made)
    finally:
        os.close(made)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
