"""The interim funds rule (docs/rules.md, "Funds"), behind the interface the risk issue will fill.

What an account must hold is a sum over its seats. Each seat caches its part and the account caches the
sums; a marks block makes them stale by moving the world's epoch, and `refresh` sums anew on the
account's next command. Nothing here loops over accounts.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_OPTION_VALUE,
    A_PERP_VALUE,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_FEE_CAP,
    I_FORWARD_PER_LOT,
    I_KIND,
    I_MAKER_NANO,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MULTIPLIER,
    I_OPTION_TYPE,
    I_STRIKE_PER_LOT,
    I_TAKER_NANO,
    INSTRUMENT_WORDS,
    S_ENTRY,
    S_HOLD,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_REQUIREMENT,
    S_SIZE,
    S_VALUE,
    SEAT_INSTRUMENT,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain import rejects as no


def requirement(w: World, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64) -> i64:
    """What a seat with these figures requires, in micro-USDC."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_KIND] == r.KIND_OPTION:
        short = open_sell - size
        if short <= 0:
            return hold
        if data[i + I_OPTION_TYPE] == r.OPTION_CALL:
            return hold + short * data[i + I_FORWARD_PER_LOT]
        return hold + short * data[i + I_STRIKE_PER_LOT]
    up = size + open_buy
    if up < 0:
        up = -up
    down = size - open_sell
    if down < 0:
        down = -down
    worst = up if up > down else down
    return hold + worst * data[i + I_MARK_HIGH]


def hold_per_lot(w: World, instrument: i64, sell: i64, price: i64) -> i64:
    """Micro-USDC held for each open lot of an order at `price`."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    option = data[i + I_KIND] == r.KIND_OPTION
    if option and sell != 0:
        return 0
    nano = data[i + I_MAKER_NANO]
    if data[i + I_TAKER_NANO] > nano:
        nano = data[i + I_TAKER_NANO]
    fee = -(-nano // 1000)
    value = price * data[i + I_MULTIPLIER]
    if option:
        cap = data[i + I_FEE_CAP]
        if cap > 0:
            most = value * cap // 1000 + 1
            if fee > most:
                fee = most
        return value + fee
    adverse = data[i + I_MARK_HIGH] - value if sell != 0 else value - data[i + I_MARK_LOW]
    if adverse < 0:
        adverse = 0
    return fee + adverse


def _seat_value(w: World, seat: i64) -> i64:
    seats = w.seats.data
    s = seat * SEAT_WORDS
    i = (seats[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
    data = w.instruments
    size = seats[s + S_SIZE]
    value: i64 = 0
    if size > 0:
        value = size * data[i + I_MARK_LOW]
    elif size < 0:
        value = size * data[i + I_MARK_HIGH]
    if data[i + I_KIND] == r.KIND_PERPETUAL:
        value -= seats[s + S_ENTRY]
    return value


def revalue_seat(w: World, seat: i64) -> None:
    """Bring a seat's cached part, and its account's sums, up to its figures and the current marks.

    A stale account is left to `refresh`, which sums all its seats anew.
    """
    seats = w.seats.data
    s = seat * SEAT_WORDS
    key = seats[s + S_KEY]
    accounts = w.accounts
    a = (key >> SEAT_SHIFT) * ACCOUNT_WORDS
    if accounts[a + A_EPOCH] != w.epoch:
        return
    instrument = key & SEAT_INSTRUMENT
    needed = requirement(
        w, instrument, seats[s + S_SIZE], seats[s + S_OPEN_BUY], seats[s + S_OPEN_SELL], seats[s + S_HOLD]
    )
    value = _seat_value(w, seat)
    accounts[a + A_REQUIREMENT] += needed - seats[s + S_REQUIREMENT]
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_PERPETUAL:
        accounts[a + A_PERP_VALUE] += value - seats[s + S_VALUE]
    else:
        accounts[a + A_OPTION_VALUE] += value - seats[s + S_VALUE]
    seats[s + S_REQUIREMENT] = needed
    seats[s + S_VALUE] = value


def require_seat(w: World, seat: i64) -> None:
    """As `revalue_seat` when only open lots and holds have changed: the marked value stands."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    key = seats[s + S_KEY]
    accounts = w.accounts
    a = (key >> SEAT_SHIFT) * ACCOUNT_WORDS
    if accounts[a + A_EPOCH] != w.epoch:
        return
    needed = requirement(
        w,
        key & SEAT_INSTRUMENT,
        seats[s + S_SIZE],
        seats[s + S_OPEN_BUY],
        seats[s + S_OPEN_SELL],
        seats[s + S_HOLD],
    )
    accounts[a + A_REQUIREMENT] += needed - seats[s + S_REQUIREMENT]
    seats[s + S_REQUIREMENT] = needed


