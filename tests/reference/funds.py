"""Holds of open orders, values of seats, and the funds rule of version 1 (rules: Funds). Micro-USDC."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import fees, perlot
from tests.reference.accounts import Account, Seat
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.instruments import Instrument
from tests.reference.outcome import require
from tests.reference.world import World


def fee_hold(world: World, instrument: Instrument, price_ticks: int) -> int:
    """The most a lot's fee may be at this price."""
    fee = ceil_div(fees.hold_nano(world, instrument), 1000)
    cap = instrument.terms.fee_cap_permille
    if instrument.is_option and cap:
        fee = min(fee, floor_div(price_ticks * instrument.multiplier_micro * cap, 1000) + 1)
    return fee


def hold_per_lot(
    world: World, account: Account, instrument: Instrument, is_sell: bool, price_ticks: int
) -> int:
    """What one open lot of an order at this price sets aside; fixed when the order is placed.

    A portfolio account's options hold what a fill at this price loses against the mark, as perpetuals do.
    A standard account's sale holds nothing under rules 1; under rules 2 what an uncapped fee leaves unpaid.
    """
    value = price_ticks * instrument.multiplier_micro
    if instrument.is_combo:
        costs = combo_fees(world, account, instrument, is_sell=is_sell)
        return costs + max(0, combo_cost(account, instrument, is_sell, price_ticks))
    fee = fee_hold(world, instrument, price_ticks)
    if instrument.is_option and account.model == r.MODEL_STANDARD:
        if not is_sell:
            return value + fee + (perlot.delivery_fee(instrument) if world.has_combo_rules else 0)
        uncapped = world.has_risk_rules and not instrument.terms.fee_cap_permille
        return max(0, fee - value) if uncapped else 0
    if is_sell:
        return fee + max(0, instrument.mark_high - value)
    return fee + max(0, value - instrument.mark_low)


def combo_fees(world: World, account: Account, combo: Instrument, *, is_sell: bool) -> int:
    """The most the fees of a lot of a combo may be: of all its legs, uncapped.

    Under the standard model with what delivery of the legs that are bought will cost.
    """
    total = sum(leg.times * ceil_div(fees.hold_nano(world, leg.instrument), 1000) for leg in combo.legs)
    if account.model == r.MODEL_STANDARD:
        bought = (leg for leg in combo.legs if not leg.sells(is_sell=is_sell))
        total += sum(leg.times * perlot.delivery_fee(leg.instrument) for leg in bought)
    return total


def combo_cost(account: Account, combo: Instrument, is_sell: bool, price_ticks: int) -> int:
    """What a lot of a combo takes from the balance, fees apart; negative where it brings something.

    Under the standard model its price; under the portfolio model what it loses against the marks.
    """
    value = price_ticks * combo.multiplier_micro
    if account.model == r.MODEL_STANDARD:
        return -value if is_sell else value
    return combo.mark_high - value if is_sell else value - combo.mark_low


def requirement_of(instrument: Instrument, size: int, open_buy: int, open_sell: int, hold: int) -> int:
    """What one seat with these lots and hold requires."""
    if instrument.is_option:
        short = open_sell - size
        if short <= 0:
            return hold
        is_call = instrument.terms.option_type == r.OPTION_CALL
        return hold + short * (instrument.forward_per_lot if is_call else instrument.strike_per_lot)
    worst = max(abs(size + open_buy), abs(size - open_sell))
    return hold + worst * instrument.mark_high


def seat_requirement(seat: Seat) -> int:
    return requirement_of(
        seat.instrument, seat.size_lots, seat.open_buy_lots, seat.open_sell_lots, seat.hold_micro
    )


def seat_value(seat: Seat) -> int:
    """A position at its mark, rounded against the holder; of a perpetual its unsettled profit."""
    instrument, size = seat.instrument, seat.size_lots
    value = size * (instrument.mark_low if size > 0 else instrument.mark_high)
    return value if instrument.is_option else value - seat.entry_value_micro


class Figures(NamedTuple):
    """An account's funds, equity and requirement."""

    funds: int
    equity: int
    requirement: int


def figures(account: Account) -> Figures:
    """Funds, equity and requirement of an account."""
    funds = equity = account.cash_micro
    requirement = 0
    for seat in account.seats.values():
        value = seat_value(seat)
        equity += value
        if not seat.instrument.is_option:
            funds += value
        requirement += seat_requirement(seat)
    return Figures(funds, equity, requirement)


def check_funds(account: Account, seat: Seat | None, grown_requirement: int) -> None:
    """Equity not negative, and funds for the account with one seat's requirement replaced."""
    now = figures(account)
    require(now.equity >= 0, why.NEGATIVE_EQUITY)
    without = now.requirement - (seat_requirement(seat) if seat else 0)
    require(without + grown_requirement <= now.funds, why.INSUFFICIENT_FUNDS)
