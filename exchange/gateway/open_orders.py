"""Open orders as they stand now: the price a trailing stop is at, the group a quote belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from exchange.core import order_queries
from exchange.domain import records as r
from exchange.gateway.order_extras import live
from exchange.gateway.read_records import read_order
from exchange.gateway.venue import Venue
from exchange.wire.envelope import encode_json
from exchange.wire.extended import TRIGGER_TYPES

_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_ALL_OF_KIND: Final = {
    "stop_all": r.TRIGGER_STOP,
    "take_all": r.TRIGGER_TAKE,
    "trailing_all": r.TRIGGER_TRAILING,
    "trailing_stop": r.TRIGGER_TRAILING,
}
TYPE_FILTERS: Final = frozenset({"all", "limit", "trigger_all", *_ALL_OF_KIND, *TRIGGER_TYPES})
Matches = Callable[[bytes, int], bool]


def type_filter(venue: Venue, wanted: str) -> Matches:
    """Whether the open order whose ORDER is at a byte of a record is of a type; `limit`: in a book."""
    if wanted == "all":
        return lambda _packed, _at: True
    if wanted == "limit":
        return lambda packed, at: packed[at + 69] == r.ORDER_STATE_OPEN
    if wanted == "trigger_all":
        return lambda packed, at: packed[at + 69] == r.ORDER_STATE_UNTRIGGERED
    kind = _ALL_OF_KIND.get(wanted, TRIGGER_TYPES.get(wanted))
    plain = None if wanted in _ALL_OF_KIND else wanted.endswith("_market")

    def matches(packed: bytes, at: int) -> bool:
        if packed[at + 69] != r.ORDER_STATE_UNTRIGGERED:
            return False
        extra = venue.views.extras.get(int.from_bytes(packed[at + 24 : at + 32], "little"))
        if extra is None or extra.trigger != kind:
            return False
        flags = int.from_bytes(packed[at + 64 : at + 68], "little")
        is_market = (flags & _TYPE_BITS) >> r.TYPE_SHIFT == r.TYPE_MARKET
        return plain is None or is_market == plain

    return matches


def open_order_json(venue: Venue, packed: bytes, at: int) -> Raw:
    """The open order whose ORDER record is at byte `at`, read from the engine."""
    order_id = int.from_bytes(packed[at + 24 : at + 32], "little")
    live(venue.engine, order_id, venue.views.extras)
    flags = int.from_bytes(packed[at + 64 : at + 68], "little")
    text = venue.rendering.order_json(packed, at)
    if not flags & r.FLAG_MMP or b',"mmp_group":' in text:
        return Raw(text)
    group = order_queries.order_group(venue.engine, order_id)
    if group < 0:
        return Raw(text)
    account = read_order(packed[at:]).head.account
    name = encode_json(venue.settings.groups.name(account, group))
    return Raw(b'%b,"mmp_group":%b}' % (text[:-1], name))
