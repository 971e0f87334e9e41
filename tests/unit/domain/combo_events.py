"""Events of combos made by hand, in the layouts of docs/formats.md."""

from __future__ import annotations

import struct
from typing import NamedTuple

from exchange.domain import records as r

COMBO = 9
LOW, HIGH = 3, 4  # its legs
TAKER, MAKER, OTHER = 70, 71, 72
TAKER_ORDER, MAKER_ORDER, OTHER_ORDER = 501, 502, 503
NOW_MS = 1_790_000_000_000


class LegTrade(NamedTuple):
    """One TRADE of a leg: prices in ticks, fees in micro-USDC, values of one lot and tick being 1."""

    instrument: int
    taker: int
    maker: int
    taker_order: int
    maker_order: int
    price: int
    lots: int
    sells: bool = False
    flags: int = 0
    fees: tuple[int, int] = (3, 7)
    mark: int = 0


def head(kind: int, units: int, index: int, account: int, instrument: int, ident: int, seq: int = 5) -> bytes:
    return struct.pack("<BBHIQIIq", kind, 1, units, index, seq, account, instrument, ident)


def combo_trade(
    kind: int,
    *,
    price: int = 40,
    lots: int = 2,
    sells: bool = False,
    trade_id: int = 100,
    trade_seq: int = 6,
    index: int = 0,
    seq: int = 5,
) -> bytes:
    taker, taker_order = (0, 0) if kind == r.COMBO_OUT else (TAKER, TAKER_ORDER)
    maker, maker_order = (0, 0) if kind == r.COMBO_IN else (MAKER, MAKER_ORDER)
    body = struct.pack(
        "<qqqqIIqBB6xq", price, lots, taker_order, maker_order, maker, 0, NOW_MS, sells, kind, trade_seq
    )
    return head(r.EV_COMBO_TRADE, 3, index, taker, COMBO, trade_id, seq) + body


def trade(leg: LegTrade, trade_id: int, index: int, seq: int = 5) -> bytes:
    body = struct.pack(
        "<qqqqIIqqqqqqqqqIIq",
        leg.maker_order, leg.taker_order, leg.price, leg.lots, leg.maker, leg.taker, *leg.fees,
        leg.flags | r.TRADE_COMBO | leg.sells, NOW_MS, 60_000_000_000, leg.mark, 60_500_000_000, 11,
        leg.price * leg.lots, 21, 22, 0,
    )  # fmt: skip
    return head(r.EV_TRADE, 5, index, leg.taker, leg.instrument, trade_id, seq) + body


def order(
    account: int, order_id: int, kind: int, index: int, *, instrument: int = COMBO, seq: int = 5
) -> bytes:
    body = struct.pack(
        "<qqqqIBBHQIIqqqqq", 40, 2, 2, 0, 0, kind, r.ORDER_STATE_FILLED, 0, 0, 0, 0, 80, NOW_MS, NOW_MS, 0, 0
    )
    return head(r.EV_ORDER, 4, index, account, instrument, order_id, seq) + body


def of_the_book() -> bytes:
    """A buyer of two call spreads meets a seller of the combo's own book."""
    return b"".join(
        (
            combo_trade(r.COMBO_BOOK),
            trade(LegTrade(LOW, TAKER, MAKER, TAKER_ORDER, MAKER_ORDER, 100, 2, mark=900), 101, 1),
            trade(LegTrade(HIGH, TAKER, MAKER, TAKER_ORDER, MAKER_ORDER, 60, 2, True, mark=500), 102, 2),
            order(MAKER, MAKER_ORDER, r.ORDER_FILLED, 3),
            order(TAKER, TAKER_ORDER, r.ORDER_PLACED, 4),
        )
    )


def implied_in() -> bytes:
    """The same buyer meets an order of each leg."""
    return b"".join(
        (
            combo_trade(r.COMBO_IN),
            trade(LegTrade(LOW, TAKER, MAKER, TAKER_ORDER, MAKER_ORDER, 100, 2, mark=900), 101, 1),
            order(MAKER, MAKER_ORDER, r.ORDER_FILLED, 2, instrument=LOW),
            trade(LegTrade(HIGH, TAKER, OTHER, TAKER_ORDER, OTHER_ORDER, 60, 2, True, mark=500), 102, 3),
            order(OTHER, OTHER_ORDER, r.ORDER_FILLED, 4, instrument=HIGH),
            order(TAKER, TAKER_ORDER, r.ORDER_PLACED, 5),
        )
    )


def implied_out() -> bytes:
    """A buyer of the low call meets a seller of the spread, who buys the high call of a third."""
    rests = r.TRADE_RESTS
    return b"".join(
        (
            combo_trade(r.COMBO_OUT),
            trade(LegTrade(LOW, TAKER, MAKER, TAKER_ORDER, MAKER_ORDER, 100, 2, mark=900), 101, 1),
            trade(
                LegTrade(HIGH, MAKER, OTHER, MAKER_ORDER, OTHER_ORDER, 60, 2, flags=rests, mark=500), 102, 2
            ),
            order(MAKER, MAKER_ORDER, r.ORDER_FILLED, 3),
            order(OTHER, OTHER_ORDER, r.ORDER_FILLED, 4, instrument=HIGH),
            order(TAKER, TAKER_ORDER, r.ORDER_PLACED, 5, instrument=LOW),
        )
    )
