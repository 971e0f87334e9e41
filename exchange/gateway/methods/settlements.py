"""What has been settled: deliveries, perpetual settlements, fundings and bankruptcies, of an account and of
all; delivery prices and funding rates.

Pages go back in time: `continuation` is the place to go on from, "none" at the end.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.dispatch import (
    Handler,
    account_of,
    answer_read,
    currency_of,
    instrument_of,
)
from exchange.gateway.figures import FUNDING_HOURS, HOUR_MS
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.money_ring import LOSSES
from exchange.gateway.registry import ANY
from exchange.gateway.venue import Venue
from exchange.history.rows import LossRow, MarketRow, movement_class
from exchange.wire.errors import invalid_param
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.money import (
    BANKRUPTCY,
    DELIVERY,
    SETTLEMENT,
    SETTLEMENT_TYPES,
    Funding,
    Settlement,
    settlement_object,
)
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, choice, has, integer, text, timestamp_ms
from exchange.wire.session import Request, Session

_END: Final = "none"
_NEVER: Final = 1 << 62
_ALL_KINDS: Final = (r.SETTLED_DELIVERY, r.SETTLED_PERPETUAL, r.SETTLED_FUNDING)
_KINDS: Final[dict[str, tuple[int, ...]]] = {
    "": _ALL_KINDS,
    DELIVERY: (r.SETTLED_DELIVERY,),
    SETTLEMENT: (r.SETTLED_PERPETUAL, r.SETTLED_FUNDING),
    BANKRUPTCY: (),
}
_CHART_HOURS: Final = {"8h": 8, "24h": 24, "1m": 24 * 31}
FUNDINGS_MAX: Final = 24 * 31


# --- settlements -----------------------------------------------------------------------------------


class _Page:
    """What a settlement request asks for."""

    def __init__(self, params: Params) -> None:
        self.kind = choice(params, "type", SETTLEMENT_TYPES) if has(params, "type") else ""
        self.count = integer(params, "count", 20, minimum=1, maximum=COUNT_MAX)
        self.until_ms = timestamp_ms(params, "search_start_timestamp", 1 << 52)
        self.before_seq = _NEVER
        if has(params, "continuation") and params["continuation"] != _END:
            token = text(params, "continuation", bytes_max=24)
            if not (token.isascii() and token.isdigit()) or int(token) >= _NEVER:
                raise invalid_param("continuation", "is none that a reply of this method gave")
            self.before_seq = int(token)

    @property
    def settled_kinds(self) -> tuple[int, ...]:
        return _KINDS[self.kind]

    @property
    def wants_losses(self) -> bool:
        return self.kind in ("", BANKRUPTCY)

    def reply(self, rows: Iterable[Settlement]) -> JsonObject:
        """One page of rows, given newest first."""
        chosen = (row for row in rows if row.time_ms <= self.until_ms)
        found = list(itertools.islice(chosen, self.count + 1))
        more = len(found) > self.count
        del found[self.count :]
        return {
            "continuation": str(found[-1].seq) if more else _END,
            "settlements": [settlement_object(row) for row in found],
        }


def get_settlement_history_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_settlement_history_by_instrument {instrument_name, type?, count?, continuation?,
    search_start_timestamp?}`: the account's own."""
    view = instrument_of(venue, request.params)
    _history(venue, session, request, view, "")


