"""What the attacker of `attack_world` may do besides under rules 3, and what the venue does to it.

Orders that wait for a trigger, are linked, protected or priced in volatility, icebergs, fill-or-kill, blocks;
repricing, firing, marks told again.
"""

from __future__ import annotations

import itertools

from exchange.domain import commands as c
from exchange.domain import commands_blocks as cb
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain.limits import DISPLAY_PARTS
from tests.property.attack_market import ATTACKERS, FRIEND, INSTRUMENTS, MAIN, SUB, SYBIL
from tests.property.attack_world import AttackWorld
from tests.property.attacks import (
    HIGH,
    LOTS,
    LOW,
    MARK,
    NTH,
    OPTIONS,
    PART,
    SIDES,
    WHERE,
    WHO,
    Choice,
    amend,
    held,
    jump,
    price,
)
from tests.unit.core.harness import FOK, IOC, MARKET, MICRO, REDUCE, SELL

SIGMA_E6 = 600_000
DEEP_LOTS = 4_000
CROWD = 70
LOOKS = 5
INTERVAL_MS = 1_000


def trigger(world: AttackWorld, at: int, kind: int, source: int, off: int) -> co.Trigger:
    """A trigger `off` ticks from the index, or from the mark (which a last price is near)."""
    if kind == r.TRIGGER_NONE:
        return co.NO_TRIGGER
    if kind == r.TRIGGER_TRAILING:
        return co.Trigger(kind, source, offset_micro=max(1, abs(off)) * MICRO)
    base = world.index if source == r.SOURCE_INDEX else world.marks[at]
    return co.Trigger(kind, source, trigger_micro=max(1, base + off) * MICRO)


def extended(
    world: AttackWorld,
    who: int,
    at: int,
    where: int,
    lots: int,
    sell: bool,
    kind: int,
    source: int,
    off: int,
    flags: int,
) -> None:
    """An order that may wait for a trigger."""
    flags |= SELL if sell else 0
    ticks = 0 if flags & MARKET else price(world, at, where)
    waits_for = trigger(world, at, kind, source, off)
    world.send(co.extended_order(who, at, flags, ticks, lots, trigger=waits_for))


def closing(
    world: AttackWorld,
    who: int,
    nth: int,
    wheres: tuple[int, int],
    kind: int,
    source: int,
    off: int,
    link: int,
) -> None:
    """A position offered behind a trigger, or twice: as a pair."""
    at = held(world, who, nth)
    size = world.size(who, at)
    if size == 0:
        return
    flags, first = (SELL if size > 0 else 0), trigger(world, at, kind, source, off)
    member = co.Member(flags, price(world, at, wheres[1]), abs(size))
    pair = [member] if link else []
    ticks = price(world, at, wheres[0])
    world.send(co.extended_order(who, at, flags, ticks, abs(size), trigger=first, link=link, members=pair))


def linked(
    world: AttackWorld,
    who: int,
    at: int,
    wheres: tuple[int, int],
    lots: int,
    sides: tuple[bool, bool],
    link: int,
    condition: int,
    kind: int,
    source: int,
    off: int,
) -> None:
    """An order and one or two more of its link; of two the second closes what the first one opens."""
    own, other = (SELL if sell else 0 for sell in sides)
    first = price(world, at, wheres[0])
    members = [
        co.Member(other, price(world, at, wheres[1]), lots, trigger=trigger(world, at, kind, source, off))
    ]
    if link == r.LINK_OTOCO:
        back = trigger(world, at, (kind + 1) % len(KINDS), source, -off)
        members.append(co.Member((SELL - own) | REDUCE, first, lots, trigger=back))
    world.send(co.extended_order(who, at, own, first, lots, link=link, condition=condition, members=members))


def move_trigger(world: AttackWorld, who: int, nth: int, off: int, trailing: bool) -> None:
    """The trigger of one of the account's latest orders moved, if it has one."""
    if world.placed[who]:
        ident, at = world.placed[who][-1 - nth % len(world.placed[who])]
        if trailing:
            world.send(co.amend(who, ident, offset_micro=max(1, abs(off)) * MICRO))
        else:
            world.send(co.amend(who, ident, trigger_micro=max(1, world.marks[at] + off) * MICRO))


