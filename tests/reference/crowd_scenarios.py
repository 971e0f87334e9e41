"""Scripted streams that take the branches of rules 2 random traffic hardly meets.

Many accounts with the same position and ever more money stand around the same market when it moves, and try
every way out: so that each side of each comparison is met by some of them, whatever the parameters are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.risk_opening import (
    CAROL,
    PARAMETERS,
    Stream,
    activation,
    in_few_batches,
    more_accounts,
)
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
LEVELS = (48, 123, 197, 315, 805, 2_062)  # USDC
# (index, marks of the options) in USDC: where the market goes.
MOVES = ((48_130, (700, 330, 1_900, 250)), (53_070, (4_100, 2_900, 60, 2_200)), (47_000, (9, 4, 3_000, 2)))


def price_of(instrument: int, index: int, marks: tuple[int, ...]) -> int:
    """An instrument's mark in USDC, which is in ticks too."""
    return index if instrument < CALL else marks[instrument - CALL]


def snapshot(
    feed_seq: int, index: int, marks: tuple[int, ...], tables: dict[int, tuple[int, int]] | None = None
) -> bytes:
    """Marks of all, and these tables."""
    units = []
    for n in range(len(TERMS)):
        delta = 10**9 if n < CALL else (-4 if n == PUT else 6) * 10**8
        units.append(c.Mark(n, delta, price_of(n, index, marks) * USDC, 0, index * USDC))
    tables = tables or {}
    return cr.risk_snapshot(0, index * USDC, feed_seq, units, len(tables), cr.table_stream(tables.items()))


TABLES = {PERP: (-50_000, 50_000), CALL: (-8_000, 40_000), HIGH_CALL: (-4_000, 30_000)}


def crowd(model: int) -> Iterator[bytes]:
    """Accounts of one model, their positions, and every way out of them while the market moves."""
    yield opening(*TERMS) + activation() + c.time(5)
    yield c.deposit(limits.ACCOUNT_INSURANCE, 300 * USDC, 90)
    first = (1_000,) * 4
    yield snapshot(1_000, 50_000, first, TABLES)  # the others stay without
    people: dict[int, dict[int, int]] = {}
    for number, (position, level) in enumerate((p, level) for p in POSITIONS for level in LEVELS):
        account = CAROL + number
        people[account] = position
        made = [more_accounts(account, amount_micro=level * USDC), cr.set_margin_model(account, model)]
        for instrument, lots in position.items():
            side, price = SELL if lots < 0 else 0, 50_000 if instrument < CALL else 1_000
            made.append(order(ALICE, instrument, price, abs(lots), SELL - side))
            made.append(order(account, instrument, price, abs(lots), side) + c.cancel_many(ALICE))
        yield b"".join((*made, c.cancel_many(account)))
    for n, (index, marks) in enumerate(MOVES):
        yield snapshot(1_001 + n, index, marks)
        for account, position in people.items():
            yield b"".join(ways_out(account, position, index, marks))
        yield b"".join(books(index, marks)) + cr.risk_sweep(64, DEEP)
        yield b"".join(cr.liquidate(account) * (2 + 4 * n) for account in people)
        yield c.cancel_many(ALICE) + c.cancel_many(BOB) + c.time(4_000 + 3_000 * n)
        fractions = (1, 30_000, 300_000, 10**6)
        yield b"".join(cr.takeover(BOB, account, f, 1 << 60) for account in people for f in fractions)
        yield b"".join(cr.liquidate(account) for account in people)


