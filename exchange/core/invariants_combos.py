"""What must hold of combos: their legs' lists, their orders in the legs' seats. Part of `invariants`."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_terms
from exchange.core.combo_open import find_seat, quote
from exchange.core.invariants_orders import must
from exchange.core.layout import (
    C_HIGHEST,
    C_INSTRUMENT,
    C_LEG,
    C_LEGS,
    C_RATIO,
    C_STEP,
    COMBO_WORDS,
    I_COMBO,
    I_COMBOS,
    I_KIND,
    I_LAST,
    I_MARKED,
    I_PLAIN_LIMIT,
    I_PRICE_LIMIT,
    I_STATE,
    I_TABLED,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_RANK,
    LEVEL_WORDS,
    LOW,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_PLACE,
    O_QUEUE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r


def count_open(w: World, slot: i64, lots: dict[int, tuple[int, int, int]]) -> None:
    """Add what the combo's order in `slot` has open to what its account's seats must have open."""
    orders = w.orders.data
    combos = w.combos.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & LOW
    opened = orders[o + O_LOTS] & LOW
    c = combo_terms.record_of(w, orders[o + O_WHO] >> 32)
    leg: i64 = 0
    while leg < combos[c + C_LEGS]:
        seat = find_seat(w, account, combos[c + C_LEG + leg])
        must(seat != 0, "an order of a combo has no seat in a leg", slot)
        size = opened * combos[c + C_RATIO + leg]
        if orders[o + O_FLAGS] & r.FLAG_SELL != 0:
            size = -size
        buy, sold, hold = lots.get(seat, (0, 0, 0))
        if size > 0:
            buy += size
        else:
            sold -= size
        if leg == 0:
            hold += opened * orders[o + O_HOLD]
            must(orders[o + O_PLACE] >> 32 == seat, "an order of a combo has another seat", slot)
        lots[seat] = (buy, sold, hold)
        leg += 1


def check(w: World) -> None:
    """Check combos. Raises InvariantError."""
    naming: dict[int, list[int]] = {}
    found: i64 = 0
    quotes: i64 = 0
    slot: i64 = 1
    while slot < w.combos.slots:
        quotes += _check_orders(w, slot)
        if _check_terms(w, slot):
            found += 1
            c = slot * COMBO_WORDS
            leg: i64 = 0
            while leg < w.combos.data[c + C_LEGS]:
                naming.setdefault(w.combos.data[c + C_LEG + leg], []).append(w.combos.data[c + C_INSTRUMENT])
                leg += 1
        slot += 1
    must(found == w.combos_open and found <= limits.MAX_COMBOS, "open combos are miscounted", found)
    must(naming == w.combos_of, "a leg's open combos are not those that name it", i64(len(naming)))
    must(quotes == i64(len(w.combo_quotes)), "quotes of combos are left behind", quotes)
    must(len(w.traded_beside) == 0, "an implied trade's price was not seen", i64(len(w.traded_beside)))
    must(w.parts_drift == 0, "a combo's price was not divided", w.parts_drift)
    instrument: i64 = 0
    while instrument < w.instrument_count:
        _check_instrument(w, instrument)
        instrument += 1


def _check_terms(w: World, slot: i64) -> bool:
    """Check a combo's legs and that all of them live while it is open. Returns whether it is."""
    data = w.instruments
    combos = w.combos.data
    c = slot * COMBO_WORDS
    i = combos[c + C_INSTRUMENT] * INSTRUMENT_WORDS
    must(data[i + I_COMBO] == slot and data[i + I_KIND] == r.KIND_COMBO, "a combo is another's", slot)
    must(data[i + I_MARKED] | data[i + I_TABLED] | data[i + I_LAST] == 0, "a combo has a price", slot)
    is_open = data[i + I_STATE] < r.STATE_DELISTED
    before: i64 = -1
    leg: i64 = 0
    while leg < combos[c + C_LEGS]:
        instrument = combos[c + C_LEG + leg]
        state = data[instrument * INSTRUMENT_WORDS + I_STATE]
        must(instrument > before, "a combo's legs are out of order", slot)
        must(not is_open or state < r.STATE_DELISTED, "an open combo has a leg that is gone", slot)
        must(combos[c + C_HIGHEST + leg] % combos[c + C_STEP] == 0, "a leg's highest price", slot)
        before = instrument
        leg += 1
    return is_open


def _check_orders(w: World, slot: i64) -> i64:
    """Check the orders in a combo's book. Returns how many are quotes."""
    combo = w.combos.data[slot * COMBO_WORDS + C_INSTRUMENT]
    book = w.books[combo]
    gone = w.instruments[combo * INSTRUMENT_WORDS + I_STATE] >= r.STATE_DELISTED
    must(not gone or book.bid_levels + book.ask_levels == 0, "a delisted combo has orders", combo)
    orders = w.orders.data
    quotes: i64 = 0
    sell: i64 = 0
    while sell < 2:
        level = book.best_level(sell)
        while level != 0:
            order = w.levels.data[level * LEVEL_WORDS + L_HEAD]
            while order != 0:
                o = order * ORDER_WORDS
                must(orders[o + O_FLAGS] & OF_COMBO != 0, "a combo's order is not known as one", order)
                shown = orders[o + O_LOTS] >> 32
                must(shown == orders[o + O_LOTS] & LOW, "a combo's order hides lots", order)
                if orders[o + O_FLAGS] & r.FLAG_QUOTE != 0:
                    must(quote(w, orders[o + O_WHO], sell) == order, "a combo's quote is lost", order)
                    quotes += 1
                order = orders[o + O_QUEUE] & LOW
            level = book.next_level(sell, w.levels.data[level * LEVEL_WORDS + L_RANK])
        sell += 1
    return quotes


def _check_instrument(w: World, instrument: i64) -> None:
    """What the straight road asks of an instrument is so."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_COMBO] != 0:
        must(data[i + I_COMBOS] == 1 and data[i + I_PLAIN_LIMIT] == 0, "a combo looks plain", instrument)
        return
    count = i64(len(w.combos_of.get(instrument, [])))
    must(data[i + I_COMBOS] == count, "a leg's open combos are miscounted", instrument)
    most = data[i + I_PRICE_LIMIT] if count == 0 else 0
    must(data[i + I_PLAIN_LIMIT] == most, "an instrument's plain limit is wrong", instrument)
