"""EXTENDED_ORDER: orders with a trigger, a link or a volatility, checked and placed (docs/rules-3.md)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import (
    checks,
    emit,
    extended_checks,
    extras,
    firing,
    ledger,
    links,
    protection,
    remembered,
    waiting,
)
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.layout import (
    DORMANT,
    EXTRA_WORDS,
    O_ID,
    O_PLACE,
    ORDER_WORDS,
    X_ENDED,
    X_FILLED,
    X_FIRST,
    X_ORDER,
    X_OTHER,
    X_PRIMARY,
    X_SECOND,
    X_SIZE,
    X_VOLATILITY,
    X_WHERE,
)
from exchange.core.matching import cancel
from exchange.core.orders import enter, stamp
from exchange.core.world import World, pack
from exchange.domain import records as r
from exchange.domain import rejects as no

_MEMBERS_AT: Final = 96
_MEMBER_BYTES: Final = 64
_TRIGGER_BITS: Final = 0xFFFF


def extended_order(w: World, batch: bytes, at: i64, flags: i64, who: i64) -> i64:
    """The well-formed EXTENDED_ORDER at byte `at`. Returns a reject reason or 0."""
    if w.due_count != 0:
        firing.fire(w)
    account = who & r.U32
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    client = read_i64_le(batch, at + 16)
    if client == 0:
        return _checked(w, batch, at, flags, who)
    reason = remembered.admit(w, who, read_i64_le(batch, at + 24) & r.U32, client)
    if reason != 0:
        return 0 if reason == remembered.REPEATED else reason
    stream = w.id_stream
    reason = _checked(w, batch, at, flags, who)
    order_id = w.placed if reason == 0 else 0
    remembered.keep(w, stream, client, order_id, reason, w.seq)
    return reason


def _checked(w: World, batch: bytes, at: i64, flags: i64, who: i64) -> i64:
    """An EXTENDED_ORDER from check 1b on. Returns a reject reason or 0."""
    account = who & r.U32
    instrument = (who >> 32) & r.U32
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    if waiting.are_due(w, instrument):
        return no.TRIGGERS_DUE
    reason = closed(w, instrument)
    if reason != 0:
        return reason
    valid_until = read_i64_le(batch, at + 56)
    if valid_until != 0 and valid_until < w.now_ms:
        return no.TIMED_OUT
    live = read_i64_le(batch, at + 64) & 0xFF == r.TRIGGER_NONE
    if live and flags & r.FLAG_MMP != 0:
        reason = _group_refused(w, account, instrument)
        if reason != 0:
            return reason
    reason = extended_checks.refused(w, batch, at, flags, account, instrument)
    if reason != 0:
        return reason
    if live:
        w.c_group = 0
        if flags & r.FLAG_MMP != 0:
            protection.choose(w, account, instrument, 0)
        reason = _live_refused(w, batch, at + 32, flags, account, instrument)
        if reason != 0:
            return reason
    _place(w, batch, at, flags, pack(account, instrument), live)
    return 0


def _group_refused(w: World, account: i64, instrument: i64) -> i64:
    """Leaves the group in `w.c_group`."""
    reason = protection.choose(w, account, instrument, 0)
    return reason if reason != 0 else protection.frozen(w, w.c_group)


def _live_refused(w: World, batch: bytes, at: i64, flags: i64, account: i64, instrument: i64) -> i64:
    """Checks 8 to 16 (5 to 7 pass) of an order of group `w.c_group` with its price, size and display at
    byte `at`."""
    return checks.new_refused(
        w,
        w.books[instrument],
        account,
        instrument,
        flags & ~r.FLAG_MMP,
        read_i64_le(batch, at),
        read_i64_le(batch, at + 8),
        read_i64_le(batch, at + 16),
        0,
        0,
        0,
    )


def _place(w: World, batch: bytes, at: i64, flags: i64, who: i64, live: bool) -> None:
    """Place a checked order and its members, and carry out what follows."""
    terms = read_i64_le(batch, at + 64)
    w3 = read_i64_le(batch, at + 24)
    grant = w3 & r.U32
    label = pack((w3 >> 32) & r.U32, grant)
    link = (terms >> 16) & 0xFF
    primary_id = w.prefix | w.next_order
    if live:
        slot = stamp(w, flags, who, read_i64_le(batch, at + 16), label)
    else:
        slot = _unplaced(w, flags, who, read_i64_le(batch, at + 16), label, batch, at + 32)
    extra = extras.make(
        w,
        slot,
        terms,
        read_i64_le(batch, at + 72),
        read_i64_le(batch, at + 80),
        read_i64_le(batch, at + 88),
    )
    data = w.extras.data
    x = extra * EXTRA_WORDS
    if link == r.LINK_OCO:
        data[x + X_OTHER] = primary_id + 1
        # The pair is made when the member is placed; what the event tells is what will be.
    elif link != r.LINK_NONE:
        data[x + X_FIRST] = primary_id + 1
        data[x + X_SECOND] = primary_id + 2 if link == r.LINK_OTOCO else 0
    if live:
        emit.extended(w, extra)
        if link == r.LINK_NONE and data[x + X_VOLATILITY] == 0:
            extras.drop(w, extra)
        enter(w, w.books[who >> 32], slot, r.ORDER_PLACED)
    else:
        _begin(w, slot, extra)
    member: i64 = 0
    while member < (terms >> 32) & 0xFF:
        # A member's words, as a NEW_ORDER's and an EXTENDED_ORDER's.
        place = at + _MEMBERS_AT + _MEMBER_BYTES * member
        if link == r.LINK_OCO:
            _place_other(w, batch, place, who, grant, terms, primary_id)
        else:
            _place_dormant(w, batch, place, who, grant, terms, primary_id)
        member += 1
    w.placed = primary_id
    if len(w.noted) != 0:
        links.follow(w)


def _unplaced(w: World, flags: i64, who: i64, client: i64, label: i64, batch: bytes, at: i64) -> i64:
    """Give an order that enters no book now its id and its record (price, size, display at byte `at`).

    Its slot.
    """
    w.c_price = read_i64_le(batch, at)
    w.c_lots = read_i64_le(batch, at + 8)
    w.c_display = read_i64_le(batch, at + 16)
    w.c_hold = 0
    slot = stamp(w, flags, who, client, label)
    w.orders.data[slot * ORDER_WORDS + O_PLACE] = 0
    return slot


def _admit(w: World, slot: i64, extra: i64) -> None:
    """Count an untriggered order that has its extra, and write what it is."""
    w.order_ids.insert(w.orders.data[slot * ORDER_WORDS + O_ID], slot)
    w.open_orders += 1
    ledger.enlist(w, slot)
    extras.enlist(w, extra)
    emit.extended(w, extra)
    emit.order(w, slot, r.ORDER_PLACED, r.ORDER_STATE_UNTRIGGERED, 0, 0)


def _begin(w: World, slot: i64, extra: i64) -> None:
    """An order with a trigger begins to wait, or is due at once."""
    waiting.begin(w, extra)
    _admit(w, slot, extra)
    waiting.park(w, extra)


def _member(w: World, batch: bytes, at: i64, terms: i64, slot: i64) -> i64:
    """The extra of the member whose words are at byte `at` and whose order is in `slot`."""
    own = read_i64_le(batch, at + 32) & _TRIGGER_BITS | terms & 0xFFFF0000
    return extras.make(w, slot, own, read_i64_le(batch, at + 40), read_i64_le(batch, at + 48), 0)


def _place_dormant(
    w: World, batch: bytes, at: i64, who: i64, grant: i64, terms: i64, primary_id: i64
) -> None:
    word = read_i64_le(batch, at)
    label = pack((word >> 32) & r.U32, grant)
    slot = _unplaced(w, word & r.U32, who, 0, label, batch, at + 8)
    extra = _member(w, batch, at, terms, slot)
    x = extra * EXTRA_WORDS
    w.extras.data[x + X_PRIMARY] = primary_id
    w.extras.data[x + X_WHERE] = DORMANT
    if (terms >> 24) & 0xFF == r.FILL_INCREMENTAL:
        w.extras.data[x + X_SIZE] = w.c_lots
    _admit(w, slot, extra)


def _place_other(w: World, batch: bytes, at: i64, who: i64, grant: i64, terms: i64, primary_id: i64) -> None:
    """Place the other order of a pair, unless its first one was filled or has ended, or it is refused."""
    word = read_i64_le(batch, at)
    flags = word & r.U32
    label = pack((word >> 32) & r.U32, grant)
    primary = w.extra_ids.find(primary_id)
    p = primary * EXTRA_WORDS
    first_done = w.extras.data[p + X_ENDED] != 0 or w.extras.data[p + X_FILLED] > 0
    live = read_i64_le(batch, at + 32) & 0xFF == r.TRIGGER_NONE
    reason: i64 = 0
    if not first_done and live:
        w.c_group = 0
        if flags & r.FLAG_MMP != 0:
            reason = _group_refused(w, who & r.U32, who >> 32)
        if reason == 0:
            reason = _live_refused(w, batch, at + 8, flags, who & r.U32, who >> 32)
        w.detail = 0
    if first_done or reason != 0 or not live:
        slot = _unplaced(w, flags, who, 0, label, batch, at + 8)
    else:
        slot = stamp(w, flags, who, 0, label)
    extra = _member(w, batch, at, terms, slot)
    w.extras.data[extra * EXTRA_WORDS + X_OTHER] = primary_id
    if first_done or reason != 0:
        emit.extended(w, extra)
        why: i64 = r.CANCEL_OCO if first_done else r.CANCEL_TRIGGER_REFUSED
        emit.order(w, slot, r.ORDER_PLACED, r.ORDER_STATE_CANCELLED, why, 0)
        w.extras.data[extra * EXTRA_WORDS + X_OTHER] = 0
        extras.drop(w, extra)
        w.orders.release(slot)
        w.extras.data[p + X_OTHER] = 0
        if not first_done:
            cancel(w, w.extras.data[p + X_ORDER], r.CANCEL_OCO)
    elif live:
        emit.extended(w, extra)
        enter(w, w.books[who >> 32], slot, r.ORDER_PLACED)
    else:
        _begin(w, slot, extra)
