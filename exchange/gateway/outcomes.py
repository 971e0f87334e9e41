"""What a command of one order came to, out of all the events it caused.

Under rules 3 a command's events also tell of orders that fired before and after it, of other orders linked
to its own and of protection groups: its own order is found by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Raw

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.client_ids import answer_repeated
from exchange.gateway.dispatch import guarded
from exchange.gateway.read_records import read_order
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, reject_error
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import Request, RpcError, Session

_U64: Final = (1 << 64) - 1


class Outcome(NamedTuple):
    """The byte of the last ORDER of the command's own order and how many trades it made, or that of the
    REPEATED that says that nothing was done."""

    at: int
    fills: int
    is_repeated: bool = False


def own_order(packed: bytes, view: InstrumentView, account: int, order_id: int = 0) -> Outcome:
    """The outcome of a command for an order of `account`: the one that it names, or (0) that it placed.

    Raises:
        RpcError: the command was rejected.
    """
    wanted = order_id.to_bytes(8, "little") if order_id else b""
    owner = account.to_bytes(4, "little")
    trades: list[int] = []
    prints: list[int] = []
    at = last = 0
    found = -1
    end = len(packed)
    while at < end:
        last = at
        kind = packed[at]
        if kind == r.EV_ORDER:
            if wanted:
                if packed[at + 24 : at + 32] == wanted:
                    found = at
            elif packed[at + 68] == r.ORDER_PLACED and packed[at + 16 : at + 20] == owner:
                wanted, found = packed[at + 24 : at + 32], at
        elif kind == r.EV_TRADE:
            trades.append(at)
        elif kind == r.EV_COMBO_TRADE:
            prints.append(at)
        elif kind == r.EV_REPEATED:
            return Outcome(at, 0, True)
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    if packed[last] == r.EV_REJECTED:
        event = ev.read_event(packed, last)
        if isinstance(event, ev.Rejected):
            raise rejected(event, view)
    if found < 0:
        raise ev.EventError("the command's events do not tell of its order")
    if view.is_combo:  # each of its matches is one trade, told with its legs
        fills = sum(wanted in (packed[at + 48 : at + 56], packed[at + 56 : at + 64]) for at in prints)
    else:
        fills = sum(wanted in (packed[at + 32 : at + 40], packed[at + 40 : at + 48]) for at in trades)
    return Outcome(found, fills)


def order_reply(
    venue: Venue,
    session: Session,
    request: Request,
    account: int,
    view: InstrumentView,
    order_id: int = 0,
) -> Callable[[bytes], None]:
    """Reply `{order, trades}` from the events of a command for one order."""

    def finish(packed: bytes) -> None:
        at, fills, is_repeated = own_order(packed, view, account, order_id)
        if is_repeated:
            answer_repeated(venue, session, request, account, packed, at)
            return
        seq = int.from_bytes(packed[at + 8 : at + 16], "little") & COUNTER_MASK
        session.reply(request, Raw(placed_json(venue, account, packed, at, fills)), seq)

    return guarded(session, request, finish, venue)


def placed_json(venue: Venue, account: int, packed: bytes, at: int, fills: int) -> bytes:
    """`{order, trades}` of the ORDER at byte `at` of its command's events, with the last `fills` of it."""
    order = venue.rendering.order_json(packed, at)
    if not fills:
        return b'{"order":%b,"trades":[]}' % order
    order_id = int.from_bytes(packed[at + 24 : at + 32], "little")
    instrument = int.from_bytes(packed[at + 20 : at + 24], "little")
    of_combo = venue.registry.instruments[instrument].is_combo
    found = venue.ring.find_fills(account, fills, order_id, of_combo=of_combo)
    trades = b",".join([venue.rendering.fill_json(fill, account) for fill in found])
    return b'{"order":%b,"trades":[%b]}' % (order, trades)


def rejected(event: ev.Rejected, view: InstrumentView | None) -> RpcError:
    """The error of a reject; what bounds it in the client's units."""
    detail = view.price(event.detail) if view is not None and event.detail else None
    refused = reject_error(event.reason, detail)
    refused.data = {**(refused.data or {}), **_bounds(event, view)}
    return refused


def _bounds(event: ev.Rejected, view: InstrumentView | None) -> dict[str, object]:
    """What the detail of a reject says besides prices."""
    if event.reason == rej.FILLED_MISMATCH and view is not None:
        return {"filled_amount": view.amount(event.detail)}
    if event.reason == rej.ID_EXPIRED:
        return {"last_client_order_id": str(event.detail & _U64)}
    if event.reason in (rej.MMP_FROZEN, rej.QUOTES_FROZEN):
        return {"frozen_until": max(0, event.detail)}
    if event.command == r.EXTENDED_ORDER and event.detail < 0:
        return {"param": f"otoco_config[{-1 - event.detail}]"}
    return {}


def missing_order(venue: Venue, account: int, wanted: int) -> RpcError:
    """11044 for an order of the account that is closed, else 10004."""
    closed = venue.ring.closed_order(account, wanted) or venue.history.order(wanted)
    if closed is not None and read_order(closed.record).head.account == account:
        return error(errors.NOT_OPEN_ORDER)
    return error(errors.ORDER_NOT_FOUND)
