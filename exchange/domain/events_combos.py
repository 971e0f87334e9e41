"""Reader of the event of rules version 4 (docs/rules-4.md)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain.event_header import Header

_COMBO_TRADE: Final = struct.Struct("<qqQQI4xqBB6xq")


class ComboTrade(NamedTuple):
    """A match that trades a combo (`head.instrument`); the TRADEs of its legs follow.

    `head.account` is the taker's, 0 where the taker is an order of a leg (implied out), as are its order_id;
    the maker's are 0 where the makers are orders of the legs (implied in).
    """

    head: Header
    price_ticks: int
    """Σ ratio · price of its TRADEs; may be negative."""
    lots: int
    taker_order_id: int
    maker_order_id: int
    maker_account: int
    time_ms: int
    side: int
    """The taker's: 0 buys, 1 sells the combo."""
    kind: int
    """`records.COMBO_BOOK`, COMBO_IN or COMBO_OUT."""
    trade_seq: int

    @property
    def trade_id(self) -> int:
        return self.head.id


def read(head: Header, data: bytes, body: int) -> ComboTrade:
    """The event whose body starts at byte `body`. Raises struct.error where it is cut short."""
    return ComboTrade(head, *_COMBO_TRADE.unpack_from(data, body))
