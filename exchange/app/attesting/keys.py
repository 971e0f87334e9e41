"""The sequencer's signing key: a file, sealed under the venue's sealing key, made at the first start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exchange.app.key_file import write_secret
from exchange.attest.secp256k1 import KEY_BYTES, Signer
from exchange.keys.sealing import Entropy, Sealer, SealError

_CONTEXT: Final = "sequencer key"


class SigningKeyError(Exception):
    """The key cannot be read or made."""


def signing_key(path: Path, sealer: Sealer, entropy: Entropy) -> Signer:
    """The signer whose key is kept at `path`; a new one if there is none.

    Raises:
        SigningKeyError: it is sealed under another key, damaged, or cannot be read or written.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return _made(path, sealer, entropy)
    except (OSError, UnicodeDecodeError) as wrong:
        raise SigningKeyError(f"{path} cannot be read: {wrong}") from None
    try:
        return Signer(sealer.open(bytes.fromhex(text.strip()), _CONTEXT))
    except (SealError, ValueError) as wrong:
        raise SigningKeyError(f"{path} holds no signing key sealed here: {wrong}") from None


def _made(path: Path, sealer: Sealer, entropy: Entropy) -> Signer:
    key = entropy.token_bytes(KEY_BYTES)
    signer = Signer(key)  # all but 2^128 of 2^256 numbers are keys
    try:
        write_secret(path, sealer.seal(key, _CONTEXT).hex() + "\n")
    except OSError as wrong:
        raise SigningKeyError(f"{path} cannot be written: {wrong.strerror}") from None
    return signer
