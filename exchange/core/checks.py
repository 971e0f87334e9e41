"""The checks an order passes before it trades, in the order docs/rules.md gives (5 to 16)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_checks, combos, ledger, margin, protection, room, sufficiency
from exchange.core.book import Book
from exchange.core.instruments import out_of_range, price_of, rank_of
from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_LIQUIDATION,
    A_LOCKED,
    A_MODEL,
    A_OPTION_VALUE,
    A_ORDERS,
    A_PERP_VALUE,
    A_REQUIREMENT,
    A_SEATS,
    ACCOUNT_WORDS,
    I_HIGHEST,
    I_KIND,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_MIN_SIZE,
    I_PLAIN_LIMIT,
    I_POSITION_LIMIT,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_SCENARIOS,
    S_ENTRY,
    S_HOLD,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_WORDS,
    U_RISK,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def flags_valid(flags: i64, display: i64) -> bool:
    """Check 5: the order flags fit together."""
    if flags & ~r.NEW_FLAGS_ALLOWED != 0:
        return False
    kind = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK
    tif = (flags >> r.TIF_SHIFT) & r.TIF_MASK
    if kind > r.TYPE_MARKET_LIMIT:
        return False
    limit_resting = kind == r.TYPE_LIMIT and tif <= r.TIF_GTD
    if flags & r.FLAG_POST_ONLY != 0:
        if not limit_resting:
            return False
    elif flags & r.FLAG_REJECT_POST_ONLY != 0:
        return False
    if kind == r.TYPE_MARKET_LIMIT and tif > r.TIF_GTD:
        return False
    if kind == r.TYPE_MARKET and tif == r.TIF_GTD:
        return False
    return display == 0 or limit_resting


def display_refused(w: World, display: i64, lots: i64) -> bool:
    """Whether an order of `lots` may not show `display` at a time (0: all of it)."""
    if display < 0 or display > lots:
        return True
    return w.rules >= 2 and display != 0 and display * limits.DISPLAY_PARTS < lots


def price_refused(w: World, instrument: i64, sell: i64, price: i64) -> i64:
    """Checks 7 to 9 of a limit price; leaves `w.c_rank`. Returns a reject reason or 0."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if (price < 1 or price > data[i + I_PLAIN_LIMIT]) and out_of_range(w, instrument, price):
        return no.BAD_PRICE
    rank = rank_of(w, instrument, price)
    if rank < 0:
        return no.PRICE_OFF_TICK
    w.c_rank = rank
    if w.null_ledger:
        return 0
    if data[i + I_MARKED] == 0 and not combos.is_marked(w, instrument):
        return no.NO_MARK
    if not parametrised(w, instrument):
        return no.NO_RISK
    if sell != 0:
        if price < data[i + I_MIN_PRICE]:
            w.detail = data[i + I_MIN_PRICE]
            return no.PRICE_TOO_LOW
    elif price > data[i + I_MAX_PRICE]:
        w.detail = data[i + I_MAX_PRICE]
        return no.PRICE_TOO_HIGH
    return 0


def price_as_sent_refused(w: World, instrument: i64, flags: i64, price: i64) -> i64:
    """Check 7 alone, for an order that will be priced later. Returns a reject reason or 0."""
    if (flags >> r.TYPE_SHIFT) & r.TYPE_MASK != r.TYPE_LIMIT:
        return no.BAD_PRICE if price != 0 else 0
    if out_of_range(w, instrument, price):
        return no.BAD_PRICE
    return no.PRICE_OFF_TICK if rank_of(w, instrument, price) < 0 else 0


