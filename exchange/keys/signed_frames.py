"""Frames of commands that their signature authorises: the owner's, or that of the key a grant names.

Everything is judged before anything is sequenced. An owner's frame goes into the log behind a GRANT record
of its own, in one run with it, and its commands name that record's number; a session key's commands name the
grant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from exchange.attest import grants as g
from exchange.attest.grant_scope import named
from exchange.attest.keccak import keccak
from exchange.domain import commands, lane
from exchange.domain import records as r
from exchange.edge import lane as packed_records
from exchange.edge.pending import OnEvents
from exchange.keys.grant_checks import must_allow
from exchange.keys.grants import Grants
from exchange.keys.replays import ReplayLog
from exchange.wire.errors import invalid_param, other_reject
from exchange.wire.session import RpcError
from exchange.wire.session_methods import Clock

COMMANDS_MAX: Final = 20
FRAME_MS: Final = 60_000
"""A frame is good for so long at most: replays are remembered for twice that."""


class Host(Protocol):
    """What of the venue frames use."""

    clock: Clock

    def underlying_of(self, instrument: int) -> int | None: ...

    def instrument_of(self, order_id: int) -> int | None: ...

    def must_be_tradable(self, account: int, instrument: int, *, reduce_only: bool) -> None: ...

    def submit_run(
        self, packed: bytes, count: int, on_events: OnEvents, *, is_cancel: bool = False
    ) -> None: ...


class Signed(NamedTuple):
    """A frame as it came: its commands packed, account, grant and label zero."""

    frame: g.Frame
    packed: bytes
    signature: bytes


class Answer(NamedTuple):
    """What became of a frame: its commands as they were sequenced, and their events."""

    commands: bytes
    events: bytes


Done = Callable[[Answer | RpcError], None]


class SignedFrames:
    """Takes frames. All methods run on the loop."""

    def __init__(self, host: Host, grants: Grants, replays: ReplayLog | None) -> None:
        self._host = host
        self._grants = grants
        self._replays = replays or ReplayLog(None, host.clock)

    def submit(self, signed: Signed, done: Done) -> None:
        """Verify a frame and sequence its commands; `done` is told their events, or why it was not taken.

        Raises:
            RpcError: -32602 no such account, or commands that are none; 11030 `frame_expired`,
                `frame_too_far_ahead`, `grant_revoked`, and whatever the grant does not allow; 13020 no such
                grant; 13021 a product is switched off; 13503 nobody can verify now.
        """
        frame = signed.frame
        self._grants.must_have_rules()
        self._grants.must_have_account(frame.account)
        if keccak(signed.packed) != frame.commands:
            raise invalid_param("commands", "are not what was signed")
        owned = self._owned(signed)
        self._must_be_timely(frame)
        self._must_be_granted(frame, owned)

        def judge(signer: bytes | None) -> None:
            self._must_be_timely(frame)
            expected = self._must_be_granted(frame, owned)
            if signer is None or signer != expected:
                raise other_reject("not_the_signature_of_this_key", param="signature")
            digest = g.message_digest(self._grants.domain, frame)
            self._replays.take(f"frames of {frame.account}", digest)
            self._sequence(signed, owned, done)

        def refused(why: RpcError | None) -> None:
            if why is not None:
                done(why)

        self._grants.verify(frame, signed.signature, judge, refused)

    def _owned(self, signed: Signed) -> bytes:
        """The commands with their account and grant."""
        frame, packed = signed.frame, signed.packed
        count = _count(packed)
        if not 1 <= count <= COMMANDS_MAX:
            raise invalid_param("commands", f"1 to {COMMANDS_MAX} in one frame")
        fault, _, quotes, owned = packed_records.owned(packed, 0, count, frame.account)
        if fault:
            raise invalid_param("commands", lane.FAULTS[fault])
        if quotes:
            raise invalid_param("commands", "quotes need a session, whose end takes them back")
        out = bytearray(owned)
        for at in _starts(owned):
            if not frame.grant and any(owned[at + 16 : at + 24]):
                raise invalid_param("commands", "a client order id needs a grant: the signature has a nonce")
            out[at + 24 : at + 28] = frame.number.to_bytes(4, "little")
        return bytes(out)

    def _must_be_timely(self, frame: g.Frame) -> None:
        now_ms = self._host.clock.now_ms()
        if frame.valid_until_ms <= now_ms:
            raise other_reject("frame_expired", param="valid_until")
        if frame.valid_until_ms > now_ms + FRAME_MS:
            raise other_reject("frame_too_far_ahead", param="valid_until", limit_ms=FRAME_MS)

    def _must_be_granted(self, frame: g.Frame, owned: bytes) -> bytes:
        """Raises RpcError where the commands are not allowed; whose signature the frame needs."""
        host = self._host
        for each in named(owned):
            instrument = host.instrument_of(each.order_id) if each.order_id else each.instrument
            if each.kind in (r.NEW_ORDER, r.AMEND) and instrument is not None:
                host.must_be_tradable(frame.account, instrument, reduce_only=each.reduce_only)
        if not frame.grant:
            return self._grants.owner_of(frame.account)
        held = self._grants.get(frame.account, frame.grant)
        if not held.is_good:
            raise other_reject("grant_revoked", param="grant")
        must_allow(held.grant, owned, host.clock.now_ms(), host.underlying_of, host.instrument_of)
        return held.grant.session_key

    def _sequence(self, signed: Signed, owned: bytes, done: Done) -> None:
        frame = signed.frame
        record = b""
        if not frame.grant:
            body = g.pack_signed(self._grants.domain, frame, signed.signature)
            record = commands.grant(frame.account, frame.number, r.GRANT_SIGNED, body)

        def finished(events: bytes) -> None:
            own = events[r.EVENT_UNITS[r.EV_DONE] * r.UNIT_BYTES :] if record else events
            done(Answer(owned, own))

        self._host.submit_run(record + owned, _count(owned) + bool(record), finished)


def _starts(packed: bytes) -> list[int]:
    """Where each record begins; none beyond what is no record."""
    found = []
    at = 0
    while at + r.UNIT_BYTES <= len(packed):
        found.append(at)
        at += (int.from_bytes(packed[at + 2 : at + 4], "little") or 1) * r.UNIT_BYTES
    return found


def _count(packed: bytes) -> int:
    return len(_starts(packed))
