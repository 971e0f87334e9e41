"""Events out: each function writes one packed event (docs/formats.md) into the world's buffer."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.layout import (
    A_FLAGS,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAIN,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    A_MODEL,
    A_OWNER,
    A_TIER,
    ACCOUNT_WORDS,
    EXTRA_WORDS,
    FEE_WORDS,
    I_FORWARD,
    I_INDEX,
    I_MARK,
    I_STATE,
    I_TERMS,
    I_TRADE_SEQ,
    INSTRUMENT_WORDS,
    MMP_ACCOUNT_SHIFT,
    MMP_NUMBER_SHIFT,
    O_FLAGS,
    O_ID,
    O_LABEL,
    O_WHO,
    ORDER_FLAGS,
    ORDER_START,
    ORDER_WORDS,
    U_RISK,
    U_STATE,
    UNDERLYING_WORDS,
    X_BEST,
    X_ID,
    X_OFFSET,
    X_ORDER,
    X_OTHER,
    X_PRIMARY,
    X_TERMS,
    X_TRIGGER,
    X_VOLATILITY,
    X_WHO,
)
from exchange.core.words import put_16, read_14
from exchange.core.world import World, pack
from exchange.domain import records as r

_ORDER4: Final = 2 | 1 << 8 | 4 << 16  # ORDER, version 1, four units


def begin(w: World, kind: i64, units: i64, who: i64, ident: i64) -> i64:
    """Write an event's header; `who` is account | instrument << 32. Returns the word offset of its body."""
    w.reserve_out(units * r.UNIT_WORDS)
    at = w.out_words
    out = w.out
    out[at] = kind | 1 << 8 | units << 16 | w.index << 32
    out[at + 1] = w.seq
    out[at + 2] = who
    out[at + 3] = ident
    w.index += 1
    w.out_words = at + units * r.UNIT_WORDS
    return at + r.UNIT_WORDS


def rejected(
    w: World, command: i64, who: i64, client: i64, reason: i64, ident: i64, detail: i64, position: i64
) -> None:
    """REJECTED."""
    at = begin(w, r.EV_REJECTED, 2, who, ident)
    out = w.out
    out[at] = reason | command << 32
    out[at + 1] = client
    out[at + 2] = detail
    out[at + 3] = position


def order(w: World, slot: i64, kind: i64, state: i64, reason: i64, level_lots: i64) -> None:
    """ORDER: the state of the order in `slot` after a change."""
    w.reserve_out(16)
    at = w.out_words
    (
        ident, who, price, lots, size, _queue, _place, value, flags, client, label, created, updated,
        _priority,
    ) = read_14(w.orders.data, slot * ORDER_WORDS + ORDER_START)  # fmt: skip
    opened = lots & r.U32
    shown = lots >> 32
    size &= r.U32
    filled = size - opened
    # `open` counts what may still trade; a cancelled order reports none.
    if state == r.ORDER_STATE_CANCELLED:
        opened = 0
        shown = 0
    put_16(
        w.out, at, _ORDER4 | w.index << 32, w.seq, who, ident, price, size, filled, opened,
        (flags & ORDER_FLAGS) | kind << 32 | state << 40 | reason << 48, client, label, value,
        updated, created, shown, level_lots,
    )  # fmt: skip
    w.index += 1
    w.out_words = at + 16


def order_moved(
    w: World, slot: i64, state: i64, reason: i64, level_lots: i64, old_price: i64, old_level_lots: i64
) -> None:
    """ORDER of kind amended for an order that left another price level."""
    start = w.out_words
    order(w, slot, r.ORDER_AMENDED, state, reason, level_lots)
    w.reserve_out(4)
    out = w.out
    out[start] += 1 << 16  # one unit more
    at = w.out_words
    out[at] = old_price
    out[at + 1] = old_level_lots
    out[at + 2] = 0
    out[at + 3] = 0
    w.out_words = at + 4


def trade(
    w: World,
    trade_id: i64,
    taker_who: i64,
    maker_slot: i64,
    taker_order: i64,
    taker_label: i64,
    flags: i64,
    price: i64,
    lots: i64,
    value: i64,
    maker_fee: i64,
    taker_fee: i64,
) -> None:
    """TRADE: one match, both sides. `flags`: the taker's side, and whether it is being liquidated."""
    at = begin(w, r.EV_TRADE, 5, taker_who, trade_id)
    out = w.out
    data = w.orders.data
    maker = maker_slot * ORDER_WORDS
    instruments = w.instruments
    i = (taker_who >> 32) * INSTRUMENT_WORDS
    out[at] = data[maker + O_ID]
    out[at + 1] = taker_order
    out[at + 2] = price
    out[at + 3] = lots
    out[at + 4] = (data[maker + O_WHO] & r.U32) | (taker_who & r.U32) << 32
    out[at + 5] = maker_fee
    out[at + 6] = taker_fee
    out[at + 7] = flags
    out[at + 8] = w.now_ms
    out[at + 9] = instruments[i + I_INDEX]
    out[at + 10] = instruments[i + I_MARK]
    out[at + 11] = instruments[i + I_FORWARD]
    out[at + 12] = instruments[i + I_TRADE_SEQ]
    out[at + 13] = value
    out[at + 14] = pack(data[maker + O_LABEL] & r.U32, taker_label)
    out[at + 15] = 0


