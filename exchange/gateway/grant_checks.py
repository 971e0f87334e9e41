"""Whether a grant allows commands: judged here, before they are sequenced, command by command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from exchange.attest.grants import AMEND, CANCEL, NEW, Grant
from exchange.domain import records as r
from exchange.wire.errors import other_reject

_SCOPES: Final = {
    r.NEW_ORDER: NEW,
    r.AMEND: AMEND,
    r.CANCEL: CANCEL,
    r.CANCEL_MANY: CANCEL,
}


class Named(NamedTuple):
    """One command: the instrument of a new order, the order that is amended, the size asked for; 0 for none.
    `reduce_only` of a new order."""

    kind: int
    instrument: int
    order_id: int
    lots: int
    reduce_only: bool


def named(commands: bytes) -> Iterator[Named]:
    """What each of these packed commands (`exchange.edge.lane.owned` has looked at them) names."""
    at = 0
    while at < len(commands):
        units = int.from_bytes(commands[at + 2 : at + 4], "little")
        kind = commands[at]
        if kind == r.NEW_ORDER:
            reduces = bool(_u32(commands, at + 4) & r.FLAG_REDUCE_ONLY)
            yield Named(kind, _u32(commands, at + 12), 0, _i64(commands, at + 40), reduces)
        elif kind == r.AMEND:
            lots = _i64(commands, at + 48) if _u32(commands, at + 4) & r.AMEND_SIZE else 0
            yield Named(kind, 0, _i64(commands, at + 32), lots, False)
        else:
            yield Named(kind, 0, 0, 0, False)
        at += units * r.UNIT_BYTES


def must_allow(
    grant: Grant,
    commands: bytes,
    now_ms: int,
    underlying_of: Callable[[int], int | None],
    instrument_of: Callable[[int], int | None],
) -> None:
    """Refuse commands that the grant does not allow.

    `underlying_of(instrument)` and `instrument_of(order id)` are None for what is not known: the engine
    refuses that by itself. Cancels name no instrument: a grant that lets one cancel lets one cancel all.

    Raises:
        RpcError: 11030 `grant_expired`, `out_of_scope`, `order_too_large`, `instrument_not_granted`.
    """
    if now_ms >= grant.expiry_ms:
        raise other_reject("grant_expired", param="grant")
    for each in named(commands):
        if not grant.scope & _SCOPES.get(each.kind, 0):
            raise other_reject("out_of_scope", param="commands")
        if grant.max_order_lots and each.lots > grant.max_order_lots:
            raise other_reject("order_too_large", param="commands", limit_lots=grant.max_order_lots)
        instrument = instrument_of(each.order_id) if each.kind == r.AMEND else each.instrument
        if each.kind not in (r.NEW_ORDER, r.AMEND) or instrument is None:
            continue
        if not _covers(grant, instrument, underlying_of):
            raise other_reject("instrument_not_granted", param="commands")


def _covers(grant: Grant, instrument: int, underlying_of: Callable[[int], int | None]) -> bool:
    if not grant.underlyings and not grant.instruments:
        return True
    return instrument in grant.instruments or underlying_of(instrument) in grant.underlyings


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def _i64(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], "little", signed=True)
