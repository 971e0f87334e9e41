"""The plain frames of a WebSocket: whole, masked ones in, unmasked ones out (RFC 6455, 5.2)."""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i64_le
from mypy_extensions import i64, mypyc_attr, u8

_MASKED: Final = 0x80
_SHORT: Final = 126
_LONG: Final = 127
_U32: Final = 0xFFFF_FFFF
_U16: Final = 0xFFFF


@mypyc_attr(allow_interpreted_subclasses=True)
class PlainStream:
    """Where a stream is at, as far as plain frames go; `gateway.sockets.websocket.WebSocketStream` has the
    rest. Plain is a whole masked frame that begins with the byte `first` and is no longer than `size_max`."""

    def __init__(self, first: int, size_max: int) -> None:
        self.first = first
        self.size_max = size_max
        self.rest = b""
        """The beginning of a frame whose end has not come."""
        self.is_inside = False
        """Whether a message has begun whose last fragment is to come."""
        self.has_spoken = False
        """Whether there may be something to say that is no message."""
        self.finished = False
        """Nothing more will come in."""


def take_frames(stream: PlainStream, data: bytes, messages: list[bytes | None]) -> bytes:
    """Append the messages of the plain frames that are next in a stream; the bytes behind them."""
    if stream.rest:
        data = stream.rest + data
        stream.rest = b""
    if stream.is_inside or stream.finished:
        return data
    at = take_plain(data, 0, stream.first, stream.size_max, messages)
    return b"" if at == len(data) else data[at:]


def take_plain(data: bytes, start: i64, first: i64, size_max: i64, messages: list[bytes | None]) -> int:
    """Append the messages of the frames from byte `start` on; where the first frame begins that is not whole,
    longer than `size_max`, not masked or whose first byte is not `first`."""
    end: i64 = len(data)
    at = start
    out = BytesWriter()
    while at + 6 <= end:
        if data[at] != first:
            break
        size: i64 = data[at + 1]
        body = at + 6
        if size < _MASKED:
            break
        size -= _MASKED
        if size == _SHORT:
            if at + 8 > end:
                break
            size = data[at + 2] * 256 + data[at + 3]
            body += 2
        elif size == _LONG:
            if at + 14 > end:
                break
            size = 0
            for each in range(at + 2, at + 10):
                if size > size_max:
                    break
                size = size * 256 + data[each]
            body += 8
        if size > size_max or body + size > end:
            break
        messages.append(_unmasked(data, body, size, out))
        at = body + size
    return int(at)


def _unmasked(data: bytes, body: i64, size: i64, out: BytesWriter) -> bytes:
    """The payload of `size` bytes at `body`, whose mask stands in front of it."""
    half = i64(read_i32_le(data, body - 4))
    mask = half << 32 | half & _U32
    out.truncate(0)
    at: i64 = 0
    while at + 8 <= size:
        write_i64_le(out, read_i64_le(data, body + at) ^ mask)
        at += 8
    while at < size:
        out.append(u8(data[body + at] ^ mask & 0xFF))
        mask >>= 8
        at += 1
    return out.getvalue()


def join_frames(payloads: list[bytes], first: i64) -> bytes:
    """Unmasked frames around payloads, one behind the other; `first` is the first byte of each."""
    out = BytesWriter()
    head = u8(first & 0xFF)
    for payload in payloads:
        size: i64 = len(payload)
        out.append(head)
        if size < _SHORT:
            out.append(u8(size))
        elif size <= _U16:
            out.append(_SHORT)
            out.append(u8(size >> 8))
            out.append(u8(size & 0xFF))
        else:
            out.append(_LONG)
            shift: i64 = 56
            while shift >= 0:
                out.append(u8((size >> shift) & 0xFF))
                shift -= 8
        out.write(payload)
    return out.getvalue()


@final
class Joiner:
    """Joins frames, and keeps what it joined last for the next connection that has the very same to write:
    subscribers of the same channels."""

    def __init__(self) -> None:
        self._payloads: list[bytes] = []
        self._first: i64 = 0
        self._joined = b""

    def join(self, payloads: list[bytes], first: i64) -> bytes:
        """As `join_frames`; the list must not be changed afterwards."""
        if first != self._first or not _are_same(payloads, self._payloads):
            self._joined = join_frames(payloads, first)
            self._payloads = payloads
            self._first = first
        return self._joined


def _are_same(some: list[bytes], others: list[bytes]) -> bool:
    """Whether two lists hold the same objects."""
    size: i64 = len(some)
    if size != len(others):
        return False
    at: i64 = 0
    while at < size:
        if some[at] is not others[at]:
            return False
        at += 1
    return True
