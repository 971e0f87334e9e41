"""`private/mass_quote`: up to 100 two-sided quotes in one command.

Sides stand for themselves: what cannot be read of one side is an entry of `errors` and goes no further,
all others are sequenced together. What the core refuses comes back by (entry, side) and joins them.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw

from exchange.core import risk_queries
from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import MAX_QUOTES
from exchange.gateway.combos.orders import unavailable
from exchange.gateway.dispatch import Handler, account_of, guarded, instrument_of
from exchange.gateway.numbers import Numbers
from exchange.gateway.outcomes import rejected
from exchange.gateway.products import must_be_allowed
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.objects import JsonObject
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    has,
    object_list,
    optional_object,
    price_ticks,
    timestamp_ms,
)
from exchange.wire.quote_labels import join_label, quote_text
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


class _Set:
    """The quotes of one set: a command."""

    __slots__ = ("instruments", "units")

    def __init__(self) -> None:
        self.instruments: list[InstrumentView] = []
        self.units: list[bytes] = []

    def add(self, view: InstrumentView, unit: bytes) -> None:
        """One more quote unit."""
        self.instruments.append(view)
        self.units.append(unit)

    def sides(self) -> list[tuple[str, str]]:
        """Name and side of each side that is present."""
        found = []
        for view, unit in zip(self.instruments, self.units, strict=True):
            words = _UNIT.unpack(unit)[4:]
            found += [(view.name, _SIDES[n]) for n in range(2) if words[n] & r.QUOTE_PRESENT]
        return found


class Parsed:
    """A request read side by side."""

    def __init__(self, account: int, *, is_protected: bool) -> None:
        self.account = account
        self.is_protected = is_protected
        self.sets: dict[str, _Set] = {}
        self.errors: list[JsonObject] = []

    def add(self, venue: Venue, params: Params) -> None:
        """Read one entry of `quotes`."""
        name = params.get("instrument_name")
        try:
            view = instrument_of(venue, params)
            if view.is_combo and self.is_protected:
                raise unavailable("mmp_group")
            must_be_allowed(venue, self.account, view)
            set_id = quote_text(params, "quote_set_id")
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
            unit = _UNIT.pack(view.instrument, 0, bid_ticks, ask_ticks, bid, ask)
            self.set_of(set_id).add(view, unit)

    def set_of(self, set_id: str) -> _Set:
        """The quotes of a set."""
        found = self.sets.get(set_id)
        if found is None:
            found = self.sets[set_id] = _Set()
        return found

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
    ticks = price_ticks(given, numbers.view.terms, bounds=numbers.bounds) if lots else 0
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
    quote_id = quote_text(params, "quote_id")
    group = _group_word(venue, account, params)
    group_name = venue.settings.groups.name(account, group - 1) if group else ""
    valid_until = timestamp_ms(params, "valid_until", 0)
    detailed = boolean(params, "detailed", default=True)
    parsed = Parsed(account, is_protected=group != 0)
    for given in quotes:
        parsed.add(venue, given)
    send(venue, session, request, parsed, quote_id, group, group_name, valid_until, detailed)


def send(
    venue: Venue,
    session: Session,
    request: Request,
    parsed: Parsed,
    quote_id: str,
    group: int,
    group_name: str,
    valid_until: int,
    detailed: bool,
) -> None:
    """Sequence quotes that are read, and see to the reply. `group` is the number of their protection group
    plus one, 0 for none; `valid_until` in ms, 0 for ever."""
    account = parsed.account
    if not parsed.sets:
        session.reply(request, _result([], [], parsed.errors, 0))
        return
    sets = list(parsed.sets.values())
    names = [join_label(quote_id, set_id, group_name) for set_id in parsed.sets]
    quoted = [view.instrument for each in sets for view in each.instruments]
    venue.disconnects.quoted(session, account, quoted)
    sent = venue.quotes_sent.sent(account, names, quoted)

    def build(labels: list[int]) -> bytes:
        body = _BODY.pack(group, valid_until, 0, 0)
        found = []
        for label, each in zip(labels, sets, strict=True):
            head = commands.header(r.MASS_QUOTE, 2 + len(each.units), account=account, aux=label)
            found += [head, body, *each.units]
        return b"".join(found)

    def finish(packed: bytes) -> None:
        _reply(venue, session, request, account, parsed, packed, detailed)

    done = sent.until(guarded(session, request, finish, venue))
    try:
        venue.labelling.submit(account, names, build, done, count=len(sets))
    except RpcError:
        sent.forget()
        raise


def _group_word(venue: Venue, account: int, params: Params) -> int:
    """The number of the protection group the quotes belong to, plus one; 0: they are not protected.

    Raises:
        RpcError: 13040 the account has given no group this name.
    """
    if not has(params, "mmp_group") or risk_queries.rules(venue.engine) < _RULES_WITH_GROUPS:
        return 0
    number = venue.settings.groups.number(account, quote_text(params, "mmp_group"))
    if number is None:
        raise error(errors.MMP_REQUIRED, param="mmp_group", reason="no such group: call set_mmp_config")
    return number + 1


def _reply(
    venue: Venue,
    session: Session,
    request: Request,
    account: int,
    parsed: Parsed,
    packed: bytes,
    detailed: bool,
) -> None:
    orders: list[Raw] = []
    trade_ids: list[int] = []
    of_combos: set[bytes] = set()  # orders of combos that traded: each match is told once, with its legs
    outcome = _Outcome(parsed)
    at = 0
    end = len(packed)
    while at < end:
        kind = packed[at]
        if kind == r.EV_ORDER:
            # Fills of resting orders (ours too, if it comes to that) are told by the private channels.
            if detailed and packed[at + 68] != r.ORDER_FILLED and _is_quote_of(packed, at, account):
                orders.append(Raw(venue.rendering.order_json(packed, at)))
        elif kind == r.EV_COMBO_TRADE:
            of_combos.update((packed[at + 48 : at + 56], packed[at + 56 : at + 64]))
            trade_ids.append(int.from_bytes(packed[at + 24 : at + 32], "little"))
        elif kind == r.EV_TRADE:
            if not of_combos or not _is_told_by_its_combo(packed, at, account, of_combos):
                trade_ids.append(int.from_bytes(packed[at + 24 : at + 32], "little"))
        elif kind in (r.EV_REJECTED, r.EV_DONE):
            outcome.take(ev.read_event(packed, at))
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    places = venue.ring.trade_places(account, trade_ids) if trade_ids else []
    trades = [Raw(fill) for fill in venue.rendering.fills_at(account, places)]
    affected = outcome.count()
    session.reply(request, _result(orders, trades, parsed.errors, affected), outcome.seq)


class _Outcome:
    """What became of the commands of a request, one for each set."""

    def __init__(self, parsed: Parsed) -> None:
        self.seq = 0
        """Of the last of them that did something."""
        self._parsed = parsed
        self._sets = list(parsed.sets.values())
        self._at = 0  # of the set whose command's events come next
        self._affected = 0
        self._refused: list[RpcError] = []  # of whole commands

    def take(self, event: ev.Event) -> None:
        """A REJECTED, of a side or of a whole command, or the DONE behind everything else of one."""
        if isinstance(event, ev.Rejected):
            self._on_rejected(event)
        elif isinstance(event, ev.Done):
            self._affected += event.affected
            self.seq = event.head.counter
            self._at += 1
        else:
            raise ev.EventError(f"a mass quote caused an event of type {event.head.type}")

    def _on_rejected(self, event: ev.Rejected) -> None:
        quotes = self._sets[self._at]
        if event.position >= 0:
            view = quotes.instruments[event.position // 2]
            self._parsed.fail(view.name, _SIDES[event.position % 2], rejected(event, view))
            return
        refused = rejected(event, None)
        self._refused.append(refused)
        for name, side in quotes.sides():
            self._parsed.fail(name, side, refused)
        self._at += 1

    def count(self) -> int:
        """How many sides took effect.

        Raises:
            RpcError: none of the commands was taken.
        """
        if len(self._refused) == len(self._sets):
            raise self._refused[0]
        return self._affected


def _is_quote_of(packed: bytes, at: int, account: int) -> bool:
    """Whether the ORDER at byte `at` is a quote of the account; triggered orders may have fired besides."""
    flags = int.from_bytes(packed[at + 64 : at + 68], "little")
    return bool(flags & r.FLAG_QUOTE) and int.from_bytes(packed[at + 16 : at + 20], "little") == account


def _is_told_by_its_combo(packed: bytes, at: int, account: int, of_combos: set[bytes]) -> bool:
    """Whether the account's order in the TRADE at byte `at` is a combo's: its print tells the leg too."""
    is_maker = int.from_bytes(packed[at + 64 : at + 68], "little") == account
    return (packed[at + 32 : at + 40] if is_maker else packed[at + 40 : at + 48]) in of_combos


def _result(
    orders: list[Raw], trades: list[Raw], failed: list[JsonObject], affected: int
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
