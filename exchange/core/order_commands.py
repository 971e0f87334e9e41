"""The commands of rules 3 to 6 but for NEW_ORDER and AMEND: where they go (docs/rules-3.md … rules-6.md)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import blocks, combo_listing, emit, extended, firing, forced, groups, moves, repricing
from exchange.core.admission import is_user
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_BODY: Final = 32


def command(w: World, batch: bytes, at: i64, kind: i64, who: i64) -> i64:
    """One well-formed, authorised command of type SET_MMP or above. Returns a reject reason or 0."""
    account = who & r.U32
    underlying = (who >> 32) & r.U32
    number = (read_i64_le(batch, at + 24) >> 32) & r.U32
    if kind == r.SET_MMP:
        return groups.set_mmp(w, batch, at + _BODY, account, underlying, number)
    if kind == r.RESET_MMP:
        return groups.reset_mmp(w, account, underlying, number)
    if kind == r.GRANT:
        return _grant(w, who, read_i64_le(batch, at + 16))
    if kind == r.SET_ID_WINDOW:
        return _set_id_window(w, who, read_i64_le(batch, at + 16), read_i64_le(batch, at + _BODY))
    if w.null_ledger:
        return no.MALFORMED  # without accounts there is nothing to keep
    if kind == r.LIST_COMBO:
        return combo_listing.list_combo(w, batch, at + _BODY, underlying)
    if kind == r.EXTENDED_ORDER:
        return extended.extended_order(w, batch, at, (read_i64_le(batch, at) >> 32) & r.U32, who)
    if kind == r.BLOCK_TRADE:
        return blocks.block_trade(w, batch, at, who)
    if kind == r.MOVE_POSITIONS:
        return moves.move_positions(w, batch, at, who)
    if kind == r.FORCED_WITHDRAWAL:
        asked = read_i64_le(batch, at + _BODY)
        return forced.forced_withdrawal(w, account, asked, read_i64_le(batch, at + _BODY + 8))
    fired = firing.fire(w)
    if kind == r.FIRE:
        emit.done(w, r.FIRE, who, read_i64_le(batch, at + 16), fired)
    else:
        repricing.reprice(w, batch, at + _BODY, who, read_i64_le(batch, at + 16))
    return 0


def _grant(w: World, who: i64, client: i64) -> i64:
    """A side record: what an account's commands are authorised by."""
    if not is_user(w, who & r.U32):
        return no.UNKNOWN_ACCOUNT
    emit.done(w, r.GRANT, who, client, 0)
    return 0


def _set_id_window(w: World, who: i64, client: i64, window: i64) -> i64:
    if window < 1 or window > limits.MAX_ID_WINDOW:
        return no.BAD_VALUE
    w.id_window = window
    emit.done(w, r.SET_ID_WINDOW, who, client, 0)
    return 0
