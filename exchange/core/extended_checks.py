"""The checks of an EXTENDED_ORDER on what it is, apart from those of an order that trades now."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, combo_checks, room, waiting
from exchange.core.combo_terms import is_combo
from exchange.core.layout import A_ORDERS, ACCOUNT_WORDS, I_KIND, I_MIN_SIZE, INSTRUMENT_WORDS
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_MEMBERS_AT: Final = 96
_OF_ORDERS_ALONE: Final = 0xFF | 0xFF << 16 | 0xFF << 32  # trigger, link, members: what no combo has
_MEMBER_BYTES: Final = 64


def refused(w: World, batch: bytes, at: i64, flags: i64, account: i64, instrument: i64) -> i64:
    """Checks 5 to 7 and 10, trigger, link and volatility of the command at byte `at`, then its members'.

    Returns a reject reason or 0.
    """
    terms = read_i64_le(batch, at + 64)
    if is_combo(w, instrument):
        beyond = terms & _OF_ORDERS_ALONE | read_i64_le(batch, at + 88)
        if beyond != 0 or flags & r.FLAG_MMP != 0:
            return no.BAD_FLAGS
    reason = _order_refused(w, batch, at + 32, flags, account, instrument, 0)
    if reason == 0:
        reason = _trigger_refused(w, batch, at + 64, instrument, 0, 0, terms & 0xFF != r.TRIGGER_NONE)
    if reason == 0:
        reason = _link_refused(terms)
    if reason == 0:
        reason = _volatility_refused(w, read_i64_le(batch, at + 88), flags, terms, instrument)
    if reason != 0:
        return reason
    member: i64 = 0
    while member < (terms >> 32) & 0xFF:
        reason = _member_refused(w, batch, at, account, instrument, member)
        if reason != 0:
            w.detail = -1 - member
            return reason
        member += 1
    return 0


def _order_refused(
    w: World, batch: bytes, at: i64, flags: i64, account: i64, instrument: i64, before: i64
) -> i64:
    """Checks 5 to 7 and 10 of the order with price, size and display at byte `at`; `before`: how many
    orders come before it with the command."""
    display = read_i64_le(batch, at + 16)
    lots = read_i64_le(batch, at + 8)
    flags &= ~r.FLAG_MMP
    if not checks.flags_valid(flags, display):
        return no.BAD_FLAGS
    if (flags >> r.TYPE_SHIFT) & r.TYPE_MASK == r.TYPE_MARKET_LIMIT:
        return no.BAD_FLAGS
    if is_combo(w, instrument):
        reason = combo_checks.sent_refused(w, instrument, flags, display, lots, 0)
        if reason != 0:
            return reason
    if lots < w.instruments[instrument * INSTRUMENT_WORDS + I_MIN_SIZE] or lots > limits.MAX_ORDER_LOTS:
        return no.BAD_SIZE
    if checks.display_refused(w, display, lots):
        return no.BAD_DISPLAY
    reason = checks.price_as_sent_refused(w, instrument, flags, read_i64_le(batch, at))
    if reason != 0:
        return reason
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_ORDERS] + before >= room.orders_most(w, a):
        return no.TOO_MANY_ORDERS
    return no.TOO_MANY_ORDERS if w.open_orders + before >= limits.MAX_OPEN_ORDERS else 0


def _trigger_refused(
    w: World, batch: bytes, at: i64, instrument: i64, before: i64, trailing: i64, untriggered: bool
) -> i64:
    """BAD_TRIGGER and TOO_MANY_TRIGGERS of the trigger word and prices at byte `at`.

    `before`: how many untriggered orders come before it with the command, `trailing`: of these at its source.
    """
    word = read_i64_le(batch, at) & 0xFFFF
    kind = word & 0xFF
    source = word >> 8
    trigger = read_i64_le(batch, at + 8)
    offset = read_i64_le(batch, at + 16)
    if kind == r.TRIGGER_NONE:
        if source != 0 or trigger != 0 or offset != 0:
            return no.BAD_TRIGGER
    elif kind > r.TRIGGER_TRAILING or source < r.SOURCE_INDEX or source > r.SOURCE_LAST:
        return no.BAD_TRIGGER
    else:
        given = offset if kind == r.TRIGGER_TRAILING else trigger
        other = trigger if kind == r.TRIGGER_TRAILING else offset
        if given < 1 or given > limits.MAX_PRICE_MICRO or other != 0:
            return no.BAD_TRIGGER
    if not untriggered:
        return 0
    if w.untriggered + before >= limits.MAX_TRIGGERS:
        return no.TOO_MANY_TRIGGERS
    if kind == r.TRIGGER_TRAILING:
        known: i64 = w.trailing_at.get(waiting.cap_key(w, source, instrument), 0)
        if known + trailing >= limits.MAX_TRAILING:
            return no.TOO_MANY_TRIGGERS
    return 0


def _link_refused(terms: i64) -> i64:
    link = (terms >> 16) & 0xFF
    condition = (terms >> 24) & 0xFF
    members = (terms >> 32) & 0xFF
    if link > r.LINK_OTOCO or condition > r.FILL_INCREMENTAL:
        return no.BAD_LINK
    if link < r.LINK_OTO and condition != 0:
        return no.BAD_LINK
    wanted: i64 = 2 if link == r.LINK_OTOCO else 0 if link == r.LINK_NONE else 1
    return 0 if members == wanted else no.BAD_LINK


def _volatility_refused(w: World, volatility: i64, flags: i64, terms: i64, instrument: i64) -> i64:
    if volatility == 0:
        return 0
    if volatility < 0 or volatility > limits.MAX_VOLATILITY_E6:
        return no.BAD_VALUE
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] != r.KIND_OPTION or terms != 0:
        return no.BAD_FLAGS
    if (flags >> r.TYPE_SHIFT) & r.TYPE_MASK != r.TYPE_LIMIT or flags & r.FLAG_POST_ONLY != 0:
        return no.BAD_FLAGS
    return no.BAD_FLAGS if (flags >> r.TIF_SHIFT) & r.TIF_MASK > r.TIF_GTD else 0


def _member_refused(w: World, batch: bytes, at: i64, account: i64, instrument: i64, member: i64) -> i64:
    """The checks of one member of the command at byte `at`."""
    terms = read_i64_le(batch, at + 64)
    place = at + _MEMBERS_AT + _MEMBER_BYTES * member
    flags = read_i64_le(batch, place) & r.U32
    reason = _order_refused(w, batch, place + 8, flags, account, instrument, 1 + member)
    if reason != 0:
        return reason
    dormant = (terms >> 16) & 0xFF != r.LINK_OCO
    trigger = read_i64_le(batch, place + 32) & 0xFFFF
    trailing: i64 = 1 if trigger == terms & 0xFFFF else 0
    before: i64 = 1 if terms & 0xFF != r.TRIGGER_NONE else 0
    if member == 1:
        before += 1
        if trigger == read_i64_le(batch, place - _MEMBER_BYTES + 32) & 0xFFFF:
            trailing += 1
    untriggered = dormant or trigger & 0xFF != r.TRIGGER_NONE
    return _trigger_refused(w, batch, place + 32, instrument, before, trailing, untriggered)
