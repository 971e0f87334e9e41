"""Standard margin: rates per position, and relief for spreads of one expiry (docs/rules-2.md, Margin).

The isolated sums are kept by `margin`; here is what a group of options of one underlying and expiry saves
on them: its isolated requirement less its worst loss over strikes, where that is the smaller.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.arithmetic import ceil_div, ppm_ceil
from exchange.core.layout import (
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    GATHER_1,
    GATHER_2,
    GATHER_3,
    I_DELIVERY_LOT,
    I_EXPIRY,
    I_FORWARD,
    I_FORWARD_PER_LOT,
    I_IM,
    I_KIND,
    I_LOT_E8,
    I_MM,
    I_OPTION_TYPE,
    I_POSITION_LIMIT,
    I_STRIKE,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_UNCOVERED_IM,
    R_UNCOVERED_MM,
    S_KEY,
    S_NEXT,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.marks import value_per_lot_most
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

_E8: Final = 100_000_000
# Columns of `World.gather_words`: the record offsets of the instruments (-1 once their group is done), the
# lots that count, for one group the sorted strikes with, below them, the row, and the lots that may come to
# delivery.
_ROW_BITS: Final = 12
_ROW: Final = (1 << 12) - 1


def saved(
    w: World, account: i64, orders: bool, initial: bool, instrument: i64, size: i64, open_sell: i64
) -> i64:
    """What spread relief takes off the account's isolated requirements, micro-USDC.

    What counts is size, with `orders` less open sells, at the initial rates or those of maintenance; size and
    open sells are added to those of `instrument`.
    """
    count = _gather(w, account, orders, instrument, size, open_sell)
    rows = w.gather_words
    total: i64 = 0
    row: i64 = 0
    while row < count:
        if rows[row] >= 0:
            total += _group(w, row, count, initial)
        row += 1
    return total


def _gather(w: World, account: i64, orders: bool, instrument: i64, size: i64, open_sell: i64) -> i64:
    """One row per option with a position or lots that count; returns how many."""
    data = w.instruments
    seats = w.seats.data
    count: i64 = 0
    changed = size != 0 or open_sell != 0
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        this = seats[s + S_KEY] & SEAT_INSTRUMENT
        i = this * INSTRUMENT_WORDS
        if data[i + I_KIND] == r.KIND_OPTION:
            held = seats[s + S_SIZE]
            sells = seats[s + S_OPEN_SELL] if orders else 0
            if changed and this == instrument:
                held += size
                sells += open_sell
                changed = False
            if held != 0 or sells != 0:
                _row(w, count, i, held, held - sells)
                count += 1
        seat = seats[s + S_NEXT]
    if changed and data[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION:
        _row(w, count, instrument * INSTRUMENT_WORDS, size, size - open_sell)
        count += 1
    return count


def _row(w: World, row: i64, i: i64, held: i64, counts: i64) -> None:
    """Fill a row: the instrument's record, the lots that count, and those that may come to delivery."""
    if held < 0:
        held = -held
    most = counts if counts > 0 else -counts
    rows = w.gather_words
    rows[row] = i
    rows[GATHER_1 + row] = counts
    rows[GATHER_3 + row] = held if held > most else most


def _group(w: World, first: i64, count: i64, initial: bool) -> i64:
    """What the group of row `first` saves; its rows are struck off."""
    data = w.instruments
    rows = w.gather_words
    i = rows[first]
    underlying = data[i + I_UNDERLYING]
    expiry = data[i + I_EXPIRY]
    rate: i64 = I_IM if initial else I_MM
    isolated: i64 = 0
    uncovered: i64 = 0
    forward: i64 = 0
    delivery: i64 = 0
    size: i64 = 0
    row = first
    while row < count:
        i = rows[row]
        if i >= 0 and data[i + I_EXPIRY] == expiry and data[i + I_UNDERLYING] == underlying:
            lots = rows[GATHER_1 + row]
            if lots < 0:
                isolated -= lots * data[i + rate]
            delivery += rows[GATHER_3 + row] * data[i + I_DELIVERY_LOT]
            if data[i + I_OPTION_TYPE] == r.OPTION_CALL:
                uncovered -= lots
            if data[i + I_FORWARD_PER_LOT] > forward:
                forward = data[i + I_FORWARD_PER_LOT]
            rows[GATHER_2 + size] = data[i + I_STRIKE] << _ROW_BITS | row
            size += 1
        row += 1
    relief: i64 = -1
    if isolated > 0 and _relievable(w, size):
        _sort(w, size)
        relief = _worst(w, size) + delivery
        if uncovered > 0:
            part: i64 = R_UNCOVERED_IM if initial else R_UNCOVERED_MM
            ppm = w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + part]
            relief += uncovered * ppm_ceil(forward, ppm)
    row = 0
    while row < size:
        rows[rows[GATHER_2 + row] & _ROW] = -1
        row += 1
    if relief < 0 or relief >= isolated:
        return 0
    return isolated - relief


