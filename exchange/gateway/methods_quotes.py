"""`private/mass_quote`: up to 100 two-sided quotes in one command.

Sides stand for themselves: what cannot be read of one side is an entry of `errors` and goes no further,
all others are sequenced together. What the core refuses comes back by (entry, side) and joins them.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from exchange.core import risk_queries
from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK, MAX_QUOTES
from exchange.gateway.dispatch import Handler, account_of, guarded, instrument_of
from exchange.gateway.numbers import Numbers
from exchange.gateway.outcomes import rejected
from exchange.gateway.products import must_be_allowed
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.objects import JsonObject
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    has,
    object_list,
    optional_object,
    price_ticks,
    text,
    timestamp_ms,
)
from exchange.wire.session import Request, RpcError, Session

_SIDES: Final = ("bid", "ask")
_UNIT: Final = struct.Struct("<IIqqII")  # a quote unit (docs/formats.md)
_BODY: Final = struct.Struct("<qqqq")
_WITHDRAWN: Final = (0, r.QUOTE_PRESENT)
_NO_SIDE: Final = (0, 0)
_RULES_WITH_GROUPS: Final = 3


class _UsualSide(msgspec.Struct):
    """A side as clients usually write it."""

    amount: object
    price: object = None
    post_only: bool = False
    reject_post_only: bool = False

    def is_number(self) -> bool:
        return type(self.amount) is int or type(self.amount) is Decimal


class _UsualQuote(msgspec.Struct):
    """A quote as clients usually write it."""

    instrument_name: str
    quote_set_id: str = ""
    bid: _UsualSide | None = None
    ask: _UsualSide | None = None


class _Entry(NamedTuple):
    """What the client called one quote unit of the command."""

    numbers: Numbers
    quote_set_id: str


class _Parsed:
    """A request read side by side."""

    def __init__(self, account: int) -> None:
        self.account = account
        self.entries: list[_Entry] = []
        self.units: list[bytes] = []
        self.errors: list[JsonObject] = []

    def add(self, venue: Venue, params: Params) -> None:
        """Read one entry of `quotes`."""
        name = params.get("instrument_name")
        try:
            view = instrument_of(venue, params)
            must_be_allowed(venue, self.account, view)
            set_id = text(params, "quote_set_id", "", LABEL_CHARS_MAX)
        except RpcError as refused:
            for side in _SIDES:
                if params.get(side) is not None:
                    self.fail(str(name), side, refused)
            return
        numbers = venue.registry.numbers[view.instrument]
        try:
            usual = msgspec.convert(params, _UsualQuote)
        except msgspec.ValidationError:
            usual = None
        found: list[tuple[int, int]] = []
        for side in _SIDES:
            try:
                given = None if usual is None else usual.bid if side == "bid" else usual.ask
                if given is not None and given.is_number():
                    found.append(_read_usual(given, numbers))
                else:
                    found.append(_read_exactly(optional_object(params, side), numbers))
            except RpcError as refused:
                self.fail(view.name, side, refused)
                found.append(_WITHDRAWN)  # a failed amendment takes the resting quote with it
        (bid_ticks, bid), (ask_ticks, ask) = found
        if bid or ask:
            self.units.append(_UNIT.pack(view.instrument, 0, bid_ticks, ask_ticks, bid, ask))
            self.entries.append(_Entry(numbers, set_id))

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


def _read_usual(side: _UsualSide, numbers: Numbers) -> tuple[int, int]:
    """(price_ticks, the side's word) of a quote unit. A side of amount 0 needs no price."""
    if not side.amount:
        return 0, r.QUOTE_PRESENT
    post = 0
    if side.post_only:
        post = r.QUOTE_POST_ONLY | r.QUOTE_REJECT_POST_ONLY if side.reject_post_only else r.QUOTE_POST_ONLY
    return numbers.ticks(side.price), numbers.lots(side.amount) | r.QUOTE_PRESENT | post


def _read_exactly(given: Params | None, numbers: Numbers) -> tuple[int, int]:
    """As `_read_usual`, from whatever the client wrote. Raises RpcError for what is no side."""
    if given is None:
        return _NO_SIDE
    lots = amount_lots(given, numbers.view.terms, zero_allowed=True)
    ticks = price_ticks(given, numbers.view.terms) if lots else 0
    word = lots | r.QUOTE_PRESENT
    if boolean(given, "post_only"):
        word |= r.QUOTE_POST_ONLY
        word |= r.QUOTE_REJECT_POST_ONLY if boolean(given, "reject_post_only") else 0
    return ticks, word


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
    group = _group_word(venue, account, params)
    valid_until = timestamp_ms(params, "valid_until", 0)
    detailed = boolean(params, "detailed", default=True)
    parsed = _Parsed(account)
    for given in quotes:
        parsed.add(venue, given)
    if not parsed.units:
        session.reply(request, _result([], [], parsed.errors, 0))
        return

    venue.disconnects.quoted(
        session, account, [entry.numbers.view.instrument for entry in parsed.entries]
    )

    def build(label: int) -> bytes:
        head = commands.header(r.MASS_QUOTE, 2 + len(parsed.units), account=account, aux=label)
        return b"".join([head, _BODY.pack(group, valid_until, 0, 0), *parsed.units])

    def finish(packed: bytes) -> None:
        _reply(venue, session, request, account, parsed, packed, detailed)

    venue.submit_labelled(account, quote_id, build, guarded(session, request, finish, venue))


def _group_word(venue: Venue, account: int, params: Params) -> int:
    """The number of the protection group the quotes belong to, plus one; 0: they are not protected.

    Raises:
        RpcError: 13040 the account has given no group this name.
    """
    if not has(params, "mmp_group") or risk_queries.rules(venue.engine) < _RULES_WITH_GROUPS:
        return 0
    number = venue.settings.groups.number(account, text(params, "mmp_group", "", LABEL_CHARS_MAX))
    if number is None:
        raise error(errors.MMP_REQUIRED, param="mmp_group", reason="no such group: call set_mmp_config")
    return number + 1


def _reply(
    venue: Venue,
    session: Session,
    request: Request,
    account: int,
    parsed: _Parsed,
    packed: bytes,
    detailed: bool,
) -> None:
    sets = {entry.numbers.view.instrument: entry.quote_set_id for entry in parsed.entries}
    orders: list[Raw] = []
    trade_ids: list[int] = []
    affected = at = 0
    end = len(packed)
    while at < end:
        kind = packed[at]
        if kind == r.EV_ORDER:
            # Fills of resting orders (ours too, if it comes to that) are told by the private channels.
            if detailed and packed[at + 68] != r.ORDER_FILLED and _is_quote_of(packed, at, account):
                set_id = sets.get(int.from_bytes(packed[at + 20 : at + 24], "little"), "")
                orders.append(Raw(venue.rendering.order_json(packed, at, set_id)))
        elif kind == r.EV_TRADE:
            trade_ids.append(int.from_bytes(packed[at + 24 : at + 32], "little"))
        elif kind in (r.EV_REJECTED, r.EV_DONE):
            affected += _take_rare(parsed, ev.read_event(packed, at))
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    fills = venue.ring.find_trades(account, trade_ids) if trade_ids else []
    trades = [venue.rendering.fill(fill, account) for fill in fills]
    seq = int.from_bytes(packed[8:16], "little") & COUNTER_MASK
    session.reply(request, _result(orders, trades, parsed.errors, affected), seq)


def _take_rare(parsed: _Parsed, event: ev.Event) -> int:
    """Count a refused side, or give the count of the final DONE."""
    if isinstance(event, ev.Rejected):
        if event.position < 0:
            raise rejected(event, None)
        view = parsed.entries[event.position // 2].numbers.view
        parsed.fail(view.name, _SIDES[event.position % 2], rejected(event, view))
        return 0
    if isinstance(event, ev.Done):
        return event.affected
    raise ev.EventError(f"a mass quote caused an event of type {event.head.type}")


def _is_quote_of(packed: bytes, at: int, account: int) -> bool:
    """Whether the ORDER at byte `at` is a quote of the account; triggered orders may have fired besides."""
    flags = int.from_bytes(packed[at + 64 : at + 68], "little")
    return bool(flags & r.FLAG_QUOTE) and int.from_bytes(packed[at + 16 : at + 20], "little") == account


def _result(
    orders: list[Raw], trades: list[JsonObject], failed: list[JsonObject], affected: int
) -> JsonObject:
    return {
        "orders": orders,
        "orders_count": affected,
        "trades": trades,
        "errors": failed,
        "errors_count": len(failed),
        "pending_requests": [],
        "pending_requests_count": 0,
    }


METHODS: Final[dict[str, Handler]] = {"private/mass_quote": mass_quote}
