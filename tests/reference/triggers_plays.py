"""Short plays for `triggers_generator`: prices that reach many, primaries filled in parts, pairs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import Member, MmpLimits, Trigger
from tests.reference.extras import Place
from tests.reference.instruments import Instrument

if TYPE_CHECKING:
    from tests.reference.triggers_generator import TriggerTraffic

SELL, PROTECTED = r.FLAG_SELL, r.FLAG_MMP
MARKET = r.TYPE_MARKET << r.TYPE_SHIFT
IOC = r.TIF_IOC << r.TIF_SHIFT
DAY = r.TIF_GTD << r.TIF_SHIFT
CROWD = 3 * limits.FIRE_MOST + 30
STEPS = (
    *("end", "member", "lock", "grow", "trigger", "narrow", "marks", "out"),
    *("fill", "rest", "rest", "take", "take", "bid", "cross"),
)
SCRIPTS = (
    ("fill", "rest", "rest", "take", "end"),
    ("fill", "take", "end"),
    ("fill", "take", "lock", "rest"),
    ("fill", "take", "take", "lock", "rest", "rest"),
    ("fill", "take", "trigger", "grow", "rest"),
    ("fill", "take", "grow", "rest", "rest"),
    ("fill", "take", "grow", "end"),
    ("fill", "narrow", "rest", "rest"),
    ("fill", "out", "rest", "rest"),
    ("fill", "bid", "cross", "rest", "end"),
    ("fill", "bid", "cross", "end"),
    ("fill", "bid", "bid", "cross", "rest"),
    ("fill", "bid", "fires", "rest", "end"),
    ("fill", "bid", "fires", "end"),
    ("member", "fill", "rest"),
    ("member", "fill", "end"),
    ("trigger", "grow", "fill", "marks", "rest"),
)


def play(traffic: TriggerTraffic, *, most: int) -> bytes:
    """One of the plays, of at most `most` commands (20 or more)."""
    rng = traffic.rng
    instruments = [i for underlying in (0, 1) for i in traffic.open_of(underlying)]
    if not instruments:
        return b""
    waiting = [o for o in traffic.untriggered() if o.place is Place.WAITS]
    options = [i for i in instruments if i.is_option] or instruments
    crowded = Counter(o.instrument for o in waiting if o.instrument in options)
    busiest = max(crowded, key=lambda i: (crowded[i], i.id)) if crowded else rng.choice(options)
    if len(waiting) > CROWD + 40 or (len(waiting) > CROWD and rng.random() < 0.4):
        return _stampede(traffic, busiest)
    if most > limits.FIRE_MOST and rng.random() < 0.15:
        return _crowd(traffic, busiest, most - 2)
    plays = (*[_bracket] * 6, _pair, _pair, _reached, _volatile, _volatile, _day, _missed, _too_large)
    return rng.choice(plays)(traffic, rng.choice(instruments))


def _prices(instrument: Instrument) -> tuple[int, int]:
    """Two neighbouring valid prices near the mark, within the band where there is room."""
    centre = max(1, instrument.mark_micro // instrument.terms.tick_micro)
    low = instrument.valid_at_most(min(centre, instrument.max_price)) or instrument.lowest_price
    return low, instrument.valid_at_least(low + 1) or low


def _lots(traffic: TriggerTraffic, instrument: Instrument) -> int:
    least = instrument.terms.min_size_lots
    most = min(traffic.profile.sizes, instrument.terms.position_limit_lots) // 4
    return least + traffic.rng.randrange(max(1, most))


def _marks(traffic: TriggerTraffic, instrument: Instrument, factor: float) -> bytes:
    """The index and all marks of an instrument's underlying move by a factor."""
    underlying = traffic.world.underlying_of(instrument)
    mine = traffic._of_underlying(underlying)
    index, units = traffic.listings.moved_by(factor, underlying, mine)
    return c.marks(underlying.id, index, traffic._next_feed(underlying), units)


def _user(traffic: TriggerTraffic) -> int:
    return limits.FIRST_USER_ACCOUNT + traffic.rng.randrange(traffic.profile.accounts)


