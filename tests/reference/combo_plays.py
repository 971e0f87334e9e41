"""Short plays for `combo_generator`: books that imply orders, and who takes them (rules 4).

A play yields batches; before each next one it sees what the last one came to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg
from tests.reference import margin
from tests.reference.accounts import Account
from tests.reference.combo_parts import (
    FOK,
    IOC,
    MARKET,
    at_mark,
    holders,
    implied_price,
    is_simple,
    lots_of,
    near_mark,
    order,
    rests,
    take,
    user,
    users,
)
from tests.reference.instruments import Instrument

if TYPE_CHECKING:
    from tests.reference.combo_generator import ComboTraffic

Play = Iterator[bytes]


def play(traffic: ComboTraffic) -> Play:
    """One of the plays, with some combo that can be traded."""
    able = traffic.open_combos()
    if not able:
        return iter((traffic.list_combo(),))
    combo = traffic.rng.choice(able)
    simple = [each for each in able if is_simple(each)]
    if not simple or traffic.rng.random() < 0.25:
        in_any = (_in_its_book, _in_its_book, _quotes, _losing, _filled_or_killed)
        return traffic.rng.choice(in_any)(traffic, combo)
    combo = traffic.rng.choice(simple)
    return traffic.rng.choices([made for made, _ in PLAYS], [n for _, n in PLAYS])[0](traffic, combo)


# --- plays ---------------------------------------------------------------------------------------------


def _implied_in(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Orders in the books of both legs; then orders of the combo take what these imply."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = lots_of(traffic, combo)
    for _ in range(rng.choice((1, 1, 2))):
        made = []
        first, second, _ = users(traffic, 3)
        second = first if rng.random() < 0.2 else second
        for account, leg in zip((first, second), combo.legs, strict=True):
            leg_sells, near = not leg.sells(is_sell=sells), near_mark(traffic, leg.instrument)
            made.append(
                rests(traffic, account, leg, sells=leg_sells, price=near, lots=lots + rng.randrange(4))
            )
        yield b"".join(made)
    for _ in range(rng.choice((1, 2))):
        price = implied_price(combo, is_sell=sells)
        if price is None:
            price = at_mark(combo)
        yield take(traffic, user(traffic), combo, sells=sells, price=price, lots=lots + rng.randrange(-1, 3))


def _implied_out(traffic: ComboTraffic, combo: Instrument) -> Play:
    """An order of the combo and one of a leg; then orders of the other leg take what these imply."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    own, other = combo.legs if rng.getrandbits(1) else combo.legs[::-1]
    lots = lots_of(traffic, combo)
    of_combo, of_other, _ = users(traffic, 3)
    step = combo.step_at(0)
    price = at_mark(combo) + rng.choice((0, 0, 1, -1, 2)) * step
    made = [order(traffic, of_combo, combo, sells=sells, price=price, lots=lots + rng.randrange(4))]
    n_sells = not other.sells(is_sell=sells)
    near = near_mark(traffic, other.instrument)
    made.append(rests(traffic, of_other, other, sells=n_sells, price=near, lots=lots + rng.randrange(4)))
    yield b"".join(made)
    for _ in range(rng.choice((1, 2))):
        best, y = combo.book.side(sells).best_price(), other.instrument.book.side(n_sells).best_price()
        if best is None or y is None:
            return
        exact = own.ratio * (best - other.ratio * y)
        takes = not own.sells(is_sell=sells)
        valid = own.instrument.valid_at_most(exact) if takes else own.instrument.valid_at_least(exact)
        account = user(traffic)
        price = valid or own.instrument.lowest_price
        size = max(own.instrument.terms.min_size_lots, lots + rng.randrange(-1, 3))
        yield take(traffic, account, own.instrument, sells=takes, price=price, lots=size)