def cash(
    w: World, account: i64, kind: i64, ident: i64, delta: i64, balance: i64, counter: i64, amount: i64 = 0
) -> None:
    """CASH: cash to or from an account; `amount` is told by withdrawals paid or cancelled."""
    at = begin(w, r.EV_CASH, 3, account, ident)
    out = w.out
    out[at] = delta
    out[at + 1] = balance
    out[at + 2] = kind | counter << 32
    out[at + 3] = w.now_ms
    out[at + 4] = amount
    clear(w, at + 5, 3)


def settled(
    w: World,
    kind: i64,
    who: i64,
    size: i64,
    delta: i64,
    fee: i64,
    price: i64,
    entry_before: i64,
    entry_after: i64,
    balance: i64,
) -> None:
    """SETTLED: one position at a delivery, perpetual settlement or funding."""
    at = begin(w, r.EV_SETTLED, 4, who, kind)
    out = w.out
    out[at] = size
    out[at + 1] = delta
    out[at + 2] = fee
    out[at + 3] = price
    out[at + 4] = w.now_ms
    out[at + 5] = entry_before
    out[at + 6] = entry_after
    out[at + 7] = balance
    clear(w, at + 8, 4)


def account(w: World, account_id: i64) -> None:
    """ACCOUNT: created or configured."""
    at = begin(w, r.EV_ACCOUNT, 3, account_id, 0)
    out = w.out
    data = w.accounts
    a = account_id * ACCOUNT_WORDS
    out[at] = data[a + A_OWNER]
    out[at + 1] = data[a + A_OWNER + 1]
    out[at + 2] = data[a + A_OWNER + 2]
    out[at + 3] = w.now_ms
    out[at + 4] = data[a + A_FLAGS]
    states = data[a + A_MODEL] | data[a + A_TIER] << 8 | data[a + A_LIQUIDATION] << 16
    states |= data[a + A_LOCKED] << 24
    out[at + 5] = data[a + A_MAIN] | states << 32
    out[at + 6] = data[a + A_MAX_ORDERS] | data[a + A_MAX_POSITIONS] << 32
    out[at + 7] = 0


def instrument(w: World, instrument_id: i64) -> None:
    """INSTRUMENT: listed, or its state changed."""
    at = begin(w, r.EV_INSTRUMENT, 8, instrument_id << 32, 0)
    out = w.out
    data = w.instruments
    i = instrument_id * INSTRUMENT_WORDS
    word: i64 = 0
    while word < 24:
        out[at + word] = data[i + I_TERMS + word]
        word += 1
    out[at + 24] = data[i + I_STATE]
    out[at + 25] = w.now_ms
    clear(w, at + 26, 2)


def marked(w: World, underlying: i64, feed_seq: i64, index_micro: i64, units: i64, tables: i64 = 0) -> None:
    """MARKED: a marks block was applied."""
    at = begin(w, r.EV_MARKED, 2, underlying << 32, feed_seq)
    out = w.out
    out[at] = index_micro
    out[at + 1] = units
    out[at + 2] = w.now_ms
    out[at + 3] = tables


def done(w: World, command: i64, who: i64, client: i64, affected: i64) -> None:
    """DONE: the command took effect and nothing else tells its end."""
    at = begin(w, r.EV_DONE, 2, who, 0)
    out = w.out
    out[at] = command | affected << 32
    out[at + 1] = client
    out[at + 2] = w.now_ms
    out[at + 3] = 0


def underlying(w: World, underlying_id: i64, symbol: i64) -> None:
    """UNDERLYING: listed, or its state changed."""
    at = begin(w, r.EV_UNDERLYING, 2, underlying_id << 32, 0)
    out = w.out
    out[at] = symbol
    out[at + 1] = w.now_ms
    out[at + 2] = w.underlyings[underlying_id * UNDERLYING_WORDS + U_STATE]
    out[at + 3] = 0


