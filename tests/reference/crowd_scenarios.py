"""Scripted streams that take the branches of rules 2 random traffic hardly meets.

Many accounts with the same position and ever more money stand around the same market when it moves, and try
every way out: so that each side of each comparison is met by some of them, whatever the parameters are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.risk_opening import CAROL, activation, more_accounts
from tests.reference.scenarios import ALICE, BOB, OPTION, PERPETUAL, opening, order

SELL = r.FLAG_SELL
DEEP = limits.MAX_SWEEP
MARKET = r.TYPE_MARKET << r.TYPE_SHIFT
USDC = 10**6
BAND_PPM = 20_000
PERP, COARSE_PERP, CALL, HIGH_CALL, PUT, COARSE_CALL = range(6)
TERMS = (
    PERPETUAL._replace(band_ppm=BAND_PPM),
    PERPETUAL._replace(band_ppm=BAND_PPM, taker_fee_ppm=500, tick_steps=((0, 1), (10_000, 2_500))),
    OPTION._replace(band_ppm=BAND_PPM, delivery_fee_ppm=150),
    OPTION._replace(
        strike_micro=42_000 * USDC, band_ppm=BAND_PPM, taker_fee_ppm=500, fee_cap_permille=125
    ),
    OPTION._replace(option_type=r.OPTION_PUT, strike_micro=45_000 * USDC, band_ppm=BAND_PPM),
    OPTION._replace(
        strike_micro=43_000 * USDC,
        band_ppm=BAND_PPM,
        taker_fee_ppm=500,
        fee_cap_permille=1_000,
        tick_steps=((0, 1), (100, 100)),
    ),
)
POSITIONS = (
    {PERP: 10},
    {PERP: -10},
    {COARSE_PERP: 10},
    {COARSE_PERP: -10},
    {CALL: -10},
    {HIGH_CALL: -10, PERP: 4},
    {CALL: -10, HIGH_CALL: 10, PERP: 10},
    {CALL: 10, PERP: -10},
    {PUT: -10, PERP: 3},
    {PUT: 10, COARSE_PERP: 10},
    {COARSE_CALL: -10, PERP: -2},
    {COARSE_CALL: 10, PERP: -10},
)
LEVELS = [round(30 * 1.6**n) for n in range(10)]  # USDC
# (index, marks of the options) in USDC: where the market goes.
MOVES = ((48_130, (700, 330, 1_900, 250)), (53_070, (4_100, 2_900, 60, 2_200)), (47_000, (9, 4, 3_000, 2)))


def price_of(instrument: int, index: int, marks: tuple[int, ...]) -> int:
    """An instrument's mark in USDC, which is in ticks too."""
    return index if instrument < CALL else marks[instrument - CALL]


def snapshot(feed_seq: int, index: int, marks: tuple[int, ...]) -> bytes:
    """Marks of all, and tables of some: COARSE_PERP, PUT and COARSE_CALL stay without."""
    units = []
    for n in range(len(TERMS)):
        delta = 10**9 if n < CALL else (-4 if n == PUT else 6) * 10**8
        units.append(c.Mark(n, delta, price_of(n, index, marks) * USDC, 0, index * USDC))
    stream = c.table_stream(TABLES.items()) if feed_seq == 1_000 else b""
    return c.risk_snapshot(0, index * USDC, feed_seq, units, len(TABLES) if stream else 0, stream)


TABLES = {PERP: (-50_000, 50_000), CALL: (-8_000, 40_000), HIGH_CALL: (-4_000, 30_000)}


def crowd(model: int) -> Iterator[bytes]:
    """Accounts of one model, their positions, and every way out of them while the market moves."""
    yield opening(*TERMS) + activation() + c.time(5)
    yield c.deposit(limits.ACCOUNT_INSURANCE, 300 * USDC, 90)
    first = (1_000,) * 4
    yield snapshot(1_000, 50_000, first)
    people: dict[int, dict[int, int]] = {}
    for number, (position, level) in enumerate((p, level) for p in POSITIONS for level in LEVELS):
        account = CAROL + number
        people[account] = position
        made = [more_accounts(account, amount_micro=level * USDC), c.set_margin_model(account, model)]
        for instrument, lots in position.items():
            side, price = SELL if lots < 0 else 0, 50_000 if instrument < CALL else 1_000
            made.append(order(ALICE, instrument, price, abs(lots), SELL - side))
            made.append(order(account, instrument, price, abs(lots), side) + c.cancel_many(ALICE))
        yield b"".join((*made, c.cancel_many(account)))
    for n, (index, marks) in enumerate(MOVES):
        yield snapshot(1_001 + n, index, marks)
        for account, position in people.items():
            yield b"".join(ways_out(account, position, index, marks))
        yield b"".join(books(index, marks)) + c.risk_sweep(64, DEEP)
        yield b"".join(c.liquidate(account) * (2 + 4 * n) for account in people)
        yield c.cancel_many(ALICE) + c.cancel_many(BOB) + c.time(4_000 + 3_000 * n)
        fractions = (1, 30_000, 300_000, 10**6)
        yield b"".join(c.takeover(BOB, account, f, 1 << 60) for account in people for f in fractions)
        yield b"".join(c.liquidate(account) for account in people)


def ways_out(account: int, position: dict[int, int], index: int, marks: tuple[int, ...]) -> Iterator[bytes]:
    """Orders against each position: at bad prices and good ones, at the market, amended, together; hedges."""
    for instrument, held in position.items():
        mark = price_of(instrument, index, marks)
        terms = TERMS[instrument]
        sell, size = SELL if held > 0 else 0, abs(held)
        worse = 1 if held < 0 else -1
        for away in (index * BAND_PPM // 10**6, index // 200, 0, -index // 400):
            price = valid(terms, mark + worse * away)
            yield order(account, instrument, price, size, sell) + order(account, instrument, price, 3, sell)
            yield c.cancel_many(account) + order(account, instrument, price, size // 2, sell)
            yield order(account, instrument, price, size + 3, sell) + c.cancel_many(account)
        for lots in (size, 2, size + 3):
            yield order(account, instrument, 0, lots, sell | MARKET)
    for instrument, side in ((PERP, 0), (PERP, SELL), (CALL, SELL), (HIGH_CALL, 0), (PUT, 0)):
        price = price_of(instrument, index, marks)
        yield order(account, instrument, price, 2, side) + c.cancel_many(account)


def valid(terms: c.InstrumentTerms, price: int) -> int:
    """A price on tick near this one."""
    step = next(step for above, step in reversed(terms.tick_steps) if above <= max(1, price))
    return max(1, price) // step * step or step


def books(index: int, marks: tuple[int, ...]) -> Iterator[bytes]:
    """Thin bids and offers, within liquidation's band and beyond it."""
    for n, terms in enumerate(TERMS):
        mark = price_of(n, index, marks)
        for away, lots in ((index // 2_000, 7), (index // 400, 60), (index // 60, 400)):
            yield order(BOB, n, valid(terms, mark - away), lots)
            yield order(ALICE, n, valid(terms, mark + away), lots, SELL)


CROWD_SCENARIOS = {
    "crowd_standard": partial(crowd, r.MODEL_STANDARD),
    "crowd_portfolio": partial(crowd, r.MODEL_PORTFOLIO),
}