def new_refused(
    w: World,
    book: Book,
    account: i64,
    instrument: i64,
    flags: i64,
    price: i64,
    lots: i64,
    display: i64,
    own_lots: i64,
    own_hold: i64,
    own_orders: i64,
) -> i64:
    """Checks 5 to 16 of an order of group `w.c_group` (0: none); the flags are without bit 9.

    `own_…` is a resting quote that the order replaces (0: none).

    Leaves price, rank, lots, display, hold and seat in `w.c_…`. Returns a reject reason or 0.
    """
    w.detail = 0
    if not flags_valid(flags, display):
        return no.BAD_FLAGS
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    sell = flags & 1
    if data[i + I_KIND] == r.KIND_COMBO:
        reason = combo_checks.sent_refused(w, instrument, flags, display, lots, w.c_group)
        if reason != 0:
            return reason
    if lots < data[i + I_MIN_SIZE] or lots > limits.MAX_ORDER_LOTS:
        return no.BAD_SIZE
    if display_refused(w, display, lots):
        return no.BAD_DISPLAY
    group = w.c_group
    if group != 0 and protection.too_much(w, group, instrument, sell, lots, own_lots):
        return no.MMP_QUANTITY
    kind = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK
    w.c_price = price
    if kind == r.TYPE_LIMIT:
        reason = price_refused(w, instrument, sell, price)
        if reason != 0:
            return reason
    else:
        if price != 0:
            return no.BAD_PRICE
        if not w.null_ledger:
            if data[i + I_MARKED] == 0 and not combos.is_marked(w, instrument):
                return no.NO_MARK
            if not parametrised(w, instrument):
                return no.NO_RISK
        _market_price(w, book, instrument, sell, kind)
    w.c_lots = lots
    w.c_display = display
    if w.open_orders - own_orders >= limits.MAX_OPEN_ORDERS:
        return no.TOO_MANY_ORDERS
    if group != 0 and protection.is_full(w, group, own_orders):
        return no.TOO_MANY_ORDERS
    if w.null_ledger:
        w.c_seat = 0
        if flags & r.FLAG_POST_ONLY != 0:
            return slide(w, book, instrument, flags)
        return 0
    return _account_refuses(w, book, account, instrument, flags, own_lots, own_hold, own_orders)


def _account_refuses(
    w: World,
    book: Book,
    account: i64,
    instrument: i64,
    flags: i64,
    own_lots: i64,
    own_hold: i64,
    own_orders: i64,
) -> i64:
    """Checks 10 to 16 on `w.c_…`."""
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_ORDERS] - own_orders >= room.orders_most(w, a):
        return no.TOO_MANY_ORDERS
    sell = flags & 1
    seat = ledger.find_seat(w, account, instrument)
    if flags & r.FLAG_REDUCE_ONLY != 0:
        capacity = room.reduce_capacity(w, seat, sell, own_lots)
        if capacity <= 0:
            return no.REDUCE_ONLY
        if w.c_lots > capacity:
            w.c_lots = capacity
        if w.c_display > w.c_lots:
            w.c_display = w.c_lots
    if flags & r.FLAG_POST_ONLY != 0:
        reason = slide(w, book, instrument, flags)
        if reason != 0:
            return reason
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_COMBO:
        return combo_checks.account_refuses(w, account, instrument, flags, own_lots, own_hold)
    if seat == 0 and w.accounts[a + A_SEATS] >= room.seats_most(w, a):
        return no.TOO_MANY_SEATS
    w.c_seat = seat
    reason = room.position_refused(w, seat, instrument, sell, w.c_lots, own_lots)
    if reason != 0:
        return reason
    reason = room.accumulation_refused(w, account, seat)
    if reason != 0:
        return reason
    if w.c_price == 0:  # a market-limit order without a price trades nothing
        w.c_hold = 0
        return 0
    w.c_hold = margin.hold_per_lot(w, account, instrument, sell, w.c_price)
    market = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK == r.TYPE_MARKET
    return sufficiency.refuse(
        w, account, seat, instrument, sell, w.c_lots, own_lots, own_hold, market
    )


def parametrised(w: World, instrument: i64) -> bool:
    """Check 8 of rules 2: the instrument's underlying has risk parameters."""
    u = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING] * UNDERLYING_WORDS
    return w.rules < 2 or w.underlyings[u + U_RISK + R_SCENARIOS] != 0


