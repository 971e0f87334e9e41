"""The WebSocket side of a connection, without a socket: bytes in, messages out, frames out.

The handshake, control frames, fragments and every violation are the `websockets` library's; what it
costs there does not matter. A whole, unfragmented text frame, which is nearly every frame a trading
client sends, is unmasked by compiled code (`exchange.edge.frames`): measured on one core, the library's
parser takes 180,000 such frames of 150 bytes a second, an interpreted loop around its unmasking 1,270,000.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as HandshakeRequest
from websockets.protocol import Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from exchange.edge import frames
from exchange.edge.frames import PlainStream

# A message beyond the dialect's 32 kB is read, dropped and answered with -32600; beyond this it is not
# even read, and the connection is closed with 1009.
MESSAGE_BYTES_HARD_MAX: Final = 262_144

_FIN: Final = 0x80
FIN_TEXT: Final = 0x81
"""First byte of a whole text frame."""
FIN_BINARY: Final = 0x82
"""First byte of a whole binary frame."""
_MASKED: Final = 0x80
_LAST_FRAGMENT: Final = b"\x80\x80\0\0\0\0"  # empty
_log: Final = logging.getLogger("exchange.gateway.sockets.websocket")
_log.setLevel(logging.WARNING)


class Answer(NamedTuple):
    """What an upgrade request is answered with; `subprotocol` is what was agreed upon, empty for none."""

    accepted: bool
    response: bytes
    subprotocol: str


def accept(method: str, target: str, headers: Mapping[str, str], known: Sequence[str] = ()) -> Answer:
    """Answer an upgrade request. Of the subprotocols a client offers the first of `known` is taken; a client
    that offers none of them gets a connection without."""

    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((Subprotocol(name) for name in known if name in offered), None)

    protocol = ServerProtocol(logger=_log, select_subprotocol=select)
    request = HandshakeRequest(target, Headers(headers.items()), method)
    response = protocol.accept(request)
    protocol.send_response(response)
    data = b"".join(protocol.data_to_send())
    return Answer(response.status_code == 101, data, str(protocol.subprotocol or ""))


def text_frame(payload: bytes) -> bytes:
    """One unmasked text frame around a payload."""
    return join_frames([payload])


def join_frames(payloads: list[bytes], *, binary: bool = False) -> bytes:
    """The frames of many payloads, text or binary, as one run of bytes, for one write."""
    return frames.join_frames(payloads, FIN_BINARY if binary else FIN_TEXT)


class WebSocketStream(PlainStream):
    """One accepted WebSocket connection.

    `receive` returns whole messages: the bytes of a text message, or None for a binary one; of a `binary`
    stream the other way round. What the protocol itself has to say (pong, close) waits in `take_control`;
    once `finished` is true nothing more will come in and the socket is to be closed when the control bytes
    are out.
    """

    __slots__ = ("_fragments", "_is_wanted", "_library", "_opcode")

    def __init__(self, *, binary: bool = False) -> None:
        super().__init__(FIN_BINARY if binary else FIN_TEXT, MESSAGE_BYTES_HARD_MAX)
        self._opcode = Opcode.BINARY if binary else Opcode.TEXT
        self._library = Protocol(Side.SERVER, state=State.OPEN, max_size=MESSAGE_BYTES_HARD_MAX, logger=_log)
        self._fragments: list[bytes] = []
        self._is_wanted = False

    def receive(self, data: bytes) -> list[bytes | None]:
        """Take bytes from the socket; the messages they complete, in order."""
        if self.rest:
            data = self.rest + data
            self.rest = b""
        messages: list[bytes | None] = []
        at = 0
        end = len(data)
        while not self.finished:
            if not self.is_inside:
                at = frames.take_plain(data, at, self.first, self.size_max, messages)
                if at == end:
                    return messages
            start, size = _extent(data, at, end)
            if size < 0:  # its length has not arrived
                break
            if size > MESSAGE_BYTES_HARD_MAX:
                self._feed(data[at:], messages)  # refused by the library on its header alone
                break
            stop = start + size
            if stop > end:
                break
            self._feed(data[at:stop], messages)
            at = stop
        if at < end and not self.finished:
            self.rest = data[at:]
        return messages

    def _feed(self, data: bytes, messages: list[bytes | None]) -> None:
        """Let the library have what is not a plain text frame: always whole frames, or one too big."""
        self.has_spoken = True
        if self.is_inside and data[0] & 0x0F == Opcode.CLOSE:
            # A close may come inside a message; the library takes it amiss.
            self._library.receive_data(_LAST_FRAGMENT)
            self._library.events_received()
            self.is_inside = False
        self._library.receive_data(data)
        for frame in self._library.events_received():
            if not isinstance(frame, Frame):
                continue
            opcode = frame.opcode
            if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
                self._fragments = []
                self.is_inside = True
                self._is_wanted = opcode is self._opcode
            elif opcode is not Opcode.CONT or not self.is_inside:
                continue
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                messages.append(b"".join(self._fragments) if self._is_wanted else None)
                self.is_inside = False
        if self._library.eof_sent:
            self.finished = True

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the peer's answer makes the stream `finished`."""
        if self._library.state is State.OPEN:
            self._library.send_close(code, reason)
            self.has_spoken = True

    def take_control(self) -> bytes:
        """Bytes of pongs and close frames to write."""
        if not self.has_spoken:
            return b""
        self.has_spoken = False
        return b"".join(self._library.data_to_send())


def _extent(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(where a frame's payload starts, its size) of the frame at `at`; size −1 if that is not known yet."""
    if at + 2 > end:
        return at, -1
    size = data[at + 1] & 0x7F
    start = at + (6 if data[at + 1] & _MASKED else 2)
    if size == 126:
        start += 2
        if at + 4 > end:
            return at, -1
        size = data[at + 2] << 8 | data[at + 3]
    elif size == 127:
        start += 8
        if at + 10 > end:
            return at, -1
        size = int.from_bytes(data[at + 2 : at + 10], "big")
    return start, size
