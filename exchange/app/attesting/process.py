"""The attestor as a process beside the venue.

It sleeps until the venue rings: one byte in a pipe when events were written. After each turn it rests for
`REST_S`, in which what comes waits for one signature. The pipe's end is the venue's end: it stops then.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import select
import signal
import socket
from collections.abc import Sequence
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
from exchange.app.attesting.talk import Ask, Ear, Message, packed
from exchange.app.key_file import KeyFile
from exchange.app.ports import SystemClock, SystemEntropy
from exchange.journal import DiskStorage, JournalError
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.sealing import Sealer

REST_S: Final = 0.002
IDLE_S: Final = 0.05
LOCK_WAIT_S: Final = 10.0
REFUSED: Final = 3
"""The exit status of an attestor that must not sign: starting it again would not help."""
_READ: Final = 1 << 16
_log: Final = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Follow the journal until the venue goes; the status: 1 for what a new start may cure, or `REFUSED`."""
    options = _parsed(argv)
    with contextlib.suppress(OSError):
        os.nice(options.nice)
    link = socket.socket(fileno=options.link)
    stop = Stop(options.doorbell, options.parent)
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
    entropy, clock = SystemEntropy(), SystemClock()
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

    service = Service(attestor, Finder(storage, attestor), lambda: round(clock.monotonic_s() * 1_000), send)
    service.greet(signer.address)
    attestor.sync()  # from here on retention knows of it
    ear = Ear()
    while not stop.asked:
        if not service.turn():
            stop.wait(link, IDLE_S)
        else:
            stop.rest(REST_S)
        for message in ear.hear(_received(link)):
            if isinstance(message, Ask):
                service.ask(message)
    service.finish()
    guard.close()


def _received(link: socket.socket) -> bytes:
    try:
        return link.recv(_READ, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


class Stop:
    """Waits for the venue's bell, and knows when to stop: asked to, the bell's end, or another parent."""

    def __init__(self, doorbell: int, parent: int) -> None:
        self._doorbell = doorbell
        self._parent = parent
        self._rest = select.poll()
        self.asked = False
        os.set_blocking(doorbell, False)

    def ask(self) -> None:
        """Stop after this turn."""
        self.asked = True

    def wait(self, link: socket.socket, seconds: float) -> None:
        """Until the bell rings, something is asked, or the time is over."""
        poll = select.poll()
        poll.register(self._doorbell, select.POLLIN)
        poll.register(link, select.POLLIN)
        poll.poll(seconds * 1_000)
        self._quiet()

    def rest(self, seconds: float) -> None:
        """The time, whoever rings."""
        self._rest.poll(seconds * 1_000)
        self._quiet()

    def _quiet(self) -> None:
        """Take the rings; the pipe's end means that the venue is gone."""
        try:
            if not os.read(self._doorbell, _READ):
                self.asked = True
        except BlockingIOError:
            pass
        if self._parent and os.getppid() != self._parent:
            self.asked = True


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m exchange.app.attesting",
        description="Keep the sequencer's chain, sign its heads, make receipts. Started by the venue.",
    )
    parser.add_argument("--data", type=Path, required=True, help="the venue's data directory")
    parser.add_argument("--sealing-key", type=Path, required=True, help="the key that seals secrets")
    parser.add_argument("--doorbell", type=int, required=True, help="file descriptor of the venue's bell")
    parser.add_argument("--link", type=int, required=True, help="file descriptor of the venue's socket")
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    parser.add_argument("--nice", type=int, default=5, help="lower this process's priority by so much")
    return parser.parse_args(argv)
