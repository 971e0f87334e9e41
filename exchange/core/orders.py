"""NEW_ORDER, CANCEL and CANCEL_MANY; amending.py has AMEND."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, emit, ledger, protection, remembered, tripping
from exchange.core.book import Book
from exchange.core.instruments import keeps_trading
from exchange.core.layout import (
    A_LIQUIDATION,
    A_LOCKED,
    A_ORDER_HEAD,
    A_QUOTES_FROZEN,
    ACCOUNT_WORDS,
    I_KIND,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LABEL,
    O_LIST,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.core.matching import cancel, level_lots, match, offers, rest
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def is_user(w: World, account: i64) -> bool:
    """Whether the account exists and is a user's."""
    return limits.FIRST_USER_ACCOUNT <= account and account < w.account_count


def is_bound(w: World, account: i64) -> bool:
    """Whether the account is locked or in liquidation: it may cancel, and nothing else."""
    a = account * ACCOUNT_WORDS
    return w.accounts[a + A_LOCKED] != 0 or w.accounts[a + A_LIQUIDATION] != r.LIQUIDATION_NONE


def closed(w: World, instrument: i64) -> i64:
    """Check 3: the reason nothing may trade in a known instrument, or 0."""
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if not keeps_trading(w, instrument):
        return no.INSTRUMENT_NOT_OPEN
    underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
    if w.underlyings[underlying * UNDERLYING_WORDS + U_STATE] != r.STATE_OPEN:
        return no.UNDERLYING_NOT_OPEN
    return 0


def new_order(w: World, data: bytes, at: i64, flags: i64, who: i64) -> i64:
    """NEW_ORDER at byte `at`. Returns a reject reason or 0."""
    valid_until = read_i64_le(data, at + 56)
    if valid_until < 0 or valid_until > limits.MAX_TIME_MS:
        return no.MALFORMED
    account = who & r.U32
    instrument = (who >> 32) & r.U32
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    client = read_i64_le(data, at + 16)
    if client == 0 or w.rules < 3 or w.null_ledger:
        return _new_order(w, data, at, flags, account, instrument)
    reason = remembered.admit(w, who, read_i64_le(data, at + 24) & r.U32, client)
    if reason != 0:
        return 0 if reason == remembered.REPEATED else reason
    reason = _new_order(w, data, at, flags, account, instrument)
    remembered.keep(w, w.id_stream, client, w.placed if reason == 0 else 0, reason, w.seq)
    return reason


def _new_order(w: World, data: bytes, at: i64, flags: i64, account: i64, instrument: i64) -> i64:
    """A NEW_ORDER from check 1b on. Returns a reject reason or 0."""
    valid_until = read_i64_le(data, at + 56)
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    reason = closed(w, instrument)
    if reason != 0:
        return reason
    if valid_until != 0 and valid_until < w.now_ms:
        return no.TIMED_OUT
    w.c_group = 0
    protected: i64 = 0
    if flags & r.FLAG_MMP != 0 and w.rules >= 3 and not w.null_ledger:
        reason = protection.choose(w, account, instrument, 0)
        if reason == 0:
            reason = protection.frozen(w, w.c_group)
        if reason != 0:
            return reason
        protected = r.FLAG_MMP
    book = w.books[instrument]
    reason = checks.new_refused(
        w,
        book,
        account,
        instrument,
        flags ^ protected,
        read_i64_le(data, at + 32),
        read_i64_le(data, at + 40),
        read_i64_le(data, at + 48),
        0,
        0,
        0,
    )
    if reason != 0:
        return reason
    w3 = read_i64_le(data, at + 24)
    label = pack((w3 >> 32) & r.U32, w3 & r.U32)
    place(w, book, flags, pack(account, instrument), read_i64_le(data, at + 16), label)
    return 0


def place(w: World, book: Book, flags: i64, who: i64, client: i64, label: i64) -> None:
    """Give a checked order (`w.c_…`) its id, let it trade, rest or end, and write its ORDER event.

    Its id is left in `w.placed`.
    """
    sell = flags & 1
    slot = w.orders.alloc()
    data = w.orders.data
    o = slot * ORDER_WORDS
    order_id = w.prefix | w.next_order
    w.next_order += 1
    w.placed = order_id
    lots = w.c_lots
    data[o + O_ID] = order_id
    data[o + O_WHO] = who
    data[o + O_PRICE] = w.c_price
    data[o + O_LOTS] = lots
    data[o + O_SIZE] = lots | w.c_display << 32
    data[o + O_VALUE] = 0
    data[o + O_FLAGS] = flags
    data[o + O_CLIENT] = client
    data[o + O_LABEL] = label
    data[o + O_CREATED] = w.now_ms
    data[o + O_UPDATED] = w.now_ms
    data[o + O_HOLD] = w.c_hold
    if not w.null_ledger and w.c_seat == 0:
        w.c_seat = ledger.make_seat(w, who & r.U32, who >> 32)
    data[o + O_PLACE] = w.c_seat << 32
    rank = w.c_rank
    best = book.best_bid if sell != 0 else book.best_ask
    if best >= 0 and rank >= 0 and (rank <= best if sell != 0 else rank >= best):
        if (flags >> r.TIF_SHIFT) & r.TIF_MASK == r.TIF_FOK and not offers(w, book, who, sell, rank, lots):
            _end(w, book, slot, r.CANCEL_FOK)
            return
        w.taker_group = w.c_group
        match(w, book, who, w.c_seat, order_id, label & r.U32, sell, rank, lots)
        data[o + O_LOTS] = w.rest
        data[o + O_VALUE] = w.value
        struck = len(w.tripped) != 0 and tripping.take_effect(w, 0)
        if w.stopped != 0:
            _end(w, book, slot, r.CANCEL_SELF_TRADE)
            return
        if w.rest == 0:
            _end(w, book, slot, 0)
            return
        if struck:
            _end(w, book, slot, r.CANCEL_MMP)
            return
    ended = _remainder_reason(w, flags)
    if ended != 0:
        _end(w, book, slot, ended)
        return
    shown = rest(w, book, slot, rank)
    w.order_ids.insert(order_id, slot)
    w.open_orders += 1
    if not w.null_ledger:
        ledger.add_open(w, slot)
    if w.c_group != 0:
        protection.join(w, slot, w.c_group)
    emit.order(w, slot, r.ORDER_PLACED, r.ORDER_STATE_OPEN, 0, shown)


