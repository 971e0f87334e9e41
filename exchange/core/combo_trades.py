"""Booking what trades in combos, leg by leg, and its events COMBO_TRADE and TRADE (docs/rules-4.md).

Callers tell the makers' ORDERs, which follow, and take the lots off the makers.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_fees, combos, emit, extras, fees, ledger, margin, protection
from exchange.core.combo_open import find_seat
from exchange.core.combo_seats import lots_of_leg
from exchange.core.combo_terms import record_of
from exchange.core.layout import (
    A_LIQUIDATION,
    ACCOUNT_WORDS,
    C_LEG,
    C_LEGS,
    C_PART,
    C_RATIO,
    EXTRA,
    I_MULTIPLIER,
    I_TRADE_SEQ,
    INSTRUMENT_WORDS,
    LOW,
    O_FLAGS,
    O_ID,
    O_LABEL,
    O_PRICE,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
)
from exchange.core.world import World, pack
from exchange.domain import records as r


class Side:
    """Who takes: an order on its way, or the combo's order of an implied out in its second trade."""

    def __init__(self, account: i64, order_id: i64, label: i64) -> None:
        self.account = account
        self.order_id = order_id
        self.label = label


def tell(
    w: World, taker: Side, combo: i64, maker: i64, side: i64, kind: i64, price: i64, lots: i64
) -> None:
    """COMBO_TRADE; `maker` is the slot of the combo's order that makes (0: none), `side` the taker's."""
    maker_id: i64 = 0
    maker_account: i64 = 0
    if maker != 0:
        maker_id = w.orders.data[maker * ORDER_WORDS + O_ID]
        maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & LOW
    account: i64 = 0
    order_id: i64 = 0
    if kind != r.COMBO_OUT:
        account = taker.account
        order_id = taker.order_id
    i = combo * INSTRUMENT_WORDS
    w.instruments[i + I_TRADE_SEQ] += 1
    at = emit.begin(w, r.EV_COMBO_TRADE, 3, pack(account, combo), _next_trade(w))
    out = w.out
    out[at] = price
    out[at + 1] = lots
    out[at + 2] = order_id
    out[at + 3] = maker_id
    out[at + 4] = maker_account
    out[at + 5] = w.now_ms
    out[at + 6] = side | kind << 8
    out[at + 7] = w.instruments[i + I_TRADE_SEQ]


def _next_trade(w: World) -> i64:
    trade_id = w.prefix | w.next_trade
    w.next_trade += 1
    return trade_id


