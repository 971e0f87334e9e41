"""The one hash of settlement: keccak-256, as an Ethereum contract computes it."""

from __future__ import annotations

from typing import Final

import sha3

HASH_BYTES: Final = 32
ZERO_HASH: Final = bytes(HASH_BYTES)


def keccak(data: bytes) -> bytes:
    """keccak-256 of `data`, 32 bytes (the padding of Ethereum, not of SHA-3)."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest
