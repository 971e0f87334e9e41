"""Fees of who trades by a combo's order: a match's, with the schedule's discount (docs/rules-4.md)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import fees
from exchange.core.arithmetic import ceil_div
from exchange.core.world import World

_PERMILLE: Final = 1000


def _discounted(w: World, fee: i64) -> i64:
    """A fee less the discount, rounded up: a rebate (negative) so loses what is cut off. At most 2**56."""
    return ceil_div(fee * (_PERMILLE - w.combo_discount), _PERMILLE)


def taker_micro(w: World, account: i64, leg: i64, lots: i64, value: i64) -> i64:
    """The fee of a taker of a combo for one leg, micro-USDC."""
    return _discounted(w, fees.taker_micro(w, account, leg, lots, value))


def maker_micro(
    w: World, account: i64, leg: i64, lots: i64, value: i64, full_fee: i64, taker_fee: i64
) -> i64:
    """The fee of a combo's maker for one leg, negative for a rebate, micro-USDC.

    A rebate is at most what the taker pays, before any discount (`full_fee`) and as charged (`taker_fee`).
    """
    fee = _discounted(w, fees.maker_micro(w, account, leg, lots, value, full_fee))
    return fee if fee > -taker_fee else -taker_fee


def resting_taker_micro(w: World, account: i64, leg: i64, lots: i64, value: i64) -> i64:
    """The fee of a combo's maker for the leg in which it takes (implied out): a maker's, but no rebate."""
    return _discounted(w, fees.maker_micro(w, account, leg, lots, value, 0))
