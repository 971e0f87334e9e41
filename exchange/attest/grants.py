"""What owners and session keys sign so that commands are taken from them (docs/authorisation.md).

Four messages, each under EIP-712: a grant and its revocation, signed by the owner of an account; a frame of
commands, signed by the owner or by the key that a grant names; that key's entry into a session. All but the
last packed as GRANT records hold them (docs/formats.md), integers little-endian: chain id u64 · contract
(20) ‖ zero (4) · the fields · the signature (65).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.attest import eip712
from exchange.attest.eip712 import SIGNATURE_BYTES, Domain, address_word
from exchange.attest.keccak import keccak, word
from exchange.domain import records as r

NEW: Final = 1
AMEND: Final = 2
CANCEL: Final = 4
SCOPE: Final = NEW | AMEND | CANCEL
LISTED_MAX: Final = 128
"""How many underlyings and instruments a grant may name."""
_GRANT_TYPE: Final = keccak(
    b"Grant(uint32 account,uint32 number,address sessionKey,uint32 scope,uint32[] underlyings,"
    b"uint32[] instruments,uint64 maxOrderLots,uint64 expiryMs,uint64 nonce)"
)
_REVOCATION_TYPE: Final = keccak(b"Revocation(uint32 account,uint32 number,uint64 nonce)")
_FRAME_TYPE: Final = keccak(
    b"Frame(uint32 account,uint32 grant,uint64 nonce,uint64 validUntilMs,bytes32 commands)"
)
_ENTRY_TYPE: Final = keccak(b"Entry(uint32 account,uint32 grant,uint64 nonce,uint64 validUntilMs)")
_DOMAIN: Final = struct.Struct("<Q20s4x")
_GRANT: Final = struct.Struct("<IIIHHQQQ20s4x")
_REVOCATION: Final = struct.Struct("<IIQ")
_FRAME: Final = struct.Struct("<IIQQ32s")
_U32: Final = 0xFFFF_FFFF
_U64: Final = 0xFFFF_FFFF_FFFF_FFFF


class GrantFormatError(ValueError):
    """Fields out of range, or bytes that are no such message."""


class Grant(NamedTuple):
    """The owner of `account` lets `session_key` (20 bytes) send commands of `scope` under `number`, until
    `expiry_ms`. No underlyings and no instruments: all; else what is in either. `max_order_lots` 0: as the
    venue has it. `number` is 1 … 2^31 − 1, never used before by the account."""

    account: int
    number: int
    session_key: bytes
    scope: int
    underlyings: tuple[int, ...]
    instruments: tuple[int, ...]
    max_order_lots: int
    expiry_ms: int
    nonce: int


class Revocation(NamedTuple):
    """The owner takes a grant back."""

    account: int
    number: int
    nonce: int


class Frame(NamedTuple):
    """Commands to be taken until `valid_until_ms`, once. `grant` 0: signed by the owner. `commands` is the
    keccak of their bytes as they are sent: account and grant zero."""

    account: int
    grant: int
    nonce: int
    valid_until_ms: int
    commands: bytes

    @property
    def number(self) -> int:
        """What the commands name as their grant: the grant, or one number of this signature."""
        return self.grant or r.GRANT_OF_SIGNATURE | self.nonce & r.GRANT_OF_SIGNATURE - 1


class Entry(NamedTuple):
    """The session key of `grant` opens a session on a connection, until `valid_until_ms`, once."""

    account: int
    grant: int
    nonce: int
    valid_until_ms: int


Message = Grant | Revocation | Frame
"""What a GRANT record may hold."""


def message_digest(domain: Domain, message: Message | Entry) -> bytes:
    """What is signed. Raises GrantFormatError for fields out of range."""
    return eip712.typed_digest(eip712.domain_separator(domain), struct_hash(message))


def struct_hash(message: Message | Entry) -> bytes:
    """The hash of the message itself. Raises GrantFormatError for fields out of range."""
    must_fit(message)
    if isinstance(message, Grant):
        return keccak(
            b"".join(
                (
                    _GRANT_TYPE,
                    word(message.account),
                    word(message.number),
                    address_word(message.session_key),
                    word(message.scope),
                    keccak(b"".join(word(each) for each in message.underlyings)),
                    keccak(b"".join(word(each) for each in message.instruments)),
                    word(message.max_order_lots),
                    word(message.expiry_ms),
                    word(message.nonce),
                )
            )
        )
    if isinstance(message, Revocation):
        return keccak(_REVOCATION_TYPE + b"".join(word(each) for each in message))
    if isinstance(message, Entry):
        return keccak(_ENTRY_TYPE + b"".join(word(each) for each in message))
    numbers = b"".join(word(each) for each in message[:4])
    return keccak(_FRAME_TYPE + numbers + message.commands)


def must_fit(message: Message | Entry) -> None:
    """Raises GrantFormatError for fields out of range."""
    narrow: tuple[int, ...]
    wide: tuple[int, ...]
    if isinstance(message, Grant):
        listed = (*message.underlyings, *message.instruments)
        narrow = (message.account, message.number, message.scope, *listed)
        wide = (message.max_order_lots, message.expiry_ms, message.nonce)
        if len(listed) > LISTED_MAX or len(message.session_key) != eip712.ADDRESS_BYTES:
            raise GrantFormatError(f"a session key has 20 bytes, and {LISTED_MAX} names at most are listed")
        if not 0 < message.number < r.GRANT_OF_SIGNATURE or message.scope & ~SCOPE or not message.scope:
            raise GrantFormatError("the number or the scope of a grant is out of range")
    elif isinstance(message, Revocation):
        narrow, wide = (message.account, message.number), (message.nonce,)
    else:
        narrow, wide = (message.account, message.grant), (message.nonce, message.valid_until_ms)
        if isinstance(message, Frame) and len(message.commands) != 32:
            raise GrantFormatError("a hash has 32 bytes")
    if any(not 0 <= each <= _U32 for each in narrow) or any(not 0 <= each <= _U64 for each in wide):
        raise GrantFormatError("a field is out of range")


def pack_signed(domain: Domain, message: Message, signature: bytes) -> bytes:
    """The bytes of a GRANT record. An empty signature: the venue answers for it. Raises GrantFormatError."""
    must_fit(message)
    if signature and len(signature) != SIGNATURE_BYTES:
        raise GrantFormatError("a signature has 65 bytes")
    start = _DOMAIN.pack(domain.chain_id, domain.contract)
    if isinstance(message, Grant):
        listed = (*message.underlyings, *message.instruments)
        counts = (len(message.underlyings), len(message.instruments))
        numbers = (message.account, message.number, message.scope, *counts)
        wide = (message.max_order_lots, message.expiry_ms, message.nonce)
        body = _GRANT.pack(*numbers, *wide, message.session_key) + struct.pack(f"<{len(listed)}I", *listed)
    elif isinstance(message, Revocation):
        body = _REVOCATION.pack(*message)
    else:
        body = _FRAME.pack(*message)
    return start + body + (signature or bytes(SIGNATURE_BYTES))


def unpack_signed(kind: int, raw: bytes) -> tuple[Domain, Message, bytes]:
    """What a GRANT record of `kind` (`records.GRANT_…`) holds; an empty signature where it has none.

    Raises:
        GrantFormatError: bytes that `pack_signed` would not have made.
    """
    try:
        domain = Domain(*_DOMAIN.unpack_from(raw))
        body, signature = raw[_DOMAIN.size : -SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
        message = _message(kind, body)
        signature = b"" if signature == bytes(SIGNATURE_BYTES) else signature
        whole = pack_signed(domain, message, signature) == raw
    except struct.error as wrong:
        raise GrantFormatError(str(wrong)) from None
    if not whole:
        raise GrantFormatError("no whole message")
    return domain, message, signature


def _message(kind: int, body: bytes) -> Message:
    if kind == r.GRANT_REVOKED:
        return Revocation(*_REVOCATION.unpack(body))
    if kind == r.GRANT_SIGNED:
        return Frame(*_FRAME.unpack(body))
    if kind != r.GRANT_ACTIVATED:
        raise GrantFormatError(f"unknown kind {kind}")
    account, number, scope, first, second, lots, expiry_ms, nonce, key = _GRANT.unpack_from(body)
    listed = struct.unpack(f"<{first + second}I", body[_GRANT.size :])
    return Grant(account, number, key, scope, listed[:first], listed[first:], lots, expiry_ms, nonce)
