"""Looking for implied orders: the best there is for a taker now (docs/rules-4.md, Implied orders)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.admission import closed
from exchange.core.combo_terms import naming, record_of
from exchange.core.instruments import price_at_or_above, price_at_or_below
from exchange.core.layout import (
    C_IMPLIES,
    C_LEG,
    C_RATIO,
    I_HIGHEST,
    I_LOWEST,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_PRICE,
    LEVEL_WORDS,
    LOW,
    O_WHO,
    ORDER_WORDS,
)
from exchange.core.world import World


class Way:
    """A taker on its way, and the best it has found at this step."""

    def __init__(self) -> None:
        self.account: i64 = 0
        self.instrument: i64 = 0
        self.is_combo: bool = False
        self.implied: bool = False  # whether it takes implied orders
        self.sell: i64 = 0
        self.rank: i64 = 0
        self.limit: i64 = 0  # the price of that rank
        self.left: i64 = 0  # meetings
        self.judged: i64 = 0  # losing makers that were judged
        self.crossed: bool = False  # whether it has met an implied order
        # Of the step: whether `price` is that of its own book, which an implied order has to beat.
        self.beats: bool = False
        self.price: i64 = 0
        self.first: i64 = 0  # the slots of an implied order's makers
        self.second: i64 = 0


def find(w: World, way: Way) -> bool:
    """Whether there is an implied order at the taker's price or better, and better than `way.price` where its
    own book has one; its makers and its price are then in `way`."""
    if way.is_combo:
        return _find_in(w, way)
    found = False
    for combo in naming(w, way.instrument):
        if _find_out(w, way, combo):
            found = True
    return found


def _better(way: Way, price: i64) -> bool:
    """Whether a price is at the taker's or better, and better than the best so far."""
    if way.sell != 0:
        return price >= way.limit and (not way.beats or price > way.price)
    return price <= way.limit and (not way.beats or price < way.price)


def _take(way: Way, price: i64, first: i64, second: i64) -> bool:
    way.beats = True
    way.price = price
    way.first = first
    way.second = second
    return True


def _find_in(w: World, way: Way) -> bool:
    """The first orders of both legs of the taker's combo."""
    combos = w.combos.data
    c = record_of(w, way.instrument)
    if combos[c + C_IMPLIES] == 0:
        return False
    ratio = combos[c + C_RATIO + 1]
    other = 1 - way.sell
    one = w.books[combos[c + C_LEG]].best_level(other)
    two = w.books[combos[c + C_LEG + 1]].best_level(other if ratio > 0 else way.sell)
    if one == 0 or two == 0:
        return False
    levels = w.levels.data
    one *= LEVEL_WORDS
    two *= LEVEL_WORDS
    price = levels[one + L_PRICE] + ratio * levels[two + L_PRICE]
    if not _better(way, price):
        return False
    return _take(way, price, levels[one + L_HEAD], levels[two + L_HEAD])


def _find_out(w: World, way: Way, combo: i64) -> bool:
    """The first order of a combo that names the taker's instrument, and that of the combo's other leg."""
    combos = w.combos.data
    c = record_of(w, combo)
    if combos[c + C_IMPLIES] == 0 or closed(w, combo) != 0:
        return False
    ratio = combos[c + C_RATIO + 1]
    is_first = combos[c + C_LEG] == way.instrument
    other_leg = combos[c + C_LEG + 1] if is_first else combos[c + C_LEG]
    own_ratio: i64 = 1 if is_first else ratio
    other_ratio: i64 = ratio if is_first else 1
    # Who sells a combo sells a leg with ratio 1, and buys one with ratio -1.
    sells: i64 = 1 if (way.sell == 0) == (own_ratio > 0) else 0
    middle = w.books[combo].best_level(sells)
    last = w.books[other_leg].best_level(1 - sells if other_ratio > 0 else sells)
    if middle == 0 or last == 0:
        return False
    levels = w.levels.data
    orders = w.orders.data
    middle *= LEVEL_WORDS
    last *= LEVEL_WORDS
    one = levels[middle + L_HEAD]
    two = levels[last + L_HEAD]
    if orders[one * ORDER_WORDS + O_WHO] & LOW == orders[two * ORDER_WORDS + O_WHO] & LOW:
        return False
    price = levels[middle + L_PRICE] - ratio * levels[last + L_PRICE]
    if not is_first:
        price = ratio * (levels[middle + L_PRICE] - levels[last + L_PRICE])
    i = way.instrument * INSTRUMENT_WORDS
    if way.sell == 0:
        if price > w.instruments[i + I_HIGHEST]:
            return False
        price = price_at_or_above(w, way.instrument, price)
    else:
        if price < w.instruments[i + I_LOWEST]:
            return False
        price = price_at_or_below(w, way.instrument, price)
    return _better(way, price) and _take(way, price, one, two)
