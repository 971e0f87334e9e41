"""Fills and what they cost (protocol.md: FILL)."""

from __future__ import annotations

from tests.second_verifier.state import OPTION, PERPETUAL, Instrument, State, fits, need
from tests.second_verifier.step import Step

TAKER_SELLS, MAKER_COMBO, TAKER_COMBO, RESTS = 1, 2, 4, 8
LIQUIDATION, BLOCK = 3, 5
MOST_LOTS = 1 << 28


def up(a: int, b: int) -> int:
    return -(-a // b)


def charge(state: State, one: Instrument, rate: int, size: int, value: int) -> int:
    """fee(r) of protocol.md."""
    per_lot = up(state.underlyings[one.underlying].index * one.lot_e8, 10**8)
    found = up(up(per_lot * rate, 1_000) * size, 1_000)
    if one.kind == OPTION and one.fee_cap:
        found = min(found, value * one.fee_cap // 1_000)
    return found


def rates_of(state: State, one: Instrument, number: int) -> tuple[int, int]:
    """Maker's and taker's rate of an account."""
    if not state.tiers:
        return one.terms[8] & 0xFFFFFFFF, one.terms[8] >> 32 & 0xFFFFFFFF
    tier = state.tiers[min(state.accounts[number].tier, len(state.tiers) - 1)]
    return tier[:2] if one.kind == OPTION else tier[2:]


def _classes(state: State, step: Step) -> int:
    maker, taker = step.classes >> 4, step.classes & 15
    need(maker <= BLOCK and taker <= BLOCK and 4 not in (maker, taker) and maker != LIQUIDATION, "a class")
    if BLOCK in (maker, taker):
        need(maker == taker, "half a block")
        need(state.family(step.first) != state.family(step.second) and step.flags <= 1, "a block")
    if taker == LIQUIDATION:
        need(state.accounts[step.second].in_liquidation, "nobody in liquidation")
    return taker


def fill(state: State, step: Step) -> None:
    need(step.first != step.second, "one account")
    maker, taker = step.first, step.second
    state.user(maker), state.user(taker)
    one = state.open(step.instrument)
    need(one.kind in (OPTION, PERPETUAL), "a combo is not filled")
    size, price = step.q, step.p
    need(1 <= size < MOST_LOTS and 1 <= price <= one.price_limit, "size or price")
    need(step.flags < 16 and (not step.flags & RESTS or step.flags & TAKER_COMBO != 0), "flags")
    need(state.underlyings[one.underlying].index != 0, "no index")
    need(step.ident > one.last_trade_id, "a trade booked before")
    taker_class = _classes(state, step)
    value = price * size * one.multiplier
    maker_fee, taker_fee = _fees(state, step, one, value)
    sign = -1 if step.flags & TAKER_SELLS else 1
    state.move(taker, step.instrument, sign * size, sign * value)
    state.move(maker, step.instrument, -sign * size, -sign * value)
    if one.kind == OPTION:
        state.pay(taker, -sign * value)
        state.pay(maker, sign * value)
    state.pay(taker, -taker_fee)
    state.pay(maker, -maker_fee)
    state.chunk_fees += taker_fee + maker_fee
    one.last_price, one.last_taker_sells, one.last_trade_id = price, step.flags & TAKER_SELLS, step.ident
    if taker_class == LIQUIDATION:
        _grow_slice(state, step, sign * size, value)


def _fees(state: State, step: Step, one: Instrument, value: int) -> tuple[int, int]:
    size, keeps = step.q, 1_000 - state.discount
    maker_rate, _ = rates_of(state, one, step.first)
    resting_rate, taker_rate = rates_of(state, one, step.second)
    full = charge(state, one, max(0, resting_rate) if step.flags & RESTS else taker_rate, size, value)
    taker = up(full * keeps, 1_000) if step.flags & TAKER_COMBO else full
    if maker_rate >= 0:
        maker = charge(state, one, maker_rate, size, value)
    else:
        per_lot = up(state.underlyings[one.underlying].index * one.lot_e8, 10**8)
        maker = -min(per_lot * -maker_rate // 1_000 * size // 1_000, full)
    if step.flags & MAKER_COMBO:
        maker = up(maker * keeps, 1_000) if maker >= 0 else -(-maker * keeps // 1_000)
    return max(maker, -taker), taker


def _grow_slice(state: State, step: Step, lots: int, value: int) -> None:
    part = state.slice
    same = (part.account, part.instrument) == (step.second, step.instrument) and part.lots * lots > 0
    if not same:
        part.account, part.instrument, part.lots, part.value = step.second, step.instrument, 0, 0
    part.lots += lots
    part.value += value
    need(fits(part.lots, 64, signed=True), "a slice's lots")