def withdraw_seat(w: World, seat: i64) -> None:
    """Take a seat's cached part out of its account's sums (before the seat goes)."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    accounts = w.accounts
    key = seats[s + S_KEY]
    a = (key >> SEAT_SHIFT) * ACCOUNT_WORDS
    if accounts[a + A_EPOCH] != w.epoch:
        return
    accounts[a + A_REQUIREMENT] -= seats[s + S_REQUIREMENT]
    if w.instruments[(key & SEAT_INSTRUMENT) * INSTRUMENT_WORDS + I_KIND] == r.KIND_PERPETUAL:
        accounts[a + A_PERP_VALUE] -= seats[s + S_VALUE]
    else:
        accounts[a + A_OPTION_VALUE] -= seats[s + S_VALUE]
    seats[s + S_REQUIREMENT] = 0
    seats[s + S_VALUE] = 0


def refresh(w: World, account: i64) -> None:
    """Sum the account's seats anew if marks have moved since the last time."""
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    if accounts[a + A_EPOCH] == w.epoch:
        return
    accounts[a + A_EPOCH] = w.epoch
    accounts[a + A_REQUIREMENT] = 0
    accounts[a + A_PERP_VALUE] = 0
    accounts[a + A_OPTION_VALUE] = 0
    seats = w.seats.data
    seat = accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        seats[s + S_REQUIREMENT] = 0
        seats[s + S_VALUE] = 0
        revalue_seat(w, seat)
        seat = seats[s + S_NEXT]


def funds(w: World, account: i64) -> i64:
    """Cash plus unrealised perpetual profit, micro-USDC (account refreshed)."""
    a = account * ACCOUNT_WORDS
    return w.accounts[a + A_CASH] + w.accounts[a + A_PERP_VALUE]


def equity(w: World, account: i64) -> i64:
    """Funds plus the options' marked value, micro-USDC (account refreshed)."""
    return funds(w, account) + w.accounts[account * ACCOUNT_WORDS + A_OPTION_VALUE]


def refuse(
    w: World,
    account: i64,
    seat: i64,
    instrument: i64,
    sell: i64,
    lots: i64,
    hold: i64,
    own_lots: i64,
    own_hold: i64,
) -> i64:
    """Whether the funds rule refuses an order of `lots`, each holding `hold` micro-USDC.

    `own_lots` and `own_hold` are the open lots, and their hold per lot, that the order replaces.
    Returns NEGATIVE_EQUITY, INSUFFICIENT_FUNDS, or 0.
    """
    size: i64 = 0
    open_buy: i64 = 0
    open_sell: i64 = 0
    held: i64 = 0
    if seat != 0:
        seats = w.seats.data
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        open_buy = seats[s + S_OPEN_BUY]
        open_sell = seats[s + S_OPEN_SELL]
        held = seats[s + S_HOLD]
    refresh(w, account)
    before: i64 = 0
    if seat != 0:
        before = w.seats.data[seat * SEAT_WORDS + S_REQUIREMENT]
    if sell != 0:
        open_sell += lots - own_lots
        if lots <= size - (open_sell - lots):
            return 0
    else:
        open_buy += lots - own_lots
        if lots <= -size - (open_buy - lots):
            return 0
    if equity(w, account) < 0:
        return no.NEGATIVE_EQUITY
    held += lots * hold - own_lots * own_hold
    after = requirement(w, instrument, size, open_buy, open_sell, held)
    if w.accounts[account * ACCOUNT_WORDS + A_REQUIREMENT] - before + after > funds(w, account):
        return no.INSUFFICIENT_FUNDS
    return 0


def figures(w: World, account: i64) -> None:
    """The account's sums at the current marks into `w.m_…`, micro-USDC."""
    refresh(w, account)
    required = w.accounts[account * ACCOUNT_WORDS + A_REQUIREMENT]
    w.m_initial = required
    w.m_maintenance = required
    w.m_balance = funds(w, account)
    w.m_equity = equity(w, account)
