"""Messages between the venue and its children, over a pair of sockets: length u32 ‖ msgpack."""

from __future__ import annotations

import struct
from typing import Final, Generic, TypeVar

import msgspec

_LENGTH: Final = struct.Struct("<I")
MESSAGE_BYTES_MAX: Final = 64 << 20
T = TypeVar("T")


def packed(message: msgspec.Struct) -> bytes:
    """A message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Ear(Generic[T]):
    """Cuts what arrives into messages."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def hear(self, data: bytes) -> list[T]:
        """The messages that are whole now.

        Raises:
            ValueError: what arrives is none.
        """
        self._buffer += data
        found = []
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer, at)
            if size > MESSAGE_BYTES_MAX:
                raise ValueError(f"a message of {size} bytes")
            if len(self._buffer) - at - _LENGTH.size < size:
                break
            at += _LENGTH.size
            found.append(self._decoder.decode(self._buffer[at : at + size]))
            at += size
        del self._buffer[:at]
        return found
