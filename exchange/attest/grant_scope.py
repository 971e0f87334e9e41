"""What commands under a grant ask for, and whether the grant allows it (docs/authorisation.md).

The edge asks before it sequences them, an auditor when it replays the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from exchange.attest.grants import AMEND, CANCEL, NEW, Grant
from exchange.domain import records as r

_SCOPES: Final = {
    r.NEW_ORDER: NEW,
    r.AMEND: AMEND,
    r.CANCEL: CANCEL,
    r.CANCEL_MANY: CANCEL,
}


class Breach(Enum):
    """What of a grant commands do not keep to."""

    EXPIRED = "grant_expired"
    OUT_OF_SCOPE = "out_of_scope"
    TOO_LARGE = "order_too_large"
    NOT_GRANTED = "instrument_not_granted"


class Named(NamedTuple):
    """One command: the instrument of a new order, the order that is amended, the size asked for; 0 for none.
    `reduce_only` of a new order."""

    kind: int
    instrument: int
    order_id: int
    lots: int
    reduce_only: bool


def named(commands: bytes) -> Iterator[Named]:
    """What each of these packed commands names."""
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


def breach(
    grant: Grant,
    commands: bytes,
    now_ms: int,
    underlying_of: Callable[[int], int | None],
    instrument_of: Callable[[int], int | None],
) -> Breach | None:
    """What of the grant these commands do not keep to first, if anything.

    `underlying_of(instrument)` and `instrument_of(order id)` are None for what is not known; a grant that is
    bound to instruments does not cover it: whoever has the whole log knows orders that have ended since, and
    must come to the same. Cancels name no instrument: a grant that lets one cancel lets one cancel all.
    """
    if now_ms >= grant.expiry_ms:
        return Breach.EXPIRED
    for each in named(commands):
        if not grant.scope & _SCOPES.get(each.kind, 0):
            return Breach.OUT_OF_SCOPE
        if grant.max_order_lots and each.lots > grant.max_order_lots:
            return Breach.TOO_LARGE
        instrument = instrument_of(each.order_id) if each.kind == r.AMEND else each.instrument
        if each.kind in (r.NEW_ORDER, r.AMEND) and not _covers(grant, instrument, underlying_of):
            return Breach.NOT_GRANTED
    return None


def _covers(grant: Grant, instrument: int | None, underlying_of: Callable[[int], int | None]) -> bool:
    if not grant.underlyings and not grant.instruments:
        return True
    if instrument is None:
        return False
    return instrument in grant.instruments or underlying_of(instrument) in grant.underlyings


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def _i64(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], "little", signed=True)
