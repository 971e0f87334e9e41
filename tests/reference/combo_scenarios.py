"""Scripted streams of combos (rules 4), to edges that random traffic seldom or never reaches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, block_trade
from exchange.domain.commands_combos import list_combo
from exchange.domain.commands_orders import Member, Trigger
from exchange.domain.legs import ComboLeg
from tests.reference.order_scenarios import activation
from tests.reference.risk_opening import CAROL, DAVE, Stream
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL
from tests.reference.trigger_scenarios import IOC, MARKET, SELL

FOK, POST, REDUCE, REJECT = r.TIF_FOK << r.TIF_SHIFT, 1 << 5, 1 << 7, 1 << 6
COARSE = OPTION._replace(tick_steps=((0, 5),))
FEED = 1_000  # behind those of the opening
MARKET_LIMIT = r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT
LAST = 12  # the order_id of the last placed in `orders` but for quotes


def combo(n: int, *legs: tuple[int, int], grant: int = 0) -> bytes:
    return list_combo(n, [ComboLeg(*leg) for leg in legs], grant=grant)


def opening(*terms: c.InstrumentTerms) -> bytes:
    """Four rich accounts, the instruments, rules 4."""
    return activation(*terms) + c.set_rules(4)


def order(account: int, instrument: int, price: int, lots: int, flags: int = 0) -> bytes:
    return c.new_order(account, instrument, flags, price, lots)


def shapes() -> Iterator[bytes]:
    """What rules 4 add is unknown before them; then every byte of LIST_COMBO."""
    good = combo(2, (0, 1), (1, -1))
    yield activation(OPTION, OPTION) + good + c.cancel_many(ALICE, kind=r.KIND_COMBO) + c.set_rules(4)
    for at, bit in product(range(4, len(good)), (0, 7)):
        raw = bytearray(good)
        raw[at] ^= 1 << bit
        yield bytes(raw)
    for units, count in product((1, 2, 3, 4), (-1, 0, 1, 2, 3, 4, 5)):
        raw = bytearray(good.ljust(128, b"\0")[: units * 32])
        raw[2] = units
        if units > 1:
            raw[32:40] = count.to_bytes(8, "little", signed=True)
        yield bytes(raw)
    yield c.cancel_many(ALICE, kind=r.KIND_COMBO) + combo(2, (0, 1), (1, -1), grant=1)


def refused() -> Iterator[bytes]:
    """LIST_COMBO refused for each reason there is, with its detail."""
    soon = OPTION._replace(expiry_ms=2_000)
    small = OPTION._replace(price_limit_ticks=100_000, position_limit_lots=5_000)
    other_tick, other_lot = small._replace(tick_micro=2_000_000), small._replace(lot_e8=2_000_000)
    threes, narrow = OPTION._replace(tick_steps=((0, 3),)), OPTION._replace(price_limit_ticks=15)
    just = OPTION._replace(price_limit_ticks=80)
    terms = (OPTION, OPTION, PERPETUAL, soon, other_tick, other_lot, threes, COARSE, narrow, just, OPTION)
    yield opening(*terms)
    n = len(terms)
    yield combo(n + 1, (0, 1), (1, 1)) + combo(n - 1, (0, 1), (1, 1)) + combo(n, (0, 1), (1, 1), grant=3)
    for legs in (
        ((n, 1), (0, 1)),
        ((0, 1), (n, 1)),
        ((2, 1), (3, 1)),
        ((0, 1), (2, 1)),
        ((1, 1), (0, 1)),
        ((0, 1), (0, 1)),
        ((0, 1), (4, 1)),
        ((0, 1), (5, -1)),
        ((0, 0), (1, 1)),
        ((0, 5), (1, 1)),
        ((0, 1), (1, -5)),
        ((0, -1), (1, 1)),
        ((0, 2), (1, 2)),
        ((0, 4), (1, -3), (10, 2)),
        ((6, 1), (7, 1)),
        ((0, 1), (8, 1)),
        ((8, 1), (10, 1)),
        ((7, 1), (9, -1)),
    ):
        yield combo(n, *legs)
    yield combo(n + 1, (0, 1), (1, 1)) + combo(n + 1, (0, 1), (1, 1)) + combo(n + 1, (0, 1), (1, -1))
    yield c.set_instrument_state(1, r.STATE_HALTED) + combo(n + 2, (1, 1), (10, 1))
    yield c.set_instrument_state(10, r.STATE_DELISTED) + c.time(2_000)
    yield combo(n + 2, (0, 1), (10, 1)) + combo(n + 3, (0, 1), (10, 1)) + combo(n + 3, (0, 1), (3, 1))
    yield combo(n + 3, (0, 1), (n, 1)) + c.deliver(3, INDEX_MICRO) + combo(n + 3, (0, 1), (3, 1))


def most_of_a_leg() -> Iterator[bytes]:
    """16 combos of a leg, one more refused; one of them ends, and there is room."""
    yield opening(*[OPTION] * 20)
    for n in range(18):
        yield combo(20 + n, (0, 1), (n + 1, 1 - 2 * (n % 2)))
    yield combo(36, (18, 1), (19, 1)) + combo(37, (0, -1), (19, 1)) + combo(37, (0, 1), (1, -1))
    yield (
        c.set_instrument_state(20, r.STATE_DELISTED) + combo(37, (0, 1), (1, 1)) + combo(38, (0, 1), (18, 1))
    )


def orders() -> Iterator[bytes]:
    """What an order of a combo may not be, and the edges of its size and price."""
    yield opening(OPTION, OPTION, COARSE) + combo(3, (0, 1), (1, -4)) + combo(4, (0, 1), (2, -1))
    bits = (REDUCE, r.FLAG_MMP, POST | IOC, 3 << 1, 1 << 8, 1 << 11)
    yield b"".join(order(ALICE, 4, 0, 1, flags) for flags in bits)
    yield c.new_order(ALICE, 4, 0, 0, 3, display_lots=1)
    most = limits.MAX_ORDER_LOTS // 4
    yield b"".join(order(ALICE, 3, 0, lots) for lots in (0, most + 1, most, 6_251, 6_250))
    yield b"".join(order(BOB, 4, price, 1) for price in (-1, 3, -999_995, -1_000_000, 999_995, 1_000_000))
    yield order(BOB, 4, 5, 1, MARKET) + order(BOB, 4, 0, 1, MARKET) + order(BOB, 4, 0, 1, MARKET_LIMIT)
    yield c.cancel_many(BOB) + order(BOB, 4, 0, 4) + order(CAROL, 4, 0, 3, SELL | POST)
    yield order(CAROL, 4, 0, 3, SELL | POST | REJECT) + order(CAROL, 4, 999_995, 3, SELL)
    yield order(BOB, 4, 999_995, 3, POST) + order(CAROL, 4, 0, 1, MARKET_LIMIT | SELL)
    stop = Trigger(r.TRIGGER_STOP, r.SOURCE_INDEX, INDEX_MICRO)
    member = Member(0, 5, 1)
    yield co.extended_order(ALICE, 4, 0, 5, 1) + co.extended_order(ALICE, 4, 0, 5, 1, trigger=stop)
    yield co.extended_order(ALICE, 4, 0, 5, 1, volatility_e6=5) + co.extended_order(ALICE, 4, 0, 5, 1, link=4)
    yield co.extended_order(ALICE, 4, 0, 5, 1, link=1, members=[member])
    yield co.extended_order(ALICE, 4, 0, 5, 1, members=[member])
    yield co.extended_order(ALICE, 4, 0, 5, 1, condition=1)
    yield c.cancel_many(BOB) + c.cancel_many(ALICE) + order(BOB, 4, 0, 4)
    for lots in (3, limits.MAX_ORDER_LOTS + 1, 5):
        yield co.amend(BOB, LAST, size_lots=lots)
    yield c.amend(BOB, LAST, display_lots=1) + c.amend(BOB, LAST, reduce_only=True)
    yield c.amend(BOB, LAST, reduce_only=False) + c.amend(BOB, LAST, price_ticks=-5)
    yield c.amend(BOB, LAST, price_ticks=-6) + c.amend(BOB, LAST, price_ticks=-1_000_000)
    quote = c.Quote(4, -10, 2, 10, 2)
    yield c.mass_quote(DAVE, [quote]) + c.mass_quote(DAVE, [quote], mmp_group=1)
    yield c.mass_quote(DAVE, [quote._replace(bid_price_ticks=10)])
    yield c.mass_quote(DAVE, [quote._replace(bid_lots=0), c.Quote(4, 0, None, 5, 0)], mmp_group=2)
    yield c.settle_perpetual(4, 5) + c.funding(4, 5) + c.deliver(4, 5)
    yield c.marks(0, INDEX_MICRO, FEED, [c.Mark(4, 0, 0, 0, INDEX_MICRO)])
    yield block_trade(ALICE, 1, [BlockTrade(BOB, 0, 1, 1_000), BlockTrade(BOB, 4, 1, 5)])
    yield c.cancel_many(DAVE, kind=r.KIND_OPTION) + c.cancel_many(DAVE, kind=r.KIND_COMBO)


OUT = (  # whose order of which combo, at what price; the other leg's order; what takes of both
    (2, SELL, 15, 1, SELL, 1_000, 0, 0, 1_015),
    (2, 0, 15, 1, 0, 1_000, 0, SELL, 1_015),
    (2, 0, 15, 0, SELL, 1_015, 1, 0, 1_000),
    (2, SELL, 15, 0, 0, 1_015, 1, SELL, 1_000),
    (3, SELL, 2_005, 1, 0, 1_000, 0, 0, 1_005),
    (3, 0, 2_005, 1, SELL, 1_000, 0, SELL, 1_005),
    (3, SELL, 2_005, 0, 0, 1_005, 1, 0, 1_000),
    (3, 0, 2_005, 0, SELL, 1_005, 1, SELL, 1_000),
)


def in_and_out() -> Iterator[bytes]:
    """Orders implied in and out, of a difference (2) and of a sum (3), either way, one after the other."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1)) + combo(3, (0, 1), (1, 1))
    yield cr.set_fees([cr.FeeTier(100, 300, 0, 0)], 250)
    # In: of an ask of 1,010 and a bid of 990; of a bid of 995 and an ask of 1,005.
    yield order(ALICE, 0, 1_010, 5, SELL) + order(BOB, 1, 990, 3) + order(CAROL, 2, 20, 4)
    yield c.cancel_many(CAROL) + order(ALICE, 0, 995, 5) + order(BOB, 1, 1_005, 3, SELL)
    yield order(CAROL, 2, -10, 4, SELL | IOC)
    yield order(BOB, 1, 1_005, 3, SELL) + order(CAROL, 3, 2_015, 1)
    yield order(BOB, 1, 990, 3) + order(CAROL, 3, 1_985, 1, SELL | IOC)
    for number, flags, price, other, side, y, leg, takes, at in OUT:
        yield b"".join(c.cancel_many(account) for account in (ALICE, BOB, CAROL, DAVE))
        yield order(CAROL, number, price, 2, flags) + order(ALICE, other, y, 3, side)
        worse = 1 if takes else -1
        yield order(DAVE, leg, at + worse, 1, takes | IOC) + order(DAVE, leg, at - worse, 3, takes)


