"""Scripted streams under rules 2 to the bounds of one command (meetings, looks, display); shared losses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.risk_opening import (
    CAROL,
    DAVE,
    PARAMETERS,
    Stream,
    activation,
    in_few_batches,
    marked,
    more_accounts,
)
from tests.reference.scenarios import ALICE, BOB, INDEX_MICRO, OPTION, PERPETUAL, opening, order

SELL = r.FLAG_SELL
MARKET = r.TYPE_MARKET << r.TYPE_SHIFT
IOC = r.TIF_IOC << r.TIF_SHIFT
FOK = r.TIF_FOK << r.TIF_SHIFT
USDC = 10**6
PRICE = 50_000
MOST = limits.MEETINGS_MOST
PART = limits.DISPLAY_PARTS
WALL = (MOST // PART + 1) * PART  # lots, as many meetings: more than one order may have
FLAT = PARAMETERS._replace(roll_ppm=0, shock_ppm=0)  # open orders cost a portfolio nothing more


def wall(side: int, lots: int = WALL, price: int = PRICE, flags: int = 0) -> bytes:
    """Icebergs of a rich account that show one lot each, and so take as many meetings as they have lots."""
    sizes = [PART] * (lots // PART) + [lots % PART] * (lots % PART > 0)
    return b"".join(c.new_order(ALICE, 0, side | flags, price, size, display_lots=1) for size in sizes)


# --- meetings ------------------------------------------------------------------------------------------


def most_meetings() -> Iterator[bytes]:
    """Orders of all kinds against more makers than they may meet, as many, and fewer."""
    yield opening(PERPETUAL) + activation() + c.create_account(CAROL)
    for flags, price in ((0, PRICE), (IOC, PRICE), (MARKET, 0)):
        yield wall(SELL) + order(BOB, 0, price, WALL, flags) + c.cancel_many(ALICE)
    yield wall(SELL) + c.mass_quote(BOB, [c.Quote(0, PRICE, WALL)]) + c.cancel_many(ALICE)
    # The fourth amended: its id is behind those of four walls and the orders that met them.
    yield wall(SELL) + order(BOB, 0, PRICE - 9, WALL)
    resting = 5 * (WALL // PART) + 5
    yield c.amend(BOB, resting, price_ticks=PRICE, client_order_id=7) + c.cancel_many(ALICE)
    yield wall(SELL, MOST) + order(BOB, 0, PRICE, WALL) + c.cancel_many(BOB)
    yield wall(SELL) + order(BOB, 0, PRICE, MOST) + c.cancel_many(ALICE)


def long_looks() -> Iterator[bytes]:
    """Fill-or-kill looks at what may be met: whole levels, of the first too many the shown lots alone."""
    yield opening(PERPETUAL) + activation() + more_accounts(CAROL, amount_micro=5_000 * USDC)
    yield wall(SELL, 500) + wall(SELL, 500, PRICE + 1) + wall(SELL, PART, PRICE + 2)
    for lots in (WALL, 1_002, 1_001):
        yield order(BOB, 0, PRICE + 9, lots, FOK)
    # A few meetings are left for a second level, in which some count nothing and take two.
    yield c.cancel_many(ALICE) + order(ALICE, 0, PRICE, 20, SELL) + order(CAROL, 0, PRICE, 20)
    near = wall(SELL, MOST - 4) + order(ALICE, 0, PRICE + 1, 7, SELL)
    reduces = order(CAROL, 0, PRICE + 1, 5, SELL | r.FLAG_REDUCE_ONLY)
    iceberg = c.new_order(ALICE, 0, SELL, PRICE + 1, 9, display_lots=3)
    yield near + reduces + iceberg + order(ALICE, 0, PRICE + 1, 50, SELL)
    for lots in (MOST + 7, MOST + 6):
        yield order(BOB, 0, PRICE + 9, lots, FOK)
    yield c.cancel_many(ALICE) + c.cancel_many(CAROL) + near + reduces * 2
    yield order(ALICE, 0, PRICE + 1, 50, SELL)
    for lots in (MOST + 4, MOST + 3):
        yield order(BOB, 0, PRICE + 9, lots, FOK)
    # Its own order behind: the shown lots before it are all there is, as far as they fit.
    yield c.cancel_many(ALICE) + c.cancel_many(CAROL) + wall(SELL) + order(BOB, 0, PRICE, 5, SELL)
    for lots in (WALL // PART + 1, WALL // PART):
        yield order(BOB, 0, PRICE, lots, FOK)
    yield c.cancel_many(ALICE) + c.cancel_many(BOB) + near + order(ALICE, 0, PRICE + 1, 1, SELL) * 5
    yield order(BOB, 0, PRICE + 1, 5, SELL)
    for lots in (MOST + 7, MOST + 6):
        yield order(BOB, 0, PRICE + 9, lots, FOK)
    yield c.cancel_many(ALICE) + c.cancel_many(BOB) + wall(SELL, MOST) + order(BOB, 0, PRICE + 1, 5, SELL)
    yield order(BOB, 0, PRICE + 1, WALL) + c.cancel_many(BOB)


def cancelled_on_the_way() -> Iterator[bytes]:
    """Makers that are cancelled count as met: the taker's own, reduce-only ones, losing ones."""
    yield opening(PERPETUAL) + activation() + c.configure_account(BOB, cancel_maker=True)
    yield more_accounts(CAROL, amount_micro=1_000 * USDC)
    for n, lots in enumerate((MOST - 9, MOST - 10, WALL)):
        poor = DAVE + n
        yield more_accounts(poor, amount_micro=60 * USDC)
        for account in (BOB, CAROL):
            yield order(ALICE, 0, 40_000, 5, SELL) + order(account, 0, 40_000, 5)
        yield order(BOB, 0, PRICE, 2, SELL | r.FLAG_REDUCE_ONLY)
        yield b"".join(order(BOB, 0, PRICE, 1 + m, SELL) for m in range(3))
        yield order(CAROL, 0, PRICE, 2, SELL | r.FLAG_REDUCE_ONLY)
        yield c.new_order(CAROL, 0, SELL | r.FLAG_REDUCE_ONLY, PRICE, 3, display_lots=3)
        yield order(ALICE, 0, 40_000, 5) + order(CAROL, 0, 40_000, 5, SELL) + order(poor, 0, PRICE, 5, SELL)
        yield marked(2 + 2 * n, 56_000 * USDC) + wall(SELL, lots, PRICE + 1)
        yield order(BOB, 0, PRICE + 1, lots, FOK)
        yield order(BOB, 0, PRICE + 1, lots + 20) if lots == WALL else b""
        yield b"".join(c.cancel_many(account) for account in (ALICE, BOB, CAROL, poor))
        yield marked(3 + 2 * n, INDEX_MICRO)