def risk(w: World, underlying_id: i64) -> None:
    """RISK: the parameters of an underlying from now on."""
    at = begin(w, r.EV_RISK, 7, underlying_id << 32, 0)
    out = w.out
    data = w.underlyings
    u = underlying_id * UNDERLYING_WORDS + U_RISK
    word: i64 = 0
    while word < r.RISK_WORDS:
        out[at + word] = data[u + word]
        word += 1


def liquidation(
    w: World,
    who: i64,
    order_id: i64,
    kind: i64,
    maintenance: i64,
    balance: i64,
    amount: i64,
    lots: i64,
    counter: i64,
) -> None:
    """LIQUIDATION: one step, or a part in a loss; `who` is account | instrument << 32."""
    at = begin(w, r.EV_LIQUIDATION, 4, who, order_id)
    out = w.out
    out[at] = kind
    out[at + 1] = maintenance
    out[at + 2] = balance
    out[at + 3] = amount
    out[at + 4] = lots
    out[at + 5] = counter
    out[at + 6] = w.now_ms
    clear(w, at + 7, 5)


def moved(w: World, who: i64, to: i64, lots: i64, value: i64) -> None:
    """MOVED: a position passed from `who` (account | instrument << 32) to another account."""
    at = begin(w, r.EV_MOVED, 2, who, 0)
    out = w.out
    out[at] = to
    out[at + 1] = lots
    out[at + 2] = value
    out[at + 3] = w.now_ms


def fees(w: World) -> None:
    """FEES: the schedule from now on."""
    at = begin(w, r.EV_FEES, 2 + w.tier_count, 0, 0)
    out = w.out
    out[at] = w.combo_discount
    out[at + 1] = w.now_ms
    out[at + 2] = 0
    out[at + 3] = 0
    word: i64 = 0
    while word < w.tier_count * FEE_WORDS:
        out[at + 4 + word] = w.fees[word]
        word += 1


def repeated(w: World, who: i64, client: i64, order_id: i64, reason: i64, seq: i64) -> None:
    """REPEATED: a client order id came before, and what became of it then."""
    at = begin(w, r.EV_REPEATED, 2, who, order_id)
    out = w.out
    out[at] = reason
    out[at + 1] = client
    out[at + 2] = seq
    out[at + 3] = w.now_ms


def mmp(w: World, key: i64, kind: i64, frozen_until: i64, quantity: i64, delta: i64, vega: i64) -> None:
    """MMP: a protection group (by its key) was set, removed or reset, or has tripped."""
    underlying = (key >> MMP_NUMBER_SHIFT) & ((1 << (MMP_ACCOUNT_SHIFT - MMP_NUMBER_SHIFT)) - 1)
    who = key >> MMP_ACCOUNT_SHIFT | underlying << 32
    at = begin(w, r.EV_MMP, 3, who, key & ((1 << MMP_NUMBER_SHIFT) - 1))
    out = w.out
    out[at] = kind
    out[at + 1] = frozen_until
    out[at + 2] = quantity
    out[at + 3] = delta
    out[at + 4] = vega
    out[at + 5] = w.now_ms
    clear(w, at + 6, 2)


def extended(w: World, slot: i64) -> None:
    """EXTENDED of the extra in `slot`: what its order has beyond price and size."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    at = begin(w, r.EV_EXTENDED, 3, data[x + X_WHO], data[x + X_ID])
    out = w.out
    data = w.extras.data
    out[at] = data[x + X_TERMS]
    out[at + 1] = stands(w, slot)
    out[at + 2] = data[x + X_OFFSET]
    out[at + 3] = data[x + X_VOLATILITY]
    out[at + 4] = data[x + X_OTHER] if data[x + X_OTHER] != 0 else data[x + X_PRIMARY]
    out[at + 5] = w.now_ms
    clear(w, at + 6, 2)


def stands(w: World, slot: i64) -> i64:
    """The trigger of the extra in `slot` as it stands; 0 of a trailing one that has seen no price."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if data[x + X_TERMS] & 0xFF != r.TRIGGER_TRAILING:
        return data[x + X_TRIGGER]
    best = data[x + X_BEST]
    if best < 0:
        return 0
    if w.orders.data[data[x + X_ORDER] * ORDER_WORDS + O_FLAGS] & r.FLAG_SELL != 0:
        return best - data[x + X_OFFSET]
    return best + data[x + X_OFFSET]


def due(w: World, waiting: i64) -> None:
    """DUE: triggered orders are left for FIRE."""
    at = begin(w, r.EV_DUE, 2, 0, 0)
    out = w.out
    out[at] = waiting
    out[at + 1] = w.now_ms
    out[at + 2] = 0
    out[at + 3] = 0


def clear(w: World, at: i64, words: i64) -> None:
    """Zero reserved words."""
    out = w.out
    end = at + words
    while at < end:
        out[at] = 0
        at += 1