# --- many at once --------------------------------------------------------------------------------------


def _crowd(traffic: TriggerTraffic, instrument: Instrument, most: int) -> bytes:
    """Many orders a little above the index, all to be reached by one price."""
    rng, made = traffic.rng, []
    low, _ = _prices(instrument)
    index = traffic.source_micro(instrument, r.SOURCE_INDEX)
    for n in range(most):
        at = min(int(index * (1.012 + 0.0001 * rng.randrange(60))), limits.MAX_PRICE_MICRO)
        sells = bool(rng.getrandbits(1))
        kind = r.TRIGGER_TAKE if sells else r.TRIGGER_STOP
        flags = (SELL if sells else 0) | rng.choice((0, IOC, MARKET | IOC, DAY, r.FLAG_REDUCE_ONLY))
        price = 0 if flags & MARKET else low
        trigger, lots = Trigger(kind, r.SOURCE_INDEX, at), _lots(traffic, instrument)
        members, link = [], 0
        if n % 9 == 0:
            link, members = 1, [Member(flags ^ SELL, price, lots, trigger=trigger._replace(kind=3 - kind))]
        made.append(
            co.extended_order(
                _user(traffic), instrument.id, flags, price, lots, trigger=trigger, link=link, members=members
            )
        )
    return b"".join(made)