def _remainder_reason(w: World, flags: i64) -> i64:
    """Why what is left of a new order may not rest, or 0."""
    kind = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK
    tif = (flags >> r.TIF_SHIFT) & r.TIF_MASK
    if tif == r.TIF_FOK:
        return r.CANCEL_FOK
    if kind == r.TYPE_MARKET or (kind == r.TYPE_MARKET_LIMIT and w.c_price == 0):
        return r.CANCEL_NO_LIQUIDITY
    if tif == r.TIF_IOC:
        return r.CANCEL_IOC
    return 0


def _end(w: World, book: Book, slot: i64, reason: i64) -> None:
    """Write the ORDER of a new order that does not rest (reason 0: filled) and free its slot."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    lots = level_lots(w, book, data[o + O_FLAGS] & 1, data[o + O_WHO] >> 32, data[o + O_PRICE])
    state = r.ORDER_STATE_CANCELLED if reason != 0 else r.ORDER_STATE_FILLED
    emit.order(w, slot, r.ORDER_PLACED, state, reason, lots)
    w.orders.release(slot)


def cancel_order(w: World, account: i64, order_id: i64, lost: bool) -> i64:
    """CANCEL; `lost`: because the sender's connection is. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    slot = w.order_ids.find(order_id)
    if slot == 0:
        return no.ORDER_NOT_FOUND
    if w.orders.data[slot * ORDER_WORDS + O_WHO] & r.U32 != account:
        return no.NOT_OWNER
    cancel(w, slot, r.CANCEL_DISCONNECTED if lost else r.CANCEL_USER)
    return 0


def cancel_many(w: World, flags: i64, who: i64, client: i64, label: i64) -> i64:
    """CANCEL_MANY. Returns a reject reason or 0."""
    account = who & r.U32
    target = (who >> 32) & r.U32
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    scope = flags & 15
    kind = (flags >> r.KIND_FILTER_SHIFT) & 3
    which = (flags >> r.WHICH_SHIFT) & 3
    types = (flags >> r.TYPE_FILTER_SHIFT) & r.TYPE_FILTER_MASK
    if flags > (255 if w.rules < 3 else 2 * r.MANY_DISCONNECTED - 1) or types > r.FILTER_TRAILING:
        return no.BAD_FLAGS
    if scope > r.SCOPE_LABEL_UNDERLYING or kind > 2 or which > 2:
        return no.BAD_FLAGS
    if scope == r.SCOPE_INSTRUMENT:
        if target >= w.instrument_count:
            return no.UNKNOWN_INSTRUMENT
    elif (scope == r.SCOPE_UNDERLYING or scope == r.SCOPE_LABEL_UNDERLYING) and target >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    if flags & r.FREEZE_QUOTES != 0:
        w.accounts[account * ACCOUNT_WORDS + A_QUOTES_FROZEN] = w.now_ms + limits.FREEZE_QUOTES_MS
    why: i64 = r.CANCEL_DISCONNECTED if flags & r.MANY_DISCONNECTED != 0 else r.CANCEL_USER
    orders = w.orders.data
    slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
    affected: i64 = 0
    while slot != 0:
        following = orders[slot * ORDER_WORDS + O_LIST] & r.U32
        if types < r.FILTER_TRIGGERS and _matches(w, slot, scope, target, kind, which, label):
            cancel(w, slot, why)
            affected += 1
        slot = following
    emit.done(w, r.CANCEL_MANY, who, client, affected)
    return 0


def _matches(w: World, slot: i64, scope: i64, target: i64, kind: i64, which: i64, label: i64) -> bool:
    data = w.orders.data
    o = slot * ORDER_WORDS
    instrument = data[o + O_WHO] >> 32
    i = instrument * INSTRUMENT_WORDS
    if kind != 0 and w.instruments[i + I_KIND] != kind:
        return False
    quote = data[o + O_FLAGS] & r.FLAG_QUOTE != 0
    if (which == r.WHICH_QUOTES and not quote) or (which == r.WHICH_ORDERS and quote):
        return False
    if scope == r.SCOPE_INSTRUMENT and instrument != target:
        return False
    if scope == r.SCOPE_UNDERLYING or scope == r.SCOPE_LABEL_UNDERLYING:
        if w.instruments[i + I_UNDERLYING] != target:
            return False
    if scope == r.SCOPE_LABEL or scope == r.SCOPE_LABEL_UNDERLYING:
        return data[o + O_LABEL] & r.U32 == label
    return True
