"""Deliveries, perpetual settlements, funding and ends, holder by holder (protocol.md: Settlements)."""

from __future__ import annotations

from tests.second_verifier.state import OPTION, PERPETUAL, Instrument, Position, State, need
from tests.second_verifier.step import Step
from tests.second_verifier.steps_fill import up

DELIVERY, SETTLEMENT, FUNDING, END = 1, 2, 3, 4


def settle(state: State, step: Step) -> None:
    one, price = state.open(step.instrument), step.p
    allowed = {
        DELIVERY: one.kind == OPTION and 0 <= price <= 1 << 42,
        SETTLEMENT: one.kind == PERPETUAL and 0 <= price <= one.price_limit,
        FUNDING: one.kind == PERPETUAL and abs(price) <= 1 << 48,
        END: one.kind == OPTION and price == 0,
    }
    need(allowed.get(step.flags, False), "a settlement")
    one.settlement, one.left, one.last_holder = step.flags, state.holders(step.instrument), 0
    one.settlement_price = price


def holder(state: State, step: Step) -> None:
    one = state.instruments.get(step.instrument)
    need(one is not None and one.settlement != 0, "no settlement")
    assert one is not None
    account = state.accounts.get(step.first)
    need(account is not None and step.instrument in account.positions, "no position")
    assert account is not None
    need(step.first > one.last_holder and one.left > 0, "order of holders")
    one.last_holder = step.first
    one.left -= 1
    at = account.positions[step.instrument]
    price, size, entry = one.settlement_price, at.size, at.entry
    if one.settlement == DELIVERY:
        _deliver(state, step, one, at)
    elif one.settlement == SETTLEMENT:
        after = price * size * one.multiplier
        state.pay(step.first, after - entry)
        state.move(step.first, step.instrument, 0, after - entry)
    elif one.settlement == FUNDING:
        state.pay(step.first, -price * size)
    else:
        need(size == 0, "a size at the end")
        state.move(step.first, step.instrument, 0, -entry)


def _deliver(state: State, step: Step, one: Instrument, at: Position) -> None:
    price = one.settlement_price
    inside = one.terms[2] - price if one.is_put else price - one.terms[2]
    payoff = at.size * (max(0, inside) * one.lot_e8 // 10**8)
    rate = one.terms[9] >> 32 & 0xFFFFFFFF
    fee = up(up(up(price * one.lot_e8, 10**8) * rate, 1_000) * abs(at.size), 1_000)
    if one.fee_cap:
        fee = min(fee, abs(payoff) * one.fee_cap // 1_000)
    state.pay(step.first, payoff - fee)
    state.chunk_fees += fee
    state.move(step.first, step.instrument, -at.size, -at.entry)


def settled(state: State, step: Step) -> None:
    one = state.instruments.get(step.instrument)
    need(one is not None and one.settlement != 0 and one.left == 0, "a settlement's end")
    assert one is not None
    one.settlement = one.left = one.last_holder = one.settlement_price = 0
