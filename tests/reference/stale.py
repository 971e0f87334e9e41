"""Makers whose holds the mark has left behind (rules 2: Stale makers), and what a fill does to a balance."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference import fees, margin, perlot
from tests.reference.accounts import Account, Order
from tests.reference.arithmetic import ceil_div
from tests.reference.instruments import Instrument
from tests.reference.lines import line_of, lines_of
from tests.reference.world import World


def loss_at_mark(instrument: Instrument, price_ticks: int, *, is_sell: bool) -> int:
    """What a lot filled at this price loses against the mark; negative where it gains. Micro-USDC."""
    price = price_ticks * instrument.multiplier_micro
    return instrument.mark_high - price if is_sell else price - instrument.mark_low


def balance_change(
    account: Account, instrument: Instrument, price_ticks: int, lots: int, *, is_sell: bool
) -> int:
    """Δ: what a fill does to the account's balance, fees apart; what it gains at the mark counts nothing."""
    if instrument.is_option and account.model == r.MODEL_STANDARD:
        paid = price_ticks * instrument.multiplier_micro * lots
        return paid if is_sell else -paid
    return -max(0, loss_at_mark(instrument, price_ticks, is_sell=is_sell)) * lots


def is_stale(world: World, maker: Order) -> bool:
    """Does a lot of a resting order lose more against the mark than it holds? Never under rules 1."""
    if not world.has_risk_rules:
        return False
    instrument, held = maker.instrument, maker.hold_per_lot
    is_short_sale = maker.is_sell and maker.seat.size_lots <= 0
    if instrument.is_option and is_short_sale and maker.account.model == r.MODEL_STANDARD:
        risk = world.underlying_of(instrument).risk
        assert risk is not None, "check 8 lets nobody take here"
        held += perlot.maintenance(instrument, risk) - instrument.mark_high
    return loss_at_mark(instrument, maker.price_ticks, is_sell=maker.is_sell) > held


def may_trade(world: World, maker: Order, lots: int) -> bool:
    """Does this fill leave a stale maker's account at or above maintenance?"""
    account, instrument = maker.account, maker.instrument
    change = balance_change(account, instrument, maker.price_ticks, lots, is_sell=maker.is_sell)
    fee = lots * ceil_div(fees.maker_nano(world, account, instrument), 1000)
    line = line_of(maker.seat)
    filled = lines_of(account, line._replace(size=line.size + (-lots if maker.is_sell else lots)))
    required = margin.maintenance(world, account.model, filled)
    return margin.worth(account).balance + change - fee >= required
