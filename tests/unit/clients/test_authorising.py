"""What a client sends is what it has signed."""

from __future__ import annotations

from typing import Any

import pytest

from clients import authorising
from exchange.attest import grants as g
from exchange.attest.keccak import keccak
from exchange.attest.secp256k1 import recover
from tests.unit.attest.worlds import DOMAIN, SIGNER

GRANT = g.Grant(64, 7, b"k" * 20, g.NEW | g.CANCEL, (0,), (3, 9), 500, 1_900_000_000_000, 1)


def signed_by(params: dict[str, Any], message: g.Message | g.Entry) -> bytes | None:
    return recover(g.message_digest(DOMAIN, message), bytes.fromhex(params["signature"][2:]))


def test_every_message_carries_its_fields_and_its_signature() -> None:
    params = authorising.activation(DOMAIN, GRANT, SIGNER)
    assert signed_by(params, GRANT) == SIGNER.address
    assert (params["session_key"], params["instruments"], params["nonce"]) == ("0x" + "6b" * 20, [3, 9], "1")
    revoked = g.Revocation(64, 7, 2)
    assert signed_by(authorising.revocation(DOMAIN, revoked, SIGNER), revoked) == SIGNER.address
    entered = g.Entry(64, 7, 3, 5_000)
    params = authorising.entry(DOMAIN, entered, SIGNER)
    assert signed_by(params, entered) == SIGNER.address
    assert (params["account"], params["grant"], params["valid_until"]) == (64, 7, 5_000)
    params = authorising.frame(DOMAIN, SIGNER, b"commands", account=64, nonce=4, valid_until_ms=9)
    assert signed_by(params, g.Frame(64, 0, 4, 9, keccak(b"commands"))) == SIGNER.address
    assert params["commands"] == "0x" + b"commands".hex()


def test_the_domain_is_what_the_venue_signs_for() -> None:
    assert authorising.domain_of({"chain_id": 31337, "contract": "0x" + "11" * 20}) == DOMAIN


def test_fields_out_of_range_are_not_signed() -> None:
    with pytest.raises(g.GrantFormatError):
        authorising.entry(DOMAIN, g.Entry(1 << 32, 7, 3, 5_000), SIGNER)
