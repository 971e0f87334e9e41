"""Signatures over the terms of a block: one side's word that it will trade them.

A signature is sealed with the venue's own key (AES-256-GCM): nobody else can make or change one, and the
counterparty cannot read who made it. It is good for five minutes around its timestamp, and once: what is
used up is the account's nonce at that timestamp (`BlockStore.used`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from exchange.gateway.deals.block_limits import SIGNATURE_WINDOW_MS
from exchange.keys.sealing import Entropy, Sealer, SealError
from exchange.wire.errors import other_reject

_PURPOSE: Final = b"strikebook block signatures"
_CONTEXT: Final = "block signature"
_TERM: Final = struct.Struct("<Iqq")
_NONCE_OF: Final = struct.Struct("<Iq")
_DIGEST_BYTES: Final = 16
SIGNATURE_CHARS_MAX: Final = 1_024


class Term(NamedTuple):
    """One trade of a block; `lots` as the maker trades them, bought > 0."""

    instrument: int
    lots: int
    price_ticks: int


class Signed(msgspec.Struct, array_like=True, frozen=True):
    """What a signature says. `counterparty` 0: anybody; `key` is the API key it was made with."""

    account: int
    is_maker: bool
    timestamp_ms: int
    nonce: str
    digest: bytes
    counterparty: int
    key: str
    needs_approval: bool


def digest_of(terms: Sequence[Term]) -> bytes:
    """What stands for the terms: both sides must have the very same, in the same order."""
    return hashlib.sha256(b"".join(_TERM.pack(*term) for term in terms)).digest()


def nonce_digest(account: int, timestamp_ms: int, nonce: str) -> bytes:
    """What is used up of an account by a block."""
    return hashlib.sha256(_NONCE_OF.pack(account, timestamp_ms) + nonce.encode()).digest()[:_DIGEST_BYTES]


def must_be_timely(timestamp_ms: int, now_ms: int) -> None:
    """Refuse a timestamp that is too far from now.

    Raises:
        RpcError: 11030 block_signature_expired.
    """
    if abs(timestamp_ms - now_ms) > SIGNATURE_WINDOW_MS:
        raise other_reject("block_signature_expired", param="timestamp", window_ms=SIGNATURE_WINDOW_MS)


class BlockSealer:
    """Makes and reads signatures, under a key derived from the venue's."""

    def __init__(self, venue_key: bytes, entropy: Entropy) -> None:
        self._key = hmac.new(venue_key, _PURPOSE, hashlib.sha256).digest()
        self._sealer = Sealer(self._key, entropy)

    def seal(self, signed: Signed) -> str:
        """The signature as its account may hand it to the other side."""
        sealed = self._sealer.seal(msgspec.msgpack.encode(signed), _CONTEXT)
        return f"{signed.timestamp_ms}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, text: str) -> Signed:
        """What a signature says.

        Raises:
            RpcError: 11030 block_signature_invalid: it is none of this venue, or was changed.
        """
        stamp, _, body = text.partition(".")
        try:
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            signed = msgspec.msgpack.decode(self._sealer.open(sealed, _CONTEXT), type=Signed)
        except (binascii.Error, ValueError, SealError, msgspec.MsgspecError):
            raise other_reject("block_signature_invalid", param="counterparty_signature") from None
        if stamp != str(signed.timestamp_ms):
            raise other_reject("block_signature_invalid", param="counterparty_signature")
        return signed

    def alias(self, account: int) -> str:
        """A name for an account that says nothing about it and stays the same."""
        raw = hmac.new(self._key, b"alias" + account.to_bytes(8, "little"), hashlib.sha256).digest()
        return base64.b32encode(raw[:5]).decode()
