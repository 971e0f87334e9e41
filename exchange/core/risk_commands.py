"""The commands of rules version 2: who may send them, and where they go (docs/rules-2.md)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import family, liquidation, losses, margin_model, parameters, tables, takeover, withdrawals
from exchange.core.world import World
from exchange.domain import records as r

_BODY: Final = 32


def is_users(kind: i64) -> bool:
    """Whether a user may send the command under a grant; the others are the venue's."""
    return (
        kind < r.CREATE_ACCOUNT
        or kind == r.CONFIGURE_ACCOUNT
        or kind == r.WITHDRAW
        or kind == r.SET_MARGIN_MODEL
        or kind == r.TRANSFER
        or kind == r.TAKEOVER
        or kind == r.SET_MMP
        or kind == r.RESET_MMP
        or kind == r.EXTENDED_ORDER
    )


def authorised(batch: bytes, at: i64, kind: i64) -> bool:
    """Whether the command at byte `at` may come under the grant it names: the venue's is 0."""
    return is_users(kind) or read_i64_le(batch, at + 24) & r.U32 == 0


def command(w: World, batch: bytes, at: i64, units: i64, kind: i64, flags: i64, who: i64) -> i64:
    """One well-formed, authorised command of type RISK or above. Returns a reject reason or 0."""
    account = who & r.U32
    target = (who >> 32) & r.U32
    body = at + _BODY
    if units == 1:
        return _headers(w, kind, flags, account, target, who, read_i64_le(batch, at + 16))
    if kind == r.RISK:
        return parameters.risk(w, batch, body, target)
    if kind == r.RISK_SNAPSHOT:
        return tables.risk_snapshot(w, batch, body, target)
    if kind == r.SET_FEES:
        return parameters.set_fees(w, batch, body, units)
    return _two_units(w, batch, body, kind, flags, account, who, read_i64_le(batch, at + 16))


def _headers(w: World, kind: i64, flags: i64, account: i64, target: i64, who: i64, client: i64) -> i64:
    if kind == r.SET_MARGIN_MODEL:
        return margin_model.set_margin_model(w, account, flags)
    if kind == r.SET_TIER:
        return family.set_tier(w, account, flags)
    if kind == r.SET_LOCK:
        return family.set_lock(w, account, flags)
    if kind == r.SET_UNDERLYING_STATE:
        return parameters.set_underlying_state(w, target, flags)
    return liquidation.liquidate(w, who, client)


def _two_units(
    w: World, batch: bytes, body: i64, kind: i64, flags: i64, account: i64, who: i64, client: i64
) -> i64:
    first = read_i64_le(batch, body)
    second = read_i64_le(batch, body + 8)
    third = read_i64_le(batch, body + 16)
    if kind == r.RISK_SWEEP:
        return liquidation.risk_sweep(w, who, client, first, second)
    if kind == r.TRANSFER:
        return family.transfer(w, account, first, second, third)
    if kind == r.RESOLVE_WITHDRAWAL:
        return withdrawals.resolve(w, flags, first)
    if kind == r.SET_CAPS:
        return family.set_caps(w, account, first, second)
    if kind == r.TAKEOVER:
        return takeover.takeover(w, who, first, second, third)
    return losses.share_loss(w, who, client, first)
