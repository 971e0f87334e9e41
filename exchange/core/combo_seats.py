"""Seats of a combo's orders: one in each leg (checks 13 to 15 of docs/rules.md, for each leg in order)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import ledger
from exchange.core.combo_open import find_seat
from exchange.core.combo_terms import record_of
from exchange.core.layout import C_LEG, C_LEGS, C_RATIO
from exchange.core.world import World


def missing(w: World, account: i64, combo: i64) -> i64:
    """In how many legs of a combo the account has no seat."""
    combos = w.combos.data
    c = record_of(w, combo)
    found: i64 = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        if find_seat(w, account, combos[c + C_LEG + number]) == 0:
            found += 1
        number += 1
    return found


def make(w: World, account: i64, combo: i64) -> i64:
    """Make the seats that are missing. Returns which (bit by leg), for `drop`."""
    combos = w.combos.data
    c = record_of(w, combo)
    made: i64 = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        if find_seat(w, account, combos[c + C_LEG + number]) == 0:
            ledger.make_seat(w, account, combos[c + C_LEG + number])
            made |= 1 << number
        number += 1
    return made


def drop(w: World, account: i64, combo: i64, made: i64) -> None:
    """Drop the seats that were made, of an order that was refused."""
    combos = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        if made & (1 << number) != 0:
            ledger.drop_seat(w, find_seat(w, account, combos[c + C_LEG + number]))
        number += 1


def first(w: World, account: i64, combo: i64) -> i64:
    """The seat in the first leg, where the holds of a combo's orders are; 0: none yet."""
    return find_seat(w, account, w.combos.data[record_of(w, combo) + C_LEG])


def lots_of_leg(w: World, combo: i64, number: i64, sell: i64, lots: i64) -> i64:
    """What `lots` of a combo bought or sold are of one of its legs: bought > 0, sold < 0."""
    ratio = w.combos.data[record_of(w, combo) + C_RATIO + number]
    return -ratio * lots if sell != 0 else ratio * lots
