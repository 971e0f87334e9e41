"""What each side of a fill was authorised by, out of the events of its command (docs/authorisation.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.records import UNIT_BYTES

VENUE: Final = 0
SIGNED_ORDER: Final = 1
GRANT: Final = 2
LIQUIDATION: Final = 3
EXPIRY: Final = 4
BLOCK: Final = 5
_LIQUIDATED: Final = 2  # in a TRADE's w11
_OF_BLOCK: Final = 4


class FillClasses(NamedTuple):
    """The classes of both sides of one trade."""

    trade_id: int
    maker: int
    taker: int


class Unauthorised(ValueError):
    """A trade whose command tells nothing of one of its orders."""


def class_of_grant(grant: int) -> int:
    """The class of an order that names this grant."""
    return SIGNED_ORDER if grant & r.GRANT_OF_SIGNATURE else GRANT


def fill_classes(events: bytes) -> list[FillClasses]:
    """The classes of all trades among the events of **one** command, in order.

    Raises:
        Unauthorised: an order of a trade has no event of its own here.
    """
    grants: dict[int, int] = {}
    trades: list[tuple[int, int, int, int]] = []
    for at in _places(events):
        kind = events[at]
        if kind == r.EV_ORDER:
            grants[_word(events, at, 3)] = _word(events, at, 10) >> 32
        elif kind == r.EV_TRADE:
            orders = _word(events, at, 4), _word(events, at, 5)
            trades.append((_word(events, at, 3), *orders, _word(events, at, 11)))
    return [
        FillClasses(trade_id, _side(grants, maker, flags & ~_LIQUIDATED), _side(grants, taker, flags))
        for trade_id, maker, taker, flags in trades
    ]


def frame_classes(events: bytes) -> dict[int, int]:
    """The classes of all trades of a frame of events, by trade id: maker's << 4 | taker's, as settlement's
    steps hold them. The events of each command are all there.

    Raises:
        Unauthorised: as `fill_classes`.
    """
    found: dict[int, int] = {}
    start, at, seq, has_trade = 0, 0, events[8:16], False
    for at in _places(events):
        if events[at + 8 : at + 16] != seq:
            if has_trade:
                found.update(_packed(events[start:at]))
            start, seq, has_trade = at, events[at + 8 : at + 16], False
        has_trade = has_trade or events[at] == r.EV_TRADE
    if has_trade:
        found.update(_packed(events[start:]))
    return found


def _packed(events: bytes) -> dict[int, int]:
    return {each.trade_id: each.maker << 4 | each.taker for each in fill_classes(events)}


def _side(grants: dict[int, int], order_id: int, flags: int) -> int:
    if flags & _OF_BLOCK:
        return BLOCK
    if flags & _LIQUIDATED:
        return LIQUIDATION
    if order_id not in grants:
        raise Unauthorised(f"nothing is told of order {order_id}")
    return class_of_grant(grants[order_id])


def _word(events: bytes, at: int, number: int) -> int:
    return int.from_bytes(events[at + 8 * number : at + 8 * number + 8], "little")


def _places(events: bytes) -> Iterator[int]:
    at = 0
    while at < len(events):
        yield at
        at += (int.from_bytes(events[at + 2 : at + 4], "little") or 1) * UNIT_BYTES
