"""Makers of combos and of implied orders that lose against the marks (docs/rules-4.md).

Each is judged with all that its account's makers trade in the step: what they would make of its seats is
tried and taken back.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_funds, fees, losing, margin, portfolio, sufficiency
from exchange.core.arithmetic import ceil_div
from exchange.core.combo_open import shift
from exchange.core.combo_terms import record_of
from exchange.core.layout import (
    A_MODEL,
    A_REQUIREMENT,
    ACCOUNT_WORDS,
    C_LEG,
    C_LEGS,
    C_RATIO,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    LOW,
    O_FLAGS,
    O_HOLD,
    O_PLACE,
    O_PRICE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
    R_QUANTUM,
    S_SIZE,
    SEAT_WORDS,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


def loses(w: World, slot: i64) -> bool:
    """Whether the resting order in `slot` loses anything by its own instrument's rule when it is met."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    instrument = orders[o + O_WHO] >> 32
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    if orders[o + O_FLAGS] & OF_COMBO != 0:
        return combo_funds.lost_per_lot(w, instrument, sell, orders[o + O_PRICE]) > 0
    return sufficiency.lost_per_lot(w, instrument, sell, orders[o + O_PRICE]) > 0


def keeps_maintenance(w: World, slot: i64, lots: i64) -> bool:
    """Whether `lots` of the resting order in `slot` leave its account with its maintenance margin."""
    if w.orders.data[slot * ORDER_WORDS + O_FLAGS] & OF_COMBO != 0:
        return _combo_keeps(w, slot, lots)
    w.going += 1  # positions elsewhere may have changed on this order's way
    return losing.keeps_maintenance(w, slot * ORDER_WORDS, lots)


def _combo_keeps(w: World, slot: i64, lots: i64) -> bool:
    orders = w.orders.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & LOW
    combo = orders[o + O_WHO] >> 32
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    margin.refresh(w, account)
    has = margin.balance(w, account) + lots * _gained_per_lot(w, account, combo, sell, orders[o + O_PRICE])
    has -= lots * _fee_per_lot(w, account, combo)
    if _plainly_covers(w, account, combo, lots, has + lots * orders[o + O_HOLD]):
        return True
    shift(w, account, combo, sell, lots, 0, 0)
    needed = margin.maintenance(w, account)
    shift(w, account, combo, sell, -lots, 0, 0)
    return has >= needed


def _gained_per_lot(w: World, account: i64, combo: i64, sell: i64, price: i64) -> i64:
    """What a lot of a losing order adds to the balance (negative: takes), fees apart, micro-USDC."""
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        return -combo_funds.paid_per_lot(w, combo, sell, price)
    return -combo_funds.lost_per_lot(w, combo, sell, price)


def _fee_per_lot(w: World, account: i64, combo: i64) -> i64:
    """What one lot's fees are at most, micro-USDC, rebates counted as 0 (fee₁ of the rules)."""
    combos = w.combos.data
    c = record_of(w, combo)
    total: i64 = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        ratio = combos[c + C_RATIO + number]
        fee = ceil_div(fees.maker_nano(w, account, combos[c + C_LEG + number]), 1000)
        total += fee * (ratio if ratio > 0 else -ratio)
        number += 1
    return total


def _plainly_covers(w: World, account: i64, combo: i64, lots: i64, has: i64) -> bool:
    """Whether `has`, what the order holds counted, is no less than the account's plain initial margin, and so
    than maintenance margin with its legs filled. May be wrong to say no."""
    a = account * ACCOUNT_WORDS
    required = w.accounts[a + A_REQUIREMENT]
    if w.accounts[a + A_MODEL] == r.MODEL_STANDARD:
        return has >= required
    # Roll and shock are rounded up one by one, and so is a short's table (see `losing`).
    combos = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        ratio = combos[c + C_RATIO + number]
        i = combos[c + C_LEG + number] * INSTRUMENT_WORDS
        each: i64 = 2
        if w.instruments[i + I_TABLED] != 0:
            each += w.underlyings[w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK + R_QUANTUM]
        required += lots * each * (ratio if ratio > 0 else -ratio)
        number += 1
    return has >= required + portfolio.initial_most(w, account)


def pair_keeps_maintenance(w: World, first: i64, second: i64, lots: i64) -> bool:
    """Whether `lots` of each of two legs' resting orders of one account leave it its maintenance margin."""
    account = w.orders.data[first * ORDER_WORDS + O_WHO] & LOW
    margin.refresh(w, account)
    has = margin.balance(w, account)
    has += _leg_gained(w, account, first, lots) + _leg_gained(w, account, second, lots)
    _move(w, first, lots)
    _move(w, second, lots)
    needed = margin.maintenance(w, account)
    _move(w, first, -lots)
    _move(w, second, -lots)
    return has >= needed


def _leg_gained(w: World, account: i64, slot: i64, lots: i64) -> i64:
    """What a fill of a leg's order adds to the balance, its fee paid, micro-USDC."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    leg = orders[o + O_WHO] >> 32
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    gained = sufficiency.gained_micro(w, account, leg, sell, orders[o + O_PRICE], lots)
    return gained - lots * losing.fee_per_lot(w, account, leg, orders[o + O_PRICE])


def _move(w: World, slot: i64, lots: i64) -> None:
    """Try `lots` of a leg's order on its seat (negative: take them back)."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    seat = orders[o + O_PLACE] >> 32
    w.seats.data[seat * SEAT_WORDS + S_SIZE] += -lots if orders[o + O_FLAGS] & r.FLAG_SELL != 0 else lots
    margin.require_seat(w, seat)


def same_account(w: World, first: i64, second: i64) -> bool:
    """Whether two resting orders are of one account."""
    orders = w.orders.data
    one = orders[first * ORDER_WORDS + O_WHO] & LOW
    return one == orders[second * ORDER_WORDS + O_WHO] & LOW
