"""The history of trigger orders: those that fired, were refused then, or were cancelled while they waited."""

from __future__ import annotations

import itertools
from typing import Any, Final

from msgspec import Raw

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.dispatch import Handler, account_of, currency_of, instrument_of
from exchange.gateway.history_ring import place_of
from exchange.gateway.methods.history import END, place_of_page
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.read_records import read_order
from exchange.gateway.rendering import stored_extra
from exchange.gateway.trigger_ring import TriggerEnd
from exchange.gateway.venue import Venue
from exchange.history.past import Past
from exchange.wire import names
from exchange.wire.extended import SOURCE_NAMES, OrderExtra, extended_fields
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject
from exchange.wire.params import has, integer
from exchange.wire.session import Request, Session


def get_trigger_order_history(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_trigger_order_history {currency, instrument_name?, count?, continuation?}`: the last ended
    first."""
    params = request.params
    account = account_of(session)
    currency = currency_of(params, None)
    count = integer(params, "count", 20, minimum=1, maximum=COUNT_MAX)
    before = place_of_page(params)
    covers = venue.registry.covers
    wanted = [view.instrument for view in venue.registry.instruments if covers(currency, 0, view)]
    if has(params, "instrument_name"):
        chosen = instrument_of(venue, params).instrument
        wanted = [chosen] if chosen in wanted else []
    among = frozenset(wanted)
    last: list[tuple[int, int]] = []

    def work(past: Past) -> object:
        return past.triggers(account, wanted, before, count + 1)

    def objects(next_seq: int, found: Any) -> Objects:
        ends = venue.views.extras.triggers.since(account, next_seq, venue.ring.known_from)
        fresh = [end for end in ends if place_of(end.record) < before and end.extra.instrument in among]
        place = before
        for number, row in enumerate(itertools.chain(fresh, found or ())):
            if number == count:
                last.append(place)
                return
            if isinstance(row, TriggerEnd):
                record, extra, text = row.record, row.extra, ""
            else:
                record, text = row.order_record, row.label
                extra = stored_extra(row.extended, 0, row.primary_id)
            place = place_of(record)
            yield _entry(venue, read_order(record), extra, text)

    def whole(entries: list[Raw]) -> object:
        return {"entries": entries, "continuation": "{}.{}".format(*last[0]) if last else END}

    answer_past(venue, session, request, work, objects, whole)


def _entry(venue: Venue, order: ev.Order, extra: OrderExtra, label: str) -> JsonObject:
    view = venue.registry.instruments[order.head.instrument]
    has_fired = order.kind == r.ORDER_TRIGGERED
    state = "triggered" if has_fired else "cancelled"
    if order.reason == r.CANCEL_TRIGGER_REFUSED and not has_fired:
        state = "rejected"
    is_market = names.order_type(order.flags) == "market"
    found: JsonObject = {
        "timestamp": order.time_ms,
        "trigger": SOURCE_NAMES.get(extra.source, "index_price"),
        "trigger_price": usdc(extra.trigger_micro),
        "trigger_offset": usdc(extra.offset_micro),
        "trigger_order_id": str(order.order_id),
        "order_id": str(order.order_id),
        "order_state": state,
        "instrument_name": view.name,
        "request": "trigger:order" if has_fired or state == "rejected" else "cancel",
        "direction": names.direction(order.is_sell),
        "price": view.price(order.price_ticks),
        "amount": view.amount(order.size_lots),
        "last_update_timestamp": order.time_ms,
        "reduce_only": bool(order.flags & r.FLAG_REDUCE_ONLY),
        "post_only": bool(order.flags & r.FLAG_POST_ONLY),
        "order_type": "market" if is_market else "limit",
        "label": venue.labels.text(order.head.account, order.label) or label,
        "seq": order.head.seq,
    }
    linked = extended_fields(extra, order)
    found |= {name: linked[name] for name in ("is_secondary_oto", "oco_ref") if name in linked}
    if state != "triggered":
        found["end_reason"] = names.end_reason(order.reason)
    return found


METHODS: Final[dict[str, Handler]] = {
    "private/get_trigger_order_history": get_trigger_order_history,
}
