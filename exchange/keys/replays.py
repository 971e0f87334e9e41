"""Signed requests that have been taken: a byte-identical one that changes something is not taken again.

A signature is good for 60 seconds around its timestamp, so a request is remembered for twice that. What
is remembered is a digest of the whole signed text (key, time, nonce, verb, target, body); the same nonce
with other content is another request.

**Durable, and not slow.** The digest is written to a file before its command is sequenced, so a restart
of the process knows it. It reaches the disk no later than the command does: whoever commits calls `sync`
on the committing thread, in front of the journal's own sync. After a loss of power either both are there,
or only the digest is (the client is told that its request is a replay and signs anew).

**Bounded.** A digest is kept two minutes, at most `PER_KEY_MAX` of one key and `ENTRIES_MAX` in all;
beyond that a request is refused (10028), never forgotten. Two files take turns; one that holds nothing
younger than two minutes is deleted.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections import Counter, deque
from pathlib import Path
from typing import Final

from exchange.wire import errors
from exchange.wire.auth import TIMESTAMP_WINDOW_MS, unauthorized
from exchange.wire.errors import error
from exchange.wire.session_methods import Clock

KEPT_MS: Final = 2 * TIMESTAMP_WINDOW_MS
ENTRIES_MAX: Final = 1_000_000
PER_KEY_MAX: Final = 65_536
DIGEST_BYTES: Final = 16
_RECORD: Final = struct.Struct(f"<q{DIGEST_BYTES}s")  # until when (ms), digest
_PATTERN: Final = "signed-*.seen"


class ReplayLog:
    """What was signed and taken of late. Without a folder it is in memory alone.

    All methods but `sync` run on one thread.
    """

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._clock = clock
        self._folder = folder
        self._seen: dict[bytes, None] = {}
        self._order: deque[tuple[int, bytes, str]] = deque()  # until when, digest, key
        self._of_key: Counter[str] = Counter()
        self._files: deque[tuple[int, Path]] = deque()  # finished ones: until when they matter
        self._generation = 0
        self._until_ms = 0  # of the youngest record in the open file
        self._began_ms = clock.now_ms()
        self._file = -1
        self._lock = threading.Lock()  # held while the file is synced or changed for the next
        self._unsynced = False
        if folder is not None:
            self._load(folder)
            self._open_next(folder)

    def _load(self, folder: Path) -> None:
        now_ms = self._clock.now_ms()
        found: list[tuple[int, bytes]] = []
        for path in sorted(folder.glob(_PATTERN)):
            self._generation = max(self._generation, int(path.stem.partition("-")[2]))
            data = path.read_bytes()
            whole = len(data) - len(data) % _RECORD.size
            records = [_RECORD.unpack_from(data, at) for at in range(0, whole, _RECORD.size)]
            # A clock that has stepped back makes a record look younger than any can be.
            alive = [
                (min(until_ms, now_ms + KEPT_MS), digest) for until_ms, digest in records if until_ms > now_ms
            ]
            if alive:
                found += alive
                self._files.append((max(until_ms for until_ms, _ in alive), path))
            else:
                path.unlink()
        for until_ms, digest in sorted(found):
            self._seen[digest] = None
            self._order.append((until_ms, digest, ""))

    def _open_next(self, folder: Path) -> None:
        """Go on in a new file."""
        with self._lock:
            if self._file >= 0:
                os.fdatasync(self._file)
                os.close(self._file)
                self._files.append((self._until_ms, folder / f"signed-{self._generation:08d}.seen"))
            self._generation += 1
            path = folder / f"signed-{self._generation:08d}.seen"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._unsynced = False
        self._began_ms = self._clock.now_ms()

    def take(self, client_id: str, text: bytes, *, sequenced: bool = True) -> None:
        """Remember a signed request that changes something.

        A `sequenced` one becomes durable with its command; another at once.

        Raises:
            RpcError: 13009 it has been taken before; 10028 too many are remembered; 13028 it cannot be
                written down.
        """
        now_ms = self._clock.now_ms()
        self._forget(now_ms)
        digest = hashlib.sha256(client_id.encode() + b"\0" + text).digest()[:DIGEST_BYTES]
        if digest in self._seen:
            raise unauthorized("replayed_request")
        if len(self._seen) >= ENTRIES_MAX or self._of_key[client_id] >= PER_KEY_MAX:
            raise error(errors.TOO_MANY_REQUESTS, reason="too many signed requests within two minutes")
        until_ms = now_ms + KEPT_MS
        if self._folder is not None:
            try:
                self._write(self._folder, now_ms, until_ms, digest)
                if not sequenced:
                    self.sync()
            except OSError as broken:
                reason = f"not written: {broken.strerror}"
                raise error(errors.TEMPORARILY_UNAVAILABLE, reason=reason) from None
        self._seen[digest] = None
        self._order.append((until_ms, digest, client_id))
        self._of_key[client_id] += 1

    def _write(self, folder: Path, now_ms: int, until_ms: int, digest: bytes) -> None:
        if now_ms - self._began_ms >= KEPT_MS:
            self._open_next(folder)
        record = _RECORD.pack(until_ms, digest)
        if os.write(self._file, record) != len(record):
            self._open_next(folder)  # a torn record would shift those after it
            raise OSError(0, "a short write")
        self._until_ms = until_ms
        self._unsynced = True

    def _forget(self, now_ms: int) -> None:
        order = self._order
        while order and order[0][0] <= now_ms:
            _, digest, client_id = order.popleft()
            del self._seen[digest]
            self._of_key[client_id] -= 1
            if self._of_key[client_id] <= 0:
                del self._of_key[client_id]
        while self._files and self._files[0][0] <= now_ms:
            self._files.popleft()[1].unlink(missing_ok=True)

    def sync(self) -> None:
        """Make what was taken so far durable. Runs on any thread."""
        if self._unsynced:
            with self._lock:
                self._unsynced = False
                if self._file >= 0:
                    os.fdatasync(self._file)

    def close(self) -> None:
        """Make it durable and close the file."""
        self.sync()
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
