"""Trades with all makers of an offer at once (rules: Booking a match; rules 4: combos, implied orders)."""

from __future__ import annotations

from exchange.domain import records as r
from tests.reference import booking, combos, tripping
from tests.reference.accounts import Order
from tests.reference.booking import Party
from tests.reference.branches import note
from tests.reference.implied import Offer
from tests.reference.instruments import Instrument, Leg
from tests.reference.resting import count_open, follow, leave, tell
from tests.reference.world import World


def trade(world: World, taker: Order, offer: Offer, lots: int) -> None:
    """Trade with the makers of an offer, all at once."""
    taker.open_lots -= lots
    _count(world, taker, lots, offer.price_ticks, role="taker")
    if offer.kind == r.COMBO_IN:
        _trade_in(world, taker, offer, lots)
    elif offer.kind == r.COMBO_OUT:
        _trade_out(world, taker, offer, lots)
    elif taker.instrument.is_combo:
        _trade_combo(world, taker, offer.makers[0], lots)
    else:
        (maker,), instrument = offer.makers, taker.instrument
        _book(world, instrument.legs[0], offer.price_ticks, lots, maker, taker)
        _price(world, instrument, offer.price_ticks)
        _settle(world, maker, lots, offer.price_ticks)


def _trade_combo(world: World, taker: Order, maker: Order, lots: int) -> None:
    """A match in a combo's book: its price is divided among the legs."""
    combo, price = taker.instrument, maker.price_ticks
    _tell_combo(world, combo, price, lots, r.COMBO_BOOK, taker=taker, maker=maker)
    for leg, part in zip(combo.parts, combos.divided(world, combo, price), strict=True):
        _book(world, leg, part, lots, maker, taker, flags=r.TRADE_COMBO)
    _settle(world, maker, lots, price)
    note(world, f"combo: trades at a {'negative' if price < 0 else 'positive' if price else 'zero'} price")


def _trade_in(world: World, taker: Order, offer: Offer, lots: int) -> None:
    """Who takes a combo trades each leg with an order of it."""
    combo = taker.instrument
    _tell_combo(world, combo, offer.price_ticks, lots, r.COMBO_IN, taker=taker, maker=None)
    for leg, maker in zip(combo.parts, offer.makers, strict=True):
        _book(world, leg, maker.price_ticks, lots, maker, taker, flags=r.TRADE_COMBO)
        _price(world, leg.instrument, maker.price_ticks)
        _settle(world, maker, lots, maker.price_ticks)
    kind = "sum" if combo.parts[1].ratio > 0 else "difference"
    note(world, f"implied in: trades, {kind}, {'sale' if taker.is_sell else 'purchase'}")
    if offer.makers[0].account is offer.makers[1].account:
        note(world, "implied in: two makers of one account")


def _trade_out(world: World, taker: Order, offer: Offer, lots: int) -> None:
    """Who takes a leg trades it with an order of the combo, which trades the other with one of it."""
    combo = offer.combo
    assert combo is not None
    of_combo, of_other = offer.makers
    price, other_price = offer.price_ticks, of_other.price_ticks
    own, other = combo.parts if combo.parts[0].instrument is taker.instrument else combo.parts[::-1]
    of_both = own.ratio * price + other.ratio * other_price
    _tell_combo(world, combo, of_both, lots, r.COMBO_OUT, taker=None, maker=of_combo)
    _book(world, own, price, lots, of_combo, taker, flags=r.TRADE_COMBO)
    _book(world, other, other_price, lots, of_other, of_combo, flags=r.TRADE_COMBO | r.TRADE_RESTS)
    _price(world, own.instrument, price)
    _price(world, other.instrument, other_price)
    _settle(world, of_combo, lots, of_both)
    _settle(world, of_other, lots, other_price)
    which = "first" if own is combo.parts[0] else "second"
    side = "sale" if taker.is_sell else "purchase"
    kind = "sum" if combo.parts[1].ratio > 0 else "difference"
    note(
        world,
        f"implied out: trades the {which} leg, {kind}, {side}",
    )
    if of_both != of_combo.price_ticks:
        note(world, "implied out: rounded for the combo's maker")


def _book(
    world: World, leg: Leg, price_ticks: int, lots: int, maker: Order, taker: Order, *, flags: int = 0
) -> None:
    """Book a leg of a match of so many lots of the order."""
    booking.book(
        world,
        leg.instrument,
        price_ticks,
        lots * leg.times,
        Party.of(maker, _leg_of(maker, leg)),
        Party.of(taker, _leg_of(taker, leg)),
        flags=flags,
    )


def _leg_of(order: Order, leg: Leg) -> Leg:
    """What a lot of the order is in the leg's instrument: all of it, or the part of a combo."""
    return leg if order.instrument.is_combo else order.instrument.legs[0]


def _tell_combo(
    world: World,
    combo: Instrument,
    price_ticks: int,
    lots: int,
    kind: int,
    *,
    taker: Order | None,
    maker: Order | None,
) -> None:
    """COMBO_TRADE, in front of its TRADEs."""
    combo.trade_seq += 1
    sells = taker.is_sell if taker else not (maker and maker.is_sell)
    world.events.combo_trade(
        combo,
        world.take_trade_id(),
        price_ticks,
        lots,
        kind=kind,
        is_sell=sells,
        taker=taker,
        maker=maker,
        now_ms=world.now_ms,
    )


def _price(world: World, instrument: Instrument, price_ticks: int) -> None:
    """The last price of an instrument; it is seen when the order is through."""
    instrument.last_ticks = price_ticks
    if instrument not in world.priced:
        world.priced.append(instrument)


def _count(world: World, order: Order, lots: int, price_ticks: int, *, role: str) -> None:
    """An order is filled by so many lots at a price; its protection group counts them."""
    order.filled_lots += lots
    order.filled_value += price_ticks * lots
    tripping.count(world, order, lots, role=role)


def _settle(world: World, maker: Order, lots: int, price_ticks: int) -> None:
    """What a match leaves of a maker, and its ORDER: less open, out of the book, or at its end."""
    _count(world, maker, lots, price_ticks, role="maker")
    follow(world, maker)
    side = maker.instrument.book.side(maker.is_sell)
    count_open(maker, -lots)
    maker.open_lots -= lots
    maker.shown_lots -= lots
    if maker.open_lots == 0:
        leave(world, maker)
    elif maker.shown_lots == 0:
        maker.shown_lots = maker.to_show()
        maker.priority = world.take_priority()
        side.to_back(maker)
    tell(world, maker, r.ORDER_FILLED)