def rounded() -> Iterator[bytes]:
    """A leg of coarser steps: what is implied for it is rounded for the combo's maker, or is no price."""
    yield opening(OPTION, COARSE) + combo(2, (0, 1), (1, -1)) + combo(3, (0, 1), (1, 1))
    yield order(ALICE, 2, 10, 2) + order(BOB, 0, 1_001, 2, SELL) + order(CAROL, 1, 995, 3)
    yield order(ALICE, 2, 10, 2, SELL) + order(BOB, 0, 1_004, 2) + order(DAVE, 1, 990, 3, SELL)
    yield b"".join(c.cancel_many(account) for account in (ALICE, BOB, CAROL, DAVE))
    yield order(ALICE, 3, 10, 2, SELL) + order(BOB, 0, 12, 2) + order(CAROL, 1, 5, 1, IOC)
    yield c.cancel_many(ALICE) + c.cancel_many(BOB)
    yield order(ALICE, 3, 10, 2) + order(BOB, 0, 12, 2, SELL) + order(CAROL, 1, 5, 1, SELL | IOC)


def ties() -> Iterator[bytes]:
    """At one price its own book comes first, then the combo with the lower id."""
    yield opening(OPTION, OPTION, OPTION) + combo(3, (0, 1), (2, -1)) + combo(4, (0, 1), (1, -1))
    for number, other in ((4, 1), (3, 2)):
        yield order(ALICE, number, 20, 2, SELL) + order(BOB, other, 990, 2, SELL)
    yield order(DAVE, 0, 1_010, 1, SELL) + order(CAROL, 0, 1_010, 4)