def long_slices() -> Iterator[bytes]:
    """A slice is cut to what it can meet; some that count nothing come before it."""
    yield opening(PERPETUAL) + more_accounts(CAROL, amount_micro=11_100 * USDC) + activation()
    yield more_accounts(DAVE, amount_micro=4_000 * USDC)
    yield order(ALICE, 0, PRICE, 1_100, SELL) + order(CAROL, 0, PRICE, 1_100)
    yield order(DAVE, 0, PRICE, 30, SELL) + order(BOB, 0, PRICE, 30)
    yield b"".join(order(DAVE, 0, 49_395, 1, r.FLAG_REDUCE_ONLY) for _ in range(20))
    yield b"".join(wall(0, 300, 49_390 - n) for n in range(4))
    yield marked(2, 49_400 * USDC) + cr.risk_sweep(64, limits.MAX_SWEEP) + cr.liquidate(CAROL) * 3
    # One that needs less than two walls offer.
    yield c.cancel_many(ALICE) + more_accounts(DAVE + 1, amount_micro=600 * USDC)
    yield order(ALICE, 0, 49_400, 50, SELL) + order(DAVE + 1, 0, 49_400, 50)
    yield wall(0, PART, 48_645) + wall(0, 1_000, 48_640)
    yield marked(3, 48_650 * USDC) + cr.risk_sweep(64, limits.MAX_SWEEP) + cr.liquidate(DAVE + 1) * 3