def in_volatility(world: AttackWorld, who: int, at: int, where: int, lots: int, sell: bool) -> None:
    """An order whose price the venue moves."""
    flags, ticks = (SELL if sell else 0), price(world, at, where)
    while lots:
        told = world.send(co.extended_order(who, at, flags, ticks, lots, volatility_e6=SIGMA_E6))
        lots = lots // 2 if isinstance(told[0], e.Rejected) else 0


def reprice(world: AttackWorld, who: int, where: int, count: int) -> None:
    """The venue moves the account's latest orders that are priced in volatility, and the friend is there."""
    world.send(co.reprice([(ident, price(world, at, where)) for ident, at in world.placed[who][-count:]]))
    meet_all(world)


def grow(world: AttackWorld, who: int, nth: int, where: int, lots: int) -> None:
    """One of the account's latest orders made larger, and the friend is there."""
    amend(world, who, nth, where, lots)
    meet_all(world)


def icebergs(world: AttackWorld, who: int, at: int, where: int, lots: int, sell: bool, count: int) -> None:
    """Orders that show as little as they may."""
    shown = -(-lots // DISPLAY_PARTS)
    flags = SELL if sell else 0
    one = c.new_order(who, at, flags, price(world, at, where), lots, display_lots=shown)
    world.send(*[one] * count)


def rest_most(world: AttackWorld, who: int, at: int, where: int, lots: int, sell: bool) -> None:
    """An order as large as margin allows, by halves, that stays (or matches a friend's)."""
    while lots:
        told = world.order(who, at, price(world, at, where), lots, SELL if sell else 0)
        lots = lots // 2 if isinstance(told[0], e.Rejected) else 0


def stand_ready(world: AttackWorld, at: int) -> None:
    """The friend takes anything at the far edges of the band, and stays."""
    world.order(FRIEND, at, price(world, at, LOW), DEEP_LOTS)
    world.order(FRIEND, at, price(world, at, HIGH), DEEP_LOTS, SELL)


def crowd(world: AttackWorld, at: int, where: int) -> None:
    """More orders that wait for the next trade than one command fires."""
    stop = trigger(world, at, r.TRIGGER_STOP, r.SOURCE_LAST, price(world, at, where) - world.marks[at])
    one = co.extended_order(FRIEND, at, 0, price(world, at, LOW), 1, trigger=stop)
    world.send(*[one] * CROWD)


def resting(world: AttackWorld, but: int) -> list[e.Order]:
    """What stands in the books, but for one account's, in the order it was told."""
    known = world.live.values()
    return [order for order in known if order.state == r.ORDER_STATE_OPEN and order.head.account != but]


def look(world: AttackWorld, who: int, nth: int) -> None:
    """Fill-or-kill for all that stands on one side of a book, then for all but one of the orders."""
    known = resting(world, 0)
    if not known:
        return
    one = known[-1 - nth % len(known)]
    at, sell = one.head.instrument, not one.is_sell
    bound = price(world, at, LOW if sell else HIGH)
    side = [
        other
        for other in known
        if other.head.instrument == at
        and other.is_sell == one.is_sell
        and (other.price_ticks >= bound if sell else other.price_ticks <= bound)
    ]
    total = sum(other.open_lots for other in side)
    for less in dict.fromkeys([0, *(other.open_lots for other in side[-LOOKS:])]):
        if total > less:
            world.fill_or_kill(who, at, bound, total - less, SELL if sell else 0)


def queue(
    world: AttackWorld,
    whos: tuple[int, ...],
    shows: tuple[int, ...],
    at: int,
    away: int,
    lots: int,
    sell: bool,
) -> None:
    """Orders of several accounts that lose a little against the mark, as large as margin allows, some of them
    icebergs or reduce-only; and looks that count on them."""
    low, high = world.prices(at)
    ticks = max(low, world.marks[at] - away) if sell else min(high, world.marks[at] + away)
    side = SELL if sell else 0
    for who, parts in zip(whos, shows, strict=True):
        flags, size = side | (REDUCE if parts == 0 else 0), lots
        while size:
            shown = -(-size // parts) if parts > 1 else 0
            told = world.send(c.new_order(who, at, flags, ticks, size, display_lots=shown))
            size = size // 2 if isinstance(told[0], e.Rejected) else 0
    for who in (FRIEND, *whos[:1]):
        look(world, who, 0)


def meet(world: AttackWorld, who: int, nth: int, part: int) -> None:
    """An order of another account met at its price, whole or in part, or not at all."""
    others = resting(world, who)
    if others:
        order = others[-1 - nth % len(others)]
        lots, flags = max(1, order.open_lots // part), 0 if order.is_sell else SELL
        world.fill_or_kill(who, order.head.instrument, order.price_ticks, lots, flags)


def meet_all(world: AttackWorld) -> None:
    """The friend takes whatever stands in the books."""
    for order in resting(world, FRIEND):
        flags = IOC | (0 if order.is_sell else SELL)
        world.order(FRIEND, order.head.instrument, order.price_ticks, order.open_lots, flags)


def protected_quotes(
    world: AttackWorld,
    who: int,
    ats: tuple[int, int],
    wheres: tuple[int, int],
    lots: int,
    limits: tuple[int, int, int] | None,
) -> None:
    """Two-sided quotes in one or two instruments; of a group where it is said what protects them."""
    group = 0
    if limits is not None:
        quantity_e8, delta_e8, frozen_ms = limits
        mmp = co.MmpLimits(INTERVAL_MS, frozen_ms, quantity_e8, delta_e8, 0, 1 << 40)
        world.send(co.set_mmp(who, 0, 1, mmp))
        group = 2
    quotes = []
    for at, where in dict(zip(ats, wheres, strict=True)).items():
        bid = price(world, at, where)
        quotes.append(c.Quote(at, bid, lots, bid + 10, lots))
    world.send(c.mass_quote(who, quotes, mmp_group=group))


def block(
    world: AttackWorld,
    taker: int,
    maker: int,
    ats: tuple[int, int],
    wheres: tuple[int, int],
    lots: int,
    sides: tuple[bool, bool],
) -> None:
    """One trade agreed elsewhere, or two: both sides have their initial margin then, or nothing has moved."""
    trades = {
        at: cb.BlockTrade(maker, at, -lots if sell else lots, price(world, at, where))
        for at, where, sell in zip(ats, wheres, sides, strict=True)
    }
    before = world.holdings()
    events = world.send(cb.block_trade(taker, world.engine.world.last_block + 1, list(trades.values())))
    if isinstance(events[0], e.Rejected):
        assert world.holdings() == before, "a refused block left something behind"
        return
    for account in (taker, maker):
        figures = world.margins(account)
        sound = figures.equity_micro >= 0 and figures.initial_micro <= figures.balance_micro
        assert sound, "a block left an account without its margin"
    for at, trade in trades.items():
        low, high = world.prices(at)
        assert low <= trade.price_ticks <= high, "a block outside the band"


def mark_again(world: AttackWorld) -> None:
    """Marks that stand still, told once more: what waits for one is looked at."""
    world.mark()


def fire(world: AttackWorld) -> None:
    world.send(co.fire())


def give_back(world: AttackWorld) -> None:
    """Withdrawals cancelled before they were paid."""
    for number in range(1, world.withdrawals + 1):
        world.send(cr.resolve_withdrawal(number, r.WITHDRAWAL_CANCELLED))


SIZES = (1, 3, 10, 40, 200)
KINDS = (r.TRIGGER_NONE, r.TRIGGER_STOP, r.TRIGGER_TAKE, r.TRIGGER_TRAILING)
SOURCES = (r.SOURCE_INDEX, r.SOURCE_MARK, r.SOURCE_LAST)
OFF = (-500, -20, -1, 0, 1, 20, 500)
AT_TWO = tuple(itertools.product(INSTRUMENTS, repeat=2))
WHERE_TWO = tuple(itertools.product(WHERE, repeat=2))
SIDES_TWO = tuple(itertools.product(SIDES, repeat=2))
MAKERS = tuple(itertools.product(ATTACKERS, repeat=4))
SHOWS = tuple(itertools.product((0, 1, 1, 3, DISPLAY_PARTS), repeat=4))  # in how many parts; 0: reduce-only
AWAY = (1, 20, 100, 300, 1_000)
LINKS = (r.LINK_OCO, r.LINK_OTO, r.LINK_OTOCO)
INCREMENTAL = (r.FILL_INCREMENTAL,)
CONDITIONS = (r.FILL_FIRST_HIT, r.FILL_COMPLETE, *INCREMENTAL)
# Lots, their delta (1e-8 of the underlying), how long it freezes: unlimited, a lot, a hundred, some delta.
PROTECTION = (None, (0, 0, 0), (10**6, 0, 1), (10**8, 0, 0), (10**9, 10**7, 1))
HOW = (0, REDUCE, MARKET | IOC)
RESTING: tuple[Choice, ...] = (
    (rest_most, (WHO, INSTRUMENTS, WHERE, LOTS, SIDES)),
    (in_volatility, (WHO, OPTIONS, WHERE, LOTS, SIDES)),
    (icebergs, (ATTACKERS, INSTRUMENTS, WHERE, (*SIZES, 100), SIDES, (1, 3, 12))),
    (queue, (MAKERS, SHOWS, INSTRUMENTS, AWAY, LOTS, SIDES)),
    (queue, (MAKERS, SHOWS, INSTRUMENTS, AWAY, LOTS, SIDES)),
    (protected_quotes, (ATTACKERS, AT_TWO, WHERE_TWO, SIZES, PROTECTION)),
    (crowd, (INSTRUMENTS, WHERE)),
    (stand_ready, (INSTRUMENTS,)),
)
EXTENDING: tuple[Choice, ...] = (
    (extended, (WHO, INSTRUMENTS, WHERE, SIZES, SIDES, KINDS, SOURCES, OFF, (*HOW, MARKET, IOC, FOK))),
    (extended, (WHO, INSTRUMENTS, WHERE, LOTS, SIDES, KINDS[1:], SOURCES, OFF, HOW)),
    (closing, (WHO, NTH, WHERE_TWO, KINDS, SOURCES, OFF, (r.LINK_NONE, r.LINK_OCO))),
    (closing, (WHO, NTH, WHERE_TWO, KINDS[1:], SOURCES, OFF, (r.LINK_NONE, r.LINK_OCO))),
    (linked, (WHO, INSTRUMENTS, WHERE_TWO, SIZES, SIDES_TWO, LINKS, CONDITIONS, KINDS, SOURCES, OFF)),
    (linked, (WHO, INSTRUMENTS, WHERE_TWO, SIZES, SIDES_TWO, LINKS[1:], INCREMENTAL, KINDS[:1], (0,), (0,))),
    (block, (ATTACKERS, ATTACKERS, AT_TWO, WHERE_TWO, SIZES, SIDES_TWO)),
    (give_back, ()),
)
MEETING: tuple[Choice, ...] = (
    (look, (ATTACKERS, NTH)),
    (look, ((FRIEND,), NTH)),
    (meet, (ATTACKERS, NTH, PART)),
    (meet_all, ()),
    (meet_all, ()),
    (reprice, (WHO, (LOW, HIGH, MARK), (1, 3))),
    (grow, (WHO, NTH, WHERE, LOTS)),
    (move_trigger, (WHO, NTH, OFF, SIDES)),
    (mark_again, ()),
    (fire, ()),
)
# A little: what has been resting loses, and its account can pay for some of it.
MOVES = (-150, -20, -5, -1, 1, 5, 20, 70)
MOVING: tuple[Choice, ...] = ((jump, ((SUB, SYBIL, MAIN), MOVES, (2_000, 4_000, 6_000))),)