def _market_price(w: World, book: Book, instrument: i64, sell: i64, kind: i64) -> None:
    """The price of a market or market-limit order, 0 if the latter finds none."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    edge = data[i + I_MIN_PRICE] if sell != 0 else data[i + I_MAX_PRICE]
    if kind == r.TYPE_MARKET:
        w.c_price = edge
        w.c_rank = rank_of(w, instrument, edge)
        return
    rank = book.best_bid if sell != 0 else book.best_ask
    w.c_price = 0
    w.c_rank = -1
    if rank < 0:
        return
    price = price_of(w, instrument, rank)
    if price < edge if sell != 0 else price > edge:
        return
    w.c_price = price
    w.c_rank = rank


def crosses(book: Book, sell: i64, rank: i64) -> bool:
    """Whether a price of this rank would trade at once."""
    if sell != 0:
        return book.best_bid >= 0 and rank <= book.best_bid
    return book.best_ask >= 0 and rank >= book.best_ask


def slide(w: World, book: Book, instrument: i64, flags: i64) -> i64:
    """Check 12: a crossing post-only order moves one tick off the touch, or is refused."""
    sell = flags & 1
    if not crosses(book, sell, w.c_rank):
        return 0
    if flags & r.FLAG_REJECT_POST_ONLY != 0:
        return no.POST_ONLY_REJECT
    rank = book.best_bid + 1 if sell != 0 else book.best_ask - 1
    if rank < 1:
        return no.POST_ONLY_REJECT
    price = price_of(w, instrument, rank)
    if price > w.instruments[instrument * INSTRUMENT_WORDS + I_HIGHEST]:
        return no.POST_ONLY_REJECT
    w.c_rank = rank
    w.c_price = price
    return 0


def accepting_seat(w: World, account: i64, instrument: i64, sell: i64, price: i64, lots: i64) -> i64:
    """The seat whose account may place the order; 0 if unknown or refused (`checks` says why).

    Leaves the hold per lot in `w.c_hold` and the seat's requirement with the order in `w.c_needed`.
    """
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        return 0
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_MARKED] == 0:
        return 0
    if price < data[i + I_MIN_PRICE] if sell != 0 else price > data[i + I_MAX_PRICE]:
        return 0
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    if accounts[a + A_ORDERS] >= limits.MAX_OPEN_ORDERS_PER_ACCOUNT:
        return 0
    if w.rules >= 2 and not _plain(w, a, data[i + I_UNDERLYING] * UNDERLYING_WORDS):
        return 0
    seat = ledger.find_seat(w, account, instrument)
    if seat == 0:
        return 0
    seats = w.seats.data
    s = seat * SEAT_WORDS
    size = seats[s + S_SIZE]
    worst = seats[s + S_OPEN_SELL] - size if sell != 0 else seats[s + S_OPEN_BUY] + size
    if worst + lots > data[i + I_POSITION_LIMIT]:
        return 0
    cash = accounts[a + A_CASH]
    entry = seats[s + S_ENTRY]
    if cash >= limits.ACCUMULATION_LIMIT or cash <= -limits.ACCUMULATION_LIMIT:
        return 0
    if entry >= limits.ENTRY_LIMIT or entry <= -limits.ENTRY_LIMIT:
        return 0
    if accounts[a + A_EPOCH] != w.epoch:
        margin.refresh(w, account)
    buy = seats[s + S_OPEN_BUY]
    sold = seats[s + S_OPEN_SELL]
    hold = margin.hold_per_lot(w, account, instrument, sell, price)
    if sell != 0:
        reduces = lots <= size - sold
        sold += lots
    else:
        reduces = lots <= -size - buy
        buy += lots
    needed = margin.requirement(w, instrument, size, buy, sold, seats[s + S_HOLD] + lots * hold)
    w.c_hold = hold
    w.c_needed = needed
    if reduces and w.rules < 2:
        return seat
    funds = cash + accounts[a + A_PERP_VALUE]
    if funds + accounts[a + A_OPTION_VALUE] < 0:
        return 0
    if accounts[a + A_REQUIREMENT] - seats[s + S_REQUIREMENT] + needed > funds:
        return 0
    return seat


def _plain(w: World, a: i64, u: i64) -> bool:
    """Whether nothing that rules 2 add asks for a closer look at an order (records of both)."""
    accounts = w.accounts
    if accounts[a + A_MODEL] != r.MODEL_STANDARD or accounts[a + A_LIQUIDATION] | accounts[a + A_LOCKED] != 0:
        return False
    if accounts[a + A_ORDERS] >= room.orders_most(w, a):
        return False
    return w.underlyings[u + U_STATE] == r.STATE_OPEN and w.underlyings[u + U_RISK + R_SCENARIOS] != 0