def _book(
    w: World,
    taker: Side,
    leg: i64,
    maker: i64,
    sell: i64,
    price: i64,
    lots: i64,
    taker_fee: i64,
    maker_fee: i64,
    flags: i64,
) -> None:
    """One TRADE: `taker` bought (sold) `lots` of a leg from the order in slot `maker`."""
    i = leg * INSTRUMENT_WORDS
    w.instruments[i + I_TRADE_SEQ] += 1
    value = price * lots * w.instruments[i + I_MULTIPLIER]
    maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & LOW
    ours = find_seat(w, taker.account, leg)
    theirs = find_seat(w, maker_account, leg)
    ledger.book_side(w, ours, leg, sell, lots, value, taker_fee)
    ledger.book_side(w, theirs, leg, 1 - sell, lots, value, maker_fee)
    flags |= sell | r.TRADE_COMBO
    if w.accounts[taker.account * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_NONE:
        flags |= r.TRADE_LIQUIDATION
    emit.trade(
        w, _next_trade(w), pack(taker.account, leg), maker, taker.order_id, taker.label, flags, price, lots,
        value, maker_fee, taker_fee,
    )  # fmt: skip
    margin.revalue_seat(w, ours)
    margin.revalue_seat(w, theirs)


def in_book(w: World, taker: Side, combo: i64, maker: i64, sell: i64, lots: i64) -> None:
    """A match in a combo's own book, at the price of the maker in slot `maker`."""
    price = w.orders.data[maker * ORDER_WORDS + O_PRICE]
    combos_data = w.combos.data
    c = record_of(w, combo)
    # What cannot be given to the legs halts the engine: there is no such price.
    w.parts_drift += combos.divide(w, c, price)
    tell(w, taker, combo, maker, sell, r.COMBO_BOOK, price, lots)
    maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & LOW
    number: i64 = 0
    while number < combos_data[c + C_LEGS]:
        leg = combos_data[c + C_LEG + number]
        part = combos_data[c + C_PART + number]
        size = lots_of_leg(w, combo, number, sell, lots)
        sells: i64 = 1 if size < 0 else 0
        if size < 0:
            size = -size
        value = part * size * w.instruments[leg * INSTRUMENT_WORDS + I_MULTIPLIER]
        full = fees.taker_micro(w, taker.account, leg, size, value)
        taker_fee = combo_fees.taker_micro(w, taker.account, leg, size, value)
        maker_fee = combo_fees.maker_micro(w, maker_account, leg, size, value, full, taker_fee)
        _book(w, taker, leg, maker, sells, part, size, taker_fee, maker_fee, 0)
        number += 1


def from_leg(w: World, taker: Side, leg: i64, maker: i64, sell: i64, lots: i64) -> None:
    """A taker of a combo meets the order of a leg in slot `maker` (implied in)."""
    price = w.orders.data[maker * ORDER_WORDS + O_PRICE]
    value = price * lots * w.instruments[leg * INSTRUMENT_WORDS + I_MULTIPLIER]
    maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & LOW
    taker_fee = combo_fees.taker_micro(w, taker.account, leg, lots, value)
    maker_fee = fees.maker_micro(w, maker_account, leg, lots, value, taker_fee)
    _book(w, taker, leg, maker, sell, price, lots, taker_fee, maker_fee, 0)
    note(w, leg, maker, sell, lots)


def to_leg(w: World, taker: Side, leg: i64, maker: i64, sell: i64, price: i64, lots: i64) -> None:
    """A taker of a leg meets the combo's order in slot `maker` (implied out, the first trade)."""
    value = price * lots * w.instruments[leg * INSTRUMENT_WORDS + I_MULTIPLIER]
    maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & LOW
    taker_fee = fees.taker_micro(w, taker.account, leg, lots, value)
    maker_fee = combo_fees.maker_micro(w, maker_account, leg, lots, value, taker_fee, taker_fee)
    _book(w, taker, leg, maker, sell, price, lots, taker_fee, maker_fee, 0)
    if w.taker_group != 0:
        protection.count(w, w.taker_group, leg, sell, lots)


def between_makers(w: World, middle: i64, leg: i64, maker: i64, sell: i64, lots: i64) -> None:
    """The combo's order in slot `middle` meets the order of the other leg in slot `maker` (implied out)."""
    price = w.orders.data[maker * ORDER_WORDS + O_PRICE]
    value = price * lots * w.instruments[leg * INSTRUMENT_WORDS + I_MULTIPLIER]
    m = middle * ORDER_WORDS
    orders = w.orders.data
    taker = Side(orders[m + O_WHO] & LOW, orders[m + O_ID], orders[m + O_LABEL] & LOW)
    maker_account = orders[maker * ORDER_WORDS + O_WHO] & LOW
    taker_fee = combo_fees.resting_taker_micro(w, taker.account, leg, lots, value)
    maker_fee = fees.maker_micro(w, maker_account, leg, lots, value, taker_fee)
    _book(w, taker, leg, maker, sell, price, lots, taker_fee, maker_fee, r.TRADE_RESTS)
    note(w, leg, maker, sell, lots)


def note(w: World, leg: i64, maker: i64, sell: i64, lots: i64) -> None:
    """A leg's maker was filled by an implied order: its protection group and its links see it.

    `sell` is the side of who took.
    """
    o = maker * ORDER_WORDS
    flags = w.orders.data[o + O_FLAGS]
    if flags & r.FLAG_MMP != 0:
        protection.change(w, flags, -lots)
        protection.count(w, protection.group_of(w, flags), leg, 1 - sell, lots)
    if flags & EXTRA != 0:
        extras.hit(w, w.orders.data[o + O_ID], lots)


def value_of(w: World, slot: i64, price: i64, lots: i64) -> None:
    """Have a combo's order, about to be filled at its own price, count a better one in its filled value."""
    o = slot * ORDER_WORDS
    w.orders.data[o + O_VALUE] += (price - w.orders.data[o + O_PRICE]) * lots


def price_of_parts(w: World, combo: i64, first: i64, second: i64) -> i64:
    """What a combo of two legs costs at the prices of its legs."""
    return first + w.combos.data[record_of(w, combo) + C_RATIO + 1] * second
