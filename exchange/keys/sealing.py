"""Secrets at rest: AES-256-GCM under a key that is kept outside the database.

A sealed value is nonce (12 bytes, random) ‖ ciphertext and tag. The context, what the value is and whose,
is authenticated with it, so that a sealed secret cannot be moved to another key's row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12

# Gives the key; told whether a store has been sealed with it already, so that it must exist.
KeySource = Callable[[bool], bytes]


class SealError(Exception):
    """A value that was sealed under another key or for another place, or was changed."""


class Entropy(Protocol):
    """Randomness, as the application gives it."""

    def token_bytes(self, count: int) -> bytes: ...


def fixed_key(key: bytes) -> KeySource:
    """A source of one known key."""
    return lambda _sealed: key


class Sealer:
    """Seals and opens under one key.

    Raises:
        ValueError: the key does not have 32 bytes.
    """

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(key)
        self._entropy = entropy

    def seal(self, value: bytes, context: str) -> bytes:
        """The value, unreadable without the key."""
        nonce = self._entropy.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The value again.

        Raises:
            SealError: another key or context, or changed bytes.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealError("not sealed under this key, for this place") from None
