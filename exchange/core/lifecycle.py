"""Accounts, money in and out, time, settlement of perpetuals, funding, delivery, modes."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import combo_listing, combo_terms, emit, extras, fees, ledger, links, margin
from exchange.core.admission import is_user
from exchange.core.arithmetic import ceil_div
from exchange.core.layout import (
    A_CASH,
    A_FLAGS,
    A_REQUIREMENT,
    ACCOUNT_WORDS,
    I_DELIVERY_PPM,
    I_EXPIRY,
    I_KIND,
    I_LOT_E8,
    I_MULTIPLIER,
    I_OPTION_TYPE,
    I_POSITION_LIMIT,
    I_PRICE_LIMIT,
    I_STATE,
    I_STRIKE,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_RANK,
    LEVEL_WORDS,
    O_FLAGS,
    O_QUEUE,
    ORDER_WORDS,
    S_ENTRY,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.marks import price_fits
from exchange.core.matching import cancel
from exchange.core.tables import drop
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_E8: Final = 100_000_000


def configure_account(w: World, account: i64, flags: i64) -> i64:
    """CONFIGURE_ACCOUNT. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if flags > 1:
        return no.BAD_FLAGS
    w.accounts[account * ACCOUNT_WORDS + A_FLAGS] = flags
    emit.account(w, account)
    return 0


def deposit(w: World, account: i64, amount: i64, deposit_id: i64) -> i64:
    """DEPOSIT. Returns a reject reason or 0."""
    is_new = deposit_id > w.last_deposit
    reason = _deposit_refused(w, account, amount, is_new)
    if reason == 0:
        w.last_deposit = deposit_id
        _move_cash(w, account, r.CASH_DEPOSIT, amount, deposit_id)
    elif is_new and w.rules >= 6:
        # The bridge gives it back, so it is never to be credited later.
        w.last_deposit = deposit_id
        w.detail = deposit_id
    return reason


def _deposit_refused(w: World, account: i64, amount: i64, is_new: bool) -> i64:
    if not is_user(w, account) and (w.rules < 2 or account != limits.ACCOUNT_INSURANCE):
        return no.UNKNOWN_ACCOUNT
    if amount < 1 or amount > limits.MAX_DEPOSIT_MICRO:
        return no.BAD_VALUE
    if not is_new:
        return no.DUPLICATE
    return no.LIMIT_REACHED if w.deposits_net + amount > limits.MAX_TOTAL_DEPOSITS_MICRO else 0


