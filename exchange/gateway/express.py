"""The fast way of `private/buy` and `private/sell`: what most frames of a trading client are.

The usual orders among the frames that a connection sent together are read by compiled code into one run of
the sequencer, and answered by one call (`exchange.edge`). Whatever is unusual (a parameter not listed there,
a mistake, a new label, a budget used up) is left to the general way, which alone decides what is wrong: this
one never refuses anything. A test holds both ways' replies equal.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any, Final

import msgspec

from exchange.core.reading import command_starts
from exchange.domain import records as r
from exchange.edge.replies import ReplyWriter
from exchange.edge.requests import FLAG_WORDS, OrderReader, Run, combination
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.labelling import refusal
from exchange.gateway.methods_trading import place
from exchange.gateway.order_json import fixed_order
from exchange.gateway.outcomes import order_reply
from exchange.gateway.quote_express import QuoteExpress
from exchange.gateway.rendering import SOFT
from exchange.gateway.sequencer import Halted, QueueFull
from exchange.gateway.trade_json import fixed_trade
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.auth import allows, check_access
from exchange.wire.credits import CreditMeter
from exchange.wire.envelope import encode_json
from exchange.wire.errors import error
from exchange.wire.limits import FRAME_BYTES_MAX, LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.session import Request, RpcError, Session

BUY: Final = "private/buy"
RUN_MAX: Final = 128
"""Orders of one run: what a connection may do before others have their turn."""
_untyped: Final = msgspec.json.Decoder().decode
_log: Final = logging.getLogger(__name__)
_SCOPES_MAX: Final = 1_024
_INSTRUMENT_AT: Final = 20  # of a NEW_ORDER
_METHOD_WITHIN: Final = 128  # bytes: where a usual frame names its method


class Express:
    """The fast way into one venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._may_trade: dict[frozenset[str], bool] = {}
        self._restricted = venue.settings.restricted
        self._submit_run = venue.sequencer.submit_run
        self._quotes = QuoteExpress(venue)
        listed = venue.registry.listed
        self._reader = OrderReader(
            listed, _flag_words(), venue.labels.find, FRAME_BYTES_MAX, LABEL_CHARS_MAX
        )
        self.writer = ReplyWriter(listed, self._fixed_order, self._fixed_trade, self._average)
        for instrument, market in enumerate(venue.views.markets):
            last = market.last_trade_ticks
            self.writer.load_last(instrument, -1 if last is None else last, market.tick_direction)
        venue.sequencer.add_listener(lambda _first, _count, events: self.writer.on_batch(events))

    # --- requests ----------------------------------------------------------------------------------

    def take(
        self,
        session: Session,
        messages: list[bytes | None],
        start: int,
        received_us: int,
        meter: CreditMeter | None,
    ) -> int:
        """Place the orders of a session's messages from `start` on, paid from `meter`; how many messages
        that were. With the next one nothing has happened: the general way is to have it."""
        account = session.account
        if account is None or meter is None or account in self._restricted:
            return 0
        if not (self._may_trade.get(session.scopes) or self._cleared(session)):
            return 0
        run = Run(account)
        reader = self._reader
        admitted = meter.orders_admitted(received_us)
        count = reader.read_many(messages, start, RUN_MAX if admitted > RUN_MAX else admitted, run)
        if count:
            meter.spend_orders(count)
            self._submit(session, run, count, received_us)
        elif reader.token and admitted:
            return self._take_with_token(session, messages[start] or b"", received_us, meter)
        elif (first := messages[start]) is not None and b"mass_quote" in first[:_METHOD_WITHIN]:
            return int(self._quotes.take(session, first, received_us, meter))
        return count

    def _cleared(self, session: Session) -> bool:
        """Whether the session's scopes let it trade."""
        known = self._may_trade.get(session.scopes)
        if known is None:
            if len(self._may_trade) >= _SCOPES_MAX:
                self._may_trade.clear()
            known = self._may_trade[session.scopes] = allows(session.scopes, "trade", write=True)
        return known

    def _take_with_token(
        self, session: Session, message: bytes, received_us: int, meter: CreditMeter
    ) -> int:
        """The order just read, of whoever its access token names; 1 if it was taken."""
        venue = self.venue
        if not venue.has_authenticator or not meter.spend(BUY, received_us):
            return 0
        try:
            venue.authenticator.by_token(session, self._reader.token.decode())
            check_access(BUY, session.authenticated, session.scopes)
            account = session.account
            if account is not None and account not in self._restricted:
                run = Run(account)
                if self._reader.place(run):
                    self._submit(session, run, 1, received_us)
                    return 1
            request = _request_of(message, received_us)
            place(venue, session, request, sell=request.method != BUY)
        except RpcError as refused:
            session.fail(_request_of(message, received_us), refused)
        except Exception:
            _log.exception("an order failed")
            session.fail(_request_of(message, received_us), error(errors.INTERNAL_ERROR))
        return 1

    def _submit(self, session: Session, run: Run, count: int, received_us: int) -> None:
        done: OnEvents = _Answers(self, session, run, count, received_us).tell
        if session.cancel_on_disconnect:
            done = self.venue.disconnects.watched(session, run.account, done)
        try:
            self._submit_run(run.commands(), count, done)
        except (QueueFull, Halted) as full:
            if count == 1:
                session.fail(_request(run, 0, received_us), refusal(full))
                return
            for at in range(count):  # there may be room for some
                self._submit(session, run.one(at), 1, received_us)

    # --- what the writer asks for ------------------------------------------------------------------

    def _fixed_order(self, record: bytes) -> bytes:
        return fixed_order(self.venue.registry, record)

    def _fixed_trade(self, trade: bytes, order: bytes, direction: int) -> bytes:
        return fixed_trade(
            self.venue.registry, trade, order, is_maker=False, tick_direction=direction, finality=SOFT
        )

    def _average(self, instrument: int, value: int, lots: int) -> bytes:
        return encode_json(self.venue.registry.instruments[instrument].average_price(value, lots))