def divided() -> Iterator[bytes]:
    """Prices at the ends of what a combo may have, with marks far away: its multiples must move."""
    narrow = OPTION._replace(price_limit_ticks=100)
    yield opening(narrow, narrow, narrow) + combo(3, (0, 1), (1, 3)) + combo(4, (0, 1), (1, -4), (2, 3))
    for number, prices in ((3, (4, 5, 99, 100)), (4, (-100, -99, 0, 99, 100))):
        for price in prices:
            yield order(ALICE, number, price, 1, SELL) + order(BOB, number, price, 1)


def own_book_alone() -> Iterator[bytes]:
    """Fill-or-kill and post-only orders, looks and market-limit prices see books only."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    yield order(ALICE, 0, 1_010, 5, SELL) + order(BOB, 1, 990, 5)
    yield b"".join(order(CAROL, 2, 20, 2, flags) for flags in (FOK, POST, MARKET_LIMIT)) + c.cancel_many(
        CAROL
    )
    yield order(DAVE, 2, 25, 1, SELL) + order(CAROL, 2, 30, 2, FOK) + order(CAROL, 2, 0, 3, MARKET_LIMIT)
    yield c.cancel_many(CAROL) + order(DAVE, 2, 15, 2) + order(CAROL, 1, 995, 2, SELL | POST)
    yield c.mass_quote(CAROL, [c.Quote(2, 0, None, 10, 2, 0, True)]) + c.cancel_many(CAROL)
    yield order(ALICE, 1, 995, 1, FOK) + order(ALICE, 1, 995, 1, MARKET | IOC) + c.cancel_many(DAVE)
    halted = c.set_instrument_state(2, r.STATE_HALTED)
    yield halted + order(DAVE, 1, 995, 1) + c.set_instrument_state(2, r.STATE_OPEN) + order(DAVE, 2, 20, 1)


def own_orders() -> Iterator[bytes]:
    """Self-trade prevention in each place of an implied order, both modes."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    for mode in (False, True):
        yield c.configure_account(CAROL, cancel_maker=mode)
        for mine, his in ((0, 1), (1, 0)):
            sides = {0: (1_010, SELL), 1: (990, 0)}
            yield order(CAROL, mine, *_at(sides[mine])) + order(ALICE, his, *_at(sides[his]))
            yield order(CAROL, 2, 25, 2, IOC) + c.cancel_many(CAROL) + c.cancel_many(ALICE)
        yield order(CAROL, 2, 20, 2, SELL) + order(ALICE, 1, 990, 2, SELL) + order(CAROL, 0, 1_015, 1)
        yield c.cancel_many(CAROL) + c.cancel_many(ALICE)
        yield order(ALICE, 2, 20, 2, SELL) + order(CAROL, 1, 990, 2, SELL) + order(CAROL, 0, 1_015, 1)
        yield c.cancel_many(CAROL) + c.cancel_many(ALICE)
    yield order(ALICE, 2, 20, 2, SELL) + order(ALICE, 1, 990, 2, SELL) + order(CAROL, 0, 1_015, 1)


