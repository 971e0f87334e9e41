"""MASS_QUOTE: up to 100 two-sided quotes in one command, each side on its own."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, combo_open, emit, firing, ledger, links, protection
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.amending import move, shrink
from exchange.core.book import Book
from exchange.core.layout import (
    A_QUOTES_FROZEN,
    ACCOUNT_WORDS,
    I_KIND,
    I_MIN_SIZE,
    INSTRUMENT_WORDS,
    O_CLIENT,
    O_FLAGS,
    O_HOLD,
    O_LABEL,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    OF_COMBO,
    ORDER_WORDS,
    S_QUOTE_ASK,
    S_QUOTE_BID,
    SEAT_WORDS,
)
from exchange.core.matching import cancel
from exchange.core.orders import place
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def mass_quote(w: World, data: bytes, at: i64, units: i64, who: i64) -> i64:
    """MASS_QUOTE at byte `at`, of `units` units. Returns a reject reason or 0."""
    count = units - 2
    valid_until = read_i64_le(data, at + 40)
    group = read_i64_le(data, at + 32)
    if group < 0 or group > r.U32 or read_i64_le(data, at + 48) != 0 or read_i64_le(data, at + 56) != 0:
        return no.MALFORMED
    if valid_until < 0 or valid_until > limits.MAX_TIME_MS:
        return no.MALFORMED
    entry: i64 = 0
    while entry < count:
        sizes = read_i64_le(data, at + 64 + 32 * entry + 24)
        if sizes < 0 or sizes & 0x80000000 != 0:  # bit 31 of either side
            return no.MALFORMED
        entry += 1
    if w.due_count != 0:
        firing.fire(w)
    if not is_user(w, who & r.U32):
        return no.UNKNOWN_ACCOUNT
    if is_bound(w, who & r.U32):
        return no.ACCOUNT_LOCKED
    frozen = w.accounts[(who & r.U32) * ACCOUNT_WORDS + A_QUOTES_FROZEN]
    if w.now_ms < frozen:
        w.detail = frozen
        return no.QUOTES_FROZEN
    if w.due_count != 0:
        return no.TRIGGERS_DUE
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if valid_until != 0 and valid_until < w.now_ms:
        return no.TIMED_OUT
    if group != 0 and w.rules < 3:
        return no.BAD_FLAGS
    client = read_i64_le(data, at + 16)
    w3 = read_i64_le(data, at + 24)
    label = pack((w3 >> 32) & r.U32, w3 & r.U32)
    affected: i64 = 0
    entry = 0
    w.looks_left = limits.QUOTE_LOOKS
    while entry < count:
        affected += _entry(w, data, at + 64 + 32 * entry, entry, who & r.U32, client, label, group)
        entry += 1
    w.looks_left = -1
    emit.done(w, r.MASS_QUOTE, who, client, affected)
    return 0


def _entry(
    w: World, data: bytes, at: i64, entry: i64, account: i64, client: i64, label: i64, number: i64
) -> i64:
    """One two-sided quote, of protection group `number` - 1. Returns how many of its sides took effect."""
    word = read_i64_le(data, at)
    instrument = word & r.U32
    sizes = read_i64_le(data, at + 24)
    bid = sizes & r.U32
    ask = (sizes >> 32) & r.U32
    bid_price = read_i64_le(data, at + 8)
    ask_price = read_i64_le(data, at + 16)
    who = pack(account, instrument)
    reason: i64 = no.UNKNOWN_INSTRUMENT
    if instrument < w.instrument_count:
        reason = closed(w, instrument)
    bids = bid & r.QUOTE_PRESENT != 0 and bid & r.QUOTE_SIZE_MASK != 0
    asks = ask & r.QUOTE_PRESENT != 0 and ask & r.QUOTE_SIZE_MASK != 0
    if reason != 0:
        _reject(w, who, client, reason, bid, ask, entry)
        return 0
    w.c_group = 0
    if number != 0:
        if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_COMBO:
            reason = no.BAD_FLAGS
        else:
            reason = protection.choose(w, account, instrument, number - 1)
    crossed = bids and asks and bid_price >= ask_price
    if reason != 0:
        _reject(w, who, client, no.QUOTE_CROSSED if crossed else reason, bid, ask, entry)
        return 0
    if crossed:
        _fail(w, who, client, no.QUOTE_CROSSED, 0, entry * 2)
        _fail(w, who, client, no.QUOTE_CROSSED, 0, entry * 2 + 1)
        return 0
    resting_ask = _resting(w, who, 1)
    ask_first = bids and resting_ask != 0 and bid_price >= w.orders.data[resting_ask * ORDER_WORDS + O_PRICE]
    done: i64 = 0
    if ask_first:
        done += _side(w, who, 1, ask, ask_price, entry, client, label)
    done += _side(w, who, 0, bid, bid_price, entry, client, label)
    if not ask_first:
        done += _side(w, who, 1, ask, ask_price, entry, client, label)
    return done


def _resting(w: World, who: i64, sell: i64) -> i64:
    """The slot of the resting quote of the account, or of group `w.c_group`, on a side; 0: none."""
    if w.c_group != 0:
        return protection.resting(w, w.c_group, who >> 32, sell)
    seat = ledger.find_seat(w, who & r.U32, who >> 32)
    if seat == 0:
        # A combo has no seats; most entries of instruments find one.
        return combo_open.quote(w, who, sell) if w.combos_open != 0 else 0
    return w.seats.data[seat * SEAT_WORDS + (S_QUOTE_ASK if sell != 0 else S_QUOTE_BID)]


def _reject(w: World, who: i64, client: i64, reason: i64, bid: i64, ask: i64, entry: i64) -> None:
    """Reject the present sides of an entry; what rests stays."""
    if bid & r.QUOTE_PRESENT != 0:
        emit.rejected(w, r.MASS_QUOTE, who, client, reason, 0, 0, entry * 2)
    if ask & r.QUOTE_PRESENT != 0:
        emit.rejected(w, r.MASS_QUOTE, who, client, reason, 0, 0, entry * 2 + 1)


def _fail(w: World, who: i64, client: i64, reason: i64, detail: i64, position: i64) -> None:
    """Reject one side; its resting quote goes with it."""
    emit.rejected(w, r.MASS_QUOTE, who, client, reason, 0, detail, position)
    resting = _resting(w, who, position & 1)
    if resting != 0:
        cancel(w, resting, r.CANCEL_QUOTE_FAILED)


def _side(w: World, who: i64, sell: i64, side: i64, price: i64, entry: i64, client: i64, label: i64) -> i64:
    """One side of a quote. Returns 1 if it took effect, else 0."""
    if side & r.QUOTE_PRESENT == 0:
        return 0
    lots = side & r.QUOTE_SIZE_MASK
    slot = _resting(w, who, sell)
    if lots == 0:
        if slot == 0:
            return 0
        cancel(w, slot, r.CANCEL_USER)
        return 1
    marks: i64 = r.FLAG_QUOTE
    if w.c_group != 0:
        marks |= r.FLAG_MMP
        if protection.frozen(w, w.c_group) != 0:
            _fail(w, who, client, no.MMP_FROZEN, w.detail, entry * 2 + sell)
            return 0
    if slot != 0:
        marks |= w.orders.data[slot * ORDER_WORDS + O_FLAGS] & OF_COMBO
    flags = sell
    if side & r.QUOTE_POST_ONLY != 0:
        flags |= r.FLAG_POST_ONLY
    if side & r.QUOTE_REJECT_POST_ONLY != 0:
        flags |= r.FLAG_REJECT_POST_ONLY
    instrument = who >> 32
    book = w.books[instrument]
    orders = w.orders.data
    o = slot * ORDER_WORDS
    reason: i64 = 0
    if slot != 0 and orders[o + O_PRICE] == price and lots < orders[o + O_LOTS] & r.U32:
        if not checks.flags_valid(flags, 0):
            reason = no.BAD_FLAGS
        elif lots < w.instruments[instrument * INSTRUMENT_WORDS + I_MIN_SIZE]:
            reason = no.BAD_SIZE
        if reason != 0:
            _fail(w, who, client, reason, 0, entry * 2 + sell)
            return 0
        _restamp(w, slot, client, label)
        shrink(w, slot, lots, _total(w, slot, lots), flags | marks)
        return 1
    own_lots: i64 = 0
    own_hold: i64 = 0
    if slot != 0:
        own_lots = orders[o + O_LOTS] & r.U32
        own_hold = orders[o + O_HOLD]
    own_orders: i64 = 1 if slot != 0 else 0
    reason = checks.new_refused(
        w, book, who & r.U32, instrument, flags, price, lots, 0, own_lots, own_hold, own_orders
    )
    if reason != 0:
        _fail(w, who, client, reason, w.detail, entry * 2 + sell)
        return 0
    if slot == 0:
        place(w, book, flags | marks, who, client, label)
    else:
        _restamp(w, slot, client, label)
        _requote(w, book, slot, lots, flags | marks)
    if len(w.noted) != 0:
        looks = w.looks_left
        w.looks_left = -1  # what follows is of other orders: it is looked at as ever
        links.follow(w)
        w.looks_left = looks
    return 1


def _restamp(w: World, slot: i64, client: i64, label: i64) -> None:
    orders = w.orders.data
    orders[slot * ORDER_WORDS + O_CLIENT] = client
    orders[slot * ORDER_WORDS + O_LABEL] = label


def _total(w: World, slot: i64, lots: i64) -> i64:
    """A resting quote's new total: what has filled, and `lots` open."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    return (orders[o + O_SIZE] & r.U32) - (orders[o + O_LOTS] & r.U32) + lots


def _requote(w: World, book: Book, slot: i64, lots: i64, flags: i64) -> None:
    """Move a resting quote to its checked price and size; it keeps its order_id."""
    # Its own book it cannot meet at the price it has, but implied orders it can.
    move(w, book, slot, lots, _total(w, slot, lots), flags, True)
