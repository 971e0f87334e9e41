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
from exchange.edge.answers import BUY, Answers
from exchange.edge.intake import Intake
from exchange.edge.replies import ReplyWriter
from exchange.edge.requests import FLAG_WORDS, ORDER_BYTES, OrderReader, Run, combination
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.labelling import refusal
from exchange.gateway.methods.trading import place
from exchange.gateway.outcomes import order_reply
from exchange.gateway.quote_express import QuoteExpress
from exchange.gateway.sequencer import Halted, QueueFull
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.auth import allows, check_access
from exchange.wire.credits import CreditMeter
from exchange.wire.errors import error
from exchange.wire.limits import FRAME_BYTES_MAX, LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.session import Request, RpcError, Session

_untyped: Final = msgspec.json.Decoder().decode
_log: Final = logging.getLogger(__name__)
_INSTRUMENT_AT: Final = 20  # of a NEW_ORDER
_METHOD_WITHIN: Final = 128  # bytes: where a usual frame names its method


class Express:
    """The fast way into one venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._quotes = QuoteExpress(venue)
        listed = venue.registry.listed
        self._reader = OrderReader(
            listed, _flag_words(), venue.labels.find, FRAME_BYTES_MAX, LABEL_CHARS_MAX
        )
        self.writer = ReplyWriter(venue.rendering.objects)
        for instrument, market in enumerate(venue.views.markets):
            last = market.last_trade_ticks
            self.writer.load_last(instrument, -1 if last is None else last, market.tick_direction)
        venue.sequencer.add_listener(lambda _first, _count, events: self.writer.on_batch(events))
        self.intake = Intake(
            self._reader,
            self.writer,
            venue.sequencer.pending,
            venue.settings.restricted,
            lambda scopes: allows(scopes, "trade", write=True),
            self._watched,
            self._refused,
            self._answer_rest,
            lambda: _log.exception("writing the reply to an order failed"),
        )

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
        intake = self.intake
        if meter is None or not intake.is_open_to(session):
            return 0
        count = intake.take(session, messages, start, received_us, meter.orders)
        if count:
            return count
        if self._reader.token and meter.budget(BUY):
            return self._take_with_token(session, messages[start] or b"", received_us, meter)
        if (first := messages[start]) is not None and b"mass_quote" in first[:_METHOD_WITHIN]:
            return int(self._quotes.take(session, first, received_us, meter))
        return 0

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
            if account is not None and account not in venue.settings.restricted:
                run = Run(account)
                if self._reader.place(run):
                    self.intake.submit(session, run, received_us)
                    return 1
            request = _request_of(message, received_us)
            place(venue, session, request, sell=request.method != BUY)
        except RpcError as refused:
            session.fail(_request_of(message, received_us), refused)
        except Exception:
            _log.exception("an order failed")
            session.fail(_request_of(message, received_us), error(errors.INTERNAL_ERROR))
        return 1

    def _watched(self, sent: Answers) -> OnEvents:
        """The orders of a connection that cancels on disconnect are its own."""
        return self.venue.disconnects.watched(_session(sent), sent.run.account, sent)

    def _refused(self, sent: Answers) -> None:
        """The sequencer has no room for a run."""
        run, count = sent.run, sent.run.count
        if count > 1:
            for at in range(count):  # there may be room for some
                self.intake.submit(sent.caller, run.one(at), sent.received_us)
            return
        full = Halted() if self.venue.halted else QueueFull()
        _session(sent).fail(_request(run, 0, sent.received_us), refusal(full))

    # --- answers -----------------------------------------------------------------------------------

    def _answer_rest(self, sent: Answers, packed: bytes, done: int) -> None:
        """Answer the order at place `done` of a run, which is not usual, and those behind it."""
        starts = command_starts(packed) if packed else []
        count = sent.run.count
        while done < count:
            if not packed:
                self._answer(sent, done, b"")
                done += 1
                continue
            at = starts[done + 1]
            self._answer(sent, done, packed[starts[done] : at])
            done += 1
            if done < count:
                done += sent.write(packed, done, at)

    def _answer(self, sent: Answers, place_: int, events: bytes) -> None:
        """Answer one order the general way."""
        venue, run = self.venue, sent.run
        at = place_ * ORDER_BYTES + _INSTRUMENT_AT
        view = venue.registry.instruments[int.from_bytes(run.commands()[at : at + 4], "little")]
        request = _request(run, place_, sent.received_us)
        order_reply(venue, _session(sent), request, run.account, view)(events)


def _session(sent: Answers) -> Session:
    """The session whose run that is."""
    session = sent.caller
    assert isinstance(session, Session)
    return session


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
