"""Settlements of every holder, one step each (docs/protocol.md, Settlements)."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain.limits import MAX_PRICE_MICRO, MAX_VALUE_MICRO
from settlement.stf.errors import need
from settlement.stf.fills import ceil_div, per_lot_micro
from settlement.stf.state import State
from settlement.stf.steps import END, Step
from settlement.stf.terms import E8, Terms

OF_OPTIONS: Final = (r.SETTLED_DELIVERY, END)
OF_PERPETUALS: Final = (r.SETTLED_PERPETUAL, r.SETTLED_FUNDING)


def settle(state: State, step: Step) -> None:
    """SETTLE."""
    instrument = state.open_instrument(step.instrument)
    terms, kind = instrument.terms, step.flags
    fits = (terms.is_option and kind in OF_OPTIONS) or (terms.is_perpetual and kind in OF_PERPETUALS)
    need(fits, f"instrument {step.instrument} has no settlement {kind}")
    least, most = {
        r.SETTLED_DELIVERY: (0, MAX_PRICE_MICRO),
        r.SETTLED_PERPETUAL: (0, terms.price_limit_ticks),
        r.SETTLED_FUNDING: (-MAX_VALUE_MICRO, MAX_VALUE_MICRO),
        END: (0, 0),
    }[kind]
    need(least <= step.p <= most, f"settlement {kind} at {step.p}")
    instrument.settling, instrument.settlement_price = kind, step.p
    instrument.holders_left, instrument.last_holder = instrument.holders, 0
    state.touched_instruments.add(step.instrument)


def delivery_micro(terms: Terms, price_micro: int, size_lots: int) -> tuple[int, int]:
    """(payoff, fee) of a position at delivery."""
    inside = price_micro - terms.strike_micro
    if terms.is_put:
        inside = -inside
    payoff = size_lots * (max(inside, 0) * terms.lot_e8 // E8)
    per_lot = ceil_div(per_lot_micro(terms, price_micro) * terms.delivery_fee_ppm, 1000)
    fee = ceil_div(per_lot * abs(size_lots), 1000)
    if terms.fee_cap_permille:
        fee = min(fee, abs(payoff) * terms.fee_cap_permille // 1000)
    return payoff, fee


def holder(state: State, step: Step) -> None:
    """HOLDER."""
    number, instrument = step.instrument, state.instrument(step.instrument)
    kind, price, terms = instrument.settling, instrument.settlement_price, instrument.terms
    need(kind != 0, f"instrument {number} is not being settled")
    account = state.account(step.first)
    size, entry = account.position(number)
    need(bool(size or entry), f"account {step.first} holds nothing of instrument {number}")
    need(step.first > instrument.last_holder, f"holder {step.first} behind {instrument.last_holder}")
    need(instrument.holders_left > 0, f"a holder of instrument {number} too many")
    instrument.last_holder = step.first
    instrument.holders_left -= 1
    if kind == r.SETTLED_DELIVERY:
        payoff, fee = delivery_micro(terms, price, size)
        state.pay(step.first, account, payoff - fee)
        state.fees_micro += fee
        state.move(step.first, account, number, instrument, -size, -entry)
    elif kind == r.SETTLED_PERPETUAL:
        after = price * size * terms.multiplier_micro
        state.pay(step.first, account, after - entry)
        state.move(step.first, account, number, instrument, 0, after - entry)
    elif kind == r.SETTLED_FUNDING:
        state.pay(step.first, account, -price * size)
        state.touched_instruments.add(number)
    else:
        need(size == 0, f"instrument {number} ends while account {step.first} holds {size} lots")
        state.move(step.first, account, number, instrument, 0, -entry)


def settled(state: State, step: Step) -> None:
    """SETTLED."""
    instrument = state.instrument(step.instrument)
    need(instrument.settling != 0, f"instrument {step.instrument} is not being settled")
    need(instrument.holders_left == 0, f"{instrument.holders_left} holders of {step.instrument} are missing")
    instrument.settling = instrument.holders_left = instrument.last_holder = instrument.settlement_price = 0
    state.touched_instruments.add(step.instrument)