def slice_in_vain() -> Iterator[bytes]:
    """A slice of one lot meets as many as it may that are cancelled: their account has nothing to reduce."""
    yield opening(PERPETUAL) + activation()
    yield more_accounts(CAROL, amount_micro=600 * USDC) + more_accounts(DAVE)
    yield order(ALICE, 0, PRICE, 50, SELL) + order(CAROL, 0, PRICE, 50)
    yield order(DAVE, 0, PRICE, MOST + 3, SELL) + order(BOB, 0, PRICE, MOST + 3)
    yield order(DAVE, 0, 49_190, 1, r.FLAG_REDUCE_ONLY) * (MOST + 3)
    yield order(ALICE, 0, PRICE, MOST + 3, SELL) + order(DAVE, 0, PRICE, MOST + 3) + order(BOB, 0, 49_180, 60)
    yield marked(2, 49_200 * USDC) + cr.risk_sweep(64, limits.MAX_SWEEP) + cr.liquidate(CAROL) * 4


# --- display -------------------------------------------------------------------------------------------


def displays() -> Iterator[bytes]:
    """Icebergs that show a hundredth, and less: new, amended, and from before the rule."""
    yield opening(PERPETUAL) + c.new_order(BOB, 0, 0, 40_000, 500, display_lots=1) + activation()
    for size, display in ((PART, 1), (PART + 1, 1), (2 * PART, 2), (2 * PART, 1), (2 * PART + 1, 2), (9, 9)):
        yield c.new_order(ALICE, 0, 0, 40_000, size, display_lots=display)
    yield c.new_order(ALICE, 0, 0, 40_000, 500, display_lots=501)
    amend = partial(c.amend, ALICE, 3)  # 200, showing 2
    yield amend(size_lots=201) + amend(size_lots=150) + amend(display_lots=1) + amend(display_lots=2)
    yield amend(size_lots=100) + amend(display_lots=1) + amend(size_lots=200) + amend(size_lots=101)
    yield amend(size_lots=300, display_lots=2) + amend(size_lots=300, display_lots=3)
    yield amend(size_lots=250) + amend(price_ticks=39_000) + amend(display_lots=301)
    yield amend(size_lots=301, price_ticks=0) + amend(size_lots=0)
    old = partial(c.amend, BOB, 1)
    yield old(price_ticks=41_000) + old(reduce_only=False) + old(size_lots=100) + old(size_lots=500)
    yield old(size_lots=500, display_lots=0) + old(price_ticks=41_000)
    # What is filled counts in the total; what a reduce-only order is cut to does not come into it.
    yield order(BOB, 0, 50_000, 190, SELL) + c.amend(ALICE, 3, price_ticks=50_000)
    yield amend(size_lots=400) + amend(size_lots=300, display_lots=3) + order(BOB, 0, 60_000, 1, SELL)
    yield c.new_order(ALICE, 0, SELL | r.FLAG_REDUCE_ONLY, 60_000, 900, display_lots=2)
    yield c.new_order(ALICE, 0, SELL | r.FLAG_REDUCE_ONLY, 60_000, 900, display_lots=9)


# --- looks of a mass quote -----------------------------------------------------------------------------

OPTIONS = 21  # the first covers the others, the last is a put and has no cover


def asks(instruments: range, price: int) -> list[c.Quote]:
    return [c.Quote(n, 0, None, price, 1) for n in instruments]


def relieved_quotes() -> Iterator[bytes]:
    """More sides are covered by relief alone than a mass quote may look at; plain ones are free."""
    calls = [OPTION, *[OPTION._replace(strike_micro=42_000 * USDC)] * (OPTIONS - 1)]
    put = OPTION._replace(option_type=r.OPTION_PUT)
    yield opening(*calls, put) + activation() + more_accounts(CAROL, amount_micro=560 * USDC)
    yield order(ALICE, 0, 1_000, 50, SELL) + order(CAROL, 0, 1_000, 50)
    plain = [c.Quote(n, 1, 1) for n in range(1, OPTIONS)]
    yield c.mass_quote(CAROL, plain) + c.mass_quote(CAROL, [c.Quote(n, 1, 0) for n in range(1, OPTIONS)])
    yield c.mass_quote(CAROL, [*plain, *asks(range(1, OPTIONS), 1_100), c.Quote(OPTIONS, 0, None, 1_100, 1)])
    # Those the looks did not reach pass in a message of their own; moved all together some fall again.
    yield c.mass_quote(CAROL, asks(range(17, OPTIONS), 1_100))
    yield c.mass_quote(CAROL, [c.Quote(OPTIONS, 0, None, 1_100, 1), *asks(range(1, OPTIONS), 1_200)])
    yield c.mass_quote(CAROL, [*asks(range(3), 1_300), *asks(range(1, OPTIONS), 1_300)])
    yield order(BOB, 3, 1_300, 1) + c.mass_quote(CAROL, [c.Quote(3, 1, 2, 1_200, 4)])


