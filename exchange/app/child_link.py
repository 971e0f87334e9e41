"""The venue's end of a child process that answers over a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from exchange.app.children import ended

_BUFFER: Final = 1 << 20
_READ: Final = 1 << 18


class ChildLink:
    """Starts it, hears it, ends it. All of it on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._out = bytearray()  # what the socket has not taken yet

    def stop(self) -> None:
        """Hang up, and end it."""
        self._hang_up()
        if self._child is not None:
            self._child.terminate()
            ended(self._child)

    def _spawn(self, command: Sequence[str], more: Sequence[int] = ()) -> socket.socket:
        """Start `python -m …command --link N`; our end of the sockets. It gets the descriptors `more` too.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        ours.setblocking(False)
        whole = [sys.executable, "-m", *command, "--link", str(theirs.fileno())]
        try:
            # A session of its own: Ctrl-C is for the venue, which stops its children in order.
            self._child = subprocess.Popen(whole, pass_fds=(theirs.fileno(), *more), start_new_session=True)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours
        self._loop.add_reader(ours.fileno(), self._readable)
        return ours

    def _send(self, data: bytes) -> None:
        """Send what the socket takes now, and the rest when it takes more. Hangs up if the child is gone."""
        if self._socket is None:
            return
        sent = 0
        if not self._out:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self._hang_up()
                return
            if sent == len(data):
                return
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._out += data[sent:]

    def _writable(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()
            return
        del self._out[:sent]
        if not self._out:
            self._loop.remove_writer(self._socket.fileno())
            self._drained()

    def _drained(self) -> None:
        """What had to wait is sent."""

    def _heard(self, data: bytes) -> None:
        """What has come; never empty."""
        raise NotImplementedError

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._heard(data)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        """Close our end."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._out.clear()
