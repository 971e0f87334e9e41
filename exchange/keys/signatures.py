"""Signatures of API keys: HMAC with the shared secret, or the owner's Ed25519 or RSA key.

An RSA signature is PKCS #1 v1.5 over SHA-256. Signatures of public keys may be written in hex, base64 or
base64url.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from exchange.keys.key_table import Key
from exchange.wire.auth import signature_matches

RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 4_096
PEM_CHARS_MAX: Final = 1_024
_SIGNATURE_BYTES_MAX: Final = RSA_BITS_MAX // 8


class PublicKeyError(ValueError):
    """Text that is no public key a client may register; the message says why."""


@lru_cache(maxsize=1_024)
def public_key(pem: str) -> Ed25519PublicKey | RSAPublicKey:
    """The key in a PEM text.

    Raises:
        PublicKeyError: no PEM, or neither Ed25519 nor RSA of 2,048 to 4,096 bits.
    """
    try:
        found = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise PublicKeyError("must be a public key in PEM") from None
    if isinstance(found, RSAPublicKey):
        if not RSA_BITS_MIN <= found.key_size <= RSA_BITS_MAX:
            raise PublicKeyError(f"RSA keys have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
        return found
    if isinstance(found, Ed25519PublicKey):
        return found
    raise PublicKeyError("must be an Ed25519 or RSA key")


def is_signed_by(key: Key, message: bytes, signature: str) -> bool:
    """Whether an API key made the signature of a message."""
    if not key.public_key:
        return bool(key.secret) and signature_matches(key.secret, message, signature)
    verifier = public_key(key.public_key)
    for raw in _readings(signature):
        try:
            if isinstance(verifier, Ed25519PublicKey):
                verifier.verify(raw, message)
            else:
                verifier.verify(raw, message, PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return True
    return False


def _readings(signature: str) -> list[bytes]:
    """What a signature's text may mean."""
    if not signature.isascii() or len(signature) > 2 * _SIGNATURE_BYTES_MAX:
        return []
    found: list[bytes] = []
    with contextlib.suppress(ValueError):
        found.append(bytes.fromhex(signature))
    text = signature.rstrip("=").replace("-", "+").replace("_", "/")
    with contextlib.suppress(binascii.Error):
        found.append(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    return found