def get_settlement_history_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_settlement_history_by_currency {currency, type?, count?, continuation?,
    search_start_timestamp?}`: the account's own; its bankruptcies and shares in losses under USDC."""
    _history(venue, session, request, None, currency_of(request.params, None))


def _history(
    venue: Venue, session: Session, request: Request, view: InstrumentView | None, currency: str
) -> None:
    account = account_of(session)
    page = _Page(request.params)
    classes = [movement_class(r.EV_SETTLED, kind) for kind in page.settled_kinds]
    if page.wants_losses and currency in (ANY, QUOTE_CURRENCY):
        classes += LOSSES

    def rows() -> Iterator[Settlement]:
        for event in venue.views.money.movements(account, classes, page.before_seq):
            if isinstance(event, ev.Liquidation):
                yield _own_loss(event)
            elif isinstance(event, ev.Settled):
                its = venue.registry.instruments[event.head.instrument]
                if its is view or (view is None and venue.registry.covers(currency, 0, its)):
                    yield _own_settlement(venue, its, event)

    answer_read(venue, session, request, lambda: page.reply(rows()))


def _own_settlement(venue: Venue, view: InstrumentView, event: ev.Settled) -> Settlement:
    is_funding = event.head.id == r.SETTLED_FUNDING
    market = venue.views.money.market_at(event.head.seq)
    index_micro = market.index_micro if market is not None else 0
    return Settlement(
        DELIVERY if event.head.id == r.SETTLED_DELIVERY else SETTLEMENT,
        event.head.seq,
        event.time_ms,
        view,
        event.size_lots,
        index_micro or _settled_micro(view, event.head.id, event.price),
        _settled_micro(view, event.head.id, event.price) or index_micro,
        0 if is_funding else _profit_micro(view, event),
        event.cash_delta_micro if is_funding else 0,
    )


def _profit_micro(view: InstrumentView, event: ev.Settled) -> int:
    """What the settlement realised, fee included: of an option its payoff less what it cost."""
    return event.cash_delta_micro - (event.entry_before_micro if view.is_option else 0)


def _settled_micro(view: InstrumentView, kind: int, price: int) -> int:
    """The price of a settlement in micro-USDC; 0 for a funding, which has none."""
    if kind == r.SETTLED_DELIVERY:
        return price
    return price * view.terms.tick_micro if kind == r.SETTLED_PERPETUAL else 0


def _own_loss(event: ev.Liquidation) -> Settlement:
    shared = event.kind == r.LIQ_SHARED
    return Settlement(
        BANKRUPTCY,
        event.head.seq,
        event.time_ms,
        None,
        profit_micro=-event.amount_micro if shared else 0,
        covered_micro=0 if shared else event.amount_micro,
        shared_micro=event.amount_micro if shared else 0,
    )


def get_last_settlements_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_last_settlements_by_instrument {instrument_name, type?, count?, continuation?,
    search_start_timestamp?}`: of the whole market."""
    view = instrument_of(venue, request.params)
    _last_settlements(venue, session, request, view, "")


def get_last_settlements_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_last_settlements_by_currency {currency, type?, count?, continuation?,
    search_start_timestamp?}`: of the whole market; bankruptcies under USDC."""
    _last_settlements(venue, session, request, None, currency_of(request.params, None))


def _last_settlements(
    venue: Venue, session: Session, request: Request, view: InstrumentView | None, currency: str
) -> None:
    page = _Page(request.params)
    money = venue.views.money

    def markets() -> Iterator[Settlement]:
        instrument = None if view is None else view.instrument
        for row in money.markets(instrument, page.settled_kinds, page.before_seq):
            its = venue.registry.instruments[row.instrument]
            if view is not None or venue.registry.covers(currency, 0, its):
                yield _market_settlement(its, row)

    def compute() -> JsonObject:
        losses: Iterator[LossRow] = iter(())
        if page.wants_losses and currency in (ANY, QUOTE_CURRENCY):
            losses = money.losses(page.before_seq)
        merged = heapq.merge(markets(), map(_loss, losses), key=lambda row: row.seq, reverse=True)
        return page.reply(merged)

    answer_read(venue, session, request, compute)


def _market_settlement(view: InstrumentView, row: MarketRow) -> Settlement:
    is_funding = row.kind == r.SETTLED_FUNDING
    price_micro = _settled_micro(view, row.kind, row.price)
    return Settlement(
        DELIVERY if row.kind == r.SETTLED_DELIVERY else SETTLEMENT,
        row.seq,
        row.time_ms,
        view,
        row.long_lots,
        row.index_micro,
        price_micro or row.index_micro,
        0 if is_funding else row.gained_micro,
        row.gained_micro if is_funding else 0,
    )


def _loss(row: LossRow) -> Settlement:
    shared = row.kind == r.LIQ_SHARED
    return Settlement(
        BANKRUPTCY,
        row.seq,
        row.time_ms,
        None,
        covered_micro=0 if shared else row.amount_micro,
        shared_micro=row.amount_micro if shared else 0,
    )


# --- delivery prices -------------------------------------------------------------------------------


