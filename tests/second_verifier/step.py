"""The 64 bytes of a step (protocol.md: Steps)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.second_verifier.hashing import keccak
from tests.second_verifier.state import need

(
    INDEX, FILL, DEPOSIT, ACCOUNT, FAMILY, LISTING, STATE, UNDERLYING, FEES, RISK, DISCOUNT, HELD, RESOLVED,
    TRANSFER, LIQUIDATION, LIQUIDATION_FEE, SETTLE, HOLDER, SETTLED, TAKEOVER, MOVED, TOPPED, TAKEN,
    FUND_COVER, LOSS, DEFICIT, SHARE, LOSS_ENDED, MARK, RECLASS, FORCED, MOVING, MOVING_ENDED,
) = range(33)  # fmt: skip
FIELDS = ("classes", "flags", "instrument", "first", "second", "ident", "p", "q")
NAMED: dict[int, tuple[str, ...]] = {
    INDEX: ("instrument", "p"),
    FILL: ("classes", "flags", "instrument", "first", "second", "ident", "p", "q"),
    DEPOSIT: ("flags", "first", "ident", "p"),
    ACCOUNT: ("first", "ident"),
    FAMILY: ("flags", "first", "second"),
    LISTING: ("flags", "instrument"),
    STATE: ("flags", "instrument"),
    UNDERLYING: ("instrument", "ident"),
    FEES: ("flags",),
    RISK: ("instrument", "p"),
    DISCOUNT: ("p",),
    HELD: ("first", "ident", "p"),
    RESOLVED: ("flags", "first", "second", "ident", "p"),
    TRANSFER: ("first", "second", "ident", "p"),
    LIQUIDATION: ("flags", "first"),
    LIQUIDATION_FEE: ("instrument", "first", "p", "q"),
    SETTLE: ("flags", "instrument", "p"),
    HOLDER: ("instrument", "first"),
    SETTLED: ("instrument",),
    TAKEOVER: ("first", "second", "p"),
    MOVED: ("instrument", "first", "second", "p", "q"),
    TOPPED: ("p",),
    TAKEN: ("first", "second", "p"),
    FUND_COVER: ("first",),
    LOSS: ("first",),
    DEFICIT: ("first",),
    SHARE: ("first", "second", "p"),
    LOSS_ENDED: ("first",),
    MARK: ("instrument", "ident", "p"),
    RECLASS: ("flags", "instrument", "first", "second"),
    FORCED: ("first", "ident", "p", "q"),
    MOVING: ("first", "second"),
    MOVING_ENDED: ("first", "second"),
}
WITH_WORD = (DEPOSIT, ACCOUNT, LISTING, FEES)
_FORM = struct.Struct(">BBHIIIQq")


@dataclass
class Step:
    kind: int
    classes: int = 0
    flags: int = 0
    instrument: int = 0
    first: int = 0
    second: int = 0
    ident: int = 0
    p: int = 0
    q: int = 0
    word: bytes = bytes(32)  # of the kinds that have one; q is its beginning of the others
    terms: bytes = b""

    @classmethod
    def read(cls, data: bytes, terms: bytes = b"") -> Step:
        """A step from its 64 bytes; LISTING's terms beside."""
        step = cls(*_FORM.unpack_from(data))
        step.word, step.terms = data[32:], terms
        need(step.kind in NAMED, "an unknown kind")
        if step.kind not in WITH_WORD:
            step.q = int.from_bytes(data[32:40], "big", signed=True)
            need(not any(data[40:]), "bytes behind q")
        return step

    def pack(self) -> bytes:
        head = _FORM.pack(
            self.kind, self.classes, self.flags, self.instrument, self.first, self.second, self.ident, self.p
        )
        if self.kind in WITH_WORD:
            return head + self.word
        return head + self.q.to_bytes(8, "big", signed=True) + bytes(24)

    def check_fields(self) -> None:
        """Fields that its kind does not name are zero."""
        for name in FIELDS:
            if name not in NAMED[self.kind] and not (name == "q" and self.kind in WITH_WORD):
                need(getattr(self, name) == 0, f"{name} is not zero")
        if self.kind == LISTING:
            need(len(self.terms) == 192 and keccak(self.terms) == self.word, "terms")
        else:
            need(not self.terms, "terms of another step")
        if self.kind == ACCOUNT or (self.kind == DEPOSIT and self.flags):
            need(not any(self.word[20:]), "bytes behind the owner")
        elif self.kind == DEPOSIT:
            need(not any(self.word), "an owner of a deposit that was credited")
