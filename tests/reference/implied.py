"""What is offered to an order that takes: its own book, and the implied orders of combos (rules 4)."""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain import records as r
from tests.reference.accounts import Order
from tests.reference.branches import note
from tests.reference.combos import open_of_leg
from tests.reference.instruments import Instrument
from tests.reference.looking import is_acceptable
from tests.reference.outcome import Reject
from tests.reference.world import World


class Offer(NamedTuple):
    """What the taker would meet next: at what price of its own instrument, and whom.

    `kind` is that of COMBO_TRADE: `COMBO_BOOK` the first order of its own book; `COMBO_IN` one order of each
    leg of its combo; `COMBO_OUT` an order of `combo` and one of that combo's other leg.
    """

    price_ticks: int
    makers: tuple[Order, ...]
    kind: int
    combo: Instrument | None = None

    @property
    def name(self) -> str:
        return "in" if self.kind == r.COMBO_IN else "out"

    def place(self, maker: Order) -> str:
        """Which of its two makers."""
        return "first" if maker is self.makers[0] else "second"


def routes_of(world: World, taker: Order) -> list[Instrument]:
    """The combos that may imply orders for a taker, by id. They stay the same as long as it takes."""
    own_book_only = (
        taker.time_in_force == r.TIF_FOK or taker.flags & r.FLAG_POST_ONLY or taker.flags & r.FLAG_LIQUIDATION
    )
    if own_book_only or not world.has_combo_rules:
        return []
    instrument = taker.instrument
    named = [instrument] if instrument.is_combo else open_of_leg(world, instrument)
    return [combo for combo in named if _is_simple(combo) and _is_open(world, combo)]


def _is_simple(combo: Instrument) -> bool:
    """Two legs, one lot of each."""
    return [part.ratio for part in combo.parts] in ([1, 1], [1, -1])


def _is_open(world: World, combo: Instrument) -> bool:
    """Check 3 of the combo."""
    try:
        world.check_instrument_open(combo)
    except Reject:
        note(world, "implied: none of a combo that is not open")
        return False
    return True


def best_offer(world: World, taker: Order, routes: list[Instrument]) -> Offer | None:
    """The best that is offered at the taker's price or better: of two as good its own book, then by id."""
    own = _own(taker)
    if not routes:
        return own if own and is_acceptable(taker, own.price_ticks) else None
    offers = [own] if own else []
    for combo in routes:
        implied = _in(taker, combo) if combo is taker.instrument else _out(world, taker, combo)
        if implied is not None:
            offers.append(implied)
    offers = [offer for offer in offers if is_acceptable(taker, offer.price_ticks)]
    if not offers:
        return None
    prices = [offer.price_ticks for offer in offers]
    best = max(prices) if taker.is_sell else min(prices)
    as_good = [offer for offer in offers if offer.price_ticks == best]
    if len(as_good) > 1:
        note(world, "implied: as good as its own book" if own in as_good else "implied: two combos as good")
    return as_good[0]


def _first(instrument: Instrument, *, sells: bool) -> Order | None:
    """The first order of the best level of one side of a book."""
    side = instrument.book.side(sells)
    return next(iter(side.best_queue().values())) if side.levels else None


def _own(taker: Order) -> Offer | None:
    maker = _first(taker.instrument, sells=not taker.is_sell)
    return Offer(maker.price_ticks, (maker,), r.COMBO_BOOK) if maker else None


def _in(taker: Order, combo: Instrument) -> Offer | None:
    """One order of each leg, against who takes the combo."""
    a, b = combo.parts
    first = _first(a.instrument, sells=not a.sells(is_sell=taker.is_sell))
    second = _first(b.instrument, sells=not b.sells(is_sell=taker.is_sell))
    if first is None or second is None:
        return None
    price = first.price_ticks + b.ratio * second.price_ticks
    return Offer(price, (first, second), r.COMBO_IN, combo)


def _out(world: World, taker: Order, combo: Instrument) -> Offer | None:
    """An order of the combo and one of its other leg, against who takes a leg."""
    own, other = combo.parts if combo.parts[0].instrument is taker.instrument else combo.parts[::-1]
    # Who meets the taker in its leg is on the side of the combo that trades the leg the opposite way.
    sells_combo = (not taker.is_sell) == (own.ratio > 0)
    of_combo = _first(combo, sells=sells_combo)
    # And trades the other leg as that side does; who meets it there, the opposite way.
    of_other = _first(other.instrument, sells=not other.sells(is_sell=sells_combo))
    if of_combo is None or of_other is None:
        return None
    if of_combo.account is of_other.account:
        note(world, "implied out: none, both of one account")
        return None
    ratio = combo.parts[1].ratio
    if own is combo.parts[0]:
        exact = of_combo.price_ticks - ratio * of_other.price_ticks
    else:
        exact = ratio * (of_combo.price_ticks - of_other.price_ticks)
    instrument = taker.instrument
    price = instrument.valid_at_most(exact) if taker.is_sell else instrument.valid_at_least(exact)
    if price is None:
        note(world, "implied out: none, no valid price")
        return None
    return Offer(price, (of_combo, of_other), r.COMBO_OUT, combo)
