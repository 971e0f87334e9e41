"""An account's side of a match as JSON, straight from the buffers of released events."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from librt.strings import read_i64_le
from mypy_extensions import i64

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

    def write(self, account: int, place: i64, finality: int) -> bytes:
        """The account's side of the TRADE at a place that is kept; `finality` as `Objects.trade`. Empty if it
        is of a combo or of a block, or its numbers are too large to be written here."""
        events = self._past.buffers[int(place >> NUMBER_SHIFT)]
        at = ((place >> UNIT_SHIFT) & UNIT_MASK) * r.UNIT_BYTES
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
        more = self._called(account, int(label), is_quote) if label or is_quote else b""
        direction = int(place & DIRECTION_MASK)
        return self._objects.trade(events, int(at), events, own, is_maker, direction, finality, more)
