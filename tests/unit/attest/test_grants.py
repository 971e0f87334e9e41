"""Grants, revocations and frames: digests as the standard has them, and bytes that say one thing only."""

from __future__ import annotations

import random

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from exchange.attest import grants as g
from exchange.attest.secp256k1 import recover
from exchange.domain import records as r
from tests.unit.attest.worlds import DOMAIN, SIGNER

GRANT = g.Grant(64, 7, b"k" * 20, g.NEW | g.CANCEL, (0,), (3, 9), 500, 1_900_000_000_000, 1)
REVOCATION = g.Revocation(64, 7, 2)
FRAME = g.Frame(64, 0, 3, 1_900_000_000_000, b"c" * 32)
ENTRY = g.Entry(64, 7, 4, 1_900_000_000_000)
KINDS: dict[int, g.Message] = {r.GRANT_ACTIVATED: GRANT, r.GRANT_REVOKED: REVOCATION, r.GRANT_SIGNED: FRAME}
_WORDS = {
    "Grant": "uint32 account,uint32 number,address sessionKey,uint32 scope,uint32[] underlyings,"
    "uint32[] instruments,uint64 maxOrderLots,uint64 expiryMs,uint64 nonce",
    "Revocation": "uint32 account,uint32 number,uint64 nonce",
    "Frame": "uint32 account,uint32 grant,uint64 nonce,uint64 validUntilMs,bytes32 commands",
    "Entry": "uint32 account,uint32 grant,uint64 nonce,uint64 validUntilMs",
}


@pytest.mark.parametrize("message", [*KINDS.values(), ENTRY, GRANT._replace(underlyings=(), instruments=())])
def test_digests_are_those_of_another_implementation(message: g.Message | g.Entry) -> None:
    name = type(message).__name__
    fields = [word.split(" ") for word in _WORDS[name].split(",")]
    values = {
        field: list(value) if isinstance(value, tuple) else value
        for (_, field), value in zip(fields, message, strict=True)
    }
    if isinstance(message, g.Grant):
        values["sessionKey"] = "0x" + message.session_key.hex()
    other = encode_typed_data(
        {"name": "Strikebook", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "11" * 20},
        {name: [{"name": field, "type": kind} for kind, field in fields]},
        values,
    )
    assert g.struct_hash(message) == other.body


@pytest.mark.parametrize("kind", KINDS)
def test_packed_they_are_what_they_were(kind: int) -> None:
    message = KINDS[kind]
    signature = SIGNER.sign(g.message_digest(DOMAIN, message))
    raw = g.pack_signed(DOMAIN, message, signature)
    assert len(raw) <= 1_024
    assert g.unpack_signed(kind, raw) == (DOMAIN, message, signature)
    assert g.unpack_signed(kind, g.pack_signed(DOMAIN, message, b"")) == (DOMAIN, message, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_bytes_are_refused_or_signed_by_nobody(kind: int) -> None:
    rng = random.Random(kind)
    message = KINDS[kind]
    raw = g.pack_signed(DOMAIN, message, SIGNER.sign(g.message_digest(DOMAIN, message)))
    for _ in range(1_500):
        mutated = bytearray(raw)
        for _ in range(rng.randrange(1, 3)):
            mutated[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        if mutated == raw:
            continue
        try:
            domain, found, signature = g.unpack_signed(kind, bytes(mutated))
        except g.GrantFormatError:
            continue
        assert recover(g.message_digest(domain, found), signature) != SIGNER.address


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=300))
def test_any_bytes_are_refused_quietly(kind: int, raw: bytes) -> None:
    with pytest.raises(g.GrantFormatError):
        g.unpack_signed(kind, raw)


@pytest.mark.parametrize(
    "message",
    [
        GRANT._replace(number=0), GRANT._replace(number=1 << 31), GRANT._replace(scope=0),
        GRANT._replace(scope=8), GRANT._replace(session_key=b"short"), GRANT._replace(account=1 << 32),
        GRANT._replace(instruments=tuple(range(128))), GRANT._replace(nonce=1 << 64),
        GRANT._replace(underlyings=(-1,)), FRAME._replace(commands=b""), FRAME._replace(valid_until_ms=-1),
        REVOCATION._replace(nonce=-1), ENTRY._replace(grant=1 << 32), ENTRY._replace(valid_until_ms=1 << 64),
    ],
)  # fmt: skip
def test_fields_out_of_range_are_not_signed(message: g.Message) -> None:
    with pytest.raises(g.GrantFormatError):
        g.message_digest(DOMAIN, message)
    with pytest.raises(g.GrantFormatError):
        g.pack_signed(DOMAIN, message, b"")


def test_other_kinds_and_signatures_are_refused() -> None:
    with pytest.raises(g.GrantFormatError):
        g.unpack_signed(4, g.pack_signed(DOMAIN, FRAME, b""))
    with pytest.raises(g.GrantFormatError, match="65"):
        g.pack_signed(DOMAIN, FRAME, b"x")


def test_commands_of_the_owners_signature_have_a_number_of_their_own() -> None:
    assert FRAME.number == 1 << 31 | 3
    assert FRAME._replace(nonce=1 << 40 | 5).number == 1 << 31 | 5
    assert FRAME._replace(grant=7).number == 7