def get_delivery_prices(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_delivery_prices {index_name, offset?, count?}`: one a day, newest first."""
    params = request.params
    underlying = venue.registry.underlying_of_index(text(params, "index_name", bytes_max=32).lower())
    if underlying is None:
        raise invalid_param("index_name", "no such index")
    offset = integer(params, "offset", 0, maximum=100_000)
    count = integer(params, "count", 10, minimum=1, maximum=COUNT_MAX)

    def compute() -> JsonObject:
        prices = venue.views.deliveries.get(underlying, {})
        newest = sorted(prices, reverse=True)
        data = [
            {"date": _date(expiry_ms), "delivery_price": usdc(prices[expiry_ms])}
            for expiry_ms in newest[offset : offset + count]
        ]
        return {"records_total": len(newest), "data": data}

    answer_read(venue, session, request, compute)


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d")


# --- funding ---------------------------------------------------------------------------------------


def _perpetual(venue: Venue, params: Params) -> InstrumentView:
    view = instrument_of(venue, params)
    if view.is_option:
        raise invalid_param("instrument_name", "is no perpetual")
    return view


def _fundings(venue: Venue, view: InstrumentView, from_ms: int, until_ms: int) -> list[Funding]:
    """A perpetual's fundings of a period and of the eight hours before it, oldest first."""
    found: list[Funding] = []
    for row in venue.views.money.markets(view.instrument, (r.SETTLED_FUNDING,)):
        if row.time_ms < from_ms - FUNDING_HOURS * HOUR_MS:
            break
        if row.time_ms <= until_ms:
            found.append(Funding(row.time_ms, row.index_micro, row.price, view.terms.lot_e8))
    found.reverse()
    return found


def _interest_8h(fundings: list[Funding], at: int) -> float:
    """The sum of what was paid in the eight hours up to and with the funding at a place of the list."""
    since_ms = fundings[at].time_ms - FUNDING_HOURS * HOUR_MS
    return sum(each.interest for each in fundings[: at + 1] if each.time_ms > since_ms)


def _period(params: Params) -> tuple[int, int]:
    from_ms, until_ms = timestamp_ms(params, "start_timestamp"), timestamp_ms(params, "end_timestamp")
    if until_ms < from_ms:
        raise invalid_param("end_timestamp", "is before start_timestamp")
    return from_ms, until_ms


def get_funding_rate_history(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_funding_rate_history {instrument_name, start_timestamp, end_timestamp}`: oldest first, at
    most the newest 744 of the period."""
    view = _perpetual(venue, request.params)
    from_ms, until_ms = _period(request.params)

    def compute() -> list[JsonObject]:
        known = _fundings(venue, view, from_ms, until_ms)
        found: list[JsonObject] = []
        for at, each in enumerate(known):
            if each.time_ms < from_ms:
                continue
            before = known[at - 1] if at else each
            found.append(
                {
                    "timestamp": each.time_ms,
                    "index_price": usdc(each.index_micro),
                    "prev_index_price": usdc(before.index_micro),
                    "interest_1h": each.interest,
                    "interest_8h": _interest_8h(known, at),
                }
            )
        return found[-FUNDINGS_MAX:]

    answer_read(venue, session, request, compute)


def get_funding_rate_value(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_funding_rate_value {instrument_name, start_timestamp, end_timestamp}`: what the fundings
    of the period come to, as a fraction."""
    view = _perpetual(venue, request.params)
    from_ms, until_ms = _period(request.params)

    def compute() -> float:
        known = _fundings(venue, view, from_ms, until_ms)
        return sum((each.interest for each in known if each.time_ms >= from_ms), 0.0)

    answer_read(venue, session, request, compute)


def get_funding_chart_data(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_funding_chart_data {instrument_name, length}`: length 8h, 24h or 1m."""
    view = _perpetual(venue, request.params)
    hours = _CHART_HOURS[choice(request.params, "length", _CHART_HOURS)]

    def compute() -> JsonObject:
        now_ms = venue.clock.now_ms()
        from_ms = now_ms - hours * HOUR_MS
        known = _fundings(venue, view, from_ms, now_ms)
        data: list[JsonObject] = [
            {
                "timestamp": each.time_ms,
                "index_price": usdc(each.index_micro),
                "interest_8h": _interest_8h(known, at),
            }
            for at, each in enumerate(known)
            if each.time_ms >= from_ms
        ]
        return {
            "current_interest": venue.figures.current_funding(view.instrument),
            "interest_8h": venue.figures.funding_8h(view.instrument, now_ms),
            "data": data,
        }

    answer_read(venue, session, request, compute)


METHODS: Final[dict[str, Handler]] = {
    "private/get_settlement_history_by_instrument": get_settlement_history_by_instrument,
    "private/get_settlement_history_by_currency": get_settlement_history_by_currency,
    "public/get_last_settlements_by_instrument": get_last_settlements_by_instrument,
    "public/get_last_settlements_by_currency": get_last_settlements_by_currency,
    "public/get_delivery_prices": get_delivery_prices,
    "public/get_funding_rate_history": get_funding_rate_history,
    "public/get_funding_rate_value": get_funding_rate_value,
    "public/get_funding_chart_data": get_funding_chart_data,
}
