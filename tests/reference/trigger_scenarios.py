"""Scripted streams of triggers, links and volatility (rules 3), to edges random traffic seldom reaches."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import Member, Trigger
from tests.reference.order_scenarios import activation
from tests.reference.risk_opening import CAROL, DAVE
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL

SELL, IOC, DAY = r.FLAG_SELL, r.TIF_IOC << r.TIF_SHIFT, r.TIF_GTD << r.TIF_SHIFT
MARKET = r.TYPE_MARKET << r.TYPE_SHIFT
MICRO = 1_000_000
LATER = OPTION._replace(expiry_ms=2_000_000)
UP, DOWN = 50_500, 49_500  # index prices in USDC, around the first 50,000


def stop(usdc: int, source: int = r.SOURCE_INDEX) -> Trigger:
    return Trigger(r.TRIGGER_STOP, source, usdc * MICRO)


def trailing(usdc: int, source: int = r.SOURCE_INDEX) -> Trigger:
    return Trigger(r.TRIGGER_TRAILING, source, 0, usdc * MICRO)


def marks(usdc: int, feed: int, *instruments: int) -> bytes:
    """The index, and perpetuals of these ids at it."""
    price = usdc * MICRO
    return c.marks(0, price, feed, [c.Mark(n, 10**9, price, 0, price) for n in instruments])


def buys(account: int, lots: int, trigger: Trigger, flags: int = IOC, instrument: int = 0) -> bytes:
    return co.extended_order(account, instrument, flags, 49_000, lots, trigger=trigger)


def shapes() -> Iterator[bytes]:
    """What rules 3 add is unknown before them; then every reserved word and count, one by one."""
    member = Member(SELL, 51_000, 2, trigger=stop(48_000))
    bracket = co.extended_order(ALICE, 0, 0, 49_000, 2, link=3, members=[member, member])
    pair = co.extended_order(ALICE, 0, 0, 49_000, 2, link=1, members=[member])
    news = bracket + pair + co.fire() + co.reprice([(1, 5)])
    yield activation(PERPETUAL).replace(c.set_rules(3), news + c.set_rules(3))
    for at, bit in product(range(4, len(bracket)), (0, 7)):
        raw = bytearray(bracket)
        raw[at] ^= 1 << bit
        yield bytes(raw) + c.cancel_many(ALICE)
    for units, counted in product(range(1, 9), range(4)):
        raw = bytearray(bracket.ljust(256, b"\0")[: units * 32])
        raw[2] = units
        if units > 2:
            raw[68] = counted
        yield bytes(raw)
    repriced = co.reprice([(1, 5), (2, 6)])
    for at in range(4, len(repriced)):
        raw = bytearray(repriced)
        raw[at] ^= 1
        yield bytes(raw)
    fired = bytearray(co.fire())
    fired[4] = 1
    most = co.reprice([(n, 1) for n in range(limits.MAX_REPRICES)])
    yield bytes(fired) + most + co.reprice([(n, 1) for n in range(limits.MAX_REPRICES + 1)])


def queue() -> Iterator[bytes]:
    """130 orders reached by one price: 64 fire behind the marks, 64 before an order, which is refused."""
    yield activation(PERPETUAL, PERPETUAL, OPTION)
    yield b"".join(buys(ALICE + n % 2, 1, stop(UP)) for n in range(130))
    yield co.extended_order(CAROL, 2, 0, 500, 1, volatility_e6=5) + marks(UP, 10, 0, 1)
    yield c.new_order(BOB, 0, 0, 49_000, 1)  # refused, two being due
    yield co.fire() + c.new_order(BOB, 0, 0, 49_000, 1) + co.fire()
    yield b"".join(buys(ALICE + n % 2, 1, stop(UP + 10), instrument=n % 2) for n in range(200))
    yield marks(UP + 20, 11, 0, 1) + c.mass_quote(BOB, [c.Quote(2, 500, 1)])
    yield c.set_instrument_state(0, r.STATE_HALTED) + co.fire() + c.set_instrument_state(0, r.STATE_OPEN)
    yield marks(UP + 21, 12, 0) + c.cancel_many(ALICE) + co.fire() + co.fire()


def orders_come() -> Iterator[bytes]:
    """While orders are due: an amend, a reprice and a quote; the venue closes and all that is due waits."""
    yield activation(PERPETUAL, OPTION) + c.new_order(ALICE, 1, 0, 500, 3)
    yield co.extended_order(BOB, 1, 0, 400, 2, volatility_e6=7) + c.new_order(BOB, 0, 0, 40_000, 1)
    crowd = b"".join(
        co.extended_order(CAROL, 1, IOC, 300, 1, trigger=stop(UP)) for _ in range(limits.FIRE_MOST * 3)
    )
    yield crowd + marks(UP, 10, 0) + co.amend(BOB, 2, size_lots=3) + co.reprice([(2, 410)])
    yield marks(UP - 1, 11, 0) + crowd + marks(UP, 12, 0) + co.reprice([(2, 420), (3, 5)])
    yield marks(UP - 1, 13, 0) + crowd + marks(UP, 14, 0) + c.set_mode(r.MODE_CANCEL_ONLY)
    yield co.reprice([(2, 430)]) + co.fire() + c.set_mode(r.MODE_OPEN) + co.reprice([(2, 430)])
    yield marks(UP + 1, 15, 0) + c.mass_quote(ALICE, [c.Quote(0, 40_000, 1)]) + co.fire() + co.fire()
    yield c.mass_quote(ALICE, [c.Quote(0, 40_000, 1)])


def most_trailing() -> Iterator[bytes]:
    """As many trailing orders as a source may have, dormant ones too; one that fires makes room."""
    yield activation(PERPETUAL, PERPETUAL)
    for at in range(0, limits.MAX_TRAILING - 1, 32):
        count = min(32, limits.MAX_TRAILING - 1 - at)
        yield b"".join(buys(ALICE, 1, trailing(100 + at), instrument=n % 2) for n in range(count))
    member = Member(SELL, 51_000, 1, trigger=trailing(400))
    yield co.extended_order(BOB, 0, 0, 45_000, 1, link=3, members=[member, member])
    yield co.extended_order(BOB, 0, 0, 45_000, 1, link=2, members=[member])
    more = buys(ALICE, 1, trailing(5))
    yield more + buys(ALICE, 1, trailing(5, r.SOURCE_MARK)) + buys(ALICE, 1, stop(60_000))
    yield marks(50_110, 10, 0) + more * 16 + marks(50_120, 11, 0) + more * 33
    yield c.cancel_many(ALICE) + c.cancel_many(BOB)


def incremental() -> Iterator[bytes]:
    """A primary of 10, filled 3, 2 and 5: its member is woken 3, spent, brought 2, and the rest."""
    yield activation(PERPETUAL)
    sells, takes = c.new_order(BOB, 0, SELL | IOC, 49_000, 3), c.new_order(CAROL, 0, IOC, 49_100, 4)
    member = Member(SELL, 49_100, 10)
    yield co.extended_order(ALICE, 0, 0, 49_000, 10, link=2, condition=2, members=[member])
    yield sells + takes + c.new_order(BOB, 0, SELL | IOC, 49_000, 2)
    yield co.amend(ALICE, 2, size_lots=20) + c.new_order(BOB, 0, SELL, 49_000, 5) + takes + takes
    trigger = Trigger(r.TRIGGER_TAKE, r.SOURCE_LAST, 49_000 * MICRO)
    both = [member, Member(SELL | MARKET, 0, 4, trigger=trigger)]
    yield c.cancel_many(ALICE)
    yield co.extended_order(ALICE, 0, 0, 49_000, 10, link=3, condition=2, members=both) + sells
    yield takes + sells + c.new_order(CAROL, 0, 0, 48_900, 9) + sells + c.cancel_many(ALICE)


def ends() -> Iterator[bytes]:
    """Untriggered orders end with the day, their instrument, their account's liquidation."""
    yield activation(PERPETUAL, OPTION, LATER)
    of_day = co.extended_order(ALICE, 0, DAY, 49_000, 1, trigger=stop(60_000))
    yield of_day * (limits.MAX_EXPIRE_DAY_CANCELS + 2) + c.new_order(BOB, 0, DAY, 45_000, 1)
    yield c.expire_day(0) + c.expire_day(0) + c.expire_day(0)
    member = Member(DAY | SELL, 700, 1)
    bracket = co.extended_order(ALICE, 1, DAY, 500, 1, link=2, members=[member])
    pair = co.extended_order(BOB, 1, 0, 400, 1, link=1, members=[Member(SELL, 900, 1, trigger=stop(40_000))])
    yield bracket + pair + bracket.replace(b"\1\0\0\0", b"\2\0\0\0", 1)
    yield c.expire_day(1) + bracket + pair + c.cancel_many(ALICE, r.SCOPE_INSTRUMENT, target=2)
    yield co.extended_order(CAROL, 2, 0, 400, 1, trigger=stop(60_000)) + c.set_instrument_state(2, 3)
    yield c.time(1_000_000) + marks(60_001, 10, 0) + c.deliver(1, 50_000 * MICRO)
    yield cr.set_margin_model(CAROL, 1)
    yield co.extended_order(CAROL, 0, 0, 400, 1, trigger=stop(70_000)) + cr.set_margin_model(CAROL, 1)


