"""What an account must hold (docs/rules.md, "Funds"; docs/rules-2.md, "Margin").

Each seat caches its part and the account caches the sums: under rules 1 and in the standard model each
seat's requirement on its own (spread relief is looked for only where that does not suffice), in the
portfolio model holds and charges, beside the scenario sums of `portfolio`. A marks block makes them stale
by moving the world's epoch, and `refresh` sums anew on the account's next command. Nothing here loops
over accounts.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import folios, portfolio, standard
from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_FOLIO,
    A_MODEL,
    A_OPTION_VALUE,
    A_PERP_VALUE,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_DELIVERY_LOT,
    I_FEE_CAP,
    I_FEE_HOLD,
    I_KIND,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MM,
    I_MULTIPLIER,
    I_REQUIRED,
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


def lots_required(w: World, instrument: i64, size: i64, open_buy: i64, open_sell: i64) -> i64:
    """The lots of a seat with these figures that initial margin counts: an option's that may end up short,
    of a perpetual the larger of what all its bids and what all its asks would leave."""
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION:
        short = open_sell - size
        return short if short > 0 else 0
    up = size + open_buy
    if up < 0:
        up = -up
    down = size - open_sell
    if down < 0:
        down = -down
    return up if up > down else down


def requirement(w: World, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64) -> i64:
    """What a seat with these figures requires on its own (not in the portfolio model), in micro-USDC."""
    rate = w.instruments[instrument * INSTRUMENT_WORDS + I_REQUIRED]
    return hold + lots_required(w, instrument, size, open_buy, open_sell) * rate


def needed(w: World, a: i64, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64) -> i64:
    """A seat's part in its account's requirement; `a` is the account's record."""
    if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
        return hold + portfolio.charge(w, instrument, size, open_buy, open_sell)
    return requirement(w, instrument, size, open_buy, open_sell, hold)


def fee_held(w: World, instrument: i64, price: i64) -> i64:
    """What is held for the fee of one lot of an option at `price`, micro-USDC: capped like the fee itself."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    fee = data[i + I_FEE_HOLD]
    cap = data[i + I_FEE_CAP]
    if cap > 0:
        most = price * data[i + I_MULTIPLIER] * cap // 1000 + 1  # of a fill, its remainder rounded up
        if fee > most:
            fee = most
    return fee


def hold_per_lot(w: World, account: i64, instrument: i64, sell: i64, price: i64) -> i64:
    """Micro-USDC held for each open lot of an account's order at `price`."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    fee = data[i + I_FEE_HOLD]
    value = price * data[i + I_MULTIPLIER]
    if data[i + I_KIND] == r.KIND_OPTION:
        standard_model = w.accounts[account * ACCOUNT_WORDS + A_MODEL] == r.MODEL_STANDARD
        if standard_model and sell != 0:
            # The premium pays a capped fee, and any other as far as it goes (rules 2).
            return 0 if fee <= value or data[i + I_FEE_CAP] > 0 or w.rules < 2 else fee - value
        fee = fee_held(w, instrument, price)
        if standard_model:
            return value + fee + (data[i + I_DELIVERY_LOT] if w.rules >= 4 else 0)
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
    requires = needed(
        w, a, instrument, seats[s + S_SIZE], seats[s + S_OPEN_BUY], seats[s + S_OPEN_SELL], seats[s + S_HOLD]
    )
    value = _seat_value(w, seat)
    accounts[a + A_REQUIREMENT] += requires - seats[s + S_REQUIREMENT]
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_PERPETUAL:
        accounts[a + A_PERP_VALUE] += value - seats[s + S_VALUE]
    else:
        accounts[a + A_OPTION_VALUE] += value - seats[s + S_VALUE]
    seats[s + S_REQUIREMENT] = requires
    seats[s + S_VALUE] = value
    if accounts[a + A_MODEL] != r.MODEL_STANDARD:
        folios.recount(w, seat)


def require_seat(w: World, seat: i64) -> None:
    """As `revalue_seat` when only open lots and holds have changed: the marked value stands."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    key = seats[s + S_KEY]
    accounts = w.accounts
    a = (key >> SEAT_SHIFT) * ACCOUNT_WORDS
    if accounts[a + A_EPOCH] != w.epoch:
        return
    requires = needed(
        w,
        a,
        key & SEAT_INSTRUMENT,
        seats[s + S_SIZE],
        seats[s + S_OPEN_BUY],
        seats[s + S_OPEN_SELL],
        seats[s + S_HOLD],
    )
    accounts[a + A_REQUIREMENT] += requires - seats[s + S_REQUIREMENT]
    seats[s + S_REQUIREMENT] = requires
    if accounts[a + A_MODEL] != r.MODEL_STANDARD:
        folios.recount(w, seat)


def withdraw_seat(w: World, seat: i64) -> None:
    """Take a seat's cached part out of its account's sums (before the seat goes)."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    accounts = w.accounts
    key = seats[s + S_KEY]
    a = (key >> SEAT_SHIFT) * ACCOUNT_WORDS
    if accounts[a + A_MODEL] != r.MODEL_STANDARD:
        folios.uncount(w, seat)
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
    if accounts[a + A_MODEL] != r.MODEL_STANDARD:
        folios.refresh(w, account)
    elif accounts[a + A_FOLIO] != 0:
        folios.release(w, account)
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


