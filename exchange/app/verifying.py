"""The verifier: a child process that recovers who signed, so that the engine's process does not.

It is started when it is first asked, and again when it has ended. Asked: number u64 · digest (32) · signature
(65). Answered: number u64 · 1 · address (20), or number · 0 · zeros. What arrives together is worked on
together and answered in one write.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

from exchange.app.child_link import ChildLink
from exchange.attest.secp256k1 import recover
from exchange.keys.verifier import Recovered, VerifierBusy

_ASK: Final = struct.Struct("<Q32s65s")
_ANSWER: Final = struct.Struct("<Q?20s")
_READ: Final = 1 << 16
ASKED_MAX: Final = 4_096
_log: Final = logging.getLogger(__name__)


def answers(asked: bytes) -> bytes:
    """The answers to whole questions."""
    out = bytearray()
    for number, digest, signature in _ASK.iter_unpack(asked):
        address = recover(digest, signature)
        out += _ANSWER.pack(number, address is not None, address or b"")
    return bytes(out)


def serve(link: socket.socket) -> None:
    """Answer until the other end is closed."""
    rest = b""
    while data := link.recv(_READ):
        rest += data
        whole = len(rest) - len(rest) % _ASK.size
        link.sendall(answers(rest[:whole]))
        rest = rest[whole:]


class ChildVerifier(ChildLink):
    """A `keys.verifier.Verifier` whose work a child process does. All of it on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._asked: dict[int, Recovered] = {}
        self._number = 0
        self._asks: list[bytes] = []  # of this turn
        self._in = bytearray()

    def ask(self, digest: bytes, signature: bytes, done: Recovered) -> None:
        """See `keys.verifier.Verifier`."""
        if len(self._asked) >= ASKED_MAX:
            raise VerifierBusy
        try:
            if self._socket is None:
                if self._child is not None:
                    self._child.poll()  # it has ended
                self._spawn(["exchange.app.verifying"])
        except OSError as error:
            _log.error("the verifier cannot be started: %s", error)
            raise VerifierBusy from None
        if not self._asks:
            self._loop.call_soon(self._ask_all)
        self._number += 1
        self._asked[self._number] = done
        self._asks.append(_ASK.pack(self._number, digest, signature))

    def _ask_all(self) -> None:
        """Send what was asked during this turn of the loop."""
        asks, self._asks = self._asks, []
        self._send(b"".join(asks))

    def _heard(self, data: bytes) -> None:
        self._in += data
        whole = len(self._in) - len(self._in) % _ANSWER.size
        found = list(_ANSWER.iter_unpack(bytes(self._in[:whole])))
        del self._in[:whole]
        for number, is_signed, address in found:
            done = self._asked.pop(number, None)
            if done is not None:
                done(address if is_signed else None)

    def _hang_up(self) -> None:
        """Close our end; nobody is known to have signed what was asked."""
        super()._hang_up()
        self._asks.clear()
        self._in.clear()
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(None)


def main(argv: Sequence[str] | None = None) -> int:
    """The process: started by the venue, ends with it."""
    parser = argparse.ArgumentParser(prog="python -m exchange.app.verifying")
    parser.add_argument("--link", type=int, required=True, help="file descriptor of the venue's socket")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(1)
    try:
        serve(socket.socket(fileno=options.link))
    except OSError:  # the venue is gone
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