def ways_out(account: int, position: dict[int, int], index: int, marks: tuple[int, ...]) -> Iterator[bytes]:
    """Orders against each position: at bad prices and good ones, at the market, amended, together; hedges."""
    for instrument, held in position.items():
        mark = price_of(instrument, index, marks)
        terms = TERMS[instrument]
        sell, size = SELL if held > 0 else 0, abs(held)
        worse = 1 if held < 0 else -1
        for away in (index * BAND_PPM // 10**6, index // 200, 0):
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


# --- falling and rising step by step -------------------------------------------------------------------

DRIFT_POSITIONS = (
    {PERP: 10},
    {PERP: -10},
    {COARSE_PERP: 10},
    {COARSE_PERP: -10, PUT: 30},
    {CALL: -10},
    {HIGH_CALL: -10, CALL: 10, PERP: -3},
    {PUT: -10},
    {PUT: 40, PERP: 10},
)
DRIFT_LEVELS = 9
# What a position needs to begin with, in USDC, by model.
DRIFT_USDC = ((105, 105, 105, 405, 760, 380, 760, 510), (105, 105, 105, 450, 330, 420, 880, 620))
DRIFT_RISK = PARAMETERS._replace(liquidation_band_ppm=20_000, auction_discount_ppm=60_000)
DRIFT_TABLES = {PERP: (-10_000, 10_000), COARSE_PERP: (-10_000, 10_000), CALL: (-3_000, 20_000)}


def drift(model: int) -> Iterator[bytes]:
    """The market drifts, and accounts fall a little below maintenance one by one; then it jumps."""
    yield opening(*TERMS) + activation() + cr.risk(0, DRIFT_RISK) + c.time(5)
    yield snapshot(1_000, 50_000, (1_000, 1_000, 100, 1_000), DRIFT_TABLES)
    people: list[int] = []
    for position, need in zip(DRIFT_POSITIONS, DRIFT_USDC[model], strict=True):
        for level in range(DRIFT_LEVELS):
            account = CAROL + len(people)
            people.append(account)
            yield more_accounts(account, amount_micro=round(need * (1 + level / 10)) * USDC)
            yield cr.set_margin_model(account, model)
            for instrument, lots in position.items():
                price = 50_000 if instrument < CALL else 100 if instrument == PUT else 1_000
                side = SELL if lots < 0 else 0
                yield order(ALICE, instrument, price, abs(lots), SELL - side)
                yield order(account, instrument, price, abs(lots), side) + c.cancel_many(ALICE)
    index, now_ms = 50_000, 5
    for step in range(24):
        jump = 0.94 if step == 16 else 1.09 if step == 20 else 1.0
        index = round(index * (0.9955 if step < 8 else 1.006) * jump) + 13
        call = max(30, 1_000 + (index - 50_000) // (1 if model else 1 + (index < 50_000)))
        put = max(2, 100 + (50_000 - index) // 3)
        yield snapshot(1_001 + step, index, (call, call * 4 // 5, put, call)) + cr.risk_sweep(64, DEEP)
        if step == 9:
            yield c.deposit(limits.ACCOUNT_INSURANCE, 40 * USDC, 10_000)
        if step == 15:
            yield c.deposit(limits.ACCOUNT_INSURANCE, 4_000 * USDC, 10_001)
        for thin in (step % 3, 3):
            yield b"".join(thin_books(index, (call, call * 4 // 5, put, call), thin))
            yield b"".join(cr.liquidate(account) * 2 for account in people)
            yield c.cancel_many(ALICE) + c.cancel_many(BOB)
        now_ms += 2_500
        yield c.time(now_ms)
        for n, account in enumerate(people):
            ppm = (200_000, 100_000, 450_000, 10**6)[(n + step) % 4]
            yield cr.takeover(BOB, account, ppm, 1 << 60) + cr.takeover(BOB, account, 250_000, 1 << 60)
            yield cr.takeover(BOB, account, 10**6, 1 << 60) if step % 5 == 4 else b""


def thin_books(index: int, marks: tuple[int, ...], lots: int) -> Iterator[bytes]:
    """A few lots either side, half a percent from the mark; 0: none."""
    for n, terms in enumerate(TERMS):
        mark, away = price_of(n, index, marks), index // 250
        for price, account, side in ((mark - away, BOB, 0), (mark + away, ALICE, SELL)):
            if lots and price > 0:
                yield order(account, n, valid(terms, price), lots, side)


CROWD_SCENARIOS: dict[str, Stream] = {
    "drift_standard": in_few_batches(partial(drift, r.MODEL_STANDARD)),
    "drift_portfolio": in_few_batches(partial(drift, r.MODEL_PORTFOLIO)),
    "crowd_standard": in_few_batches(partial(crowd, r.MODEL_STANDARD)),
    "crowd_portfolio": in_few_batches(partial(crowd, r.MODEL_PORTFOLIO)),
}
