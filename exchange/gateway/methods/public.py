"""Public methods: listings, tickers, books, trades."""

from __future__ import annotations

import logging
from typing import Final

from msgspec import Raw

from exchange.gateway.dispatch import Handler, currency_of, instrument_of, kind_of
from exchange.gateway.venue import Venue
from exchange.wire import errors, session_methods
from exchange.wire.envelope import encode_json
from exchange.wire.errors import error, invalid_param
from exchange.wire.figures import book_summary_object, order_book_object, ticker_object
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.names import index_name
from exchange.wire.objects import (
    currency_object,
    instrument_object,
)
from exchange.wire.params import Params, boolean, integer, text
from exchange.wire.session import Request, Session

COUNT_MAX: Final = 1_000
SUMMARIES_PER_SLICE: Final = 32
PAGE: Final = 200  # rows read from the store at a time
_DEPTH_MAX: Final = 10_000
_LONG_NAMES: Final = {"USDC": "USD Coin", "BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana"}
_DECIMALS: Final = {"USDC": 6, "BTC": 8, "ETH": 8}
_log: Final = logging.getLogger(__name__)
SORTINGS: Final = ("asc", "desc", "default")


def status(venue: Venue, session: Session, request: Request) -> None:
    """`public/status`: locked is true once the venue has halted, partial while it or some underlying is
    not open."""
    registry = venue.registry
    closed = venue.halted or venue.phase != "open"
    indices = [
        index_name(symbol)
        for symbol, state in zip(registry.symbols, registry.states, strict=True)
        if closed or state
    ]
    locked = "true" if venue.halted else "partial" if closed or indices else "false"
    session.reply(request, {"locked": locked, "locked_indices": indices, "venue_phase": venue.phase})


def get_currencies(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_currencies`: USDC and every underlying."""
    found = [
        currency_object(symbol, _LONG_NAMES.get(symbol, symbol), _DECIMALS.get(symbol, 8))
        for symbol in venue.registry.currencies
    ]
    session.reply(request, found)


def _selected(venue: Venue, params: Params, *, ended: bool = False) -> list[InstrumentView]:
    kind = kind_of(params)
    if kind is None:
        return []
    return list(venue.registry.select(currency_of(params), kind, ended=ended))


def get_instruments(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_instruments {currency?, kind?, expired?}`."""
    ended = boolean(request.params, "expired")
    chosen = _selected(venue, request.params, ended=ended)
    figures, tiers = venue.figures, venue.figures.fee_tiers()
    found = [
        instrument_object(
            view,
            *figures.fees_ppm(view, tiers=tiers),
            max_leverage=figures.max_leverage(view),
            block_orders=figures.block_orders,
        )
        for view in chosen
    ]
    session.reply(request, found)


def get_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_instrument {instrument_name}`."""
    view = instrument_of(venue, request.params)
    figures = venue.figures
    most, block_orders = figures.max_leverage(view), figures.block_orders
    found = instrument_object(view, *figures.fees_ppm(view), max_leverage=most, block_orders=block_orders)
    session.reply(request, found)


def get_index_price(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_index_price {index_name}`; null before the first marks."""
    wanted = text(request.params, "index_name", bytes_max=32).lower()
    underlying = venue.registry.underlying_of_index(wanted)
    if underlying is None:
        raise invalid_param("index_name", "no such index")
    marked = venue.views.marks.get(underlying)
    if marked is None:  # the price from before the start is no price of now
        session.reply(request, {"index_price": None, "estimated_delivery_price": None})
        return
    estimate = venue.figures.estimated_delivery_micro(underlying, venue.clock.now_ms())
    found = {"index_price": usdc(marked.index_micro), "estimated_delivery_price": usdc(estimate)}
    session.reply(request, found)


def ticker(venue: Venue, session: Session, request: Request) -> None:
    """`public/ticker {instrument_name}`."""
    view = instrument_of(venue, request.params)
    session.reply(request, ticker_object(view, venue.figures.market(view, venue.clock.now_ms())))


def get_order_book(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_order_book {instrument_name, depth?}`."""
    order_book(venue, session, request, instrument_of(venue, request.params))


def order_book(venue: Venue, session: Session, request: Request, view: InstrumentView) -> None:
    """Reply with an instrument's ticker and the best levels of its book."""
    depth = integer(request.params, "depth", 5, minimum=1, maximum=_DEPTH_MAX)
    book = venue.views.markets[view.instrument].book
    figures = venue.figures.market(view, venue.clock.now_ms())
    found = order_book_object(view, figures, book.bids(depth), book.asks(depth), book.change_id)
    session.reply(request, found)


def get_book_summary_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_book_summary_by_currency {currency, kind?}`: a whole chain, written in slices."""
    chosen = _selected(venue, request.params)
    summaries: list[Raw] = []

    def write_some() -> bool:
        if session.closed:
            return False
        done = len(summaries)
        some = chosen[done : done + SUMMARIES_PER_SLICE]
        try:
            figures = venue.figures.markets(some, venue.clock.now_ms())
            for view, found in zip(some, figures, strict=True):
                summaries.append(Raw(encode_json(book_summary_object(view, found))))
        except Exception:
            _log.exception("the reply to %s failed", request.method)
            session.fail(request, error(errors.INTERNAL_ERROR))
            return False
        if len(summaries) < len(chosen):
            return True
        session.reply(request, summaries)
        return False

    if write_some():
        venue.slices.add(write_some)


def get_book_summary_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_book_summary_by_instrument {instrument_name}`: a list of one."""
    view = instrument_of(venue, request.params)
    session.reply(request, [book_summary_object(view, venue.figures.market(view, venue.clock.now_ms()))])


METHODS: Final[dict[str, Handler]] = {
    "public/test": session_methods.test,
    "public/hello": session_methods.hello,
    "public/get_time": session_methods.get_time,
    "public/set_heartbeat": session_methods.set_heartbeat,
    "public/disable_heartbeat": session_methods.disable_heartbeat,
    "public/status": status,
    "public/get_currencies": get_currencies,
    "public/get_instruments": get_instruments,
    "public/get_instrument": get_instrument,
    "public/get_index_price": get_index_price,
    "public/ticker": ticker,
    "public/get_order_book": get_order_book,
    "public/get_book_summary_by_currency": get_book_summary_by_currency,
    "public/get_book_summary_by_instrument": get_book_summary_by_instrument,
}
