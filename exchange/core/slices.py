"""One slice of a liquidation: what may be closed now, at which price, and closing it (docs/rules-2.md).

`prepare` changes nothing; it leaves the order in `w.c_…`. `close` sends that order and takes the
liquidation fee. Every division names its rounding.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, fees, ledger, links, margin, sufficiency
from exchange.core.arithmetic import ceil_div, ppm_floor
from exchange.core.instruments import (
    keeps_trading,
    price_at_or_above,
    price_at_or_below,
    price_of,
    rank_of,
)
from exchange.core.layout import (
    A_CURSOR,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_DELTA_LOT,
    I_FEE_CAP,
    I_INDEX,
    I_INDEX_PER_LOT,
    I_KIND,
    I_MARK,
    I_MARKED,
    I_MULTIPLIER,
    I_TICK_MICRO,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_LIQ_BAND,
    R_LIQ_FEE,
    R_LIQ_SLICE,
    R_SCENARIOS,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_RISK,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.core.looks import offered_lots
from exchange.core.orders import place
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r


def prepare(w: World, account: i64, instrument: i64) -> bool:
    """Whether a slice of the account's seat is sent now; `margin.figures` of the account stand.

    Leaves seat, price, rank and lots in `w.c_…`.
    """
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS
    if not keeps_trading(w, instrument) or data[i + I_MARKED] == 0:
        return False
    if w.underlyings[u + U_STATE] != 0 or w.underlyings[u + U_RISK + R_SCENARIOS] == 0:
        return False
    seat = ledger.find_seat(w, account, instrument)
    size = w.seats.data[seat * SEAT_WORDS + S_SIZE]
    sell: i64 = 1 if size > 0 else 0
    lots = _most_lots(w, account, instrument, size)
    if lots == 0:
        return False
    rank = _helping_rank(w, account, instrument, sell, lots)
    if rank < 0:
        return False
    price = price_of(w, instrument, rank)
    offered = offered_lots(w, w.books[instrument], pack(account, instrument), sell, rank, lots, False)
    if lots > offered:
        lots = offered if offered > 0 else 1
        if not _helps(w, account, instrument, sell, price, lots, _freed(w, account, instrument, sell, lots)):
            return False
    w.c_seat = seat
    w.c_price = price
    w.c_rank = rank
    w.c_lots = lots
    w.c_display = 0
    w.c_hold = 0
    return True


def _most_lots(w: World, account: i64, instrument: i64, size: i64) -> i64:
    """Lots of a slice before the book is asked; 0: a perpetual that hedges stays."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    lots = size if size > 0 else -size
    index = data[i + I_INDEX_PER_LOT]
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    most = w.underlyings[u + R_LIQ_SLICE] // index  # rounded down
    if most < 1:
        most = 1
    if lots > most:
        lots = most
    if data[i + I_KIND] != r.KIND_PERPETUAL:
        return lots
    delta = delta_micro(w, account, data[i + I_UNDERLYING])
    if delta == 0 or (delta > 0) != (size > 0):
        return 0
    if delta < 0:
        delta = -delta
    most = ceil_div(delta, index)
    return lots if lots < most else most


