"""The key an L1 account signs with: read from a file or the environment, never written or shown."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from coincurve import PrivateKey, PublicKey

from settlement.hashing import keccak
from settlement.l1 import rlp

SECP256K1_N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ADDRESS_BYTES: Final = 20
_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


class KeyRejected(ValueError):
    """A key that cannot be read or is none; the text never holds the key."""


class Key:
    """A secp256k1 key and the address it controls."""

    def __init__(self, secret: bytes) -> None:
        """Raises KeyRejected for a secret that is not 32 bytes within the curve's order."""
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < SECP256K1_N:
            raise KeyRejected("a key is 32 bytes, above zero and below the order of secp256k1")
        self._key = PrivateKey(secret)
        self.address: Final = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"Key(0x{self.address.hex()})"

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """(y parity, r, s) over a 32-byte digest; deterministic (RFC 6979), s in the lower half."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read 64 hexadecimal digits, with or without 0x. Raises KeyRejected."""
        found = _HEX.fullmatch(text.strip())
        if found is None:
            raise KeyRejected("a key is 64 hexadecimal digits")
        return cls(bytes.fromhex(found[1]))

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a file that only its owner may read. Raises KeyRejected."""
        try:
            if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
                raise KeyRejected(f"{path}: others than its owner may read it (chmod 600)")
            with open(path, encoding="ascii") as file:
                return cls.from_hex(file.read(1024))
        except (OSError, UnicodeDecodeError) as error:
            raise KeyRejected(f"{path}: {type(error).__name__}") from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], name: str = "STRIKEBOOK_L1_KEY") -> Self:
        """Read a variable, or the file that the variable with _FILE behind its name names."""
        if name in environment:
            return cls.from_hex(environment[name])
        if f"{name}_FILE" in environment:
            return cls.from_file(environment[f"{name}_FILE"])
        raise KeyRejected(f"neither {name} nor {name}_FILE is set")


def address_of(public: PublicKey) -> bytes:
    """The last 20 bytes of the key's keccak."""
    return keccak(public.format(compressed=False)[1:])[12:]


def recover(digest: bytes, parity: int, r: int, s: int) -> bytes:
    """The address that signed. Raises ValueError for a signature of nobody, or with s in the upper half."""
    if parity not in (0, 1) or not 0 < r < SECP256K1_N or not 0 < s <= SECP256K1_N // 2:
        raise ValueError("not a signature")
    packed = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
    try:
        return address_of(PublicKey.from_signature_and_message(packed, digest, hasher=None))
    except Exception as error:  # coincurve raises a bare Exception
        raise ValueError("not a signature") from error


def create_address(sender: bytes, nonce: int) -> bytes:
    """Where a contract created by a transaction comes to be: keccak(rlp([sender, nonce]))[12:]."""
    return keccak(rlp.encode([sender, nonce]))[12:]
