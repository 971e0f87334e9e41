"""REPRICE: new prices of orders priced in volatility (docs/rules-3.md)."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, emit, extras, links
from exchange.core.admission import closed
from exchange.core.amending import demand_refused, move
from exchange.core.layout import (
    A_LIQUIDATION,
    ACCOUNT_WORDS,
    EXTRA_WORDS,
    LOW,
    O_FLAGS,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    O_WHO,
    ORDER_WORDS,
    X_VOLATILITY,
)
from exchange.core.matching import cancel
from exchange.core.waiting import are_due
from exchange.core.world import World
from exchange.domain import records as r


def reprice(w: World, batch: bytes, body: i64, who: i64, client: i64) -> None:
    """REPRICE with its body at byte `body`."""
    count = read_i64_le(batch, body)
    repriced: i64 = 0
    at = body + 32
    while count > 0:
        slot = w.order_ids.find(read_i64_le(batch, at))
        if slot != 0:
            repriced += _reprice(w, slot, read_i64_le(batch, at + 8))
            if len(w.noted) != 0:
                links.follow(w)
        at += 32
        count -= 1
    emit.done(w, r.REPRICE, who, client, repriced)


def _reprice(w: World, slot: i64, price: i64) -> i64:
    """Move one order to a price. Returns 1 if it was amended, else 0."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    instrument = orders[o + O_WHO] >> 32
    extra = extras.find(w, slot)
    if extra == 0 or w.extras.data[extra * EXTRA_WORDS + X_VOLATILITY] == 0 or orders[o + O_PRICE] == price:
        return 0
    if are_due(w, instrument) or closed(w, instrument) != 0:
        return 0
    account = orders[o + O_WHO] & r.U32
    if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_NONE:
        return 0
    flags = orders[o + O_FLAGS] & LOW
    sell = flags & 1
    opened = orders[o + O_LOTS] & LOW
    reason = checks.price_refused(w, instrument, sell, price)
    if reason == 0:
        w.c_price = price
        reason = demand_refused(w, slot, instrument, sell, opened, False)
    w.detail = 0
    if reason != 0:
        cancel(w, slot, r.CANCEL_REPRICE_REFUSED)
        return 0
    move(w, w.books[instrument], slot, opened, orders[o + O_SIZE], flags, w.c_price != orders[o + O_PRICE])
    return 1
