"""What fills were authorised by, counted as events are released (docs/authorisation.md).

`exchange.attest.authorisation` tells the same of single commands; a test holds both equal.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r
from exchange.edge.released import size_of

UNTOLD: Final = 0
"""Of an order that its command tells nothing of: there is none."""
SIGNED_ORDER: Final = 1
GRANT: Final = 2
LIQUIDATION: Final = 3
EXPIRY: Final = 4
BLOCK: Final = 5
API_KEY: Final = 6
"""The venue's bounded grant: class 2 in settlement's data, told apart here."""
CLASSES: Final = 7
_LIQUIDATED: Final = 2  # in a TRADE's flags
_OF_BLOCK: Final = 4


@final
class ClassCounts:
    """By class since the start: fills (each side of a trade is one, each position at a delivery), their value
    and the fees they paid, in micro-USDC. The value of a position at a delivery is the cash it moved."""

    def __init__(self) -> None:
        self.fills = [0] * CLASSES
        self.values = [0] * CLASSES
        self.fees = [0] * CLASSES

    def take(self, events: bytes) -> None:
        """Count the fills among whole commands' events."""
        end: i64 = len(events)
        at: i64 = 0
        start: i64 = 0
        seq: i64 = -1
        has_trade = False
        while at < end:
            head = read_i64_le(events, at)
            own = read_i64_le(events, at + 8)
            if own != seq:
                if has_trade:
                    self._command(events, start, at)
                start = at
                seq = own
                has_trade = False
            kind = head & 0xFF
            if kind == r.EV_TRADE:
                has_trade = True
            elif kind == r.EV_SETTLED and read_i64_le(events, at + 24) == r.SETTLED_DELIVERY:
                moved = read_i64_le(events, at + 40)
                self._add(EXPIRY, moved if moved >= 0 else -moved, read_i64_le(events, at + 48))
            at += size_of(head, at)
        if has_trade:
            self._command(events, start, end)

    def _command(self, events: bytes, start: i64, end: i64) -> None:
        """The trades of one command."""
        grants: dict[int, int] = {}
        at = start
        while at < end:
            head = read_i64_le(events, at)
            if head & 0xFF == r.EV_ORDER:
                grants[int(read_i64_le(events, at + 24))] = int((read_i64_le(events, at + 80) >> 32) & r.U32)
            at += size_of(head, at)
        at = start
        while at < end:
            head = read_i64_le(events, at)
            if head & 0xFF == r.EV_TRADE:
                flags = read_i64_le(events, at + 88)
                value = read_i64_le(events, at + 136)
                maker = _class_of(grants, read_i64_le(events, at + 32), flags & ~_LIQUIDATED)
                taker = _class_of(grants, read_i64_le(events, at + 40), flags)
                self._add(maker, value, read_i64_le(events, at + 72))
                self._add(taker, value, read_i64_le(events, at + 80))
            at += size_of(head, at)

    def _add(self, number: i64, value_micro: i64, fee_micro: i64) -> None:
        self.fills[number] += 1
        self.values[number] += int(value_micro if value_micro >= 0 else -value_micro)
        self.fees[number] += int(fee_micro)


def _class_of(grants: dict[int, int], order_id: i64, flags: i64) -> i64:
    if flags & _OF_BLOCK:
        return BLOCK
    if flags & _LIQUIDATED:
        return LIQUIDATION
    grant = grants.get(int(order_id))
    if grant is None:
        return UNTOLD
    if grant == 0:
        return API_KEY
    return SIGNED_ORDER if grant & r.GRANT_OF_SIGNATURE else GRANT
