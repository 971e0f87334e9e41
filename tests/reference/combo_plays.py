"""Short plays for `combo_generator`: books that imply orders, and who takes them (rules 4).

A play yields batches; before each next one it sees what the last one came to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import Member
from tests.reference import margin
from tests.reference.instruments import Instrument, Leg

if TYPE_CHECKING:
    from tests.reference.combo_generator import ComboTraffic

SELL = r.FLAG_SELL
IOC, FOK, DAY = (tif << r.TIF_SHIFT for tif in (r.TIF_IOC, r.TIF_FOK, r.TIF_GTD))
MARKET, MARKET_LIMIT = r.TYPE_MARKET << r.TYPE_SHIFT, r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT
TAKES = (0, 0, 0, 0, IOC, IOC, FOK, MARKET | IOC, MARKET, MARKET_LIMIT, DAY, r.FLAG_POST_ONLY)

Play = Iterator[bytes]


def play(traffic: ComboTraffic) -> Play:
    """One of the plays, with some combo that can be traded."""
    able = traffic.open_combos()
    if not able:
        return iter((traffic.list_combo(),))
    combo = traffic.rng.choice(able)
    simple = [each for each in able if is_simple(each)]
    if not simple or traffic.rng.random() < 0.3:
        makers = (_in_its_book, _in_its_book, _quotes, _losing, _filled_or_killed)
        return traffic.rng.choice(makers)(traffic, combo)
    combo = traffic.rng.choice(simple)
    plays = (_implied_in, _implied_in, _implied_out, _implied_out, _mixed, _quotes, _losing, _swept)
    return traffic.rng.choice(plays)(traffic, combo)


def is_simple(combo: Instrument) -> bool:
    """Can it imply orders?"""
    return [leg.ratio for leg in combo.legs] in ([1, 1], [1, -1])


def at_mark(combo: Instrument) -> int:
    """The valid price next to its mark."""
    near = combo.mark_micro // combo.terms.tick_micro
    return combo.valid_at_most(max(near, combo.lowest_price)) or 0


def implied_price(combo: Instrument, *, is_sell: bool) -> int | None:
    """What its legs' books imply for who sells (buys) it, as a price of its own."""
    if not is_simple(combo):
        return None
    total = 0
    for leg in combo.legs:
        best = leg.instrument.book.side(not leg.sells(is_sell=is_sell)).best_price()
        if best is None:
            return None
        total += leg.ratio * best
    return combo.valid_at_most(total) if is_sell else combo.valid_at_least(total)


# --- parts ---------------------------------------------------------------------------------------------


def _user(traffic: ComboTraffic) -> int:
    return limits.FIRST_USER_ACCOUNT + traffic.rng.randrange(traffic.profile.accounts)


def _users(traffic: ComboTraffic, count: int) -> list[int]:
    """Accounts, mostly different ones."""
    if traffic.rng.random() < 0.25 or traffic.profile.accounts < count:
        return [_user(traffic) for _ in range(count)]
    everybody = range(limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + traffic.profile.accounts)
    return traffic.rng.sample(everybody, count)


def _lots(traffic: ComboTraffic, combo: Instrument, times: int = 1) -> int:
    return combo.terms.min_size_lots + traffic.rng.randrange(max(1, min(traffic.profile.sizes, 12))) * times


def _near(traffic: ComboTraffic, instrument: Instrument) -> int:
    """A price of a leg a few steps from its mark, within its band."""
    centre = instrument.mark_micro // instrument.terms.tick_micro
    centre = max(instrument.min_price, min(centre, instrument.max_price))
    wanted = centre + int(traffic.rng.gauss(0, 2)) * instrument.step_at(max(centre, 1))
    return instrument.valid_at_most(max(wanted, 1)) or instrument.lowest_price


def _order(
    traffic: ComboTraffic,
    account: int,
    instrument: Instrument,
    *,
    sells: bool,
    price: int,
    lots: int,
    flags: int = 0,
    display: int = 0,
) -> bytes:
    flags |= SELL if sells else 0
    if flags >> r.TYPE_SHIFT & r.TYPE_MASK:
        price = 0
    return c.new_order(
        account, instrument.id, flags, price, lots, display_lots=display, label=traffic.rng.getrandbits(2)
    )


def _maker(traffic: ComboTraffic, account: int, leg: Leg, *, sells: bool, price: int, lots: int) -> bytes:
    """A resting order of a leg, of any sort."""
    rng, instrument = traffic.rng, leg.instrument
    kind = rng.random()
    if kind < 0.15:
        shown = max(1, lots // 3)
        return _order(traffic, account, instrument, sells=sells, price=price, lots=lots, display=shown)
    if kind < 0.3:
        able = _holders(traffic, instrument, sells=sells)
        account = rng.choice(able) if able else account
        flags = r.FLAG_REDUCE_ONLY | r.FLAG_POST_ONLY * rng.getrandbits(1)
        return _order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=flags)
    if kind < 0.42:
        mine = [g for g in traffic.world.groups.values() if g.underlying == instrument.terms.underlying]
        account = rng.choice([g.account for g in mine if g.number == 0] or [account])
        return _order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=r.FLAG_MMP)
    if kind < 0.54:
        member = Member(0 if sells else SELL, price, lots)
        return co.extended_order(
            account,
            instrument.id,
            SELL if sells else 0,
            price,
            lots,
            link=rng.choice((r.LINK_OTO, r.LINK_OCO)),
            members=[member],
        )
    if kind < 0.66:
        side = (price, lots)
        quote = c.Quote(instrument.id, *(0, None), *side) if sells else c.Quote(instrument.id, *side)
        return c.mass_quote(account, [quote])
    return _order(traffic, account, instrument, sells=sells, price=price, lots=lots)


