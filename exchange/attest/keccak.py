"""keccak-256, as an Ethereum contract computes it, and 32-byte words of integers."""

from __future__ import annotations

from typing import Final

import sha3

ZERO_WORD: Final = bytes(32)


def keccak(data: bytes) -> bytes:
    """keccak-256 of `data`, 32 bytes (the padding of Ethereum, not of SHA-3)."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def word(value: int) -> bytes:
    """An unsigned integer as 32 bytes, big-endian. Raises OverflowError outside 0…2^256 − 1."""
    return value.to_bytes(32, "big")
