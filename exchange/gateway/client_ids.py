"""Client order ids: an order sent twice is placed once, and can be asked for by its sender's own number.

The core remembers what became of the newest ids of each account (docs/rules-3.md), over restarts too. An id
that comes again gives the first result; one below those that are remembered is refused as expired.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from exchange.core import order_queries, queries, risk_queries
from exchange.domain import events as ev
from exchange.domain import rejects as rej
from exchange.domain.events_orders import Repeated
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.dispatch import Handler, account_of, answer_read
from exchange.gateway.history_ring import Fill, counter_of
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.read_records import read_order, read_trade
from exchange.gateway.venue import Venue
from exchange.history.past import Past
from exchange.wire import errors
from exchange.wire.client_ids import client_order_id
from exchange.wire.envelope import encode_json
from exchange.wire.errors import error, reject_error
from exchange.wire.objects import JsonObject
from exchange.wire.session import Request, RpcError, Session

_GRANT: Final = 0  # whoever comes over this edge is the account itself
_RULES: Final = 3


def answer_repeated(
    venue: Venue, session: Session, request: Request, account: int, packed: bytes, at: int
) -> None:
    """Reply what the first command with this id came to: its order as it is now, and the trades it made at
    once; or the error that it was refused with."""
    event = ev.read_event(packed, at)
    if not isinstance(event, Repeated):
        raise ev.EventError("not a REPEATED")
    if event.reason:
        raise _first_error(event.reason)
    order_id, first = event.head.id, event.first_seq & COUNTER_MASK
    seen: list[tuple[bytes, int | None, str, bytes, int, int]] = []

    def present() -> None:
        record = queries.order_record(venue.engine, order_id)
        if record:
            seen.append((record, None, "", b"", 0, 0))

    def work(past: Past) -> object:
        stored = past.order(order_id)
        record = stored.record if stored is not None else seen[0][0] if seen else b""
        if not record:
            return stored, ()
        made_ms = read_order(record).created_ms  # what it traded at once bears the time it was placed
        return stored, past.fills_of_order(account, order_id, made_ms, made_ms)

    def objects(next_seq: int, found: Any) -> Objects:
        stored, old = found or (None, ())
        closed = venue.ring.closed_order(account, order_id)
        if closed is not None:
            seen[:] = [(closed.record, closed.commission_micro, "", b"", 0, 0)]
        elif stored is not None and not seen:
            seen.append(tuple(stored))
        fresh = [
            fill for fill in venue.ring.fills_since(account, next_seq) if _is_of(fill.trade, order_id)
        ]
        for fill in (*old, *fresh):
            if counter_of(fill.trade) == first:
                yield (
                    venue.rendering.fill(fill, account)
                    if isinstance(fill, Fill)
                    else venue.rendering.stored_fill(fill, account)
                )

    def whole(trades: list[Raw]) -> object:
        if not seen:
            raise error(errors.ORDER_NOT_FOUND, reason="it was placed, and is no longer kept")
        record, fee_micro, label, extended, fired, primary = seen[0]
        order = (
            venue.rendering.order_json(record, 0)
            if fee_micro is None
            else venue.rendering.closed_order(record, fee_micro, label, extended, fired, primary)
        )
        return Raw(b'{"order":%b,"trades":%b,"repeated":true}' % (order, encode_json(trades)))

    answer_past(venue, session, request, work, objects, whole, present)


def _is_of(trade: bytes, order_id: int) -> bool:
    event = read_trade(trade)
    return order_id in (event.maker_order_id, event.taker_order_id)


def _first_error(reason: int) -> RpcError:
    refused = reject_error(reason)
    refused.data = {**(refused.data or {}), "repeated": True}
    return refused


def get_order_state_by_client_order_id(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_order_state_by_client_order_id {client_order_id}`: what became of an order,
    also where no reply to it ever arrived.

    `state` is `accepted` (with `order`, as far as it is still kept) or `rejected` (with `error`).

    Raises:
        RpcError: 13020 no order with this id came; 11030 `id_expired` for one that is no longer remembered.
    """
    account = account_of(session)
    wanted = client_order_id(request.params, required=True)

    def compute() -> JsonObject:
        engine = venue.engine
        if risk_queries.rules(engine) < _RULES:
            raise error(errors.NOT_FOUND, param="client_order_id", reason="no order came with it")
        found = order_queries.remembered_id(engine, account, _GRANT, wanted)
        last = order_queries.last_client_order_id(engine, account, _GRANT)
        if found is None:
            if wanted <= last:
                raise expired(last)
            raise error(errors.NOT_FOUND, param="client_order_id", reason="no order came with it")
        reply: JsonObject = {"client_order_id": str(wanted), "seq": found.seq & COUNTER_MASK}
        if found.reason:
            refused = reject_error(found.reason)
            told = {"code": refused.code, "message": refused.message, "data": refused.data}
            return {**reply, "state": "rejected", "error": told}
        return {**reply, "state": "accepted", "order": _order(venue, account, found.order_id)}

    answer_read(venue, session, request, compute)


def expired(last: int) -> RpcError:
    """The error of an id that is below those that are remembered."""
    refused = reject_error(rej.ID_EXPIRED)
    refused.data = {**(refused.data or {}), "last_client_order_id": str(last)}
    return refused


def _order(venue: Venue, account: int, order_id: int) -> Raw | None:
    """An order of the account wherever it is kept; None where it is not any more."""
    record = queries.order_record(venue.engine, order_id)
    if record:
        return Raw(venue.rendering.order_json(record, 0))
    closed = venue.ring.closed_order(account, order_id)
    if closed is not None:
        return Raw(venue.rendering.closed_order(*closed))
    stored = venue.history.order(order_id)
    if stored is None or read_order(stored.record).head.account != account:
        return None
    return Raw(venue.rendering.closed_order(*stored))


METHODS: Final[dict[str, Handler]] = {
    "private/strikebook_get_order_state_by_client_order_id": get_order_state_by_client_order_id,
}
