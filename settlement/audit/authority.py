"""Whether every command of a user was authorised, out of the command log and its events alone.

What the edge has checked before it sequenced anything is checked once more: records of grants are signed by
the owners, commands are within the grants they name, an owner's frame is the one that its record holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from exchange.attest import grants as g
from exchange.attest.eip712 import Domain
from exchange.attest.grant_scope import Breach, breach
from exchange.attest.keccak import keccak
from exchange.attest.signed_heads import Recover
from exchange.domain import records as r
from settlement.audit.findings import Finding

SLACK_MS: Final = 5_000
"""Between the edge's check of a time and the sequenced time of the command."""
_BREACHES: Final = {
    Breach.EXPIRED: "grant_expired",
    Breach.OUT_OF_SCOPE: "out_of_scope",
    Breach.TOO_LARGE: "order_too_large",
    Breach.NOT_GRANTED: "instrument_not_granted",
}


@dataclass
class _Open:
    """An owner's frame whose commands are being read."""

    seq: int
    account: int
    frame: g.Frame
    commands: bytearray = field(default_factory=bytearray)


class Authority:
    """Follows one shard's log from its first command on."""

    def __init__(self, domain: Domain, recover: Recover) -> None:
        self._domain = domain
        self._recover = recover
        self._owners: dict[int, bytes] = {}
        self._underlyings: dict[int, int] = {}
        self._orders: dict[int, int] = {}  # instruments of orders
        self._grants: dict[tuple[int, int], g.Grant] = {}
        self._revoked: set[tuple[int, int]] = set()
        self._frames: set[tuple[int, int, int]] = set()  # taken: account, nonce, good until
        self._open: _Open | None = None
        self._now_ms = 0

    def take(self, seq: int, command: bytes, events: bytes) -> list[Finding]:
        """The next command and its events; what is wrong with it."""
        found: list[Finding] = []
        kind = command[0]
        account, grant = _u32(command, 8), _u32(command, 24)
        belongs = self._open is not None and (account, grant) == (self._open.account, self._open.frame.number)
        if self._open is not None and not belongs:
            found += self._close()
        if kind == r.TIME:
            self._now_ms = max(self._now_ms, int.from_bytes(command[32:40], "little"))
        if kind == r.GRANT and events[:1] == bytes((r.EV_DONE,)):
            found += self._record(seq, command)
        elif belongs and self._open is not None:
            self._open.commands += _bare(command)
        elif grant & r.GRANT_OF_SIGNATURE:
            found.append(Finding(seq, "unsigned_command", f"no signature stands before grant {grant:#x}"))
        elif grant:
            found += self._under(seq, (account, grant), command)
        self._learn(events)
        return found

    def finish(self) -> list[Finding]:
        """What is wrong with the last frame."""
        return self._close() if self._open is not None else []

    def _under(self, seq: int, key: tuple[int, int], command: bytes) -> list[Finding]:
        held = self._grants.get(key)
        if held is None:
            return [Finding(seq, "unknown_grant", f"account {key[0]} has activated no grant {key[1]}")]
        if key in self._revoked:
            return [Finding(seq, "grant_revoked", f"grant {key[1]} of account {key[0]} was taken back")]
        past = self._now_ms - SLACK_MS
        wrong = breach(held, command, past, self._underlyings.get, self._orders.get)
        if wrong is None:
            return []
        return [Finding(seq, _BREACHES[wrong], f"grant {key[1]} of account {key[0]} does not allow it")]

    def _record(self, seq: int, command: bytes) -> list[Finding]:
        """A GRANT record."""
        kind, account, number = _u32(command, 4), _u32(command, 8), _u32(command, 12)
        raw = command[r.UNIT_BYTES : r.UNIT_BYTES + _u32(command, 28)]
        try:
            domain, message, signature = g.unpack_signed(kind, raw)
        except g.GrantFormatError as error:
            return [Finding(seq, "malformed_record", str(error))]
        named = message.number
        if (message.account, named) != (account, number) or domain != self._domain:
            return [Finding(seq, "malformed_record", "its bytes are of another account, grant or domain")]
        by_venue = isinstance(message, g.Revocation) and not signature
        if not by_venue and not self._is_owners(message, signature):
            return [Finding(seq, "forged_record", f"the owner of account {account} has not signed it")]
        if isinstance(message, g.Revocation):
            self._revoked.add((account, number))
        elif isinstance(message, g.Grant):
            return self._activate(seq, message)
        else:
            return self._begin(seq, message)
        return []

    def _activate(self, seq: int, grant: g.Grant) -> list[Finding]:
        key = grant.account, grant.number
        if self._grants.get(key, grant) != grant:
            return [Finding(seq, "grant_number_used", f"account {key[0]} has had another grant {key[1]}")]
        self._grants[key] = grant
        return []

    def _begin(self, seq: int, frame: g.Frame) -> list[Finding]:
        key = frame.account, frame.nonce, frame.valid_until_ms
        self._open = _Open(seq, frame.account, frame)
        if key in self._frames:
            return [Finding(seq, "replayed_frame", f"nonce {frame.nonce} of account {frame.account}")]
        self._frames.add(key)
        if frame.valid_until_ms < self._now_ms - SLACK_MS:
            return [Finding(seq, "late_frame", f"good until {frame.valid_until_ms}, it is {self._now_ms}")]
        return []

    def _close(self) -> list[Finding]:
        done, self._open = self._open, None
        if done is None or keccak(bytes(done.commands)) == done.frame.commands:
            return []
        return [Finding(done.seq, "other_commands", "not the commands that were signed follow the record")]

    def _is_owners(self, message: g.Message, signature: bytes) -> bool:
        owner = self._owners.get(message.account)
        digest = g.message_digest(self._domain, message)
        return owner is not None and self._recover(digest, signature) == owner

    def _learn(self, events: bytes) -> None:
        """Owners, underlyings of instruments, instruments of orders."""
        for event in records(events):
            if event[0] == r.EV_ORDER:
                self._orders[int.from_bytes(event[24:32], "little")] = _u32(event, 20)
            elif event[0] == r.EV_ACCOUNT:
                self._owners[_u32(event, 16)] = event[32:52]
            elif event[0] == r.EV_INSTRUMENT:
                self._underlyings[_u32(event, 20)] = _u32(event, 36)


def records(packed: bytes) -> Iterator[bytes]:
    """The records of a buffer, each by itself; what is cut short at the end is left out."""
    at = 0
    while at + r.UNIT_BYTES <= len(packed):
        end = at + (int.from_bytes(packed[at + 2 : at + 4], "little") or 1) * r.UNIT_BYTES
        yield packed[at:end]
        at = end


def _bare(command: bytes) -> bytes:
    """A command as its signer had it: account and grant zero."""
    return command[:8] + bytes(4) + command[12:24] + bytes(4) + command[28:]


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")