def _at(side: tuple[int, int]) -> tuple[int, int, int]:
    price, flags = side
    return price, 2, flags


def most_meetings() -> Iterator[bytes]:
    """An implied order is two meetings: with one left the order stops; with two it trades."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    for before in (limits.MEETINGS_MOST - 1, limits.MEETINGS_MOST - 2):
        for first in range(0, before, 256):
            count = min(256, before - first)
            yield b"".join(order(ALICE, 2, 19, 1, SELL) for _ in range(count))
        yield order(BOB, 0, 1_010, 5, SELL) + order(CAROL, 1, 990, 5)
        yield order(DAVE, 2, 20, before + 3) + c.cancel_many(BOB) + c.cancel_many(CAROL) + c.cancel_many(DAVE)


def last_prices() -> Iterator[bytes]:
    """Implied orders move the legs' last prices, its own first; a match in the combo's book does not."""
    yield opening(OPTION, OPTION) + combo(2, (0, 1), (1, -1))
    waits = [
        co.extended_order(DAVE, n, IOC, 900, 1, trigger=Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 10**6 * price))
        for n, price in ((0, 1_001), (1, 985), (0, 1_005), (1, 990))
    ]
    yield b"".join(waits)
    yield order(ALICE, 2, 7, 2, SELL) + order(BOB, 2, 7, 2)
    yield order(ALICE, 0, 1_001, 2, SELL) + order(BOB, 1, 986, 2) + order(CAROL, 2, 15, 1)
    yield c.cancel_many(ALICE) + c.cancel_many(BOB)
    yield order(ALICE, 2, 20, 2, SELL) + order(BOB, 1, 990, 2, SELL) + order(CAROL, 0, 1_011, 1)


def ends() -> Iterator[bytes]:
    """A leg is delisted or delivered: its combos end first, with their orders."""
    soon = OPTION._replace(expiry_ms=5_000)
    yield opening(OPTION, soon, OPTION, OPTION)
    yield combo(4, (0, 1), (1, 1)) + combo(5, (0, 1), (2, -1)) + combo(6, (0, 1), (1, 2), (3, 1))
    yield combo(7, (2, 1), (3, 1)) + order(ALICE, 4, 1_000, 2) + order(BOB, 4, 1_500, 2)
    yield order(ALICE, 4, 2_500, 2, SELL) + order(ALICE, 6, 4_000, 1) + order(ALICE, 7, 1_000, 1)
    yield c.set_instrument_state(2, r.STATE_DELISTED) + c.cancel_many(ALICE, r.SCOPE_INSTRUMENT, target=7)
    yield order(ALICE, 5, 1, 1) + c.set_instrument_state(2, r.STATE_DELISTED) + c.cancel_many(ALICE, kind=3)
    stop = Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 10**9)
    yield order(ALICE, 4, 1_000, 2) + co.extended_order(DAVE, 2, 0, 900, 1, trigger=stop)
    yield c.set_instrument_state(2, r.STATE_DELISTED) + c.set_instrument_state(5, r.STATE_OPEN)
    yield c.time(5_000) + order(ALICE, 4, 1_000, 2) + order(BOB, 0, 900, 1)
    yield c.deliver(1, INDEX_MICRO) + c.expire_day(4) + c.set_instrument_state(4, r.STATE_DELISTED)
    yield combo(8, (0, 1), (3, -1)) + c.set_instrument_state(8, r.STATE_CANCEL_ONLY) + order(ALICE, 8, 1, 1)
    yield (
        c.set_instrument_state(8, r.STATE_OPEN)
        + order(ALICE, 8, 1, 1, r.TIF_GTD << r.TIF_SHIFT)
        + c.expire_day(8)
    )
    yield c.set_instrument_state(8, r.STATE_DELISTED) + combo(9, (0, 1), (3, -1))


def seats() -> Iterator[bytes]:
    """The seats that are missing must fit together; a cap below what there is harms nobody who has them."""
    yield opening(*[OPTION] * 5) + combo(5, (0, 1), (1, -1), (2, 1)) + combo(6, (0, 1), (1, 1))
    yield (
        cr.set_caps(ALICE, 0, 2)
        + order(ALICE, 5, 1_000, 1)
        + cr.set_caps(ALICE, 0, 3)
        + order(ALICE, 3, 900, 1)
    )
    yield order(ALICE, 5, 1_000, 1) + order(ALICE, 6, 1_500, 1) + cr.set_caps(ALICE, 0, 1)
    yield order(ALICE, 6, 1_500, 1) + order(ALICE, 5, 1_000, 1) + order(BOB, 6, 1_500, 3, SELL)
    yield order(BOB, 6, 1_500, 12_500) + order(BOB, 0, 900, 12_501) + order(BOB, 6, 1_400, 12_500)


COMBO_SCENARIOS: dict[str, Stream] = {
    made.__name__: made
    for made in (
        shapes,
        refused,
        most_of_a_leg,
        orders,
        in_and_out,
        rounded,
        ties,
        divided,
        own_book_alone,
        own_orders,
        most_meetings,
        last_prices,
        ends,
        seats,
    )
}
