"""Trades of the past: everybody's and an account's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from msgspec import Raw

from exchange.core import queries
from exchange.domain import records as r
from exchange.domain.combo_prints import combo_of, is_print
from exchange.gateway.candles import market_trades_since
from exchange.gateway.dispatch import Handler, account_asked, account_of, currency_of, instrument_of, kind_of
from exchange.gateway.history_ring import Fill
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.past import Objects, answer_past
from exchange.gateway.read_records import read_order
from exchange.gateway.registry import ANY
from exchange.gateway.venue import Venue
from exchange.history.past import MAX, Past, Span
from exchange.history.rows import CALLS, COMBOS, PERPETUALS, PUTS, category
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.params import Params, boolean, choice, has, integer, order_id, timestamp_ms
from exchange.wire.session import Request, Session

SORTINGS: Final = ("asc", "desc", "default")
_PARTS: Final = {
    0: (CALLS, PUTS, PERPETUALS, COMBOS),
    r.KIND_OPTION: (CALLS, PUTS),
    r.KIND_PERPETUAL: (PERPETUALS,),
    r.KIND_COMBO: (COMBOS,),
}


# --- what is asked for -----------------------------------------------------------------------------


def oldest_first_of(params: Params) -> bool:
    """`asc`, and the default when a start is given; else newest first."""
    sorting = choice(params, "sorting", SORTINGS, "default")
    if sorting == "default":
        return any(has(params, name) for name in ("start_seq", "start_id", "start_timestamp"))
    return sorting == "asc"


def _span(params: Params, first: str, last: str, *, by_id: bool) -> Span:
    """The range of trades a request asks for, one more than its count."""

    def number(name: str, default: int) -> int:
        if not has(params, name):
            return default
        return order_id(params, name) if by_id else integer(params, name)

    return Span(
        number(first, 0),
        number(last, MAX),
        timestamp_ms(params, "start_timestamp", 0),
        timestamp_ms(params, "end_timestamp", 1 << 52),
        oldest_first_of(params),
        integer(params, "count", 10, minimum=1, maximum=COUNT_MAX) + 1,
    )


def _trade_id(trade: bytes) -> int:
    return int.from_bytes(trade[24:32], "little")


def _trade_seq(trade: bytes) -> int:
    return int.from_bytes(trade[128:136], "little")


def _time_ms(trade: bytes) -> int:
    return int.from_bytes(trade[96:104], "little")


def _instrument(trade: bytes) -> int:
    return int.from_bytes(trade[20:24], "little")


class _Page:
    """A page of trades out of the store's rows and memory's."""

    def __init__(self, span: Span, number: Callable[[bytes], int]) -> None:
        self._span = span
        self._number = number
        self.has_more = False

    def rows(self, stored: Iterable[Any], remembered: Iterable[Fill]) -> Iterator[Any]:
        """The wanted rows in order; all remembered ones are newer than the stored ones."""
        span = self._span
        fresh: list[Any] = [
            fill for fill in remembered if span.has(self._number(fill.trade), _time_ms(fill.trade))
        ]
        fresh.sort(key=lambda fill: self._number(fill.trade), reverse=not span.oldest_first)
        both = [*stored, *fresh] if span.oldest_first else [*fresh, *stored]
        self.has_more = len(both) >= span.limit
        yield from both[: span.limit - 1]

    def whole(self, trades: list[Raw]) -> object:
        """The reply."""
        return {"trades": trades, "has_more": self.has_more}


# --- everybody's -----------------------------------------------------------------------------------


def get_last_trades_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_last_trades_by_instrument {instrument_name, start_seq?, end_seq?, start_timestamp?,
    end_timestamp?, count?, sorting?}`; also answers `…_and_time`."""
    view = instrument_of(venue, request.params)
    span = _span(request.params, "start_seq", "end_seq", by_id=False)
    page = _Page(span, _trade_seq)

    def objects(next_seq: int, found: Any) -> Objects:
        market = venue.views.markets[view.instrument]
        fresh = market_trades_since(market, next_seq, venue.ring.known_from)
        yield from _public(venue, page.rows(found or (), fresh))

    def work(past: Past) -> object:
        return past.instrument_trades(view.instrument, span)

    answer_past(venue, session, request, work, objects, page.whole)


def _public(venue: Venue, rows: Iterable[Any]) -> Objects:
    for row in rows:
        tick = row.tick_direction if isinstance(row, Fill) else row.tick
        yield venue.rendering.public_trade(row.trade, tick)