def delta_micro(w: World, account: i64, underlying: i64) -> i64:
    """ΣD: what the account's positions of an underlying gain with the index, micro-USDC per 100 %."""
    seats = w.seats.data
    data = w.instruments
    total: i64 = 0
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        i = (seats[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
        if data[i + I_UNDERLYING] == underlying:
            total += seats[s + S_SIZE] * data[i + I_DELTA_LOT]
        seat = seats[s + S_NEXT]
    return total


def banded_price(w: World, instrument: i64, sell: i64) -> i64:
    """The limit of a slice: the mark and the band's width, inside the valid prices."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    # The product is at most 2**42 * 10**6 < 2**62; rounded down.
    width = data[i + I_INDEX] * w.underlyings[u + R_LIQ_BAND] // limits.PPM
    tick = data[i + I_TICK_MICRO]
    if sell == 0:
        return price_at_or_below(w, instrument, (data[i + I_MARK] + width) // tick)
    low = data[i + I_MARK] - width
    if low < 0:
        low = 0
    return price_at_or_above(w, instrument, ceil_div(low, tick))


def _helping_rank(w: World, account: i64, instrument: i64, sell: i64, lots: i64) -> i64:
    """The rank of the first price from the band's to the mark at which `lots` make nothing worse, or −1.

    The nearer the mark, the better, but for the last price alone: beyond the mark nothing more is gained,
    while a capped fee still grows.
    """
    freed = _freed(w, account, instrument, sell, lots)
    price = banded_price(w, instrument, sell)
    rank = rank_of(w, instrument, price)
    if _helps(w, account, instrument, sell, price, lots, freed):
        return rank
    at_mark = sufficiency.price_at_mark(w, instrument, sell)
    last = rank_of(w, instrument, at_mark)
    if last == rank:
        return -1
    step: i64 = 1 if sell != 0 else -1
    near = last - step
    if near == rank or not _helps(w, account, instrument, sell, price_of(w, instrument, near), lots, freed):
        return last if _helps(w, account, instrument, sell, at_mark, lots, freed) else -1
    while (near - rank) * step > 1:
        middle = (rank + near) // 2
        if _helps(w, account, instrument, sell, price_of(w, instrument, middle), lots, freed):
            near = middle
        else:
            rank = middle
    return near


def liquidation_nano(w: World, instrument: i64) -> i64:
    """The liquidation fee of one lot in nano-USDC, rounded up."""
    i = instrument * INSTRUMENT_WORDS
    u = w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    return ceil_div(w.instruments[i + I_INDEX_PER_LOT] * w.underlyings[u + R_LIQ_FEE], 1000)


def _freed(w: World, account: i64, instrument: i64, sell: i64, lots: i64) -> i64:
    """By how much closing `lots` lowers maintenance margin, micro-USDC; `margin.figures` stand."""
    return w.m_maintenance - margin.maintenance_with(w, account, instrument, -lots if sell != 0 else lots)


def _helps(w: World, account: i64, instrument: i64, sell: i64, price: i64, lots: i64, freed: i64) -> bool:
    """Whether balance less maintenance margin is not lower after `lots` at `price`, fees paid, and what they
    lose at the marks is no more than the equity and a tenth of the band."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    allowed = ppm_floor(data[i + I_INDEX_PER_LOT] * lots, w.underlyings[u + R_LIQ_BAND] // 10)
    if w.m_equity > 0:
        allowed += w.m_equity
    if sufficiency.lost_per_lot(w, instrument, sell, price) * lots > allowed:
        return False
    paid = ceil_div(fees.taker_nano(w, account, instrument), 1000) * lots
    paid += ceil_div(liquidation_nano(w, instrument) * lots, 1000)
    cap = data[i + I_FEE_CAP]
    if data[i + I_KIND] == r.KIND_OPTION and 0 < cap and cap <= limits.DOUBLE_CAP_PERMILLE:
        # Both fees are capped; each fill rounds its own down.
        most = price * data[i + I_MULTIPLIER] * lots * cap // limits.DOUBLE_CAP_PERMILLE
        if paid > most:
            paid = most
    return sufficiency.gained_micro(w, account, instrument, sell, price, lots) - paid + freed >= 0


def close(w: World, account: i64, instrument: i64) -> None:
    """Send the prepared order; take the liquidation fee; write LIQUIDATION kind 3 or 4."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    seat = w.c_seat
    size = w.seats.data[seat * SEAT_WORDS + S_SIZE]
    sell: i64 = 1 if size > 0 else 0
    who = pack(account, instrument)
    order_id = w.prefix | w.next_order
    w.value = 0  # stays where the book offers nothing
    w.c_group = 0
    place(w, w.books[instrument], sell | r.TIF_IOC << r.TIF_SHIFT | r.FLAG_LIQUIDATION, who, 0, 0)
    value = w.value
    if len(w.noted) != 0:
        links.follow(w)
    filled = w.seats.data[seat * SEAT_WORDS + S_SIZE] - size
    fee: i64 = 0
    a = account * ACCOUNT_WORDS
    if filled == 0:
        w.accounts[a + A_CURSOR] += 1
    else:
        w.accounts[a + A_CURSOR] = 0
        lots = filled if filled > 0 else -filled
        fee = _fee(w, account, instrument, lots, value * data[i + I_MULTIPLIER])
        ledger.move_cash(w, account, -fee)
        ledger.move_cash(w, limits.ACCOUNT_INSURANCE, fee)
    margin.figures(w, account)
    kind: i64 = r.LIQ_PERPETUAL if data[i + I_KIND] == r.KIND_PERPETUAL else r.LIQ_OPTION
    emit.liquidation(w, who, order_id, kind, w.m_maintenance, w.m_balance, fee, filled, 0)


def _fee(w: World, account: i64, instrument: i64, lots: i64, value: i64) -> i64:
    """The liquidation fee: rounded and capped like a trade's, never beyond the account's funds."""
    fee = fees.charge_micro(w, instrument, liquidation_nano(w, instrument), lots, value)
    margin.refresh(w, account)
    left = margin.funds(w, account)
    if fee > left:
        fee = left
    return fee if fee > 0 else 0
