"""Makers that lose against the mark (rules 2: Losing makers), and what a fill does to a balance."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference import fees, funds, margin
from tests.reference.accounts import Account, Order
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.instruments import Instrument
from tests.reference.lines import lines_of
from tests.reference.world import World


def loss_at_mark(instrument: Instrument, price_ticks: int, *, is_sell: bool) -> int:
    """What a lot filled at this price loses against the mark; negative where it gains. Micro-USDC."""
    price = price_ticks * instrument.multiplier_micro
    return instrument.mark_high - price if is_sell else price - instrument.mark_low


def balance_change(
    account: Account, instrument: Instrument, price_ticks: int, lots: int, *, is_sell: bool
) -> int:
    """Δ: what a fill does to the account's balance, fees apart; what it gains at the mark counts nothing."""
    if instrument.is_combo:
        return -lots * funds.combo_cost(account, instrument, is_sell, price_ticks)
    if instrument.is_option and account.model == r.MODEL_STANDARD:
        paid = price_ticks * instrument.multiplier_micro * lots
        return paid if is_sell else -paid
    return -max(0, loss_at_mark(instrument, price_ticks, is_sell=is_sell)) * lots


def is_losing(world: World, maker: Order) -> bool:
    """Does a lot of a resting order lose anything against the mark? Asked under rules 2 alone."""
    if not world.has_risk_rules:
        return False
    return loss_at_mark(maker.instrument, maker.price_ticks, is_sell=maker.is_sell) > 0


def _fee_per_lot(world: World, maker: Order) -> int:
    """fee₁: the most that a fill of one lot costs the maker; nothing where it gets a rebate."""
    instrument = maker.instrument
    if instrument.is_combo:
        nano = {leg: fees.maker_nano(world, maker.account, leg.instrument) for leg in instrument.legs}
        return sum(leg.times * ceil_div(each, 1000) for leg, each in nano.items())
    fee = ceil_div(fees.maker_nano(world, maker.account, instrument), 1000)
    if instrument.is_option and (cap := instrument.terms.fee_cap_permille):
        fee = min(fee, floor_div(maker.price_ticks * instrument.multiplier_micro * cap, 1000) + 1)
    return fee


def may_trade(world: World, makers: list[Order], lots: int) -> bool:
    """Do these fills, one of each maker of one account, leave it at or above maintenance?"""
    account = makers[0].account
    lines = {line.instrument.id: line for line in lines_of(account)}
    room = margin.worth(account).balance
    for maker in makers:
        price = maker.price_ticks
        room += balance_change(account, maker.instrument, price, lots, is_sell=maker.is_sell)
        room -= lots * _fee_per_lot(world, maker)
        for leg in maker.instrument.legs:
            line = lines[leg.instrument.id]
            change = lots * leg.times * (-1 if leg.sells(is_sell=maker.is_sell) else 1)
            lines[leg.instrument.id] = line._replace(size=line.size + change)
    return room >= margin.maintenance(world, account.model, list(lines.values()))


def slack(world: World, account: Account) -> int:
    """What an account has beyond all that its plain sums hold for its positions and open orders."""
    return margin.worth(account).balance - margin.initial_plain(world, account.model, lines_of(account))


def overdraw(world: World, maker: Order) -> int:
    """What filling all open lots of a resting order may cost beyond its hold and what the plain sums hold."""
    beyond = _fee_per_lot(world, maker) + _beyond_hold(maker)
    return maker.open_lots * (max(0, beyond) + _rounding(world, maker))


def overdraw_cause(world: World, maker: Order) -> str:
    """What an overdraw is for: what a fill loses, or also its fee, or nothing but rounding."""
    if _beyond_hold(maker) > 0:
        return "loss"
    return "fee" if _fee_per_lot(world, maker) + _beyond_hold(maker) > 0 else "rounding"


def _beyond_hold(maker: Order) -> int:
    """What a fill of one lot takes from the balance beyond what is held for it, before any fee."""
    change = balance_change(maker.account, maker.instrument, maker.price_ticks, 1, is_sell=maker.is_sell)
    return -change - maker.hold_per_lot


def _rounding(world: World, maker: Order) -> int:
    """By how much a lot's rounding may raise maintenance above the initial margin of its order."""
    if maker.account.model != r.MODEL_PORTFOLIO:
        return 0
    risk = world.underlying_of(maker.instrument).risk
    assert risk is not None, "check 8 lets nobody take here"
    return 1 + (risk.quantum_micro if maker.is_sell and maker.instrument.table else 0)
