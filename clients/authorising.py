"""Grants, sessions and frames of commands, signed: what to send with which method (docs/authorisation.md).

The domain is what `public/strikebook_get_signed_heads` says (`chain_id`, `contract`). The owner signs grants,
revocations and frames of grant 0; the session key entries and the frames of its grant.
"""

from __future__ import annotations

from typing import Any, Protocol

from exchange.attest import grants as g
from exchange.attest.eip712 import Domain
from exchange.attest.keccak import keccak
from exchange.wire.grants import terms_of

Params = dict[str, Any]


class Signs(Protocol):
    """A private key, wherever it is kept; `exchange.attest.secp256k1.Signer` fits."""

    def sign(self, digest: bytes) -> bytes:
        """The signature of 32 bytes: r, s and v, 65 bytes."""


def domain_of(heads: Params) -> Domain:
    """What the venue's signatures count for, out of `public/strikebook_get_signed_heads`."""
    return Domain(int(heads["chain_id"]), bytes.fromhex(str(heads["contract"]).removeprefix("0x")))


def activation(domain: Domain, grant: g.Grant, owner: Signs) -> Params:
    """Parameters of `public/strikebook_activate_grant`. Raises GrantFormatError: fields out of range."""
    return {**terms_of(grant), **_signed(domain, grant, owner)}


def revocation(domain: Domain, message: g.Revocation, owner: Signs) -> Params:
    """Parameters of `public/strikebook_revoke_grant`. Raises GrantFormatError."""
    return {"account": message.account, "grant": message.number, **_signed(domain, message, owner)}


def entry(domain: Domain, message: g.Entry, session_key: Signs) -> Params:
    """Parameters of `public/strikebook_open_session`. Raises GrantFormatError."""
    return {
        "account": message.account,
        "grant": message.grant,
        "valid_until": message.valid_until_ms,
        **_signed(domain, message, session_key),
    }


def frame(
    domain: Domain,
    signer: Signs,
    commands: bytes,
    *,
    account: int,
    nonce: int,
    valid_until_ms: int,
    grant: int = 0,
) -> Params:
    """Parameters of `public/strikebook_submit_signed`: packed commands, account and grant zero. Raises
    GrantFormatError."""
    message = g.Frame(account, grant, nonce, valid_until_ms, keccak(commands))
    return {
        "account": account,
        "grant": grant,
        "commands": "0x" + commands.hex(),
        "valid_until": valid_until_ms,
        **_signed(domain, message, signer),
    }


def _signed(domain: Domain, message: g.Message | g.Entry, signer: Signs) -> Params:
    signature = signer.sign(g.message_digest(domain, message))
    return {"nonce": str(message.nonce), "signature": "0x" + signature.hex()}
