"""FILL: what a match does to its two sides (docs/protocol.md, FILL)."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.stf.errors import TransitionError, need
from settlement.stf.state import Account, State
from settlement.stf.steps import (
    CLASS_BLOCK,
    CLASS_GRANT,
    CLASS_LIQUIDATION,
    MAKER_BY_COMBO,
    TAKER_BY_COMBO,
    TAKER_RESTS,
    TAKER_SELLS,
    Step,
)
from settlement.stf.terms import E8, Terms

LOTS_END: Final = 1 << 28
FLAGS_END: Final = 16


def ceil_div(a: int, b: int) -> int:
    """⌈a/b⌉."""
    return -(-a // b)


def fee_micro(terms: Terms, per_lot: int, rate_ppm: int, lots: int, value: int) -> int:
    """A fee on index notional: rounded up at each step, an option's cap rounded down."""
    nano = -(-per_lot * rate_ppm // 1000)
    fee = -(-nano * lots // 1000)
    if terms.is_option and terms.fee_cap_permille:
        return min(fee, value * terms.fee_cap_permille // 1000)
    return fee


def per_lot_micro(terms: Terms, price_micro: int) -> int:
    """A price of the underlying in micro-USDC a lot, rounded up."""
    return -(-price_micro * terms.lot_e8 // E8)


def rates_ppm(state: State, account: Account, terms: Terms) -> tuple[int, int, int, int]:
    """(option maker, option taker, perpetual maker, perpetual taker) rates of an account: its tier's, the
    last one's beyond the schedule's end, or the terms' while there is no schedule."""
    tiers = state.parameters.fees.tiers
    if not tiers:
        maker, taker = terms.maker_fee_ppm, terms.taker_fee_ppm
        return maker, taker, maker, taker
    return tiers[account.tier] if account.tier < len(tiers) else tiers[-1]


def fees_micro(
    state: State, terms: Terms, maker: Account, taker: Account, index_micro: int, step: Step, value: int
) -> tuple[int, int]:
    """(maker's fee, taker's fee) of a FILL; the maker's is negative for a rebate."""
    lots, flags, column = step.q, step.flags, 0 if terms.is_option else 2
    per_lot = per_lot_micro(terms, index_micro)
    rates = rates_ppm(state, taker, terms)
    rate = max(0, rates[column]) if flags & TAKER_RESTS else rates[column + 1]
    full = taker_fee = fee_micro(terms, per_lot, rate, lots, value)
    kept = 1_000 - state.parameters.fees.combo_discount_permille
    if flags & TAKER_BY_COMBO:
        taker_fee = ceil_div(full * kept, 1_000)
    rate = rates_ppm(state, maker, terms)[column]
    if rate >= 0:
        maker_fee = fee_micro(terms, per_lot, rate, lots, value)
        if flags & MAKER_BY_COMBO:
            maker_fee = ceil_div(maker_fee * kept, 1_000)
        return maker_fee, taker_fee
    rebate = min(per_lot * -rate // 1000 * lots // 1000, full)
    if flags & MAKER_BY_COMBO:
        rebate = rebate * kept // 1_000
    return -min(rebate, taker_fee), taker_fee


def fill(state: State, step: Step) -> None:
    """Book a FILL. Raises TransitionError."""
    number, price, lots, flags = step.instrument, step.p, step.q, step.flags
    instrument = state.instruments.get(number)
    if instrument is None or instrument.settling or instrument.state >= r.STATE_DELISTED:
        instrument = state.open_instrument(number)
    terms = instrument.terms
    maker, taker = state.accounts.get(step.first), state.accounts.get(step.second)
    if maker is None or taker is None or step.first < FIRST_USER_ACCOUNT or step.second < FIRST_USER_ACCOUNT:
        maker, taker = state.user(step.first), state.user(step.second)
    if not (terms.is_option or terms.is_perpetual):
        raise TransitionError(f"a fill of instrument {number}, which is a combo")
    if step.first == step.second:
        raise TransitionError(f"fill {step.ident} is not a match of two accounts")
    if not (0 < lots < LOTS_END and 0 < price <= terms.price_limit_ticks):
        raise TransitionError(f"fill {step.ident}: {lots} lots at {price}")
    if step.ident <= instrument.last_trade_id:
        raise TransitionError(f"fill {step.ident} after {instrument.last_trade_id}")
    if flags > TAKER_SELLS:
        _must_be_of_a_combo(flags)
    index = state.parameters.underlyings.of(terms.underlying).index_micro
    if index == 0:
        raise TransitionError(f"fill {step.ident}: no index of underlying {terms.underlying}")
    value = price * lots * terms.multiplier_micro
    maker_fee, taker_fee = fees_micro(state, terms, maker, taker, index, step, value)
    if flags & TAKER_SELLS:
        size, entry = -lots, -value
    else:
        size, entry = lots, value
    if step.classes:
        _authorised(state, step, maker, taker, size, value)
    state.move(step.first, maker, number, instrument, -size, -entry)
    state.move(step.second, taker, number, instrument, size, entry)
    premium = entry if terms.is_option else 0
    maker.cash_micro += premium - maker_fee
    taker.cash_micro -= premium + taker_fee
    state.fees_micro += maker_fee + taker_fee
    instrument.last_price_ticks, instrument.last_taker_sells = price, flags & TAKER_SELLS
    instrument.last_trade_id = step.ident


def _must_be_of_a_combo(flags: int) -> None:
    need(flags < FLAGS_END, f"a fill with flags {flags}")
    need(not flags & TAKER_RESTS or flags & TAKER_BY_COMBO != 0, "a taker that rests by no combo's order")


def _authorised(state: State, step: Step, maker: Account, taker: Account, size: int, value: int) -> None:
    """Check the authorisation classes, and count what a liquidation fee will be taken on."""
    if is_authorised(step, maker, taker):
        await_fee(state, step.second, step.instrument, size, value)


def await_fee(state: State, account: int, instrument: int, lots: int, value: int) -> None:
    """Count lots (negative: sold) that a liquidation fee will be taken on."""
    told = state.parameters.slice
    if (told.account, told.instrument, told.lots > 0) != (account, instrument, lots > 0):
        told.account, told.instrument, told.lots, told.value_micro = account, instrument, 0, 0
    told.lots += lots
    told.value_micro += value


def is_authorised(step: Step, maker: Account, taker: Account) -> bool:
    """Check a FILL's authorisation classes; whether a liquidation fee will be taken on it.

    Raises:
        TransitionError: classes that nothing allows.
    """
    of_maker, of_taker = step.classes >> 4, step.classes & 15
    if of_maker == CLASS_BLOCK or of_taker == CLASS_BLOCK:
        families = (maker.main or step.first, taker.main or step.second)
        fits = of_maker == of_taker and families[0] != families[1] and step.flags <= TAKER_SELLS
        need(fits, f"fill {step.ident} is of no block")
        return False
    known = of_maker <= CLASS_GRANT and of_taker <= CLASS_LIQUIDATION
    need(known, f"fill {step.ident}: classes {step.classes:#x}")
    if of_taker == CLASS_LIQUIDATION:
        need(taker.in_liquidation == 1, f"fill {step.ident}: account {step.second} is not in liquidation")
        return True
    return False
