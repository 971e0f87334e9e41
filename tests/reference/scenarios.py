"""Scripted streams to the limits that random traffic does not reach: seats, orders, accumulation."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r

ALICE, BOB = limits.FIRST_USER_ACCOUNT, limits.FIRST_USER_ACCOUNT + 1
PERPETUAL = c.InstrumentTerms(
    kind=r.KIND_PERPETUAL,
    option_type=r.OPTION_NONE,
    underlying=0,
    expiry_ms=0,
    strike_micro=0,
    tick_micro=1_000_000,
    lot_e8=1_000_000,
    min_size_lots=1,
    price_limit_ticks=1_000_000,
    position_limit_lots=25_000,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    fee_cap_permille=0,
    delivery_fee_ppm=0,
    band_ppm=0,
)
OPTION = PERPETUAL._replace(
    kind=r.KIND_OPTION, option_type=r.OPTION_CALL, expiry_ms=1_000_000, strike_micro=40_000_000_000
)
INDEX_MICRO = 50_000_000_000


def opening(*terms: c.InstrumentTerms) -> bytes:
    """One underlying, two rich accounts, the instruments given, all marked."""
    made = [c.list_underlying(0, "BTC")]
    for n, account in enumerate((ALICE, BOB)):
        made += [c.create_account(account), c.deposit(account, limits.MAX_DEPOSIT_MICRO, n + 1)]
    made += [c.list_instrument(n, each) for n, each in enumerate(terms)]
    for first in range(0, len(terms), limits.MAX_MARKS):
        units = [
            c.Mark(n, 0, 1_000_000_000 if each.kind == r.KIND_OPTION else INDEX_MICRO, 0, INDEX_MICRO)
            for n, each in enumerate(terms)
        ]
        made.append(c.marks(0, INDEX_MICRO, first + 1, units[first : first + limits.MAX_MARKS]))
    return b"".join(made)


def order(account: int, instrument: int, price_ticks: int, lots: int, flags: int = 0) -> bytes:
    return c.new_order(account, instrument, flags, price_ticks, lots)


def many_seats() -> Iterator[bytes]:
    """One order in each of MAX_SEATS instruments, one more, and one where there is a seat."""
    count = limits.MAX_SEATS + 1
    yield opening(*[OPTION] * count)
    orders = [order(ALICE, n, 10, 1) for n in range(count)]
    for first in range(0, count, 256):
        yield b"".join(orders[first : first + 256])
    yield order(ALICE, 0, 11, 1) + c.mass_quote(ALICE, [c.Quote(count - 1, 9, 1, 20, 1)])


def many_orders() -> Iterator[bytes]:
    """The most open orders of an account, one more, a cancel, and one more again."""
    yield opening(PERPETUAL._replace(price_limit_ticks=250_000, position_limit_lots=100_000))
    count = limits.MAX_OPEN_ORDERS_PER_ACCOUNT
    for first in range(0, count, 1024):
        yield b"".join(order(ALICE, 0, 1 + n % 5_000, 1) for n in range(first, first + 1024))
    yield order(ALICE, 0, 7, 1) + c.mass_quote(ALICE, [c.Quote(0, 7, 1)])
    yield c.cancel(ALICE, 5) + order(ALICE, 0, 7, 1) + order(ALICE, 0, 7, 1)
    yield c.cancel_many(ALICE) + order(ALICE, 0, 7, 1)


def accumulation() -> Iterator[bytes]:
    """Funding until cash passes ACCUMULATION_LIMIT (orders refused), then CASH_LIMIT (funding refused)."""
    terms = PERPETUAL._replace(position_limit_lots=1 << 10)
    yield opening(terms)
    yield order(ALICE, 0, 50_000, 1 << 10, r.FLAG_SELL) + order(BOB, 0, 50_000, 1 << 10)
    rate = limits.MAX_VALUE_MICRO >> 10
    rounds = limits.CASH_LIMIT // limits.MAX_VALUE_MICRO + 2
    for first in range(0, rounds, 512):
        yield c.funding(0, rate) * min(512, rounds - first)
        yield order(ALICE, 0, 50_000, 1) + order(BOB, 0, 50_000, 1, r.FLAG_SELL)
        yield order(BOB, 0, 50_000, 1, r.FLAG_SELL | r.FLAG_REDUCE_ONLY)
    yield c.settle_perpetual(0, 1) + c.funding(0, -rate) + c.funding(0, rate + 1)
    yield c.withdraw(ALICE, 1) + c.withdraw(BOB, 1)


def entry_limit() -> Iterator[bytes]:
    """A perpetual's loss in the entry value passes ENTRY_LIMIT: no more orders there until it is settled."""
    yield opening(PERPETUAL)
    top, lots = PERPETUAL.price_limit_ticks, PERPETUAL.position_limit_lots
    for _ in range(limits.ENTRY_LIMIT // (top * lots * PERPETUAL.multiplier_micro) + 2):
        yield order(BOB, 0, top, lots, r.FLAG_SELL) + order(ALICE, 0, top, lots)
        yield order(BOB, 0, 1, lots) + order(ALICE, 0, 1, lots, r.FLAG_SELL)
    yield c.settle_perpetual(0, 50_000) + order(ALICE, 0, 1, 1)


def deposits_limit() -> Iterator[bytes]:
    """Deposits up to MAX_TOTAL_DEPOSITS_MICRO and one micro-unit beyond."""
    yield opening(PERPETUAL)
    rest = limits.MAX_TOTAL_DEPOSITS_MICRO // limits.MAX_DEPOSIT_MICRO - 2
    for n in range(rest):
        yield c.deposit(BOB, limits.MAX_DEPOSIT_MICRO, 10 + n)
    yield c.deposit(BOB, 1, 1_000) + c.withdraw(BOB, 5, 1)
    yield c.deposit(ALICE, 5, 1_001) + c.deposit(ALICE, 1, 1_002)


def many_underlyings() -> Iterator[bytes]:
    """All the underlyings there may be, and one more."""
    yield b"".join(c.list_underlying(n, f"U{n}") for n in range(limits.MAX_UNDERLYINGS + 1))


def day_end() -> Iterator[bytes]:
    """More good-til-day orders than one EXPIRE_DAY cancels, on many levels of both sides."""
    yield opening(PERPETUAL)
    day = r.TIF_GTD << r.TIF_SHIFT
    for n in range(200):
        yield order(ALICE, 0, 40_000 - n * 7, 1 + n % 3, day)
        yield order(BOB, 0, 60_000 + n * 97, 2, day | r.FLAG_SELL)
        yield order(ALICE, 0, 40_000 - n * 7, 1)
    yield c.expire_day(0)
    yield c.expire_day(0)
    yield c.expire_day(0) + c.cancel_many(ALICE)


def cold_start() -> Iterator[bytes]:
    """First batches that name orders, accounts and instruments there are none of yet, at any id."""
    ids = (0, 1, 2, 1 << 20, 1 << 56 | 1, limits.I64_MAX, -1, -(1 << 63))
    named = [c.cancel(ALICE, n) + c.amend(ALICE, n, size_lots=1) for n in ids]
    wild = [order(account, n, 1, 1) for n in (0, 7, 1 << 20, r.U32) for account in (0, ALICE, r.U32)]
    quotes = c.mass_quote(ALICE, [c.Quote(n, 1, 1, 2, 1) for n in (0, 9, r.U32)])
    marks = c.marks(5, 1, 1, [c.Mark(r.U32, 0, 1, 0, 1)])
    cold = b"".join((*named, *wild, quotes, marks, c.cancel_many(ALICE), c.deliver(r.U32, 1)))
    yield cold
    yield cold + opening(PERPETUAL) + order(ALICE, 0, 5, 1) + cold


SCENARIOS = {
    "cold_start": cold_start,
    "many_seats": many_seats,
    "many_orders": many_orders,
    "accumulation": accumulation,
    "entry_limit": entry_limit,
    "deposits_limit": deposits_limit,
    "many_underlyings": many_underlyings,
    "day_end": day_end,
}