def _holders(traffic: ComboTraffic, instrument: Instrument, *, sells: bool) -> list[int]:
    """Who has something to reduce on this side."""
    users = traffic._users()
    seats = ((account.id, account.seats.get(instrument.id)) for account in users)
    return [n for n, seat in seats if seat and seat.opposite_lots(sells)]


def _take(
    traffic: ComboTraffic, account: int, instrument: Instrument, *, sells: bool, price: int, lots: int
) -> bytes:
    """An order that takes at a price or a step beside it; of any type."""
    rng, step = traffic.rng, instrument.step_at(max(price, 1))
    price += rng.choice((0, 0, 0, 0, 1, -1)) * step
    flags = rng.choice(TAKES)
    return _order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=flags)


# --- plays ---------------------------------------------------------------------------------------------


def _implied_in(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Orders in the books of both legs; then orders of the combo take what these imply."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = _lots(traffic, combo)
    for _ in range(rng.choice((1, 1, 2))):
        made = []
        first, second, _ = _users(traffic, 3)
        second = first if rng.random() < 0.2 else second
        for account, leg in zip((first, second), combo.legs, strict=True):
            leg_sells, near = not leg.sells(is_sell=sells), _near(traffic, leg.instrument)
            made.append(
                _maker(traffic, account, leg, sells=leg_sells, price=near, lots=lots + rng.randrange(4))
            )
        yield b"".join(made)
    for _ in range(rng.choice((1, 2))):
        price = implied_price(combo, is_sell=sells)
        if price is None:
            price = at_mark(combo)
        yield _take(
            traffic, _user(traffic), combo, sells=sells, price=price, lots=lots + rng.randrange(-1, 3)
        )


def _implied_out(traffic: ComboTraffic, combo: Instrument) -> Play:
    """An order of the combo and one of a leg; then orders of the other leg take what these imply."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    own, other = combo.legs if rng.getrandbits(1) else combo.legs[::-1]
    lots = _lots(traffic, combo)
    of_combo, of_other, _ = _users(traffic, 3)
    step = combo.step_at(0)
    price = at_mark(combo) + rng.choice((0, 0, 1, -1, 2)) * step
    made = [_order(traffic, of_combo, combo, sells=sells, price=price, lots=lots + rng.randrange(4))]
    n_sells = not other.sells(is_sell=sells)
    near = _near(traffic, other.instrument)
    made.append(_maker(traffic, of_other, other, sells=n_sells, price=near, lots=lots + rng.randrange(4)))
    yield b"".join(made)
    for _ in range(rng.choice((1, 2))):
        best, y = combo.book.side(sells).best_price(), other.instrument.book.side(n_sells).best_price()
        if best is None or y is None:
            return
        exact = own.ratio * (best - other.ratio * y)
        takes = not own.sells(is_sell=sells)
        valid = own.instrument.valid_at_most(exact) if takes else own.instrument.valid_at_least(exact)
        account = _user(traffic)
        price = valid or own.instrument.lowest_price
        size = max(own.instrument.terms.min_size_lots, lots + rng.randrange(-1, 3))
        yield _take(traffic, account, own.instrument, sells=takes, price=price, lots=size)


def _mixed(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Its own book and what is implied, side by side: one order takes of both."""
    sells = bool(traffic.rng.getrandbits(1))
    lots = _lots(traffic, combo)
    made = []
    for leg in combo.legs:
        for _ in range(2):
            leg_sells, near = not leg.sells(is_sell=sells), _near(traffic, leg.instrument)
            made.append(_maker(traffic, _user(traffic), leg, sells=leg_sells, price=near, lots=lots))
    yield b"".join(made)
    price = implied_price(combo, is_sell=sells)
    price = at_mark(combo) if price is None else price
    step = combo.step_at(0) * (-1 if sells else 1)
    made = []
    for n in (0, 0, 1, -1):
        size = _lots(traffic, combo)
        made.append(
            _order(traffic, _user(traffic), combo, sells=not sells, price=price + n * step, lots=size)
        )
    yield b"".join(made)
    taker, everything = _user(traffic), 5 * lots
    yield _take(traffic, taker, combo, sells=sells, price=price + 2 * step, lots=everything)


def _swept(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A leg's order takes all that its book and its combos offer."""
    rng = traffic.rng
    leg = rng.choice(combo.legs)
    sells = bool(rng.getrandbits(1))
    edge = leg.instrument.min_price if sells else leg.instrument.max_price
    lots = leg.instrument.terms.min_size_lots + rng.randrange(4 * traffic.profile.sizes)
    flags = rng.choice((IOC, IOC, 0, MARKET | IOC))
    flags |= r.FLAG_REDUCE_ONLY * int(rng.random() < 0.2)
    account = _user(traffic)
    yield _order(traffic, account, leg.instrument, sells=sells, price=edge, lots=lots, flags=flags)


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
        size = _lots(traffic, combo)
        account = _user(traffic)
        made.append(_order(traffic, account, combo, sells=sells, price=price + n * step, lots=size))
    yield b"".join(made)
    lots = _lots(traffic, combo, times=2)
    yield _take(traffic, _user(traffic), combo, sells=not sells, price=price, lots=lots)


def _filled_or_killed(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A fill-or-kill of what is there, by somebody who can hardly pay."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = _lots(traffic, combo)
    maker, taker, _ = _users(traffic, 3)
    price = at_mark(combo)
    yield _order(traffic, maker, combo, sells=not sells, price=price, lots=lots)
    account = traffic.world.accounts[taker]
    free = margin.free_micro(traffic.world, account)
    if 0 < free <= limits.MAX_DEPOSIT_MICRO and not account.locked:
        traffic.withdrawal_id += 1
        needs = lots * max(leg.instrument.index_per_lot for leg in combo.legs) // rng.choice((2, 5, 10, 20))
        if free > needs:
            yield c.withdraw(taker, free - needs, traffic.withdrawal_id)
    for flags in (FOK, IOC):
        yield _order(traffic, taker, combo, sells=sells, price=price, lots=lots, flags=flags)


def _quotes(traffic: ComboTraffic, combo: Instrument) -> Play:
    """A maker quotes the combo and its legs around their marks, again, and elsewhere."""
    rng, account = traffic.rng, traffic.maker()
    shift = 0
    for _ in range(rng.choice((1, 2, 3))):
        quotes = []
        for instrument in (combo, *(leg.instrument for leg in combo.legs)):
            step = instrument.step_at(max(1, instrument.mark_micro // instrument.terms.tick_micro))
            near = at_mark(combo) if instrument is combo else _near(traffic, instrument)
            bid, ask = near + (shift - rng.randrange(3)) * step, near + (shift + rng.randrange(1, 3)) * step
            lots = _lots(traffic, combo)
            if rng.random() < 0.8:
                post = rng.random() < 0.2
                quotes.append(
                    c.Quote(instrument.id, bid, lots, ask, rng.choice((lots, 0, 2 * lots)), 0, post)
                )
        word = 1 if rng.random() < 0.1 else 0
        yield c.mass_quote(account, quotes, mmp_group=word, quote_label=rng.getrandbits(2))
        shift += rng.choice((-2, -1, 0, 0, 1, 2))


def _losing(traffic: ComboTraffic, combo: Instrument) -> Play:
    """Somebody rests, takes out all that is free, the marks move against it, and it is met."""
    rng, sells = traffic.rng, bool(traffic.rng.getrandbits(1))
    lots = _lots(traffic, combo)
    poor, rich, taker = _users(traffic, 3)
    price = at_mark(combo) + rng.choice((0, 1, -1)) * combo.step_at(0)
    made = [_order(traffic, poor, combo, sells=sells, price=price, lots=lots)]
    own, other = combo.legs[:2] if rng.getrandbits(1) else combo.legs[1::-1]
    for leg, who in ((other, rng.choice((rich, poor))), (own, poor)):
        leg_sells, near = not leg.sells(is_sell=sells), _near(traffic, leg.instrument)
        made.append(_order(traffic, who, leg.instrument, sells=leg_sells, price=near, lots=lots))
    yield b"".join(made)
    world, account = traffic.world, traffic.world.accounts[poor]
    free = margin.free_micro(world, account)
    if 0 < free <= limits.MAX_DEPOSIT_MICRO:
        traffic.withdrawal_id += 1
        yield c.withdraw(poor, free - free // rng.choice((1 << 60, 50, 9)), traffic.withdrawal_id)
    underlying = world.underlying_of(combo)
    factor = 1 + rng.choice((-1, 1)) * rng.choice((0.0005, 0.002, 0.01, 0.04))
    index, units = traffic.listings.moved_by(factor, underlying, traffic._of_underlying(underlying))
    yield c.marks(underlying.id, index, traffic._next_feed(underlying), units)
    if is_simple(combo) and rng.random() < 0.6:
        leg_sells = own.sells(is_sell=not sells)
        edge = own.instrument.min_price if leg_sells else own.instrument.max_price
        size = max(lots, own.instrument.terms.min_size_lots)
        flags = rng.choice((0, IOC, IOC))
        yield _order(traffic, taker, own.instrument, sells=leg_sells, price=edge, lots=size, flags=flags)
    for side, flags in ((not sells, rng.choice((0, IOC, IOC, FOK, MARKET | IOC))), (sells, IOC)):
        edge = combo.min_price if side else combo.max_price
        yield _order(traffic, taker, combo, sells=side, price=edge, lots=lots, flags=flags)