def _relievable(w: World, size: i64) -> bool:
    """Whether the group's payoffs at each other's strikes stay within limits, all lots being equal."""
    data = w.instruments
    rows = w.gather_words
    lot = data[rows[rows[GATHER_2] & _ROW] + I_LOT_E8]
    most: i64 = 0
    least = limits.MAX_VALUE_PER_LOT_MICRO
    row: i64 = 0
    while row < size:
        i = rows[rows[GATHER_2 + row] & _ROW]
        if data[i + I_LOT_E8] != lot:
            return False
        if data[i + I_STRIKE] > most:
            most = data[i + I_STRIKE]
        if data[i + I_FORWARD] > most:
            most = data[i + I_FORWARD]
        top = value_per_lot_most(data[i + I_POSITION_LIMIT])
        if top < least:
            least = top
        row += 1
    return most <= limits.MAX_PRODUCT // lot and ceil_div(most * lot, _E8) <= least


def _sort(w: World, size: i64) -> None:
    """The group's rows by strike, in place (Shell's method: no memory, and bounded)."""
    rows = w.gather_words
    gap: i64 = 1
    while gap < size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        at = gap
        while at < size:
            word = rows[GATHER_2 + at]
            to = at
            while to >= gap and rows[GATHER_2 + to - gap] > word:
                rows[GATHER_2 + to] = rows[GATHER_2 + to - gap]
                to -= gap
            rows[GATHER_2 + to] = word
            at += 1
        gap //= 3


def _worst(w: World, size: i64) -> i64:
    """The largest loss of the sorted group at 0 and at every strike, at least 0, micro-USDC.

    Where every strike is a whole number of micro-USDC per lot (a strike on the price grid is), no payoff
    between strikes is rounded: the loss is a broken line, and one pass finds its corners.
    """
    data = w.instruments
    rows = w.gather_words
    lot = data[rows[rows[GATHER_2] & _ROW] + I_LOT_E8]
    slope: i64 = 0  # of the loss, per micro-USDC of the settlement value of one lot
    loss: i64 = 0
    row: i64 = 0
    while row < size:
        word = rows[GATHER_2 + row]
        i = rows[word & _ROW]
        product = data[i + I_STRIKE] * lot
        if product % _E8 != 0:
            return _worst_rounded(w, size)
        if data[i + I_OPTION_TYPE] == r.OPTION_PUT:
            lots = rows[GATHER_1 + (word & _ROW)]
            slope += lots
            loss -= lots * (product // _E8)
        row += 1
    worst: i64 = loss if loss > 0 else 0
    before: i64 = 0
    row = 0
    while row < size:
        word = rows[GATHER_2 + row]
        strike = (word >> _ROW_BITS) * lot // _E8
        loss += slope * (strike - before)
        if loss > worst:
            worst = loss
        slope -= rows[GATHER_1 + (word & _ROW)]
        before = strike
        row += 1
    return worst


def _worst_rounded(w: World, size: i64) -> i64:
    """As `_worst` for strikes off the grid: each payoff at each strike, rounded against the holder."""
    rows = w.gather_words
    worst: i64 = 0
    at: i64 = -1
    before: i64 = -1
    while at < size:
        settles: i64 = 0
        if at >= 0:
            settles = rows[GATHER_2 + at] >> _ROW_BITS
        if settles != before:
            loss = _loss_at(w, size, settles)
            if loss > worst:
                worst = loss
        before = settles
        at += 1
    return worst


def _loss_at(w: World, size: i64, settles_micro: i64) -> i64:
    """What the group loses if it settles at a price: gains rounded down, losses up, per lot."""
    data = w.instruments
    rows = w.gather_words
    loss: i64 = 0
    row: i64 = 0
    while row < size:
        word = rows[GATHER_2 + row]
        i = rows[word & _ROW]
        payoff = settles_micro - (word >> _ROW_BITS)
        if data[i + I_OPTION_TYPE] == r.OPTION_PUT:
            payoff = -payoff
        if payoff > 0:
            lots = rows[GATHER_1 + (word & _ROW)]
            product = payoff * data[i + I_LOT_E8]
            loss -= lots * (product // _E8 if lots > 0 else ceil_div(product, _E8))
        row += 1
    return loss