def _stampede(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """A price reaches a crowd; orders come while some are due, or the instrument or the venue closes."""
    rng, lots = traffic.rng, _lots(traffic, instrument)
    low, high = _prices(instrument)
    user, other, first = _user(traffic), _user(traffic), _next_id(traffic)
    volatile = co.extended_order(user, instrument.id, 0, instrument.min_price, lots, volatility_e6=9)
    bracket = co.extended_order(
        user, instrument.id, 0, high, lots * 4, link=2, condition=2, members=[Member(SELL, high, lots * 4)]
    )
    order = c.new_order(other, instrument.id, SELL, low, lots)
    quote = c.mass_quote(other, [c.Quote(instrument.id, low, 1)])
    standing = [o for o in traffic.world.orders.values() if o.instrument is instrument and not o.is_quote]
    amend = quote
    if standing:
        amended = rng.choice(standing)
        amend = co.amend(amended.account.id, amended.id, size_lots=3)
    waiting = co.extended_order(other, instrument.id, 0, low, lots, trigger=traffic.trigger(instrument))
    repriced = co.reprice([(first, _next(instrument, instrument.min_price, up=True))])
    what = rng.choice((0, 1, 2, 2, 2, 3, 4, 4, 4, 4))
    if what == 0:
        then = [c.set_instrument_state(instrument.id, r.STATE_HALTED), quote]
    elif what == 1:
        then = [c.set_mode(r.MODE_CANCEL_ONLY), c.set_mode(r.MODE_OPEN), order]
    elif what == 2:
        then = [rng.choice((order, quote, amend, waiting)), repriced, co.fire(), quote]
    elif what == 3:
        then = [co.fire(), c.cancel_many(user), c.expire_day(instrument.id)]
    else:
        then = rng.sample([order, quote, amend, waiting], k=3)
    return b"".join((volatile, bracket, _marks(traffic, instrument, 1.03), *then))


# --- links ---------------------------------------------------------------------------------------------


def _inside(instrument: Instrument, *, sells: bool) -> int:
    """The best price of a side that does not cross, or about the mark."""
    best = instrument.book.side(not sells).best_price()
    low, high = _prices(instrument)
    if best is None:
        return low if sells else high
    found = instrument.valid_at_least(best + 1) if sells else instrument.valid_at_most(best - 1)
    return found or best


def _strangers_lots(instrument: Instrument, price_ticks: int, known: list[int], *, sells: bool) -> int:
    """What others than these show at a price."""
    queue = instrument.book.side(sells).queue(price_ticks).values()
    return sum(order.shown_lots for order in queue if order.account.id not in known)


def _next(instrument: Instrument, price_ticks: int, *, up: bool) -> int:
    """The valid price beside one."""
    found = instrument.valid_at_least(price_ticks + 1) if up else instrument.valid_at_most(price_ticks - 1)
    return found or price_ticks


def _next_id(traffic: TriggerTraffic) -> int:
    """The order_id of the next order, if it is accepted."""
    return traffic.world.shard << limits.SHARD_SHIFT | traffic.world.next_order


def _two(traffic: TriggerTraffic) -> list[int]:
    users = range(limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + 4)
    return traffic.rng.sample(users, k=2)


def _bracket(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """A primary filled in parts wakes its members; they grow, trade, are refused or cancelled."""
    rng, lots, owner_other = traffic.rng, _lots(traffic, instrument), _two(traffic)
    owner, other = owner_other
    sells = bool(rng.getrandbits(1))
    side, back = (SELL, 0) if sells else (0, SELL)
    at = _inside(instrument, sells=sells)
    beyond = _next(instrument, at, up=not sells)
    link, condition = rng.choice((2, 3)), rng.choice((0, 1, 2, 2, 2, 2))
    script = rng.choice(SCRIPTS) if rng.random() < 0.6 else ("fill", *rng.choices(STEPS, k=5))
    aside = beyond if "cross" not in script else _next(instrument, beyond, up=not sells)
    kind = PROTECTED if "narrow" in script else r.FLAG_REDUCE_ONLY if "out" in script else None
    members = [_member_of(traffic, instrument, back, aside, lots, kind) for _ in range(link - 1)]
    if "fires" in script:
        index = traffic.source_micro(instrument, r.SOURCE_INDEX)
        late = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, int(index * (1.005 if sells else 0.995)))
        members = [member._replace(trigger=late, flags=back) for member in members]
    first = _next_id(traffic)
    primary = co.extended_order(
        owner, instrument.id, side, at, lots * 3, link=link, condition=condition, members=members
    )
    shown = _strangers_lots(instrument, at, owner_other, sells=sells)
    behind = _strangers_lots(instrument, beyond, owner_other, sells=not sells)
    fill = c.new_order(other, instrument.id, back | IOC, at, traffic._fit(lots + shown))
    rest = c.new_order(other, instrument.id, back | IOC, at, lots)
    take = c.new_order(other, instrument.id, side | IOC, beyond, traffic._fit(2 * lots + behind))
    steps = {
        "end": c.cancel(owner, first),
        "member": c.cancel(owner, first + 1),
        "lock": cr.set_lock(owner, True),
        "grow": co.amend(owner, first + 1, remaining_lots=lots + 1),
        "trigger": co.amend(owner, first + 1, trigger_micro=traffic.source_micro(instrument, r.SOURCE_INDEX)),
        "narrow": co.set_mmp(owner, instrument.terms.underlying, 0, _narrow(instrument, lots)),
        "out": c.new_order(owner, instrument.id, back | MARKET | IOC, 0, lots * 4),
        "fill": fill,
        "rest": rest,
        "take": take,
        "bid": c.new_order(other, instrument.id, side, beyond, traffic._fit(lots + behind)),
        "cross": co.amend(owner, first + 1, price_ticks=beyond),
    }
    if "fires" in script:
        steps["fires"] = _marks(traffic, instrument, 1.01 if sells else 0.99)
    if "marks" in script:
        steps["marks"] = _marks(traffic, instrument, rng.choice((0.99, 1.01)))
    made = [c.cancel_many(n, r.SCOPE_INSTRUMENT, target=instrument.id) for n in owner_other]
    if "narrow" in script:
        key = (owner, instrument.terms.underlying, 0)
        made += [co.reset_mmp(*key), co.set_mmp(*key, _narrow(instrument, lots * 9))]
    made.append(traffic.with_id(primary))
    return b"".join((*made, *(steps[step] for step in script)))


def _narrow(instrument: Instrument, lots: int) -> MmpLimits:
    """A group that may quote just so many lots."""
    return MmpLimits(60_000, 0, 0, 0, 0, min(lots * instrument.terms.lot_e8, limits.MAX_MMP_LIMIT))


def _member_of(
    traffic: TriggerTraffic, instrument: Instrument, flags: int, beyond: int, lots: int, kind: int | None
) -> Member:
    """A member against its primary: beside its price, or through the book; sometimes with a trigger."""
    rng = traffic.rng
    kinds = (0, 0, 0, 0, r.FLAG_REDUCE_ONLY, MARKET | IOC, IOC, PROTECTED)
    flags |= rng.choice(kinds) if kind is None else kind
    trigger = co.NO_TRIGGER
    if rng.random() < 0.15:
        trigger = Trigger(3, rng.choice((1, 2, 3)), 0, 1 + traffic.source_micro(instrument, 1) // 500)
    elif rng.random() < 0.2:
        trigger = traffic.trigger(instrument, 0.002)
    price = 0 if flags & MARKET else beyond
    return Member(flags, price, lots * rng.choice((3, 3, 2, 5)), trigger=trigger)


def _pair(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """Two orders of which one is to go: live, waiting, or one of each; then one of them trades or ends."""
    rng, lots = traffic.rng, _lots(traffic, instrument)
    low, high = _prices(instrument)
    owner, other = _two(traffic)
    flags, price = rng.choice(((0, low), (0, instrument.min_price), (IOC, low), (MARKET | IOC, 0)))
    trigger = traffic.trigger(instrument, 0.003) if rng.random() < 0.4 else co.NO_TRIGGER
    other_price = rng.choice((high, instrument.max_price, low))
    member = Member(SELL | rng.choice((0, r.FLAG_REDUCE_ONLY, IOC, r.FLAG_MMP)), other_price, lots)
    if rng.random() < 0.4:
        member = member._replace(trigger=traffic.trigger(instrument, 0.003))
    pair = co.extended_order(
        owner, instrument.id, flags, price, lots, trigger=trigger, link=1, members=[member]
    )
    first = _next_id(traffic)
    ends = (
        c.new_order(other, instrument.id, SELL, low, lots),
        c.new_order(other, instrument.id, 0, high, 1 + lots // 2),
        c.cancel(owner, first + rng.getrandbits(1)),
        _marks(traffic, instrument, rng.choice((0.99, 1.01))),
    )
    return b"".join((traffic.with_id(pair), *rng.sample(ends, k=2)))


# --- others --------------------------------------------------------------------------------------------


def _reached(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """Triggers of every kind on one source, then a price past some of them."""
    rng, made = traffic.rng, []
    low, high = _prices(instrument)
    for source in (1, 2, 3):
        price = traffic.source_micro(instrument, source)
        for kind in rng.sample((1, 2, 3), k=2):
            at = max(1, min(int(price * rng.choice((0.994, 1.006))), limits.MAX_PRICE_MICRO))
            trigger = Trigger(kind, source, at) if kind < 3 else Trigger(3, source, 0, 1 + price // 400)
            flags = rng.choice((0, SELL)) | rng.choice((0, DAY, r.FLAG_MMP))
            flags |= rng.choice((0, 0, r.FLAG_POST_ONLY))
            lots = _lots(traffic, instrument)
            made.append(
                co.extended_order(_user(traffic), instrument.id, flags, low, lots, trigger=trigger)
            )
    moves = [_marks(traffic, instrument, factor) for factor in rng.choice(((0.99,), (1.01,), (1.006,)))]
    trades = [
        c.new_order(_user(traffic), instrument.id, flags, price, 1 + _lots(traffic, instrument))
        for price in (low, high)
        for flags in (0, SELL)
    ]
    if rng.random() < 0.2:
        closed = c.set_instrument_state(instrument.id, r.STATE_CANCEL_ONLY)
        moves = [closed, *moves, c.set_instrument_state(instrument.id, r.STATE_OPEN)]
    return b"".join((*made, *moves, *trades))


def _volatile(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """Orders priced in volatility, filled in part, repriced into each other, out of the band, or closed."""
    rng = traffic.rng
    options = [i for u in (0, 1) for i in traffic.open_of(u) if i.is_option]
    if not options:
        return b""
    instrument = rng.choice(options)
    user, (low, high) = _user(traffic), _prices(instrument)
    first = _next_id(traffic)
    made = [
        co.extended_order(
            user, instrument.id, flags, price, _lots(traffic, instrument) + 1, volatility_e6=500_000
        )
        for flags, price in ((0, low), (SELL, high), (DAY, low))
    ]
    made.append(c.new_order(_user(traffic), instrument.id, SELL | IOC, low, 1))
    beyond = instrument.max_price + instrument.step_at(instrument.max_price)
    prices = (high, low, beyond, 0, instrument.min_price)
    units = [(first + n, rng.choice(prices)) for n in range(3)]
    made.append(co.reprice(units))
    amends: tuple[dict[str, Any], ...] = (
        {"price_ticks": high, "volatility_e6": 3},
        {"price_ticks": low},
        {"volatility_e6": 600_000},
        {"volatility_e6": 500_000},
    )
    made.append(co.amend(user, first, **rng.choice(amends)))
    if rng.random() < 0.2:
        halt = cr.set_underlying_state(instrument.terms.underlying, r.STATE_CANCEL_ONLY)
        made += [halt, co.reprice(units), cr.set_underlying_state(instrument.terms.underlying, r.STATE_OPEN)]
    return b"".join(made)


def _day(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """Orders of the day that wait or sleep, and the day's end."""
    low, high = _prices(instrument)
    lots, user = _lots(traffic, instrument), _user(traffic)
    waits = Trigger(1, 2, limits.MAX_PRICE_MICRO)
    member = Member(DAY | SELL, high, lots)
    return b"".join(
        (
            co.extended_order(user, instrument.id, DAY, low, lots, trigger=waits),
            co.extended_order(
                user, instrument.id, 0, instrument.min_price, lots, link=2, condition=1, members=[member]
            ),
            c.expire_day(instrument.id),
        )
    )


def _missed(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """While an instrument is halted its orders see no price; the next one reaches them, and others too."""
    low, high = _prices(instrument)
    lots, user = _lots(traffic, instrument), _user(traffic)
    index = traffic.source_micro(instrument, r.SOURCE_INDEX)
    falls = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, int(index * 0.992))
    rises = falls._replace(trigger_micro=int(index * 0.986))
    others = [i for i in traffic.open_of(instrument.terms.underlying) if i is not instrument]
    other = traffic.rng.choice(others) if others else instrument
    other_lots = _lots(traffic, other)
    return b"".join(
        (
            co.extended_order(user, instrument.id, SELL, high, lots, trigger=falls),
            co.extended_order(user, instrument.id, SELL, high, lots, trigger=Trigger(3, 1, 0, index // 300)),
            c.set_instrument_state(instrument.id, r.STATE_HALTED),
            _marks(traffic, instrument, 0.98),
            co.extended_order(user, other.id, 0, _prices(other)[0], other_lots, trigger=rises),
            c.set_instrument_state(instrument.id, r.STATE_OPEN),
            _marks(traffic, instrument, 1.007),
            c.new_order(user, instrument.id, 0, low, lots),
        )
    )


def _too_large(traffic: TriggerTraffic, instrument: Instrument) -> bytes:
    """A protected order of more than its group may quote, and a pair of which one is."""
    low, high = _prices(instrument)
    lots, user = _lots(traffic, instrument), traffic.maker()
    key = (user, instrument.terms.underlying, 0)
    pair = [Member(SELL | PROTECTED, high, lots * 2)]
    return b"".join(
        (
            co.reset_mmp(*key),
            co.set_mmp(*key, _narrow(instrument, lots)),
            co.extended_order(user, instrument.id, PROTECTED, low, lots * 2),
            co.extended_order(user, instrument.id, 0, instrument.min_price, lots, link=1, members=pair),
        )
    )