def withdraw(w: World, account: i64, amount: i64, withdrawal_id: i64) -> i64:
    """WITHDRAW. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if amount < 1 or amount > limits.MAX_DEPOSIT_MICRO:
        return no.BAD_VALUE
    margin.refresh(w, account)
    free = margin.funds(w, account)
    cash = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    if cash < free:
        free = cash
    free -= w.accounts[account * ACCOUNT_WORDS + A_REQUIREMENT]
    if amount > free or margin.equity(w, account) < 0:
        return no.INSUFFICIENT_FUNDS
    _move_cash(w, account, r.CASH_WITHDRAWAL, -amount, withdrawal_id)
    return 0


def _move_cash(w: World, account: i64, kind: i64, delta: i64, ident: i64) -> None:
    balance = ledger.move_cash(w, account, delta)
    ledger.move_cash(w, limits.ACCOUNT_BRIDGE, -delta)
    w.deposits_net += delta
    emit.cash(w, account, kind, ident, delta, balance, limits.ACCOUNT_BRIDGE)


def set_instrument_state(w: World, instrument: i64, state: i64) -> i64:
    """SET_INSTRUMENT_STATE. Returns a reject reason or 0."""
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_STATE] >= r.STATE_DELISTED:
        return no.INSTRUMENT_NOT_OPEN
    if state > r.STATE_DELISTED:
        return no.BAD_FLAGS
    if state == r.STATE_DELISTED:
        book = w.books[instrument]
        if book.bid_levels != 0 or book.ask_levels != 0 or _has_position(w, instrument):
            return no.NOT_EMPTY
        if combo_terms.is_combo(w, instrument):
            combo_listing.delist(w, instrument)
            return 0
        if combo_listing.have_orders(w, instrument):
            return no.NOT_EMPTY
        _delist_combos(w, instrument)
        _cancel_untriggered(w, instrument, -1, 0)
        links.follow(w)
        _drop_seats(w, instrument)
        drop(w, instrument)
    w.instruments[i + I_STATE] = state
    emit.instrument(w, instrument)
    return 0


def _delist_combos(w: World, leg: i64) -> None:
    """Delist the open combos that name a leg, by id; their orders are cancelled."""
    for combo in list(combo_terms.naming(w, leg)):
        _cancel_book(w, combo, -1)
        combo_listing.delist(w, combo)


def _has_position(w: World, instrument: i64) -> bool:
    perpetual = w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_PERPETUAL
    account: i64 = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        seat = ledger.find_seat(w, account, instrument)
        if seat != 0:
            s = seat * SEAT_WORDS
            if w.seats.data[s + S_SIZE] != 0:
                return True
            # A perpetual's profit lives in its entry value until it is settled.
            if perpetual and w.seats.data[s + S_ENTRY] != 0:
                return True
        account += 1
    return False


def _drop_seats(w: World, instrument: i64) -> None:
    account: i64 = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        seat = ledger.find_seat(w, account, instrument)
        if seat != 0:
            ledger.drop_seat(w, seat)
        account += 1


def _settle_refused(w: World, instrument: i64, kind: i64) -> i64:
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_KIND] != kind:
        return no.BAD_VALUE
    if w.instruments[i + I_STATE] >= r.STATE_DELISTED:
        return no.INSTRUMENT_NOT_OPEN
    return 0


def _delta(w: World, seat: i64, rate: i64, realise: bool) -> i64:
    """What a settlement at value per lot `rate`, or a funding at `rate` per lot, pays a seat."""
    s = seat * SEAT_WORDS
    size = w.seats.data[s + S_SIZE]
    if realise:
        return size * rate - w.seats.data[s + S_ENTRY]
    return -size * rate


def _settle_all(
    w: World, instrument: i64, kind: i64, rate: i64, price: i64, command: i64, who: i64, client: i64
) -> i64:
    """Pay every position of a perpetual, in account order. Returns LIMIT_REACHED or 0."""
    realise = kind == r.SETTLED_PERPETUAL
    account: i64 = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        seat = ledger.find_seat(w, account, instrument)
        if seat != 0:
            cash = w.accounts[account * ACCOUNT_WORDS + A_CASH] + _delta(w, seat, rate, realise)
            if cash > limits.CASH_LIMIT or cash < -limits.CASH_LIMIT:
                return no.LIMIT_REACHED
        account += 1
    affected: i64 = 0
    account = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        seat = ledger.find_seat(w, account, instrument)
        if seat != 0:
            affected += _settle_seat(w, account, instrument, seat, kind, rate, price)
        account += 1
    emit.done(w, command, who, client, affected)
    return 0


def _settle_seat(w: World, account: i64, instrument: i64, seat: i64, kind: i64, rate: i64, price: i64) -> i64:
    realise = kind == r.SETTLED_PERPETUAL
    data = w.seats.data
    s = seat * SEAT_WORDS
    size = data[s + S_SIZE]
    entry = data[s + S_ENTRY]
    if size == 0 and (entry == 0 or not realise):
        return 0
    delta = _delta(w, seat, rate, realise)
    if realise:
        ledger.move_position(w, seat, 0, size * rate - entry)
    balance = ledger.move_cash(w, account, delta)
    margin.revalue_seat(w, seat)
    emit.settled(
        w,
        kind,
        account | instrument << 32,
        size,
        delta,
        0,
        price,
        entry,
        data[s + S_ENTRY],
        balance,
    )
    return 1


def settle_perpetual(w: World, who: i64, client: i64, price: i64) -> i64:
    """SETTLE_PERPETUAL. Returns a reject reason or 0."""
    instrument = (who >> 32) & r.U32
    reason = _settle_refused(w, instrument, r.KIND_PERPETUAL)
    if reason != 0:
        return reason
    i = instrument * INSTRUMENT_WORDS
    if price < 1 or price > w.instruments[i + I_PRICE_LIMIT]:
        return no.BAD_VALUE
    rate = price * w.instruments[i + I_MULTIPLIER]
    return _settle_all(w, instrument, r.SETTLED_PERPETUAL, rate, price, r.SETTLE_PERPETUAL, who, client)


def funding(w: World, who: i64, client: i64, rate: i64) -> i64:
    """FUNDING. Returns a reject reason or 0."""
    instrument = (who >> 32) & r.U32
    reason = _settle_refused(w, instrument, r.KIND_PERPETUAL)
    if reason != 0:
        return reason
    most = limits.MAX_VALUE_MICRO // w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]
    if rate > most or rate < -most:
        return no.BAD_VALUE
    return _settle_all(w, instrument, r.SETTLED_FUNDING, rate, rate, r.FUNDING, who, client)


def deliver(w: World, instrument: i64, price_micro: i64) -> i64:
    """DELIVER. Returns a reject reason or 0."""
    reason = _settle_refused(w, instrument, r.KIND_OPTION)
    if reason != 0:
        return reason
    i = instrument * INSTRUMENT_WORDS
    data = w.instruments
    if w.now_ms < data[i + I_EXPIRY]:
        return no.NOT_EXPIRED
    if price_micro < 1 or not price_fits(w, instrument, price_micro):
        return no.BAD_VALUE
    lot = data[i + I_LOT_E8]
    worth = price_micro - data[i + I_STRIKE]
    if data[i + I_OPTION_TYPE] == r.OPTION_PUT:
        worth = -worth
    if worth < 0:
        worth = 0
    payoff_per_lot = worth * lot // _E8
    nano = ceil_div(ceil_div(price_micro * lot, _E8) * data[i + I_DELIVERY_PPM], 1000)
    _delist_combos(w, instrument)
    _cancel_book(w, instrument, -1)
    _cancel_untriggered(w, instrument, -1, 0)
    links.follow(w)
    account: i64 = limits.FIRST_USER_ACCOUNT
    while account < w.account_count:
        seat = ledger.find_seat(w, account, instrument)
        if seat != 0:
            _deliver_seat(w, account, instrument, seat, payoff_per_lot, nano, price_micro)
            ledger.drop_seat(w, seat)
        account += 1
    drop(w, instrument)
    data[i + I_STATE] = r.STATE_DELIVERED
    emit.instrument(w, instrument)
    return 0


def _deliver_seat(
    w: World, account: i64, instrument: i64, seat: i64, payoff_per_lot: i64, nano: i64, price_micro: i64
) -> None:
    seats = w.seats.data
    s = seat * SEAT_WORDS
    size = seats[s + S_SIZE]
    entry = seats[s + S_ENTRY]
    if size == 0 and entry == 0:
        return
    payoff = size * payoff_per_lot
    lots = size if size > 0 else -size
    fee = fees.charge_micro(w, instrument, nano, lots, payoff if payoff > 0 else -payoff)
    balance = ledger.move_cash(w, account, payoff - fee)
    ledger.move_cash(w, limits.ACCOUNT_FEES, fee)
    ledger.move_position(w, seat, -size, -entry)
    emit.settled(
        w,
        r.SETTLED_DELIVERY,
        account | instrument << 32,
        size,
        payoff - fee,
        fee,
        price_micro,
        entry,
        0,
        balance,
    )


def _cancel_book(w: World, instrument: i64, most: i64) -> i64:
    """Cancel orders of a book, bids best first in queue order, then asks.

    With `most` < 0 all of them (delivery); else up to `most` good-til-day orders (day end). Returns
    how many.
    """
    affected: i64 = 0
    sell: i64 = 0
    book = w.books[instrument]
    while sell < 2:
        level = book.best_level(sell)
        while level != 0 and affected != most:
            rank = w.levels.data[level * LEVEL_WORDS + L_RANK]
            slot = w.levels.data[level * LEVEL_WORDS + L_HEAD]
            while slot != 0 and affected != most:
                following = w.orders.data[slot * ORDER_WORDS + O_QUEUE] & r.U32
                flags = w.orders.data[slot * ORDER_WORDS + O_FLAGS]
                if most < 0:
                    cancel(w, slot, r.CANCEL_DELIVERY)
                    affected += 1
                elif (flags >> r.TIF_SHIFT) & r.TIF_MASK == r.TIF_GTD:
                    cancel(w, slot, r.CANCEL_DAY_END)
                    affected += 1
                slot = following
            level = book.next_level(sell, rank)
        sell += 1
    return affected


def _cancel_untriggered(w: World, instrument: i64, most: i64, affected: i64) -> i64:
    """As `_cancel_book` for orders in no book, by order_id, when `affected` have been cancelled already."""
    if w.untriggered == 0:
        return affected
    for ident in extras.untriggered_ids(w, instrument):
        if affected == most:
            break
        slot = w.order_ids.find(ident)
        flags = w.orders.data[slot * ORDER_WORDS + O_FLAGS]
        if most < 0:
            cancel(w, slot, r.CANCEL_DELIVERY)
            affected += 1
        elif (flags >> r.TIF_SHIFT) & r.TIF_MASK == r.TIF_GTD:
            cancel(w, slot, r.CANCEL_DAY_END)
            affected += 1
    return affected


def expire_day(w: World, who: i64, client: i64) -> i64:
    """EXPIRE_DAY. Returns a reject reason or 0."""
    instrument = (who >> 32) & r.U32
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    affected = _cancel_book(w, instrument, limits.MAX_EXPIRE_DAY_CANCELS)
    affected = _cancel_untriggered(w, instrument, limits.MAX_EXPIRE_DAY_CANCELS, affected)
    links.follow(w)
    emit.done(w, r.EXPIRE_DAY, who, client, affected)
    return 0
