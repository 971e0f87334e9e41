"""`private/mass_quote`: up to 100 two-sided quotes in one command.

Sides stand for themselves: what cannot be read of one side is an entry of `errors` and goes no further,
all others are sequenced together. What the core refuses comes back by (entry, side) and joins them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands import Quote
from exchange.domain.limits import MAX_QUOTES
from exchange.gateway.dispatch import Handler, account_of, guarded, instrument_of
from exchange.gateway.history_ring import Fill
from exchange.gateway.methods_trading import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.objects import JsonObject
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    object_list,
    optional_object,
    price_ticks,
    text,
    timestamp_ms,
)
from exchange.wire.session import Request, RpcError, Session

_SIDES: Final = ("bid", "ask")


class _Side(NamedTuple):
    """One readable side of a quote."""

    price_ticks: int
    lots: int
    post_only: bool
    reject_post_only: bool


class _Entry(NamedTuple):
    """One quote unit of the command and what the client called it."""

    view: InstrumentView
    quote_set_id: str
    quote: Quote


class _Parsed:
    """A request read side by side."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.errors: list[JsonObject] = []

    def add(self, venue: Venue, params: Params) -> None:
        """Read one entry of `quotes`."""
        name = params.get("instrument_name")
        try:
            view = instrument_of(venue, params)
            set_id = text(params, "quote_set_id", "", LABEL_CHARS_MAX)
        except RpcError as refused:
            for side in _SIDES:
                if params.get(side) is not None:
                    self.fail(str(name), side, refused)
            return
        found: list[_Side | None] = []
        for side in _SIDES:
            try:
                given = optional_object(params, side)
                found.append(None if given is None else _read_side(given, view))
            except RpcError as refused:
                self.fail(view.name, side, refused)
                found.append(None)
        self._append(view, set_id, found[0], found[1])

    def _append(self, view: InstrumentView, set_id: str, bid: _Side | None, ask: _Side | None) -> None:
        """One unit for both sides, or two where their post-only flags differ."""
        if bid is not None and ask is not None and bid[2:] == ask[2:]:
            quote = Quote(view.instrument, bid[0], bid[1], ask[0], ask[1], 0, bid[2], bid[3])
            self.entries.append(_Entry(view, set_id, quote))
            return
        if bid is not None:
            quote = Quote(view.instrument, bid[0], bid[1], post_only=bid[2], reject_post_only=bid[3])
            self.entries.append(_Entry(view, set_id, quote))
        if ask is not None:
            quote = Quote(view.instrument, 0, None, ask[0], ask[1], 0, ask[2], ask[3])
            self.entries.append(_Entry(view, set_id, quote))

    def fail(self, instrument: str, side: str, refused: RpcError) -> None:
        """A side that goes no further."""
        self.errors.append(
            {
                "instrument_name": instrument,
                "side": side,
                "code": refused.code,
                "message": refused.message,
                "error": {"code": refused.code, "message": refused.message, "data": refused.data},
            }
        )


def _read_side(given: Params, view: InstrumentView) -> _Side:
    """Raises RpcError for what is no side. A side of amount 0 needs no price."""
    lots = amount_lots(given, view.terms, zero_allowed=True)
    if lots > r.QUOTE_SIZE_MASK:
        raise error(errors.INVALID_AMOUNT, param="amount", reason="is too large")
    ticks = price_ticks(given, view.terms) if lots else 0
    post_only = boolean(given, "post_only")
    return _Side(ticks, lots, post_only, post_only and boolean(given, "reject_post_only"))


def mass_quote(venue: Venue, session: Session, request: Request) -> None:
    """`private/mass_quote {quotes, quote_id, mmp_group?, valid_until?, detailed?}`.

    `detailed: false` leaves the orders out of the reply.
    """
    params = request.params
    account = account_of(session)
    quotes = object_list(params, "quotes", MAX_QUOTES)
    if not quotes:
        raise invalid_param("quotes", "value required")
    quote_id = text(params, "quote_id", "", LABEL_CHARS_MAX)
    text(params, "mmp_group", "", LABEL_CHARS_MAX)  # accepted; there is nothing to group yet
    valid_until = timestamp_ms(params, "valid_until", 0)
    detailed = boolean(params, "detailed", default=True)
    parsed = _Parsed()
    for given in quotes:
        parsed.add(venue, given)
    if len(parsed.entries) > MAX_QUOTES:
        raise error(errors.TOO_MANY_QUOTES, reason="sides with different flags count twice")
    if not parsed.entries:
        session.reply(request, _result([], [], parsed.errors))
        return

    def build(label_id: int) -> bytes:
        return commands.mass_quote(
            account,
            [entry.quote for entry in parsed.entries],
            quote_label=label_id,
            valid_until_ms=valid_until,
        )

    def finish(packed: bytes) -> None:
        _reply(venue, session, request, account, parsed, packed, detailed)

    venue.submit_labelled(account, quote_id, build, guarded(session, request, finish, venue))


def _reply(
    venue: Venue,
    session: Session,
    request: Request,
    account: int,
    parsed: _Parsed,
    packed: bytes,
    detailed: bool,
) -> None:
    sets = {entry.view.instrument: entry.quote_set_id for entry in parsed.entries}
    orders: list[JsonObject] = []
    trades: list[JsonObject] = []
    last: ev.Event | None = None
    for event in ev.read_events(packed):
        last = event
        if isinstance(event, ev.Order):
            if detailed and event.head.account == account and event.kind != r.ORDER_FILLED:
                set_id = sets.get(event.head.instrument, "")
                orders.append(venue.rendering.order(event, quote_set_id=set_id))
        elif isinstance(event, ev.Trade):
            fill = _fill_of(venue, account, event)
            if fill is not None:
                trades.append(venue.rendering.fill(fill, account))
        elif isinstance(event, ev.Rejected):
            if event.position < 0:
                raise rejected(event, None)
            entry = parsed.entries[event.position // 2]
            parsed.fail(entry.view.name, _SIDES[event.position % 2], rejected(event, entry.view))
    if last is None:
        raise ev.EventError("a mass quote caused no event")
    session.reply(request, _result(orders, trades, parsed.errors), last.head.counter)


def _fill_of(venue: Venue, account: int, trade: ev.Trade) -> Fill | None:
    wanted = trade.trade_id.to_bytes(8, "little")
    for fill in venue.ring.fills(account):
        if fill.trade[24:32] == wanted:
            return fill
    return None


def _result(orders: list[JsonObject], trades: list[JsonObject], failed: list[JsonObject]) -> JsonObject:
    return {
        "orders": orders,
        "trades": trades,
        "errors": failed,
        "errors_count": len(failed),
        "pending_requests": [],
        "pending_requests_count": 0,
    }


METHODS: Final[dict[str, Handler]] = {"private/mass_quote": mass_quote}
