"""Scripted streams under rules 3, to edges and limits that random traffic does not reach."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import MmpLimits
from tests.reference.block_scenarios import BLOCK_SCENARIOS
from tests.reference.risk_opening import CAROL, DAVE, PARAMETERS, more_accounts
from tests.reference.scenarios import ALICE, BOB, OPTION, PERPETUAL, opening

SELL, PROTECTED = r.FLAG_SELL, r.FLAG_MMP
MOST_ID = (1 << 64) - 1
LOT_E8 = PERPETUAL.lot_e8
WIDE = MmpLimits(1_000, 500, 0, 0, 0, 10**6 * LOT_E8)


def activation(*terms: c.InstrumentTerms) -> bytes:
    """Two rich accounts and two more, these instruments, marked; rules 3."""
    rules = c.set_rules(2) + cr.risk(0, PARAMETERS) + c.set_rules(3)
    return opening(*terms) + more_accounts(CAROL, DAVE) + rules


def order(
    account: int, price: int, lots: int, flags: int = 0, client: int = 0, grant: int = 0, instrument: int = 0
) -> bytes:
    return c.new_order(account, instrument, flags, price, lots, client_order_id=client, grant=grant)


def quotes(account: int, word: int, *entries: c.Quote) -> bytes:
    return c.mass_quote(account, entries, mmp_group=word)


def versions() -> Iterator[bytes]:
    """What rules 3 add is refused before them; SET_RULES in every form."""
    news = b"".join(
        (
            co.set_mmp(ALICE, 0, 0, WIDE) + co.reset_mmp(ALICE, 0, 0) + co.set_id_window(5),
            order(ALICE, 49_000, 5, PROTECTED, client=7) + quotes(ALICE, 1, c.Quote(0, 49_000, 1)),
            order(ALICE, 48_000, 5, client=3) * 2,
            co.amend(ALICE, 1, size_lots=4, expected_filled_lots=0) + co.amend(ALICE, 1, remaining_lots=2),
            c.header(r.AMEND, 3, flags=r.AMEND_SIZE | r.AMEND_REMAINING, account=ALICE)
            + b"".join(n.to_bytes(8, "little") for n in (1, 0, 3, 0, 0, 0, 0, 0)),
            c.header(r.CANCEL, 2, flags=1, account=ALICE) + (1).to_bytes(8, "little") + bytes(24),
            *(c.header(r.CANCEL_MANY, 1, flags=1 << bit, account=CAROL) for bit in (8, 12, 13, 31)),
        )
    )
    forms = [(0, 3), (3, 3), (4, 4), (2, 3), (3, 2), (2, 2), (1, 0), (0, 1)]
    rules = b"".join(c.header(r.SET_RULES, 1, flags=flags, aux=version) for flags, version in forms)
    yield opening(PERPETUAL) + more_accounts(CAROL) + news
    yield c.set_rules(2) + cr.risk(0, PARAMETERS) + news + rules + news + rules


def client_ids() -> Iterator[bytes]:
    """Ids new, repeated and expired, of two grants; compared unsigned; a window that shrinks."""
    yield activation(PERPETUAL)
    yield order(ALICE, 49_000, 5, client=1) + order(ALICE, 49_000, 5, client=1) + order(ALICE, 1, 5, client=9)
    yield order(ALICE, 49_000, 0, client=10) + order(ALICE, 49_000, 5, client=10) + order(BOB, 5, 5, client=1)
    yield order(ALICE, 49_000, 5, client=3) + order(ALICE, 49_000, 5, client=3, grant=7)
    yield order(63, 1, 1, client=5) + order(ALICE, 1, 1, 1 << 30, client=50, instrument=99) * 2
    spoiled = bytearray(order(ALICE, 1, 1, client=60))
    spoiled[1] = 9
    yield bytes(spoiled) + order(ALICE, 48_000, 1, client=60) + cr.set_lock(ALICE, True)
    yield order(ALICE, 48_000, 1, client=61) + order(ALICE, 48_000, 1, client=60) + cr.set_lock(ALICE, False)
    yield order(ALICE, 48_000, 1, client=61) + c.set_mode(1) + order(ALICE, 48_000, 1, client=62)
    yield c.set_mode(0) + order(ALICE, 48_000, 1, client=62) + c.cancel_many(ALICE)
    yield order(ALICE, 49_000, 5, client=1) + c.time(5_000) + order(ALICE, 49_000, 5, client=1)
    yield b"".join(order(BOB, 40_000, 1, client=n, grant=2 + n % 3) for n in range(100, 240))
    yield order(BOB, 40_000, 1, client=101, grant=4) + co.set_id_window(2)
    yield order(BOB, 40_000, 1, client=101, grant=4) + order(BOB, 40_000, 1, client=500, grant=9)
    yield b"".join(order(BOB, 40_000, 1, client=n, grant=2 + n % 3) for n in range(100, 240))
    yield b"".join(order(BOB, 40_000, 1, client=n) for n in range(501, 506)) + order(BOB, 1, 1, client=502)
    for client in (1 << 63, MOST_ID - 1, 1 << 62, MOST_ID, MOST_ID - 1, MOST_ID):
        yield order(CAROL, 40_000, 1, client=client)
    windows = (0, -1, limits.MAX_ID_WINDOW + 1, 1, limits.MAX_ID_WINDOW)
    yield b"".join(co.set_id_window(n) for n in windows) + c.header(r.SET_ID_WINDOW, 2, grant=3) + bytes(32)
    yield c.header(r.SET_ID_WINDOW, 2, flags=1) + bytes(32) + order(CAROL, 40_000, 1, client=MOST_ID)


def compare_and_amend() -> Iterator[bytes]:
    """What is expected to be filled, what is to remain, and every bit and word that must not be there."""
    yield activation(PERPETUAL) + order(ALICE, 50_000, 10) + order(BOB, 50_000, 4, SELL)
    for expected in (4, 5, 3, 0, -1, limits.I64_MAX):
        yield co.amend(ALICE, 1, remaining_lots=5, expected_filled_lots=expected)
    for remaining in (0, -1, limits.I64_MAX, limits.MAX_ORDER_LOTS - 4, limits.MAX_ORDER_LOTS - 3, 1):
        yield co.amend(ALICE, 1, remaining_lots=remaining)
    yield order(ALICE, 50_000, 9) + c.cancel(ALICE, 1) + co.amend(ALICE, 1, size_lots=3)
    flags = (1 << bit for bit in range(16, 32))
    words = (0, 1, limits.I64_MAX, -1)
    for flag, value, at in product(flags, words, (5, 6, 7, 9, 10, 11)):
        body = [3, *[0] * 7]
        body[at - 4] = value
        head = c.header(r.AMEND, 3, flags=flag, account=ALICE)
        yield head + b"".join((n & (1 << 64) - 1).to_bytes(8, "little") for n in body)
    both = r.AMEND_SIZE | r.AMEND_REMAINING | r.AMEND_EXPECTED | r.AMEND_PRICE
    for extra in (0, r.AMEND_TRIGGER, r.AMEND_OFFSET, r.AMEND_VOLATILITY, r.FLAG_MMP):
        head = c.header(r.AMEND, 3, flags=both | extra, account=ALICE)
        yield head + b"".join(n.to_bytes(8, "little") for n in (3, 50_001, 4, 0, 0, 0, 0, 0))


def lost_connections() -> Iterator[bytes]:
    """Cancels that say why; quote freezes to the millisecond."""
    yield activation(PERPETUAL, OPTION) + c.time(1_000)
    made = [order(ALICE, 40_000 + n, 1) for n in range(6)]
    yield b"".join(made) + quotes(ALICE, 0, c.Quote(0, 41_000, 1, 60_000, 1))
    for n, flags in enumerate((1, 0, 2, 3, 1 << 31)):
        yield c.header(r.CANCEL, 2, flags=flags, account=ALICE) + (n + 1).to_bytes(8, "little") + bytes(24)
    lost = r.MANY_DISCONNECTED | r.WHICH_ORDERS << r.WHICH_SHIFT
    many = (lost, r.FREEZE_QUOTES | 15, r.FREEZE_QUOTES | 1 << 13)
    yield b"".join(c.header(r.CANCEL_MANY, 1, flags=flags, account=ALICE) for flags in many)
    freeze = c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES | r.MANY_DISCONNECTED, account=ALICE)
    yield quotes(ALICE, 0, c.Quote(0, 41_001, 1)) + freeze + quotes(ALICE, 0, c.Quote(0, 41_000, 1)) + freeze
    for now in (1_001, 1_999, 2_000):
        yield c.time(now) + quotes(ALICE, 0, c.Quote(0, 41_000, 1, 60_000, 0)) + order(ALICE, 5, 1)
    yield freeze + c.set_mode(1) + quotes(ALICE, 0) + c.set_mode(0) + cr.set_lock(ALICE, True)
    yield quotes(ALICE, 0) + cr.set_lock(ALICE, False) + quotes(ALICE, 99, c.Quote(7, 1, 1)) + c.time(9_000)
    yield c.header(r.CANCEL_MANY, 1, flags=r.FREEZE_QUOTES | 1, account=ALICE, instrument=9)
    yield quotes(ALICE, 99, c.Quote(7, 1, 1), c.Quote(1, 1, 0, 5, None), c.Quote(0, 9, 1, 9, 1))


def configuring() -> Iterator[bytes]:
    """SET_MMP and RESET_MMP at every bound, and of orders that are too many then."""
    yield activation(PERPETUAL, PERPETUAL, OPTION) + c.time(500)
    times = (-1, 0, 1, limits.MAX_MMP_MS, limits.MAX_MMP_MS + 1)
    amounts = (-1, 0, 1, limits.MAX_MMP_LIMIT, limits.MAX_MMP_LIMIT + 1)
    bounds = [(name, amounts if at >= 2 else times) for at, name in enumerate(MmpLimits._fields)]
    for interval, (field, values) in product((0, 1_000), bounds):
        for value in values:
            yield co.set_mmp(ALICE, 0, 5, WIDE._replace(interval_ms=interval)._replace(**{field: value}))
    for quantity, delta in ((5, 4), (5, 5), (0, 9), (9, 0), (4, 5)):
        pair = WIDE._replace(quantity_limit_e8=quantity, delta_limit_e8=delta)
        yield co.set_mmp(ALICE, 0, 3, pair) + co.set_mmp(ALICE, 0, 3, pair._replace(interval_ms=0))
    for account, underlying, number in ((63, 9, 99), (ALICE, 9, 99), (ALICE, 0, 16), (ALICE, 0, 15)):
        yield co.set_mmp(account, underlying, number, WIDE) + co.reset_mmp(account, underlying, number)
        yield co.set_mmp(account, underlying, number, WIDE._replace(frozen_ms=-1))
        yield co.set_mmp(account, underlying, number, WIDE, grant=8) + cr.set_lock(ALICE, number == 16)
    for kind in (r.SET_MMP, r.RESET_MMP):
        size = 3 if kind == r.SET_MMP else 1
        yield c.header(kind, size, flags=1, account=ALICE) + bytes(32 * (size - 1))
    yield c.header(r.SET_MMP, 3, account=ALICE) + bytes(56) + b"\1" + bytes(7)
    yield co.set_mmp(ALICE, 0, 0, WIDE) + co.set_mmp(ALICE, 0, 1, WIDE)
    entries = [c.Quote(n, 100, 5, 70_000, 5) for n in (2, 0, 1)]
    yield quotes(ALICE, 1, *entries) + quotes(ALICE, 2, *entries) + quotes(ALICE, 0, *entries)
    for n, flags in product((1, 0), (PROTECTED, PROTECTED | SELL)):
        price = 69_000 if flags & SELL else 90
        yield b"".join(order(ALICE, price, lots, flags, instrument=n) for lots in (3, 1, 4))
    yield c.amend(ALICE, 4, size_lots=2) + order(ALICE, 50_000, 2) + order(BOB, 50_000, 2, SELL)
    for lots in (11, 9, 7, 4):
        yield co.set_mmp(ALICE, 0, 0, WIDE._replace(max_quote_e8=lots * LOT_E8))
    yield co.set_mmp(ALICE, 0, 0, WIDE._replace(interval_ms=0, max_quote_e8=0)) + c.cancel_many(ALICE)
    yield order(ALICE, 90, 1, PROTECTED) + quotes(ALICE, 1, entries[0])


def most_to_quote() -> Iterator[bytes]:
    """max_quote to the lot: beside other orders, replaced, amended, shrunk, cut by reduce-only."""
    yield activation(PERPETUAL) + co.set_mmp(ALICE, 0, 0, WIDE._replace(max_quote_e8=10 * LOT_E8))
    yield co.set_mmp(ALICE, 0, 1, WIDE._replace(max_quote_e8=10 * LOT_E8 - 1))
    both = c.Quote(0, 100, 10, 70_000, 11)
    yield quotes(ALICE, 1, both) + quotes(ALICE, 2, both) + quotes(ALICE, 2, both._replace(bid_lots=9))
    yield order(ALICE, 90, 1, PROTECTED) + quotes(ALICE, 1, both._replace(bid_lots=9))
    yield order(ALICE, 90, 1, PROTECTED) + order(ALICE, 90, 1, PROTECTED) + c.amend(ALICE, 4, size_lots=2)
    yield quotes(ALICE, 1, both._replace(bid_lots=8)) + c.amend(ALICE, 4, size_lots=2, price_ticks=91)
    yield quotes(ALICE, 1, both._replace(bid_lots=9)) + quotes(ALICE, 1, both._replace(bid_price_ticks=99))
    yield order(ALICE, 70_000, 11, PROTECTED | SELL) + order(ALICE, 70_000, 10, PROTECTED | SELL)
    yield order(ALICE, 50_000, 3) + order(BOB, 50_000, 3, SELL) + c.cancel_many(ALICE)
    reduce = PROTECTED | SELL | r.FLAG_REDUCE_ONLY
    yield order(ALICE, 60_000, 11, reduce) + order(ALICE, 60_000, 10, reduce)
    yield c.amend(ALICE, 9, size_lots=11) + c.amend(ALICE, 9, size_lots=10)
    ioc = r.TIF_IOC << r.TIF_SHIFT
    yield order(ALICE, 60_000, 11, PROTECTED | ioc) + order(ALICE, 60_000, 10, PROTECTED | ioc)


def windows() -> Iterator[bytes]:
    """Windows and freezes to the millisecond; several groups by one order; takers cut in every way."""
    yield activation(PERPETUAL, OPTION) + c.time(1_000)
    ten = WIDE._replace(quantity_limit_e8=10 * LOT_E8)
    for account, number in product((CAROL, ALICE, BOB), (1, 0)):
        yield co.set_mmp(account, 0, number, ten._replace(frozen_ms=500 * number))
    ask = c.Quote(0, 0, None, 50_000, 9)
    for now, lots in ((1_000, 9), (2_000, 9), (2_999, 1)):  # a window ends with its last millisecond
        yield c.time(now) + quotes(BOB, 1, ask) + order(DAVE, 50_000, lots)
    yield c.time(3_000) + co.reset_mmp(BOB, 0, 0)
    for now, lots in ((3_000, 9), (3_999, 1), (4_000, 9), (4_498, 1)):
        yield quotes(ALICE, 2, ask) + c.time(now) + order(DAVE, 50_000, lots) + c.cancel_many(DAVE)
        yield quotes(ALICE, 2, ask) + order(ALICE, 50_000, 1, SELL | PROTECTED) + c.cancel_many(ALICE)
    yield quotes(ALICE, 2, ask, ask) + order(DAVE, 50_000, 30) + c.cancel_many(DAVE)
    for now in (4_499, 4_500, 4_501, 4_998, 4_999, 5_000):
        yield c.time(now) + quotes(ALICE, 2, ask, ask._replace(ask_lots=0)) + co.set_mmp(ALICE, 0, 1, ten)
    groups = tuple(product((ALICE, BOB, CAROL), (0, 1)))
    yield b"".join(co.reset_mmp(account, 0, n) + co.set_mmp(account, 0, n, ten) for account, n in groups)
    ask = ask._replace(ask_lots=10)
    yield b"".join(quotes(account, word, ask) for account, word in product((CAROL, BOB, ALICE), (2, 1)))
    yield order(CAROL, 60_000, 3, SELL | PROTECTED) + order(DAVE, 50_000, 200) + c.cancel_many(DAVE)
    yield b"".join(co.reset_mmp(account, 0, n) for account in (ALICE, BOB, CAROL) for n in (0, 1, 2))
    for tif, kind in ((0, 0), (2, 0), (3, 0), (2, 1), (0, 2)):
        flags = PROTECTED | tif << r.TIF_SHIFT | kind << r.TYPE_SHIFT
        yield order(DAVE, 50_000, 15, SELL) + order(ALICE, 0 if kind else 50_000, 12, flags)
        yield order(DAVE, 50_000, 15, SELL) + order(ALICE, 0 if kind else 50_000, 16, flags)
        yield co.reset_mmp(ALICE, 0, 0) + c.cancel_many(DAVE) + c.cancel_many(ALICE)
    yield order(DAVE, 50_000, 10, SELL) + order(ALICE, 50_000, 10, PROTECTED) + co.reset_mmp(ALICE, 0, 0)
    yield order(DAVE, 50_000, 11, SELL) + order(ALICE, 50_001, 4, SELL) + order(ALICE, 50_001, 20, PROTECTED)
    yield c.cancel_many(ALICE) + co.reset_mmp(ALICE, 0, 0) + order(ALICE, 49_000, 20, PROTECTED)
    yield order(ALICE, 48_000, 2, PROTECTED) + order(DAVE, 49_500, 11, SELL)
    mine = quotes(ALICE, 1, c.Quote(0, 49_500, 12, 50_500, 3), c.Quote(1, 1, 1, 9, 1))
    yield mine + co.reset_mmp(ALICE, 0, 0) + mine + order(DAVE, 49_700, 11, SELL)
    yield quotes(ALICE, 1, c.Quote(0, 49_700, 12, 50_500, 3)) + co.reset_mmp(ALICE, 0, 0)
    yield order(ALICE, 49_000, 20, PROTECTED) + order(DAVE, 49_800, 15, SELL)


def sums_that_stop() -> Iterator[bytes]:
    """The largest lots, lot, delta and vega there are: sums stop at 2⁶⁰, either way."""
    terms = PERPETUAL._replace(
        lot_e8=limits.MAX_LOT_E8,
        tick_micro=1,
        price_limit_ticks=4,
        position_limit_lots=limits.MAX_POSITION_LOTS,
        min_size_lots=1,
    )
    option = terms._replace(
        kind=r.KIND_OPTION, option_type=r.OPTION_PUT, expiry_ms=10**9, strike_micro=1
    )
    yield c.list_underlying(0, "BTC")
    for n, account in enumerate((ALICE, BOB)):
        yield c.create_account(account) + c.deposit(account, limits.MAX_DEPOSIT_MICRO, n + 1)
    yield c.list_instrument(0, terms) + c.list_instrument(1, option) + c.set_rules(2)
    yield cr.risk(0, PARAMETERS) + c.set_rules(3)
    wide = MmpLimits(limits.MAX_MMP_MS, 0, 0, 0, 0, limits.MAX_MMP_LIMIT)
    most = limits.MAX_MMP_LIMIT // limits.MAX_LOT_E8
    fills = limits.MAX_MMP_SUM // (most * limits.MAX_LOT_E8) + 2
    shares = ((0, 10**9, 1), (1, -(10**9), limits.MAX_VEGA_MICRO))
    for instrument, delta, vega in shares:
        yield c.marks(0, 1, 1 + instrument, [c.Mark(n, delta, 1, vega, 1) for n in (0, 1)])
        yield co.set_mmp(ALICE, 0, 0, wide)
        buys = order(ALICE, 1, most, PROTECTED, instrument=instrument)
        bought = order(BOB, 1, most, SELL, instrument=instrument) + buys
        for size in (1, 2, fills - 5, 1, 1, 3):
            yield bought * size
        back = order(BOB, 1, most, instrument=instrument)
        back += order(ALICE, 1, most, SELL | PROTECTED, instrument=instrument)
        yield back * 2 + co.set_mmp(ALICE, 0, 0, wide) + back * fills
    for field, limit in (("quantity_limit_e8", 7), ("delta_limit_e8", 7), ("vega_limit_micro", 7)):
        tight = wide._replace(**{field: limits.MAX_MMP_LIMIT - limit})
        both = order(BOB, 1, most - 1, SELL) + order(ALICE, 1, most - 1, PROTECTED)
        yield co.set_mmp(ALICE, 0, 0, tight) + both * 2 + co.reset_mmp(ALICE, 0, 0)
        yield both + co.set_mmp(ALICE, 0, 0, tight) + order(BOB, 1, most, SELL)
        yield quotes(ALICE, 1, c.Quote(0, 1, most, 2, 1), c.Quote(0, 1, 1)) + c.cancel_many(BOB)
        yield co.reset_mmp(ALICE, 0, 0)


def most_orders() -> Iterator[bytes]:
    """The most open orders of a group, one more, quotes in their place; then all of them go at once."""
    yield activation(PERPETUAL) + co.set_mmp(ALICE, 0, 0, WIDE._replace(quantity_limit_e8=LOT_E8))
    yield co.set_mmp(ALICE, 0, 1, WIDE)
    count = limits.MMP_ORDERS - 1
    for first in range(0, count, 512):
        number = min(512, count - first)
        yield b"".join(order(ALICE, 1 + n % 400, 1, PROTECTED) for n in range(number))
    bid = c.Quote(0, 30_000, 1, 60_000, 1)
    yield quotes(ALICE, 1, bid) + order(ALICE, 9, 1, PROTECTED) + quotes(ALICE, 2, bid) + order(ALICE, 9, 1)
    yield quotes(ALICE, 1, bid._replace(bid_price_ticks=30_001, bid_lots=2)) + c.amend(ALICE, 5, size_lots=3)
    yield c.cancel(ALICE, 1) + quotes(ALICE, 1, bid) + order(BOB, 30_000, 4, SELL)
    yield quotes(ALICE, 1, bid) + c.cancel_many(ALICE)


def most_groups() -> Iterator[bytes]:
    """The most protection groups there are, and one more; known ones are set anew, one less makes room."""
    per_account, first = limits.MAX_MMP_GROUPS, DAVE + 1
    accounts = range(first, first + limits.MAX_GROUPS // per_account)
    yield activation(PERPETUAL) + b"".join(c.create_account(account) for account in accounts)
    for block in range(0, len(accounts), 128):
        some = product(accounts[block : block + 128], range(per_account))
        yield b"".join(co.set_mmp(account, 0, number, WIDE) for account, number in some)
        if block == 0:
            yield co.set_mmp(first, 0, 3, WIDE._replace(interval_ms=0, max_quote_e8=0))
    wrong, none = WIDE._replace(interval_ms=-1), WIDE._replace(interval_ms=0, max_quote_e8=0)
    yield co.set_mmp(ALICE, 0, 0, WIDE) + co.set_mmp(ALICE, 0, 1, WIDE) + co.set_mmp(ALICE, 0, 1, wrong)
    yield co.set_mmp(ALICE, 0, 0, WIDE) + co.set_mmp(first, 0, 3, WIDE) + co.set_mmp(first, 0, 2, none)
    yield co.set_mmp(first, 0, 3, none) + co.set_mmp(ALICE, 0, 1, WIDE) + co.set_mmp(ALICE, 0, 2, WIDE)
    yield co.set_mmp(first, 9, 0, WIDE) + order(ALICE, 49_000, 1, PROTECTED)
    yield quotes(ALICE, 3, c.Quote(0, 9, 1))


def many_streams() -> Iterator[bytes]:
    """The most streams of ids there are, and one more; a known one goes on."""
    yield activation(PERPETUAL) + co.set_id_window(1)
    count = limits.MAX_ID_STREAMS
    for first in range(0, count, 1_024):
        streams = range(first, first + 1_024)
        yield b"".join(order(ALICE + n % 4, 0, 0, client=5, grant=n // 4, instrument=9) for n in streams)
    yield order(ALICE, 1, 1, client=1, grant=r.U32) * 2 + order(ALICE, 1, 1, client=6) * 2
    yield order(ALICE, 1, 1, client=5) + order(DAVE, 1, 1, client=6, grant=3) + order(BOB, 1, 1)


def shard_forgets() -> Iterator[bytes]:
    """More ids than the shard remembers: the oldest are forgotten, whose ever they are."""
    yield activation(PERPETUAL) + order(ALICE, 49_000, 1, client=1)
    first = CAROL + 2
    accounts = range(first, first + limits.MAX_REMEMBERED // limits.MAX_ID_WINDOW)
    yield b"".join(c.create_account(account) for account in accounts)
    for account in accounts:
        for block in range(0, limits.MAX_ID_WINDOW, 2_048):
            ids = range(block + 1, block + 2_049)
            yield b"".join(order(account, 0, 0, client=n, instrument=9) for n in ids)
    yield order(ALICE, 49_000, 1, client=1) + order(first, 0, 0, client=1) + order(first, 0, 0, client=2)
    yield order(ALICE, 49_000, 1, client=2) + order(first, 0, 0, client=1) + order(first, 0, 0, client=2)


ORDER_SCENARIOS = {
    "versions": versions,
    "client_ids": client_ids,
    "compare_and_amend": compare_and_amend,
    "lost_connections": lost_connections,
    "configuring": configuring,
    "most_to_quote": most_to_quote,
    "windows": windows,
    "sums_that_stop": sums_that_stop,
    "most_orders": most_orders,
    "most_groups": most_groups,
    "many_streams": many_streams,
    "shard_forgets": shard_forgets,
    **BLOCK_SCENARIOS,
}
LONG_ORDER_SCENARIOS = frozenset({"most_groups", "many_streams", "shard_forgets"})
