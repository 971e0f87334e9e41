"""Digests as the standard has them: judged by another implementation, and by its own example."""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak as eth_keccak

from exchange.attest import eip712, secp256k1
from exchange.attest.eip712 import Domain
from exchange.attest.keccak import keccak, word
from tests.unit.attest.worlds import DOMAIN, SIGNER, signed

TYPES = {
    "SignedHead": [
        {"name": "shard", "type": "uint8"},
        {"name": "lastSeq", "type": "uint64"},
        {"name": "head", "type": "bytes32"},
        {"name": "root", "type": "bytes32"},
    ]
}


def test_a_signed_heads_digest_is_that_of_another_implementation() -> None:
    head = signed(17, b"h" * 32)
    other = encode_typed_data(
        {"name": "Strikebook", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "11" * 20},
        TYPES,
        {"shard": 2, "lastSeq": 2 << 56 | 17, "head": b"h" * 32, "root": b"r" * 32},
    )
    assert head.digest == eth_keccak(b"\x19" + other.version + other.header + other.body)
    assert eip712.domain_separator(DOMAIN) == other.header


def test_signatures_recover_to_their_signer_alone() -> None:
    digest = keccak(b"something")
    signature = SIGNER.sign(digest)
    assert secp256k1.recover(digest, signature) == SIGNER.address
    assert secp256k1.recover(keccak(b"else"), signature) != SIGNER.address
    assert SIGNER.sign(digest) == signature


def test_only_one_form_of_a_signature_counts() -> None:
    digest = keccak(b"something")
    signature = SIGNER.sign(digest)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    turned = signature[:32] + word(order - int.from_bytes(signature[32:64], "big"))
    turned += bytes((55 - signature[64],))
    for wrong in (turned, signature[:64], signature + b"\0", signature[:64] + b"\0", bytes(65), b"\xff" * 65):
        assert not eip712.is_canonical(wrong)
        assert secp256k1.recover(digest, wrong) is None
    hopeless = word(order - 1) + word(1) + b"\x1b"  # no point of the curve has this r
    assert secp256k1.recover(digest, hopeless) is None
    assert secp256k1.recover(b"short", signature) is None


def test_bad_keys_and_addresses_are_refused() -> None:
    for key in (b"", bytes(32), b"\xff" * 32):
        with pytest.raises(ValueError, match=r"32 bytes|scalar"):
            secp256k1.Signer(key)
    with pytest.raises(ValueError, match="20 bytes"):
        eip712.domain_separator(Domain(1, b"short"))
