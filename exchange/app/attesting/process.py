"""The attestor as a process beside the venue.

It sleeps until the venue says something: a durable batch, a question. What came while it worked is one turn
with one signature. The link's end is the venue's end: it stops then.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from exchange.app.attesting.attestor import Attestor
from exchange.app.attesting.domain import DomainError, domain_at
from exchange.app.attesting.files import signed_log
from exchange.app.attesting.finding import Finder
from exchange.app.attesting.guard import Guard, GuardError
from exchange.app.attesting.keys import SigningKeyError, signing_key
from exchange.app.attesting.lock import ChainBusy, ChainLock
from exchange.app.attesting.paths import Paths
from exchange.app.attesting.service import Service
from exchange.app.attesting.talk import DECODER, Message
from exchange.app.framing import Ear, packed
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemClock, SystemEntropy
from exchange.journal import DiskStorage, JournalError
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.sealing import Sealer

IDLE_S: Final = 0.05
LOCK_WAIT_S: Final = 10.0
REFUSED: Final = 3
"""The exit status of an attestor that must not sign: starting it again would not help."""
_READ: Final = 1 << 20
_log: Final = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Follow the journal until the venue goes; the status: 1 for what a new start may cure, or `REFUSED`."""
    options = _parsed(argv)
    with contextlib.suppress(OSError):
        os.nice(options.nice)
    link = socket.socket(fileno=options.link)
    stop = Stop(options.parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.ask())
    try:
        lock = ChainLock(Paths(options.data).lock)
        lock.take(LOCK_WAIT_S)
        with DiskStorage(Paths(options.data).journal) as storage:
            _serve(options, storage, link, stop)
    except (GuardError, SigningKeyError, DomainError, CredentialsError) as refused:
        _log.critical("nothing is signed: %s", refused)
        return REFUSED
    except (ChainBusy, JournalError, OSError) as error:
        if not stop.asked:
            _log.error("the attestor stops: %s", error)
        return 1
    return 0


def _serve(options: argparse.Namespace, storage: DiskStorage, link: socket.socket, stop: Stop) -> None:
    paths = Paths(options.data)
    entropy = SystemEntropy()
    sealer = Sealer(KeyFile(options.sealing_key)(True), entropy)
    signer = signing_key(paths.key, sealer, entropy)
    fresh = not len(signed_log(storage))
    guard = Guard(paths.guard, fresh=fresh)
    attestor = Attestor(storage, signer, guard, domain_at(paths.contracts))

    def send(message: Message) -> None:
        try:
            link.sendall(packed(message))
        except OSError:  # the venue has hung up
            stop.ask()

    worker = Worker()
    service = Service(attestor, Finder(storage, attestor), SystemClock().monotonic_us, send, worker)
    service.greet(signer.address)
    attestor.sync()  # from here on retention knows of it
    gc.collect()
    gc.freeze()
    ear, heard = Ear(DECODER), select.poll()
    heard.register(link, select.POLLIN)
    while not stop.asked:
        service.turn()
        if heard.poll(IDLE_S * 1_000):
            data = _received(link)
            if not data:
                stop.ask()
            for message in ear.hear(data):
                service.hear(message)
        stop.look()
    service.finish()
    worker.close()
    guard.close()


def _received(link: socket.socket) -> bytes:
    """What has come; nothing is the venue's end."""
    try:
        return link.recv(_READ)
    except ConnectionError:
        return b""


class Worker:
    """A thread for what waits for the disk (`service.Background`)."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None

    def start(self, work: Callable[[], None]) -> None:
        """See `service.Background`."""
        self._work = self._pool.submit(work)

    def over(self, *, wait: bool = False) -> bool:
        """See `service.Background`."""
        if self._work is not None:
            if not wait and not self._work.done():
                return False
            self._work.result()
            self._work = None
        return True

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()


class Stop:
    """Knows when to stop: asked to, or another parent."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self.asked = False

    def ask(self) -> None:
        """Stop after this turn."""
        self.asked = True

    def look(self) -> None:
        """Whether the parent is still there."""
        if self._parent and os.getppid() != self._parent:
            self.asked = True


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m exchange.app.attesting",
        description="Keep the sequencer's chain, sign its heads, make receipts. Started by the venue.",
    )
    parser.add_argument("--data", type=Path, required=True, help="the venue's data directory")
    parser.add_argument("--sealing-key", type=Path, required=True, help="the key that seals secrets")
    parser.add_argument("--link", type=int, required=True, help="file descriptor of the venue's socket")
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    parser.add_argument("--nice", type=int, default=0, help="lower this process's priority by so much")
    return parser.parse_args(argv)