def refused_members() -> Iterator[bytes]:
    """Each check of a member, first and second; caps that count the orders of the same command."""
    yield activation(PERPETUAL, OPTION)
    good = Member(SELL, 51_000, 2)
    bad = (
        good._replace(flags=1 << 8),
        good._replace(flags=SELL | r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT, price_ticks=0),
        good._replace(size_lots=0),
        good._replace(size_lots=limits.MAX_ORDER_LOTS + 1),
        good._replace(display_lots=3),
        good._replace(price_ticks=0),
        good._replace(price_ticks=limits.I64_MAX),
        good._replace(trigger=Trigger(4, 1, 1)),
        good._replace(trigger=Trigger(0, 1)),
        good._replace(trigger=Trigger(1, 1, 0)),
        good._replace(trigger=Trigger(3, 1, 1, 1)),
    )
    for member in bad:
        for link, members in ((1, [member]), (2, [member]), (3, [good, member]), (3, [member, good])):
            yield co.extended_order(ALICE, 0, 0, 49_000, 2, link=link, members=members)
    three = co.extended_order(ALICE, 0, 0, 49_000, 2, link=3, members=[good, good], client_order_id=7)
    for cap in (1, 2, 3, 4):
        yield cr.set_caps(ALICE, cap, 0) + three[:16] + struct.pack("<Q", 6 + cap) + three[24:]
    yield cr.set_caps(ALICE, 0, 0) + three + c.cancel_many(ALICE)
    for volatility, flags, instrument in product((0, 1, -1, 10**9, 10**9 + 1), (0, IOC, 1 << 5, DAY), (0, 1)):
        yield co.extended_order(DAVE, instrument, flags, 500, 1, volatility_e6=volatility)


def extremes() -> Iterator[bytes]:
    """Triggers and offsets at their bounds; a price that falls below a trailing offset."""
    yield activation(PERPETUAL)
    most = limits.MAX_PRICE_MICRO
    for price, kind, side in product((0, 1, INDEX_MICRO, most, most + 1, -1), (1, 2, 3), (0, SELL)):
        trigger = Trigger(kind, 1, price) if kind < 3 else Trigger(3, 1, 0, price)
        yield co.extended_order(ALICE, 0, side, 49_000, 1, trigger=trigger)
    yield marks(49_000, 10, 0) + marks(51_000, 11, 0) + c.cancel_many(ALICE)


TRIGGER_SCENARIOS = {
    "shapes": shapes,
    "queue": queue,
    "orders_come": orders_come,
    "most_trailing": most_trailing,
    "incremental": incremental,
    "ends": ends,
    "refused_members": refused_members,
    "extremes": extremes,
}
