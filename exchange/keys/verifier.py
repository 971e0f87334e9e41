"""Who tells which address signed a digest: a process of its own in production, the caller's stack in tests.

Nothing is sequenced before the answer is there, so that an acknowledgement never depends on a later check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from exchange.attest.secp256k1 import recover

Recovered = Callable[[bytes | None], None]
"""Told the address (20 bytes); None where there is none."""


class VerifierBusy(Exception):
    """Nobody can be asked now."""


class Verifier(Protocol):
    """Whoever recovers addresses."""

    def ask(self, digest: bytes, signature: bytes, done: Recovered) -> None:
        """Which address signed the digest (32 bytes); `done` on the loop.

        Raises:
            VerifierBusy: nobody can be asked.
        """


class InlineVerifier:
    """Recovers on the caller's stack (tests, a venue without children)."""

    def ask(self, digest: bytes, signature: bytes, done: Recovered) -> None:
        """See `Verifier`."""
        done(recover(digest, signature))