class _Answers:
    """What waits for the events of a run."""

    __slots__ = ("_count", "_express", "_received_us", "_run", "_session")

    def __init__(self, express: Express, session: Session, run: Run, count: int, received_us: int) -> None:
        self._express = express
        self._session = session
        self._run = run
        self._count = count
        self._received_us = received_us

    def tell(self, packed: bytes) -> None:
        """Reply to the orders of the run, whose events these are."""
        session = self._session
        if session.closed or session.close_code:
            return
        done = self._write(session, packed, 0, 0) if packed else 0
        if done < self._count:
            self._answer_rest(session, packed, done)

    def _write(self, session: Session, packed: bytes, first: int, at: int) -> int:
        """Write replies from the `first` order on, whose events begin at byte `at`; how many are written.
        Their trades are soft: nothing is posted before it is out."""
        meter, now_us = session.credits, session.now_us()
        budget = -1 if meter is None else meter.budget(BUY)
        took_us = now_us - self._received_us
        replies: list[bytes] = []
        try:
            self._express.writer.write(
                packed, self._run, first, at, budget, self._received_us, now_us, session.testnet, replies
            )
        except Exception:  # one broken reply must not cost the others theirs
            _log.exception("writing the reply to an order failed")
        count = len(replies)
        if count:
            if session.on_reply is not None:
                session.on_reply(BUY, took_us, count)
            session.send_many(replies)
        return count

    def _answer_rest(self, session: Session, packed: bytes, done: int) -> None:
        """Answer the order at place `done`, which is not usual, and those behind it."""
        starts = command_starts(packed) if packed else []
        while done < self._count:
            if not packed:
                self._answer(done, b"")
                done += 1
                continue
            at = starts[done + 1]
            self._answer(done, packed[starts[done] : at])
            done += 1
            if done < self._count:
                done += self._write(session, packed, done, at)

    def _answer(self, place_: int, events: bytes) -> None:
        """Answer one order the general way."""
        venue, run = self._express.venue, self._run
        commands = run.commands()
        at = place_ * r.UNIT_BYTES * 2 + _INSTRUMENT_AT
        view = venue.registry.instruments[int.from_bytes(commands[at : at + 4], "little")]
        request = _request(run, place_, self._received_us)
        order_reply(venue, self._session, request, run.account, view)(events)


def _request(run: Run, place_: int, received_us: int) -> Request:
    """The request behind an order, as far as a reply needs it."""
    return Request(int(run.ids[place_]), BUY, {}, received_us)


def _request_of(message: bytes, received_us: int) -> Request:
    """The request as the general way reads it."""
    found: dict[str, Any] = _untyped(message)
    return Request(found["id"], found["method"], found["params"], received_us)


_TYPES: Final = ("limit", "market", "market_limit")
_TIMES: Final = ("good_til_cancelled", "good_til_day", "immediate_or_cancel", "fill_or_kill")
_BOOLEANS: Final = (False, True)


def _flag_words() -> list[int]:
    """The flags of every combination of usual parameters, −1 where they make no order."""
    found = [-1] * FLAG_WORDS
    for kind, tif, *booleans in itertools.product(_TYPES, _TIMES, _BOOLEANS, _BOOLEANS, _BOOLEANS):
        post, reject, reduce = booleans
        params: dict[str, object] = {"type": kind, "time_in_force": tif, "post_only": post}
        params |= {"reject_post_only": reject, "reduce_only": reduce}
        try:
            flags = order_flags(params, sell=False)
        except RpcError:
            continue
        found[combination(_TYPES.index(str(kind)), _TIMES.index(str(tif)), post, reject, reduce)] = flags
    return found
