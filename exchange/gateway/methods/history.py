"""Orders of the past: histories, states of old orders, orders by label, margins of open ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Raw

from exchange.core import margin_queries, queries
from exchange.domain import records as r
from exchange.gateway.dispatch import (
    Handler,
    account_of,
    answer_read,
    currency_of,
    instrument_of,
    kind_of,
)
from exchange.gateway.history_ring import ClosedOrder, place_of
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.open_orders import open_order_json
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.read_records import read_order
from exchange.gateway.venue import Venue
from exchange.history.past import MAX, OrderQuery, Past
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, has, integer, order_id, text, text_list
from exchange.wire.session import Request, Session

RECENT_MS: Final = 2 * 86_400_000
"""What is older comes with `include_old`."""
_OFFSET_MAX: Final = 100_000
_IDS_MAX: Final = 100
END: Final = "none"


# --- histories -------------------------------------------------------------------------------------


def get_order_history_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_order_history_by_currency {currency, kind?, count?, offset?, include_old?,
    include_unfilled?, with_continuation?, continuation?, historical?}`."""
    currency, kind = currency_of(request.params, None), kind_of(request.params)
    chosen = () if kind is None else venue.registry.instruments
    wanted = [view for view in chosen if venue.registry.covers(currency, kind or 0, view)]
    every = len(wanted) == len(venue.registry.instruments)
    _order_history(venue, session, request, None if every else wanted)


def get_order_history_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_order_history_by_instrument {instrument_name, count?, …}`: as by currency."""
    _order_history(venue, session, request, [instrument_of(venue, request.params)])


def place_of_page(params: Params) -> tuple[int, int]:
    """The place in the history where a page begins: behind all, or where a `continuation` says."""
    if not has(params, "continuation") or params["continuation"] == END:
        return (MAX, 0)
    token = text(params, "continuation", bytes_max=48)
    counter, dot, index = token.partition(".")
    if not (dot and counter.isdecimal() and index.isdecimal() and token.isascii()) or int(counter) > MAX:
        raise invalid_param("continuation", "is none that a reply of this method gave")
    return int(counter), min(int(index), MAX)


def _order_history(
    venue: Venue, session: Session, request: Request, views: list[InstrumentView] | None
) -> None:
    params = request.params
    account = account_of(session)
    count = integer(params, "count", 20, minimum=1, maximum=COUNT_MAX)
    offset = integer(params, "offset", 0, maximum=_OFFSET_MAX)
    unfilled = boolean(params, "include_unfilled")
    old = boolean(params, "include_old") or boolean(params, "historical")
    paged = boolean(params, "with_continuation") or has(params, "continuation")
    before = place_of_page(params)
    now_ms = venue.clock.now_ms()
    query = OrderQuery(
        account,
        None if views is None else tuple(view.instrument for view in views),
        now_ms - venue.unfilled_kept_ms if unfilled else None,
        0 if old else now_ms - RECENT_MS,
        before,
        offset + count + 1,
    )
    last: list[tuple[int, int]] = []

    def objects(next_seq: int, found: Any) -> Objects:
        matches = _matcher(query)
        fresh = [closed for closed in venue.ring.closed_since(account, next_seq) if matches(closed)]
        place = before
        rows = itertools.chain(fresh, found or ())
        for number, row in enumerate(itertools.islice(rows, offset, None)):
            if number == count:
                last.append(place)
                return
            place = place_of(row[0])
            yield Raw(venue.rendering.closed_order(*row))

    def whole(orders: list[Raw]) -> object:
        if not paged:
            return orders
        token = "{}.{}".format(*last[0]) if last else END
        return {"orders": orders, "continuation": token}

    answer_past(venue, session, request, lambda past: past.closed_orders(query), objects, whole)


def _matcher(query: OrderQuery) -> Callable[[ClosedOrder], bool]:
    instruments = None if query.instruments is None else frozenset(query.instruments)

    def matches(closed: ClosedOrder) -> bool:
        record = closed.record
        if place_of(record) >= query.before:
            return False
        if instruments is not None and int.from_bytes(record[20:24], "little") not in instruments:
            return False
        order = read_order(record)
        if order.filled_lots == 0 and (query.unfilled_ms is None or order.time_ms < query.unfilled_ms):
            return False
        return order.time_ms >= query.from_ms

    return matches


# --- by id and label -------------------------------------------------------------------------------


def get_order_state(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_order_state {order_id}`: open, recently closed, or from the store."""
    account = account_of(session)
    wanted = order_id(request.params)

    def compute() -> Raw:
        record, fee_micro = queries.order_record(venue.engine, wanted), None
        more: tuple[Any, ...] = ()
        if not record:
            closed = venue.ring.closed_order(account, wanted)
            stored = venue.history.order(wanted) if closed is None else None
            if closed is not None:
                record, fee_micro = closed
            elif stored is not None:
                record, fee_micro, *rest = stored
                more = tuple(rest)
        if not record:
            raise error(errors.ORDER_NOT_FOUND)
        if read_order(record).head.account != account:
            raise error(errors.NOT_OWNER_OF_ORDER)
        if fee_micro is None:
            return open_order_json(venue, record, 0)
        return Raw(venue.rendering.closed_order(record, fee_micro, *more))

    answer_read(venue, session, request, compute)


def _open_orders(venue: Venue, account: int) -> Iterator[bytes]:
    packed = queries.open_orders(venue.engine, account)
    at = 0
    while at < len(packed):
        size = (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
        yield packed[at : at + size]
        at += size


def _labelled(venue: Venue, params: Params, account: int) -> tuple[str, int, Callable[[bytes], bool]]:
    """The label asked for (empty: orders without one), its id, and whether an order is of the currency."""
    currency = currency_of(params, None)
    label = text(params, "label", "", bytes_max=LABEL_CHARS_MAX)
    instruments = venue.registry.instruments

    def covered(record: bytes) -> bool:
        view = instruments[int.from_bytes(record[20:24], "little")]
        return venue.registry.covers(currency, 0, view)

    return label, venue.labels.find(account, label) if label else 0, covered


def get_open_orders_by_label(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_open_orders_by_label {currency, label?}`; without a label those that have none."""
    account = account_of(session)
    label, ident, covered = _labelled(venue, request.params, account)

    def compute() -> list[Raw]:
        if label and not ident:
            return []
        return [
            open_order_json(venue, record, 0)
            for record in _open_orders(venue, account)
            if _label_id(record) == ident and covered(record)
        ]

    answer_read(venue, session, request, compute)


