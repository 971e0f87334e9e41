"""Booking of a match between two parties (rules: Booking a match; rules 4: Matching in a combo's book)."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import fees
from tests.reference.accounts import Account, Order
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.branches import note
from tests.reference.instruments import Instrument, Leg
from tests.reference.world import World


class Party(NamedTuple):
    """One side of a TRADE. `by_combo`: it trades by an order of a combo, and has its discount."""

    account: Account
    order_id: int
    label: int
    is_sell: bool
    by_combo: bool = False

    @classmethod
    def of(cls, order: Order, leg: Leg) -> Party:
        """The party that an order is in one leg of its instrument."""
        sells = leg.sells(is_sell=order.is_sell)
        return cls(order.account, order.id, order.label, sells, order.instrument.is_combo)


class Fill(NamedTuple):
    """One TRADE: lots of an instrument at a price, between two parties."""

    trade_id: int
    instrument: Instrument
    price_ticks: int
    lots: int
    value_micro: int
    maker: Party
    taker: Party
    maker_fee: int
    taker_fee: int
    flags: int


def book(
    world: World,
    instrument: Instrument,
    price_ticks: int,
    lots: int,
    maker: Party,
    taker: Party,
    *,
    flags: int = 0,
) -> None:
    """Positions, premium, fees and volumes of both parties, and TRADE.

    `flags` are TRADE's beyond side and liquidation; with TRADE_RESTS the taker is a resting order too, which
    pays as a maker.
    """
    value = price_ticks * lots * instrument.multiplier_micro
    instrument.trade_seq += 1
    maker_fee, taker_fee = _fees(
        world, instrument, lots, value, maker, taker, rests=bool(flags & r.TRADE_RESTS)
    )
    flags |= r.FLAG_SELL if taker.is_sell else 0
    flags |= r.TRADE_LIQUIDATION if taker.account.liquidation != r.LIQUIDATION_NONE else 0
    fill = Fill(
        world.take_trade_id(), instrument, price_ticks, lots, value, maker, taker, maker_fee, taker_fee, flags
    )
    _book_party(world, fill, maker, maker_fee)
    _book_party(world, fill, taker, taker_fee)
    world.events.trade(fill, world.now_ms)


def _fees(
    world: World, instrument: Instrument, lots: int, value: int, maker: Party, taker: Party, *, rests: bool
) -> tuple[int, int]:
    """(maker's, taker's). Who trades by a combo order has its discount, on fees and on rebates."""
    paying = 1_000 - world.combo_discount_permille
    if rests:
        whole = fees.maker_fee(
            world, taker.account, instrument, lots, value, 0
        )  # a rebate of at most nothing
    else:
        whole = fees.taker_fee(world, taker.account, instrument, lots, value)
    taker_fee = ceil_div(whole * paying, 1_000) if taker.by_combo else whole
    maker_fee = fees.maker_fee(world, maker.account, instrument, lots, value, whole)
    if maker_fee < 0:
        rebate = floor_div(-maker_fee * paying, 1_000) if maker.by_combo else -maker_fee
        if rebate > taker_fee:
            note(world, "combo: a rebate cut by a discounted fee")
        return -min(rebate, taker_fee), taker_fee
    return ceil_div(maker_fee * paying, 1_000) if maker.by_combo else maker_fee, taker_fee


def _book_party(world: World, fill: Fill, party: Party, fee: int) -> None:
    account, instrument = party.account, fill.instrument
    sign = -1 if party.is_sell else 1
    seat = account.seats[instrument.id]
    seat.size_lots += sign * fill.lots
    seat.entry_value_micro += sign * fill.value_micro
    if instrument.is_option:
        account.cash_micro -= sign * fill.value_micro
    account.cash_micro -= fee
    world.accounts[limits.ACCOUNT_FEES].cash_micro += fee
    if world.has_risk_rules:
        traded = account.volume_micro + instrument.index_per_lot * fill.lots
        if traded > limits.MAX_VOLUME_MICRO:
            note(world, "fees: volume counts no more")
        account.volume_micro = min(traded, limits.MAX_VOLUME_MICRO)
