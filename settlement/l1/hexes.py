"""Numbers and bytes as Ethereum's JSON-RPC writes them."""

from __future__ import annotations

import re
from typing import Final

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class HexError(ValueError):
    """A text that is not the hexadecimal it should be."""


def quantity(value: int) -> str:
    """A number: 0x and the shortest digits."""
    return hex(value)


def data(value: bytes) -> str:
    """Bytes: 0x and two digits each."""
    return "0x" + value.hex()


def read_quantity(text: object, bits: int = 256) -> int:
    """A number below 2^bits. Raises HexError."""
    if not isinstance(text, str) or _QUANTITY.fullmatch(text) is None:
        raise HexError(f"{text!r:.80} is not a quantity")
    value = int(text, 16)
    if value >> bits:
        raise HexError(f"{text} is above {bits} bits")
    return value


def read_data(text: object, length: int | None = None, most: int = 1 << 21) -> bytes:
    """Bytes, of a length if one is given. Raises HexError."""
    if not isinstance(text, str) or len(text) > 2 + 2 * most or _DATA.fullmatch(text) is None:
        raise HexError(f"{text!r:.80} is not hexadecimal data of at most {most} bytes")
    value = bytes.fromhex(text[2:])
    if length is not None and len(value) != length:
        raise HexError(f"{len(value)} bytes, not {length}")
    return value