def _label_id(record: bytes) -> int:
    return int.from_bytes(record[80:84], "little")


def get_order_state_by_label(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_order_state_by_label {currency, label?}`: open ones, then the newest closed ones."""
    account = account_of(session)
    label, ident, covered = _labelled(venue, request.params, account)
    unfilled_ms = venue.clock.now_ms() - venue.unfilled_kept_ms

    def wanted(record: bytes) -> bool:
        order = read_order(record)
        return covered(record) and (order.filled_lots > 0 or order.time_ms >= unfilled_ms)

    opened: dict[int, bytes] = {}

    def look() -> None:
        for record in _open_orders(venue, account):
            if _label_id(record) == ident and (ident or not label) and covered(record):
                opened[int.from_bytes(record[24:32], "little")] = record

    def objects(next_seq: int, found: Any) -> Objects:
        fresh = venue.ring.closed_since(account, next_seq) if ident else []
        closed = [each for each in fresh if _label_id(each.record) == ident and wanted(each.record)]
        for each in closed:  # since it was looked at
            opened.pop(int.from_bytes(each.record[24:32], "little"), None)
        for record in opened.values():
            yield Raw(venue.rendering.order_json(record, 0))
        for each in closed:
            yield Raw(venue.rendering.closed_order(each.record, each.commission_micro, label))
        for stored in found or ():
            if wanted(stored.record):
                yield Raw(venue.rendering.closed_order(*stored))

    def work(past: Past) -> object:
        return past.orders_by_label(account, label, COUNT_MAX) if label else []

    answer_past(venue, session, request, work, objects, lambda orders: orders, look)


# --- margins ---------------------------------------------------------------------------------------


def get_order_margin_by_ids(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_order_margin_by_ids {ids}`: by how much each open order would raise the initial margin if
    it were placed now besides all others; unknown, closed and foreign ones are left out."""
    account = account_of(session)
    ids = text_list(request.params, "ids", _IDS_MAX)
    wanted = [order_id({"order_id": each}) for each in ids]

    def compute() -> list[JsonObject]:
        found: list[JsonObject] = []
        for number in wanted:
            record = queries.order_record(venue.engine, number)
            if not record:
                continue
            order = read_order(record)
            if order.head.account != account:
                continue
            margin = margin_queries.order_initial(
                venue.engine,
                account,
                order.head.instrument,
                int(order.is_sell),
                order.price_ticks,
                order.open_lots,
            )
            found.append(
                {
                    "order_id": str(number),
                    "initial_margin": usdc(max(0, margin)),
                    "initial_margin_currency": QUOTE_CURRENCY,
                }
            )
        return found

    answer_read(venue, session, request, compute)


METHODS: Final[dict[str, Handler]] = {
    "private/get_order_history_by_currency": get_order_history_by_currency,
    "private/get_order_history_by_instrument": get_order_history_by_instrument,
    "private/get_order_state": get_order_state,
    "private/get_order_state_by_label": get_order_state_by_label,
    "private/get_open_orders_by_label": get_open_orders_by_label,
    "private/get_order_margin_by_ids": get_order_margin_by_ids,
}
