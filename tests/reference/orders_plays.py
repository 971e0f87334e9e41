"""Short plays for `orders_generator`: what single random commands seldom do one behind the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import MmpLimits
from tests.reference.accounts import Account
from tests.reference.instruments import Instrument
from tests.reference.toward_mark import last_price

if TYPE_CHECKING:
    from tests.reference.orders_generator import OrderTraffic

SELL, PROTECTED = r.FLAG_SELL, r.FLAG_MMP
IDS_AT_ONCE = limits.FORGET_MOST + 6


def play(traffic: OrderTraffic, *, most: int) -> bytes:
    """One of the plays, of at most `most` commands."""
    if most >= IDS_AT_ONCE + 3 and traffic.rng.random() < 0.15:
        return _ids_forgotten(traffic)
    waiting = [a for a in traffic.world.accounts.values() if a.liquidation and _has_a_size(a)]
    if waiting and traffic.rng.random() < 0.5:
        return _slices(traffic, traffic.rng.choice(waiting))
    instruments = [i for underlying in (0, 1) for i in traffic.open_of(underlying)]
    if not instruments:
        return b""
    instrument = traffic.rng.choice(instruments)
    plays = (_run_over, _run_over, _run_over, _cut_down, _into_oneself, _moved, _moved)
    return traffic.rng.choice(plays)(traffic, instrument)


def _has_a_size(account: Account) -> bool:
    return any(seat.size_lots for seat in account.seats.values())


def _slices(traffic: OrderTraffic, account: Account) -> bytes:
    """Makers with tight groups stand where an account in liquidation is to close its positions."""
    made = []
    for seat in [seat for seat in account.seats.values() if seat.size_lots][:4]:
        instrument, maker, bids = seat.instrument, traffic.maker(), seat.size_lots > 0
        key = (maker, instrument.terms.underlying, 0)
        price, lots = last_price(instrument, is_sell=bids), instrument.terms.min_size_lots + 1
        made += [co.reset_mmp(*key), co.set_mmp(*key, _tight(traffic, instrument, 1))]
        sides = (price, lots, None, None) if bids else (None, None, price, lots)
        made.append(_quote(maker, instrument, 1, sides))
    return b"".join(made) + cr.liquidate(account.id) * 5


def _ids_forgotten(traffic: OrderTraffic) -> bytes:
    """So many ids that a smaller window forgets as many as it may at once."""
    account, last = traffic.maker(), traffic.world.ids.last
    first = last.get((account, 3), 0) + 1
    made = [
        c.new_order(account, 0, 0, 0, 0, client_order_id=first + n, grant=3) for n in range(IDS_AT_ONCE + 1)
    ]
    return b"".join((co.set_id_window(limits.MAX_ID_WINDOW), *made[:-1], co.set_id_window(1), made[-1]))


def _tight(traffic: OrderTraffic, instrument: Instrument, lots: int) -> MmpLimits:
    """Limits that a few lots pass, one way or another."""
    rng, lot_e8 = traffic.rng, instrument.terms.lot_e8
    kind = rng.randrange(4)
    quantity = lots * lot_e8 if kind < 2 else 0
    delta = max(1, lots * lot_e8 * abs(instrument.delta_e9) // 10**9 * rng.choice((1, 1, 2)) // 2)
    vega = max(1, lots * lot_e8 * instrument.vega_micro // 10**8)
    if kind != 2:
        delta = min(delta, quantity - 1) if rng.random() < 0.3 and quantity else 0
    return MmpLimits(
        interval_ms=rng.choice((500, 5_000, limits.MAX_MMP_MS)),
        frozen_ms=rng.choice((0, 800, 4_000)),
        quantity_limit_e8=min(quantity, limits.MAX_MMP_LIMIT),
        delta_limit_e8=min(delta, limits.MAX_MMP_LIMIT),
        vega_limit_micro=min(vega, limits.MAX_MMP_LIMIT) if kind == 3 else 0,
        max_quote_e8=min(20 * lots * lot_e8, limits.MAX_MMP_LIMIT),
    )


def _prices(instrument: Instrument) -> tuple[int, int]:
    """Two neighbouring valid prices near the mark, within the band where there is room."""
    centre = max(1, instrument.mark_micro // instrument.terms.tick_micro)
    low = instrument.valid_at_most(min(centre, instrument.max_price)) or instrument.lowest_price
    return low, instrument.valid_at_least(low + 1) or low


def _lots(traffic: OrderTraffic, instrument: Instrument) -> int:
    least = instrument.terms.min_size_lots
    most = min(traffic.profile.sizes, instrument.terms.position_limit_lots) // 4
    return least + traffic.rng.randrange(max(1, most))


def _run_over(traffic: OrderTraffic, instrument: Instrument) -> bytes:
    """Makers with tight groups stand on one side, with quotes or orders; a taker runs them over."""
    rng, lots, underlying = traffic.rng, _lots(traffic, instrument), instrument.terms.underlying
    sells, (low, high) = bool(rng.getrandbits(1)), _prices(instrument)
    made = []
    for maker in rng.sample(range(traffic.profile.makers), k=min(2, traffic.profile.makers)):
        account, number = limits.FIRST_USER_ACCOUNT + maker, rng.choice((0, 0, 1))
        made += [
            co.reset_mmp(account, underlying, number),
            co.set_mmp(account, underlying, number, _tight(traffic, instrument, lots)),
        ]
        price = rng.choice((low, high))
        if number or rng.random() < 0.5:
            side = (None, None, price, lots * 2) if sells else (price, lots * 2, None, None)
            made.append(_quote(account, instrument, number + 1, side))
        else:
            flags = PROTECTED | (SELL if sells else 0)
            made += [traffic.with_id(c.new_order(account, instrument.id, flags, price, lots)) for _ in (1, 2)]
    taker = traffic.maker()
    flags = rng.choice((0, PROTECTED)) | (0 if sells else SELL)
    flags |= rng.choice((r.TIF_GTC, r.TIF_IOC, r.TIF_FOK)) << r.TIF_SHIFT
    through, most = high if sells else low, lots * rng.choice((2, 4, 9))
    made.append(traffic.with_id(c.new_order(taker, instrument.id, flags, through, most)))
    return b"".join(made)


def _quote(
    account: int, instrument: Instrument, group_word: int, sides: tuple[int | None, ...]
) -> bytes:
    bid, bid_lots, ask, ask_lots = sides
    most = r.QUOTE_SIZE_MASK
    quote = c.Quote(
        instrument.id,
        bid or 0,
        min(bid_lots, most) if bid_lots is not None else None,
        ask or 0,
        min(ask_lots, most) if ask_lots is not None else None,
    )
    return c.mass_quote(account, [quote], mmp_group=group_word)


def _cut_down(traffic: OrderTraffic, instrument: Instrument) -> bytes:
    """Several orders of a group on one side, then less than they have is allowed, or the group removed."""
    rng, account, lots = traffic.rng, traffic.maker(), _lots(traffic, instrument)
    underlying, lot_e8 = instrument.terms.underlying, instrument.terms.lot_e8
    wide = MmpLimits(60_000, 0, 0, 0, 0, min(40 * lots * lot_e8, limits.MAX_MMP_LIMIT))
    sells = bool(rng.getrandbits(1))
    price = instrument.max_price if sells else instrument.min_price
    flags = PROTECTED | (SELL if sells else 0)
    order = c.new_order(account, instrument.id, flags, price, lots)
    narrow = wide._replace(max_quote_e8=max(1, lots * lot_e8 * rng.choice((1, 2, 3))))
    if rng.random() < 0.3:
        narrow = narrow._replace(interval_ms=0)
    made = [co.reset_mmp(account, underlying, 0), co.set_mmp(account, underlying, 0, wide)]
    made += [traffic.with_id(order) for _ in range(rng.randrange(2, 6))]
    return b"".join((*made, co.set_mmp(account, underlying, 0, narrow)))


def _into_oneself(traffic: OrderTraffic, instrument: Instrument) -> bytes:
    """A protected taker trips its own group, with orders of its own group or of its own behind the first."""
    rng, lots, underlying = traffic.rng, _lots(traffic, instrument), instrument.terms.underlying
    taker, other = limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + 1 + rng.randrange(3)
    low, high = _prices(instrument)
    made = [
        co.reset_mmp(taker, underlying, 0),
        co.set_mmp(taker, underlying, 0, _tight(traffic, instrument, lots)),
        c.new_order(other, instrument.id, SELL, low, lots),
    ]
    if rng.random() < 0.6:
        made.append(c.new_order(taker, instrument.id, SELL | rng.choice((0, PROTECTED)), high, lots))
    else:
        made.append(c.new_order(taker, instrument.id, PROTECTED, instrument.min_price, lots))
    if rng.random() < 0.5:
        tif = rng.choice((r.TIF_GTC, r.TIF_IOC)) << r.TIF_SHIFT
        made.append(traffic.with_id(c.new_order(taker, instrument.id, PROTECTED | tif, high, lots * 4)))
    else:
        made.append(_quote(taker, instrument, 1, (high, lots * 4, None, None)))
    return b"".join(made)


def _resting(traffic: OrderTraffic, instrument: Instrument) -> bytes:
    """A protected order that rests, for `_moved` to find."""
    rng, account, lots = traffic.rng, traffic.maker(), _lots(traffic, instrument)
    wanted = _tight(traffic, instrument, lots)
    sells = bool(rng.getrandbits(1))
    price = instrument.max_price if sells else instrument.min_price
    flags = PROTECTED | (SELL if sells else 0)
    return b"".join(
        (
            co.reset_mmp(account, instrument.terms.underlying, 0),
            co.set_mmp(account, instrument.terms.underlying, 0, wanted),
            traffic.with_id(c.new_order(account, instrument.id, flags, price, lots)),
        )
    )


def _moved(traffic: OrderTraffic, instrument: Instrument) -> bytes:
    """A resting protected order or quote grows, too far or not, or moves into another's: it may trip."""
    rng, lots = traffic.rng, _lots(traffic, instrument)
    mine = [order for order in traffic.world.orders.values() if order.group is not None]
    plain = [order for order in mine if not order.is_quote]
    if not mine or (not plain and rng.random() < 0.6):
        return _resting(traffic, instrument)
    order = rng.choice(plain if plain and rng.random() < 0.6 else mine)
    group, instrument = order.group, order.instrument
    assert group is not None
    most = group.limits.max_quote_e8 // instrument.terms.lot_e8
    total = order.filled_lots + rng.choice((most, most + 1, order.open_lots, order.open_lots + lots))
    total = min(total, limits.MAX_ORDER_LOTS)
    low, high = _prices(instrument)
    price = rng.choice((low, high, instrument.min_price if order.is_sell else instrument.max_price))
    other = limits.FIRST_USER_ACCOUNT + rng.randrange(traffic.profile.accounts)
    side = 0 if order.is_sell else SELL
    made = [c.new_order(other, instrument.id, side, price, lots)]
    if rng.random() < 0.6:
        tight = _tight(traffic, instrument, lots)._replace(max_quote_e8=group.limits.max_quote_e8)
        made.append(co.set_mmp(*group.key, tight))
    if order.is_quote:
        sides = (None, None, price, total) if order.is_sell else (price, total, None, None)
        made.append(_quote(order.account.id, instrument, group.number + 1, sides))
    else:
        expected = rng.choice((None, order.filled_lots))
        moved = price if rng.random() < 0.8 else None
        made.append(
            co.amend(
                order.account.id,
                order.id,
                price_ticks=moved,
                size_lots=total,
                expected_filled_lots=expected,
            )
        )
    return b"".join(made)
