"""EIP-712: typed data as the 32 bytes that are signed.

digest = keccak(0x1901 ‖ domain separator ‖ struct hash); the domain is always "Strikebook", version "1", on a
chain and a contract, so that nothing signed here means anything elsewhere.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.attest.keccak import keccak, word

NAME: Final = "Strikebook"
VERSION: Final = "1"
ADDRESS_BYTES: Final = 20
SIGNATURE_BYTES: Final = 65
_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME_HASH: Final = keccak(NAME.encode())
_VERSION_HASH: Final = keccak(VERSION.encode())
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class Domain(NamedTuple):
    """Where a signature counts: the chain's id and the contract that checks it (20 bytes)."""

    chain_id: int
    contract: bytes


DEVELOPMENT: Final = Domain(31_337, bytes(ADDRESS_BYTES))
"""Before a contract is deployed: the development chain, and no contract."""


def domain_separator(domain: Domain) -> bytes:
    """The hash of the domain. Raises ValueError for an address that has not 20 bytes."""
    return keccak(
        _DOMAIN_TYPE + _NAME_HASH + _VERSION_HASH + word(domain.chain_id) + address_word(domain.contract)
    )


def address_word(address: bytes) -> bytes:
    """An address as a word. Raises ValueError for one that has not 20 bytes."""
    if len(address) != ADDRESS_BYTES:
        raise ValueError("an address has 20 bytes")
    return bytes(12) + address


def typed_digest(separator: bytes, struct_hash: bytes) -> bytes:
    """What is signed."""
    return keccak(b"\x19\x01" + separator + struct_hash)


def is_canonical(signature: bytes) -> bool:
    """Whether this is r ‖ s ‖ v as contracts take it: v 27 or 28, s in the lower half of the order.

    Whoever has a signature can make another of the same digest by turning s round; only one of both counts.
    """
    return (
        len(signature) == SIGNATURE_BYTES
        and signature[64] in (27, 28)
        and 0 < int.from_bytes(signature[32:64], "big") <= _HALF_ORDER
    )
