"""What plays of combos are made of: prices and orders of combos and their legs (rules 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import Member
from tests.reference.instruments import Instrument, Leg

if TYPE_CHECKING:
    from tests.reference.combo_generator import ComboTraffic

SELL = r.FLAG_SELL
IOC, FOK, DAY = (tif << r.TIF_SHIFT for tif in (r.TIF_IOC, r.TIF_FOK, r.TIF_GTD))
MARKET, MARKET_LIMIT = r.TYPE_MARKET << r.TYPE_SHIFT, r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT
TAKES = (0, 0, 0, 0, IOC, IOC, FOK, MARKET | IOC, MARKET, MARKET_LIMIT, DAY, r.FLAG_POST_ONLY)


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


def user(traffic: ComboTraffic) -> int:
    return limits.FIRST_USER_ACCOUNT + traffic.rng.randrange(traffic.profile.accounts)


def users(traffic: ComboTraffic, count: int) -> list[int]:
    """Accounts, mostly different ones."""
    if traffic.rng.random() < 0.25 or traffic.profile.accounts < count:
        return [user(traffic) for _ in range(count)]
    everybody = range(limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + traffic.profile.accounts)
    return traffic.rng.sample(everybody, count)


def lots_of(traffic: ComboTraffic, combo: Instrument, times: int = 1) -> int:
    return combo.terms.min_size_lots + traffic.rng.randrange(max(1, min(traffic.profile.sizes, 12))) * times


def near_mark(traffic: ComboTraffic, instrument: Instrument) -> int:
    """A price of a leg a few steps from its mark, within its band."""
    centre = instrument.mark_micro // instrument.terms.tick_micro
    centre = max(instrument.min_price, min(centre, instrument.max_price))
    wanted = centre + int(traffic.rng.gauss(0, 2)) * instrument.step_at(max(centre, 1))
    return instrument.valid_at_most(max(wanted, 1)) or instrument.lowest_price


def order(
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


def rests(traffic: ComboTraffic, account: int, leg: Leg, *, sells: bool, price: int, lots: int) -> bytes:
    """A resting order of a leg, of any sort."""
    rng, instrument = traffic.rng, leg.instrument
    kind = rng.random()
    if kind < 0.15:
        shown = max(1, lots // 3)
        return order(traffic, account, instrument, sells=sells, price=price, lots=lots, display=shown)
    if kind < 0.3:
        able = holders(traffic, instrument, sells=sells)
        account = rng.choice(able) if able else account
        flags = r.FLAG_REDUCE_ONLY | r.FLAG_POST_ONLY * rng.getrandbits(1)
        return order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=flags)
    if kind < 0.42:
        mine = [g for g in traffic.world.groups.values() if g.underlying == instrument.terms.underlying]
        account = rng.choice([g.account for g in mine if g.number == 0] or [account])
        return order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=r.FLAG_MMP)
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
    return order(traffic, account, instrument, sells=sells, price=price, lots=lots)


def holders(traffic: ComboTraffic, instrument: Instrument, *, sells: bool) -> list[int]:
    """Who has something to reduce on this side."""
    users = traffic._users()
    seats = ((account.id, account.seats.get(instrument.id)) for account in users)
    return [n for n, seat in seats if seat and seat.opposite_lots(sells)]


def take(
    traffic: ComboTraffic, account: int, instrument: Instrument, *, sells: bool, price: int, lots: int
) -> bytes:
    """An order that takes at a price or a step beside it; of any type."""
    rng, step = traffic.rng, instrument.step_at(max(price, 1))
    price += rng.choice((0, 0, 0, 0, 1, -1)) * step
    flags = rng.choice(TAKES)
    return order(traffic, account, instrument, sells=sells, price=price, lots=lots, flags=flags)
