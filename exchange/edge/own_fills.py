"""An account's side of a match as JSON, straight from the buffers of released events."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import limits
from exchange.domain import records as r
from exchange.edge.objects import Objects, orders_behind
from exchange.edge.released import DIRECTION_MASK, NUMBER_SHIFT, UNIT_MASK, UNIT_SHIFT, Past

Called = Callable[[int, int, bool], bytes]
"""What a fill's object says of the label of (account, label id, whether its order is a quote): JSON members,
each with its comma."""


@final
class OwnFills:
    """Writes fills of one venue, by their places in `past`."""

    def __init__(self, objects: Objects, past: Past, called: Called) -> None:
        self._objects = objects
        self._past = past
        self._called = called

    def write(
        self, account: int, places: list[int], posted_seq: int, confirmed_seq: int, final_seq: int
    ) -> list[bytes]:
        """The account's sides of the TRADEs at places that are kept; commands up to `posted_seq` are in a
        batch on the L1, those up to `confirmed_seq` in one behind enough blocks, those up to `final_seq` in
        one beyond dispute. Empty where it is of a combo or of a block, or its numbers are too large to be
        written here."""
        found: list[bytes] = []
        for place in places:
            events = self._past.buffers[place >> NUMBER_SHIFT]
            at = ((place >> UNIT_SHIFT) & UNIT_MASK) * r.UNIT_BYTES
            counter = read_i64_le(events, at + 8) & limits.COUNTER_MASK
            finality = 0
            if counter <= final_seq:
                finality = 3
            elif counter <= confirmed_seq:
                finality = 2
            elif counter <= posted_seq:
                finality = 1
            found.append(self._written(account, events, at, place & DIRECTION_MASK, finality))
        return found

    def _written(self, account: i64, events: bytes, at: i64, direction: i64, finality: i64) -> bytes:
        if read_i64_le(events, at) & 0xFF != r.EV_TRADE or read_i64_le(events, at + 32) == 0:
            return b""
        if read_i64_le(events, at + 88) & r.TRADE_COMBO:
            return b""
        is_maker = read_i64_le(events, at + 64) & r.U32 == account
        maker, taker = orders_behind(events, int(at))
        own = maker if is_maker else taker
        is_quote = own >= 0 and read_i64_le(events, own + 64) & r.FLAG_QUOTE != 0
        labels = read_i64_le(events, at + 144)
        label = labels & r.U32 if is_maker else labels >> 32 & r.U32
        more = self._called(int(account), int(label), is_quote) if label or is_quote else b""
        return self._objects.trade(
            events, int(at), events, own, is_maker, int(direction), int(finality), more
        )
