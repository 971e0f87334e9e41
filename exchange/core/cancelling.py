"""CANCEL and CANCEL_MANY."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, extras, links
from exchange.core.admission import is_user
from exchange.core.layout import (
    A_ORDER_HEAD,
    A_QUOTES_FROZEN,
    ACCOUNT_WORDS,
    EXTRA_WORDS,
    I_KIND,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    O_FLAGS,
    O_LABEL,
    O_LIST,
    O_WHO,
    ORDER_WORDS,
    X_TERMS,
)
from exchange.core.matching import cancel
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


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
    sort = (flags >> r.TYPE_FILTER_SHIFT) & r.TYPE_FILTER_MASK
    known: i64 = 255
    if w.rules >= 3:
        known |= r.FREEZE_QUOTES | r.MANY_DISCONNECTED | r.TYPE_FILTER_MASK << r.TYPE_FILTER_SHIFT
    if flags & ~known != 0 or scope > r.SCOPE_LABEL_UNDERLYING or which > 2:
        return no.BAD_FLAGS
    if kind == r.KIND_COMBO and w.rules < 4:
        return no.BAD_FLAGS
    if w.rules >= 3 and sort > r.FILTER_TRAILING:
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
        if _matches(w, slot, scope, target, kind, which, label):
            if sort == r.FILTER_ANY or _is_of(w, slot, sort):
                cancel(w, slot, why)
                affected += 1
        slot = following
    if len(w.noted) != 0:
        links.follow(w)
    emit.done(w, r.CANCEL_MANY, who, client, affected)
    return 0


def cancel_all(w: World, account: i64, reason: i64) -> i64:
    """Cancel whatever the account has open, in order_id order. Returns how many orders it was."""
    affected: i64 = 0
    slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
    while slot != 0:
        following = w.orders.data[slot * ORDER_WORDS + O_LIST] & r.U32
        cancel(w, slot, reason)
        affected += 1
        slot = following
    return affected


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


def _is_of(w: World, slot: i64, sort: i64) -> bool:
    """Whether an order is of a type: in a book, untriggered, or untriggered with this kind of trigger."""
    untriggered = extras.is_untriggered(w, slot)
    if sort <= r.FILTER_TRIGGERS:
        return untriggered == (sort == r.FILTER_TRIGGERS)
    if not untriggered:
        return False
    trigger = w.extras.data[extras.find(w, slot) * EXTRA_WORDS + X_TERMS] & 0xFF
    return trigger == sort - r.FILTER_STOP + r.TRIGGER_STOP