def get_last_trades_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_last_trades_by_currency {currency, kind?, start_id?, end_id?, start_timestamp?,
    end_timestamp?, count?, sorting?}`; also answers `…_and_time`."""
    params = request.params
    currency, kind = currency_of(params, None), kind_of(params)
    span = _span(params, "start_id", "end_id", by_id=True)
    page = _Page(span, _trade_id)
    categories = _categories(venue, currency, kind)

    def objects(next_seq: int, found: Any) -> Objects:
        fresh: list[Fill] = []
        for view in venue.registry.instruments if kind is not None else ():
            market = venue.views.markets[view.instrument]
            if market.trades and venue.registry.covers(currency, kind or 0, view):
                fresh += market_trades_since(market, next_seq, venue.ring.known_from)
        yield from _public(venue, page.rows(found or (), fresh))

    answer_past(
        venue, session, request, lambda past: past.trades(categories, span), objects, page.whole
    )


def _categories(venue: Venue, currency: str, kind: int | None) -> list[int] | None:
    """The categories of a currency and kind; None: all."""
    if kind is None:
        return []
    if currency in (ANY, QUOTE_CURRENCY):
        if not kind:
            return None
        underlyings = list(range(len(venue.registry.symbols)))
    else:
        underlying = venue.registry.underlying_of(currency)
        underlyings = [] if underlying is None else [underlying]
    return [category(underlying, part) for underlying in underlyings for part in _PARTS[kind]]


# --- an account's own ------------------------------------------------------------------------------


def get_user_trades_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_user_trades_by_instrument {instrument_name, start_seq?, end_seq?, start_timestamp?,
    end_timestamp?, count?, sorting?, historical?}`; also answers `…_and_time`."""
    view = instrument_of(venue, request.params)
    account = account_of(session)
    boolean(request.params, "historical")
    span = _span(request.params, "start_seq", "end_seq", by_id=False)
    page = _Page(span, _trade_seq)

    def objects(next_seq: int, found: Any) -> Objects:
        fills = venue.ring.fills_since(account, next_seq)
        mine = [fill for fill in fills if _instrument(fill.trade) == view.instrument]
        yield from _own(venue, account, page.rows(found or (), mine))

    def work(past: Past) -> object:
        return past.fills_of_seqs(account, view.instrument, span)

    answer_past(venue, session, request, work, objects, page.whole)


def get_user_trades_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_user_trades_by_currency {currency, kind?, start_id?, end_id?, start_timestamp?,
    end_timestamp?, count?, sorting?, historical?, subaccount_id?}`; also answers `…_and_time`."""
    params = request.params
    account = account_asked(venue, session, params)
    currency, kind = currency_of(params, None), kind_of(params)
    boolean(params, "historical")
    span = _span(params, "start_id", "end_id", by_id=True)
    page = _Page(span, _trade_id)
    views = venue.registry.instruments
    chosen = () if kind is None else views
    wanted = [view.instrument for view in chosen if venue.registry.covers(currency, kind or 0, view)]
    among = frozenset(wanted)

    def objects(next_seq: int, found: Any) -> Objects:
        fills = venue.ring.fills_since(account, next_seq)
        mine = [fill for fill in fills if _instrument(fill.trade) in among]
        yield from _own(venue, account, page.rows(found or (), mine))

    every = len(wanted) == len(views)

    def work(past: Past) -> object:
        return past.fills(account, None if every else wanted, span)

    answer_past(venue, session, request, work, objects, page.whole)


def _own(venue: Venue, account: int, rows: Iterable[Any]) -> Objects:
    rendering = venue.rendering
    for row in rows:
        yield rendering.fill(row, account) if isinstance(row, Fill) else rendering.stored_fill(row, account)


def get_user_trades_by_order(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_user_trades_by_order {order_id, sorting?, historical?}`: a bare list."""
    account = account_of(session)
    wanted = order_id(request.params)
    boolean(request.params, "historical")
    oldest_first = choice(request.params, "sorting", SORTINGS, "default") != "desc"

    def work(past: Past) -> object:
        stored = past.order(wanted)
        record = stored.record if stored is not None else open_record
        if not record:
            return []
        order = read_order(record)
        if order.head.account != account:
            return []
        until_ms = MAX if stored is None else order.time_ms
        return past.fills_of_order(account, wanted, order.created_ms, until_ms)

    def objects(next_seq: int, found: Any) -> Objects:
        raw = wanted.to_bytes(8, "little")
        fills = venue.ring.fills_since(account, next_seq)
        mine = [fill for fill in fills if raw in (fill.trade[32:40], fill.trade[40:48])]
        both = _without_legs([*(found or ()), *mine])
        yield from _own(venue, account, both if oldest_first else reversed(both))

    open_record = queries.order_record(venue.engine, wanted)
    if not open_record:
        closed = venue.ring.closed_order(account, wanted)
        open_record = b"" if closed is None else closed.record
    if open_record and read_order(open_record).head.account != account:
        raise error(errors.NOT_OWNER_OF_ORDER)
    answer_past(venue, session, request, work, objects, lambda trades: trades)


def _without_legs(rows: list[Any]) -> list[Any]:
    """Of an order in a combo its prints alone: they have the legs' trades with them."""
    prints = {_trade_id(row.trade) for row in rows if is_print(row.trade)}
    return [row for row in rows if combo_of(row.trade)[1] not in prints]


METHODS: Final[dict[str, Handler]] = {
    "public/get_last_trades_by_instrument": get_last_trades_by_instrument,
    "public/get_last_trades_by_instrument_and_time": get_last_trades_by_instrument,
    "public/get_last_trades_by_currency": get_last_trades_by_currency,
    "public/get_last_trades_by_currency_and_time": get_last_trades_by_currency,
    "private/get_user_trades_by_instrument": get_user_trades_by_instrument,
    "private/get_user_trades_by_instrument_and_time": get_user_trades_by_instrument,
    "private/get_user_trades_by_currency": get_user_trades_by_currency,
    "private/get_user_trades_by_currency_and_time": get_user_trades_by_currency,
    "private/get_user_trades_by_order": get_user_trades_by_order,
}