def balance(w: World, account: i64) -> i64:
    """What margin is held against: funds, in the portfolio model equity (account refreshed)."""
    if w.accounts[account * ACCOUNT_WORDS + A_MODEL] != r.MODEL_STANDARD:
        return equity(w, account)
    return funds(w, account)


def forget(w: World, account: i64) -> None:
    """Have everything cached of an account summed anew when it is next asked for (its model changed)."""
    w.accounts[account * ACCOUNT_WORDS + A_EPOCH] = 0


def initial_with(
    w: World, account: i64, seat: i64, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64
) -> i64:
    """Exact initial margin with these figures added to those of a seat (0: none yet; account refreshed)."""
    a = account * ACCOUNT_WORDS
    total = isolated_with(w, a, seat, instrument, size, open_buy, open_sell, hold)
    if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
        return total + portfolio.initial(w, account, instrument, size, open_buy, open_sell)
    return total - standard.saved(w, account, True, True, instrument, size, open_sell)


def isolated_with(
    w: World, a: i64, seat: i64, instrument: i64, size: i64, open_buy: i64, open_sell: i64, hold: i64
) -> i64:
    """The account's cached requirement with these figures added to those of a seat (0: none yet)."""
    before: i64 = 0
    if seat != 0:
        seats = w.seats.data
        s = seat * SEAT_WORDS
        size += seats[s + S_SIZE]
        open_buy += seats[s + S_OPEN_BUY]
        open_sell += seats[s + S_OPEN_SELL]
        hold += seats[s + S_HOLD]
        before = seats[s + S_REQUIREMENT]
    after = needed(w, a, instrument, size, open_buy, open_sell, hold)
    return w.accounts[a + A_REQUIREMENT] - before + after


def _maintenance(w: World, account: i64, instrument: i64, lots: i64) -> i64:
    """Exact maintenance margin, `lots` added to the position in `instrument` (account refreshed)."""
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_MODEL] != r.MODEL_STANDARD:
        return portfolio.maintenance(w, account, instrument, lots)
    data = w.instruments
    seats = w.seats.data
    total: i64 = 0
    changed = lots != 0
    seat = w.accounts[a + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        this = seats[s + S_KEY] & SEAT_INSTRUMENT
        size = seats[s + S_SIZE]
        if changed and this == instrument:
            size += lots
            changed = False
        total += held(w, this, size) * data[this * INSTRUMENT_WORDS + I_MM]
        seat = seats[s + S_NEXT]
    if changed:
        total += held(w, instrument, lots) * data[instrument * INSTRUMENT_WORDS + I_MM]
    return total - standard.saved(w, account, False, False, instrument, lots, 0)


def held(w: World, instrument: i64, size: i64) -> i64:
    """The lots of a position that need maintenance: those held short, a perpetual's either way."""
    if size < 0:
        return -size
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_PERPETUAL:
        return size
    return 0


def figures(w: World, account: i64) -> None:
    """Leave the account's exact margins, balance and equity in `w.m_…`, micro-USDC (rules 2)."""
    refresh(w, account)
    w.m_initial = initial_with(w, account, 0, 0, 0, 0, 0, 0) if w.instrument_count != 0 else 0
    w.m_maintenance = _maintenance(w, account, 0, 0)
    w.m_balance = balance(w, account)
    w.m_equity = equity(w, account)


def maintenance(w: World, account: i64) -> i64:
    """The account's exact maintenance margin, micro-USDC (rules 2)."""
    refresh(w, account)
    return _maintenance(w, account, 0, 0)


def maintenance_with(w: World, account: i64, instrument: i64, lots: i64) -> i64:
    """As `maintenance` if the account's size in `instrument` changed by `lots` (negative: sold)."""
    refresh(w, account)
    return _maintenance(w, account, instrument, lots)


def initial_with_model(w: World, account: i64, model: i64) -> i64:
    """As `figures`, as if the account were margined by `model`; its holds stay. Returns initial margin."""
    a = account * ACCOUNT_WORDS
    kept = w.accounts[a + A_MODEL]
    w.accounts[a + A_MODEL] = model
    forget(w, account)
    figures(w, account)
    w.accounts[a + A_MODEL] = kept
    forget(w, account)
    return w.m_initial
