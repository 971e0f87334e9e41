"""Check 16 of a combo's order: whether its account can afford it (docs/rules-4.md, Orders).

What the order would make of the seats of its legs is tried on them and taken back: margin sees all legs
together, and nothing outside this module sees what was tried.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_seats, combos, margin, portfolio, sufficiency
from exchange.core.combo_open import find_seat, shift
from exchange.core.combo_terms import record_of
from exchange.core.layout import (
    A_MODEL,
    A_REQUIREMENT,
    ACCOUNT_WORDS,
    C_DELIVERY,
    C_LEG,
    C_LEGS,
    I_FEE_HOLD,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MULTIPLIER,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain import rejects as no


def paid_per_lot(w: World, combo: i64, sell: i64, price: i64) -> i64:
    """What one lot bought or sold at `price` costs, fees apart, micro-USDC (negative: it brings)."""
    value = price * w.instruments[combo * INSTRUMENT_WORDS + I_MULTIPLIER]
    return -value if sell != 0 else value


def lost_per_lot(w: World, combo: i64, sell: i64, price: i64) -> i64:
    """What a lot bought or sold at `price` loses against the legs' marks (negative: gains), micro-USDC."""
    combos.derive(w, combo)
    i = combo * INSTRUMENT_WORDS
    value = price * w.instruments[i + I_MULTIPLIER]
    return w.instruments[i + I_MARK_HIGH] - value if sell != 0 else value - w.instruments[i + I_MARK_LOW]


def hold_per_lot(w: World, account: i64, combo: i64, sell: i64, price: i64) -> i64:
    """Micro-USDC held for each open lot of an account's order of a combo at `price`."""
    combos.derive(w, combo)
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        adverse = paid_per_lot(w, combo, sell, price)
    else:
        adverse = lost_per_lot(w, combo, sell, price)
    if adverse < 0:
        adverse = 0
    return _fees_per_lot(w, account, combo, sell) + adverse


def _fees_per_lot(w: World, account: i64, combo: i64, sell: i64) -> i64:
    """The dearest fees of a lot and, in the standard model, what delivery will cost of the legs it buys."""
    fees = w.instruments[combo * INSTRUMENT_WORDS + I_FEE_HOLD]
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        fees += w.combos.data[record_of(w, combo) + C_DELIVERY + sell]
    return fees


def refuse(
    w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64, own_hold: i64, kills: bool
) -> i64:
    """Check 16 of an order of `lots` at `w.c_price`, each holding `w.c_hold` micro-USDC.

    `own_lots` and `own_hold` as in `sufficiency.refuse`; `kills`: it is fill-or-kill. Where this passes the
    account has seats in all legs. Returns NEGATIVE_EQUITY, INSUFFICIENT_FUNDS, or 0.
    """
    margin.refresh(w, account)
    made = combo_seats.make(w, account, combo)
    reason = _refuse(w, account, combo, sell, lots, own_lots, own_hold, kills)
    if reason != 0 and made != 0:
        combo_seats.drop(w, account, combo, made)
    return reason


def order_initial(w: World, account: i64, combo: i64, sell: i64, price: i64, lots: i64) -> i64:
    """By how much an order, all of it counted as open, changes initial margin, micro-USDC: for queries."""
    margin.refresh(w, account)
    made = combo_seats.make(w, account, combo)
    before = _initial(w, account)
    held = lots * hold_per_lot(w, account, combo, sell, price)
    shift(w, account, combo, sell, 0, lots, held)
    after = _initial(w, account)
    shift(w, account, combo, sell, 0, -lots, -held)
    combo_seats.drop(w, account, combo, made)
    return after - before


def _refuse(
    w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64, own_hold: i64, kills: bool
) -> i64:
    has = margin.balance(w, account)
    solvent = margin.equity(w, account) >= 0
    if kills:
        if solvent and _initial_filled(w, account, combo, sell, lots, 0, 0) + lots * w.c_hold <= has:
            return 0
    elif solvent and _fits_open(w, account, combo, sell, lots, own_lots, own_hold, has, False):
        return 0
    if sufficiency.may_look(w):
        if solvent and not kills and w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
            if _fits_open(w, account, combo, sell, lots, own_lots, own_hold, has, True):
                return 0
        if _improves(w, account, combo, sell, lots, own_lots, own_hold):
            return 0
    return no.INSUFFICIENT_FUNDS if solvent else no.NEGATIVE_EQUITY


def _fits_open(
    w: World,
    account: i64,
    combo: i64,
    sell: i64,
    lots: i64,
    own_lots: i64,
    own_hold: i64,
    has: i64,
    relieved: bool,
) -> bool:
    """Whether initial margin with the whole order open is no more than `has`: by the sums that are kept, or
    in the standard model with relief (`relieved`)."""
    held = lots * w.c_hold - own_lots * own_hold
    shift(w, account, combo, sell, 0, lots - own_lots, held)
    if relieved:
        needed = _initial(w, account)
    else:
        a = account * ACCOUNT_WORDS
        needed = w.accounts[a + A_REQUIREMENT]
        if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
            needed += portfolio.initial(w, account, 0, 0, 0, 0)
    shift(w, account, combo, sell, 0, own_lots - lots, -held)
    return needed <= has


def _initial(w: World, account: i64) -> i64:
    return margin.initial_with(w, account, 0, 0, 0, 0, 0, 0)


def _initial_filled(
    w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64, own_hold: i64
) -> i64:
    """Initial margin as filled: the order neither open nor held."""
    held = own_lots * own_hold
    shift(w, account, combo, sell, lots, -own_lots, -held)
    needed = _initial(w, account)
    shift(w, account, combo, sell, -lots, own_lots, held)
    return needed


def _improves(
    w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64, own_hold: i64
) -> bool:
    """Rule 2: the order closes or reduces risk, and what that costs can be borne."""
    if not _closes(w, account, combo, sell, lots, own_lots):
        filled = _initial_filled(w, account, combo, sell, lots, own_lots, own_hold)
        if filled + lots * w.c_hold > _initial(w, account):
            return False
    case = sufficiency.Case()
    case.has = margin.balance(w, account)
    case.equity = margin.equity(w, account)
    case.before = sufficiency.maintenance_with_orders(w, account, 0, 0, 0, 0, 0, 0)
    case.held_before = margin.maintenance(w, account)
    held = own_lots * own_hold
    shift(w, account, combo, sell, lots, -own_lots, -held)
    case.after = sufficiency.maintenance_with_orders(w, account, 0, 0, 0, 0, 0, 0)
    case.held_after = margin.maintenance(w, account)
    shift(w, account, combo, sell, -lots, own_lots, held)
    cost = w.c_hold
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD:
        cost = _fees_per_lot(w, account, combo, sell) + paid_per_lot(w, combo, sell, w.c_price)
    return sufficiency.borne(case, lots * cost, lots * lost_per_lot(w, combo, sell, w.c_price))


def _closes(w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64) -> bool:
    """Whether in every leg all of the order reduces a position that no other open order speaks for."""
    combos_data = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos_data[c + C_LEGS]:
        seat = find_seat(w, account, combos_data[c + C_LEG + number])
        more = combo_seats.lots_of_leg(w, combo, number, sell, lots)
        own = combo_seats.lots_of_leg(w, combo, number, sell, own_lots)
        if more > 0:
            closing = sufficiency.closes(w, seat, 0, more, own)
        else:
            closing = sufficiency.closes(w, seat, 1, -more, -own)
        if not closing:
            return False
        number += 1
    return True
