"""Signatures by the native secp256k1 library: the adapter behind the `Recover` and `Sign` ports.

Deterministic (RFC 6979): one key signs one digest in one way.
"""

from __future__ import annotations

from typing import Final

from coincurve import PrivateKey, PublicKey

from exchange.attest.eip712 import is_canonical
from exchange.attest.keccak import keccak

KEY_BYTES: Final = 32


def address_of(public_key: PublicKey) -> bytes:
    """The Ethereum address of a public key."""
    return keccak(public_key.format(compressed=False)[1:])[12:]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The address that signed this digest (32 bytes); None for a signature that is none. Never raises for
    what a stranger sent."""
    if len(digest) != 32 or not is_canonical(signature):
        return None
    raw = signature[:64] + bytes((signature[64] - 27,))
    try:
        return address_of(PublicKey.from_signature_and_message(raw, digest, hasher=None))
    except ValueError:
        return None


class Signer:
    """One private key. Raises ValueError for bytes that are no key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a private key has 32 bytes")
        self._key = PrivateKey(key)
        self.address = address_of(self._key.public_key)

    def sign(self, digest: bytes) -> bytes:
        """r ‖ s ‖ v of a 32-byte digest, s in the lower half."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes((raw[64] + 27,))