def closing_quotes(model: int) -> Iterator[bytes]:
    """An account short of initial margin quotes out of its positions: so many closing sides are looked at."""
    count = range(20)
    yield opening(*[PERPETUAL] * len(count)) + c.set_rules(2) + cr.risk(0, FLAT)
    yield more_accounts(CAROL, amount_micro=420 * USDC) + cr.set_margin_model(CAROL, model)
    for n in count:
        yield order(ALICE, n, PRICE, 2, SELL) + order(CAROL, n, PRICE, 2)
    yield c.mass_quote(CAROL, [c.Quote(0, 45_000, 1)]) + c.mass_quote(CAROL, [c.Quote(0, 45_000, 0)])
    for feed_seq, index in ((2, 49_825), (3, 45_000)):
        units = [c.Mark(n, 10**9, index * USDC, 0, index * USDC) for n in count]
        yield c.marks(0, index * USDC, feed_seq, units)
        bids = [c.Quote(n, 45_000, 1) for n in (0, 19)]
        yield c.mass_quote(CAROL, [bids[0], *asks(count, PRICE), bids[1]])
        yield c.mass_quote(CAROL, [c.Quote(9, 45_000, 1, 50_100, 1), *asks(count, PRICE + 9)])


# --- losses --------------------------------------------------------------------------------------------


def shared_by_worth() -> Iterator[bytes]:
    """A loss is shared by cash, or by equity where that is less; who has neither pays nothing."""
    yield opening(PERPETUAL, OPTION) + activation()
    amounts_usdc = (2_000, 1_000, 2_000, 1_500, 3_000, 0, 700)
    loser, flat, losing, under_water, writer, poor, holder = people = range(CAROL, CAROL + 7)
    for account, amount in zip(people, amounts_usdc, strict=True):
        yield more_accounts(account, amount_micro=amount * USDC) if amount else c.create_account(account)
    for account, lots in ((loser, 100), (losing, 10), (under_water, 40)):
        yield order(ALICE, 0, PRICE, lots, SELL) + order(account, 0, PRICE, lots)
    yield order(BOB, 1, 1_000, 10) + order(writer, 1, 1_000, 10, SELL)
    yield order(BOB, 1, 1_000, 10, SELL) + order(holder, 1, 1_000, 10)
    down = 45_000 * USDC
    units = [c.Mark(0, 10**9, down, 0, down), c.Mark(1, 0, 1_500 * USDC, 0, down)]
    yield c.withdraw(ALICE, limits.MAX_DEPOSIT_MICRO - 3_000 * USDC, 1)
    yield c.withdraw(BOB, limits.MAX_DEPOSIT_MICRO - 4_000 * USDC, 2)
    yield c.marks(0, INDEX_MICRO * 9 // 10, 2, units) + order(BOB, 0, 44_990, 200)
    yield cr.risk_sweep(loser, 1) + cr.liquidate(loser) * 3
    yield cr.share_loss(loser, 3) + cr.share_loss(loser, 7) + cr.share_loss(loser, 4) * 3
    yield cr.risk_sweep(64, limits.MAX_SWEEP) + cr.liquidate(under_water) * 4
    yield cr.share_loss(under_water, 99) * 2
    yield c.withdraw(flat, 1, 3) + c.withdraw(poor, 1, 4)


BOUND_SCENARIOS: dict[str, Stream] = {
    "most_meetings": in_few_batches(most_meetings),
    "long_looks": in_few_batches(long_looks),
    "cancelled_on_the_way": cancelled_on_the_way,
    "long_slices": long_slices,
    "slice_in_vain": slice_in_vain,
    "displays": displays,
    "relieved_quotes": relieved_quotes,
    "closing_quotes_standard": partial(closing_quotes, r.MODEL_STANDARD),
    "closing_quotes_portfolio": partial(closing_quotes, r.MODEL_PORTFOLIO),
    "shared_by_worth": shared_by_worth,
}