def _mixed(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Its own book and what is implied, side by side: one order takes of both."""
    sells = bool(traffic.rng.getrandbits(1))
    lots = lots_of(traffic, combo)
    made = []
    for leg in combo.legs:
        for _ in range(2):
            leg_sells, near = not leg.sells(is_sell=sells), near_mark(traffic, leg.instrument)
            made.append(rests(traffic, user(traffic), leg, sells=leg_sells, price=near, lots=lots))
    yield b"".join(made)
    price = implied_price(combo, is_sell=sells)
    price = at_mark(combo) if price is None else price
    step = combo.step_at(0) * (-1 if sells else 1)
    made = []
    for n in (0, 0, 1, -1):
        size = lots_of(traffic, combo)
        made.append(order(traffic, user(traffic), combo, sells=not sells, price=price + n * step, lots=size))
    yield b"".join(made)
    taker, everything = user(traffic), 5 * lots
    yield take(traffic, taker, combo, sells=sells, price=price + 2 * step, lots=everything)


def _swept(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A leg's order takes all that its book and its combos offer."""
    rng = traffic.rng
    leg = rng.choice(combo.legs)
    sells = bool(rng.getrandbits(1))
    edge = leg.instrument.min_price if sells else leg.instrument.max_price
    lots = leg.instrument.terms.min_size_lots + rng.randrange(4 * traffic.profile.sizes)
    flags = rng.choice((IOC, IOC, 0, MARKET | IOC))
    flags |= r.FLAG_REDUCE_ONLY * int(rng.random() < 0.2)
    account = user(traffic)
    yield order(traffic, account, leg.instrument, sells=sells, price=edge, lots=lots, flags=flags)


def _in_its_book(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Orders of the combo meet at, around and far from its mark."""
    rng, step = traffic.rng, combo.step_at(0)
    price = at_mark(combo) + int(rng.gauss(0, 2)) * step
    if rng.random() < 0.3:
        wild = rng.choice((combo.min_price, combo.max_price, 0, combo.lowest_price, combo.highest_price))
        price = max(combo.min_price, min(wild, combo.max_price))
    sells = bool(rng.getrandbits(1))
    made = []
    for n in range(rng.choice((1, 2, 3))):
        size = lots_of(traffic, combo)
        account = user(traffic)
        made.append(order(traffic, account, combo, sells=sells, price=price + n * step, lots=size))
    yield b"".join(made)
    lots = lots_of(traffic, combo, times=2)
    yield take(traffic, user(traffic), combo, sells=not sells, price=price, lots=lots)


def _filled_or_killed(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A fill-or-kill of what is there, by somebody who can hardly pay."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = lots_of(traffic, combo)
    maker, taker, _ = users(traffic, 3)
    price = at_mark(combo)
    yield order(traffic, maker, combo, sells=not sells, price=price, lots=lots)
    account = traffic.world.accounts[taker]
    free = margin.free_micro(traffic.world, account)
    if 0 < free <= limits.MAX_DEPOSIT_MICRO and not account.locked:
        traffic.withdrawal_id += 1
        needs = lots * max(leg.instrument.index_per_lot for leg in combo.legs) // rng.choice((2, 5, 10, 20))
        if free > needs:
            yield c.withdraw(taker, free - needs, traffic.withdrawal_id)
    for flags in (FOK, IOC):
        yield order(traffic, taker, combo, sells=sells, price=price, lots=lots, flags=flags)


def _quotes(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A maker quotes the combo and its legs around their marks, again, and elsewhere."""
    rng, account = traffic.rng, traffic.maker()
    shift = 0
    for _ in range(rng.choice((1, 2, 3))):
        quotes = []
        for instrument in (combo, *(leg.instrument for leg in combo.legs)):
            step = instrument.step_at(max(1, instrument.mark_micro // instrument.terms.tick_micro))
            near = at_mark(combo) if instrument is combo else near_mark(traffic, instrument)
            bid, ask = near + (shift - rng.randrange(3)) * step, near + (shift + rng.randrange(1, 3)) * step
            lots = lots_of(traffic, combo)
            if rng.random() < 0.8:
                post = rng.random() < 0.2
                quotes.append(
                    c.Quote(instrument.id, bid, lots, ask, rng.choice((lots, 0, 2 * lots)), 0, post)
                )
        word = 1 if rng.random() < 0.1 else 0
        yield c.mass_quote(account, quotes, mmp_group=word, quote_label=rng.getrandbits(2))
        shift += rng.choice((-2, -1, 0, 0, 1, 2))


def _move(traffic: ComboTraffic, combo: Instrument, factor: float) -> bytes:
    """All marks of the combo's underlying."""
    underlying = traffic.world.underlying_of(combo)
    index, units = traffic.listings.moved_by(factor, underlying, traffic._of_underlying(underlying))
    return c.marks(underlying.id, index, traffic._next_feed(underlying), units)


def _drained(traffic: ComboTraffic, account: Account) -> bytes:
    """Most or all that is free is taken out and paid."""
    free = margin.free_micro(traffic.world, account)
    if not 0 < free <= limits.MAX_DEPOSIT_MICRO:
        return b""
    traffic.withdrawal_id += 1
    amount = free - free // traffic.rng.choice((1 << 60, 50, 9))
    return b"".join(
        (
            c.withdraw(account.id, amount, traffic.withdrawal_id),
            cr.resolve_withdrawal(traffic.withdrawal_id, r.WITHDRAWAL_PAID),
        )
    )


def _losing(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Somebody rests, takes out all that is free, the marks move, and it is met in all ways there are."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = lots_of(traffic, combo)
    poor, rich, taker = users(traffic, 3)
    price = at_mark(combo) + rng.choice((0, 1, -1)) * combo.step_at(0)
    own, other = combo.legs[:2] if rng.getrandbits(1) else combo.legs[1::-1]
    met_in = rng.choice(("its book", "in", "out"))
    # Who takes the combo on the other side meets orders of the legs on this one.
    as_combo = poor if met_in != "in" and rng.random() < 0.7 else rich
    of_legs = [(other, poor if as_combo is rich or rng.random() < 0.3 else rich)]
    if met_in == "in":
        of_legs.append((own, rng.choice((poor, rich))))
    made = []
    if met_in != "in":
        made.append(order(traffic, as_combo, combo, sells=sells, price=price, lots=lots))
    for leg, who in of_legs:
        side = leg.sells(is_sell=sells)
        side = side if met_in == "in" else not side
        at = near_mark(traffic, leg.instrument)
        made.append(order(traffic, who, leg.instrument, sells=side, price=at, lots=lots))
    yield b"".join(made)
    yield _drained(traffic, traffic.world.accounts[poor]) or traffic.risk_sweep()
    yield _move(traffic, combo, 1 + rng.choice((-1, 1)) * rng.choice((0.002, 0.02, 0.06, 0.15, 0.3)))
    if met_in == "out":
        side = not own.sells(is_sell=sells)
        edge = own.instrument.min_price if side else own.instrument.max_price
        size = max(lots, own.instrument.terms.min_size_lots)
        yield order(traffic, taker, own.instrument, sells=side, price=edge, lots=size, flags=IOC)
    edge = combo.max_price if sells else combo.min_price
    for flags in rng.choice(((IOC,), (FOK, IOC), (MARKET | IOC,))):
        yield order(traffic, taker, combo, sells=not sells, price=edge, lots=lots, flags=flags)


def _reduced(traffic: ComboTraffic, combo: Instrument) -> Play:
    """What a reduce-only order of a leg was to reduce is gone when it is met."""
    sells = bool(traffic.rng.getrandbits(1))
    leg, beside = combo.legs[:2] if traffic.rng.getrandbits(1) else combo.legs[1::-1]
    side = not leg.sells(is_sell=sells)
    able = holders(traffic, leg.instrument, sells=side)
    if not able:
        return
    account, other = traffic.rng.choice(able), user(traffic)
    seat = traffic.world.accounts[account].seats[leg.instrument.id]
    lots, instrument = seat.opposite_lots(side), leg.instrument
    price = near_mark(traffic, instrument)
    yield c.cancel_many(account, r.SCOPE_INSTRUMENT, target=instrument.id)
    flags = r.FLAG_REDUCE_ONLY
    yield order(traffic, account, instrument, sells=side, price=price, lots=lots, flags=flags)
    at, other_side = near_mark(traffic, beside.instrument), not beside.sells(is_sell=sells)
    size = max(lots, beside.instrument.terms.min_size_lots)
    yield order(traffic, other, beside.instrument, sells=other_side, price=at, lots=size)
    edge = instrument.min_price if side else instrument.max_price
    yield order(traffic, user(traffic), instrument, sells=not side, price=edge, lots=lots)
    yield order(traffic, account, instrument, sells=side, price=edge, lots=lots, flags=IOC)
    edge = combo.min_price if sells else combo.max_price
    yield order(traffic, user(traffic), combo, sells=sells, price=edge, lots=lots, flags=IOC)


def _twins(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Two combos imply orders of one leg at one price."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    able = [each for each in traffic.open_combos() if is_simple(each) and each is not combo]
    leg = rng.choice(combo.legs)
    able = [each for each in able if leg.instrument in [part.instrument for part in each.legs]]
    if not able:
        return
    instrument, lots = leg.instrument, lots_of(traffic, combo)
    price = near_mark(traffic, instrument)
    edge = instrument.min_price if sells else instrument.max_price
    yield order(traffic, user(traffic), instrument, sells=sells, price=edge, lots=3 * lots, flags=IOC)
    made = []
    for each in (combo, rng.choice(able)):
        own, other = each.legs if each.legs[0].instrument is instrument else each.legs[::-1]
        sells_combo = (not sells) == (own.ratio > 0)
        y = near_mark(traffic, other.instrument)
        exact = own.ratio * price + other.ratio * y
        of_combo, of_other, _ = users(traffic, 3)
        at = each.valid_at_most(exact) or 0
        made.append(order(traffic, of_combo, each, sells=sells_combo, price=at, lots=lots))
        y_sells = not other.sells(is_sell=sells_combo)
        made.append(order(traffic, of_other, other.instrument, sells=y_sells, price=y, lots=lots))
    yield b"".join(made)
    yield take(traffic, user(traffic), instrument, sells=sells, price=price, lots=2 * lots)


def _ended(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Time passes to a leg's expiry; it is delivered, and with it end its combos."""
    rng = traffic.rng
    leg = min((leg.instrument for leg in combo.legs), key=lambda each: each.terms.expiry_ms)
    price = at_mark(combo)
    for n in (1, -1):
        account, size = user(traffic), lots_of(traffic, combo)
        at = price + n * combo.step_at(0)
        yield order(
            traffic, account, combo, sells=n > 0, price=at, lots=size, flags=rng.choice((0, r.FLAG_POST_ONLY))
        )
    yield c.time(max(traffic.world.now_ms, leg.terms.expiry_ms))
    yield order(traffic, user(traffic), combo, sells=True, price=price, lots=1)
    yield traffic.marks()
    yield c.deliver(leg.id, max(1, traffic.world.underlying_of(combo).index_micro))


def _delisted(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A leg nobody has is delisted: not while its combo has orders, then with its combo."""
    rng, world = traffic.rng, traffic.world
    beside = combo.legs[0].instrument
    made = traffic._listing(beside.terms.underlying, perpetual=False)
    terms = beside.terms._replace(strike_micro=max(1, beside.terms.strike_micro // 2))
    fresh = len(world.instruments)
    yield made if rng.random() < 0.2 else c.list_instrument(fresh, terms)
    legs = [ComboLeg(beside.id, 1), ComboLeg(fresh, rng.choice((1, -1)))]
    yield list_combo(fresh + 1, legs)
    yield _move(traffic, combo, 1.0)
    if len(world.instruments) < fresh + 2:
        return
    listed = world.instruments[fresh + 1]
    price, size = at_mark(listed), lots_of(traffic, listed)
    account = user(traffic)
    yield order(traffic, account, listed, sells=bool(rng.getrandbits(1)), price=price, lots=size)
    yield c.set_instrument_state(fresh, r.STATE_DELISTED)
    if rng.random() < 0.5:
        yield c.cancel_many(account, kind=r.KIND_COMBO)
    yield c.set_instrument_state(fresh, r.STATE_DELISTED)


PLAYS = (
    (_implied_in, 4),
    (_implied_out, 4),
    (_mixed, 2),
    (_quotes, 2),
    (_losing, 5),
    (_swept, 2),
    (_reduced, 2),
    (_twins, 2),
    (_ended, 0.5),
    (_delisted, 0.5),
    (_filled_or_killed, 2),
)
