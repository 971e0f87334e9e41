"""The fast lane: `strikebook.v1` on a venue (docs/fast-lane.md).

One message is one run of the sequencer, one answer and a few calls of compiled code, however many commands
it holds. Tokens, scopes, budgets, switched-off products and cancel on disconnect are those of JSON; values
are judged by the engine, as everybody's are. A message is taken as a whole or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from exchange.core import queries
from exchange.domain import lane
from exchange.domain import records as r
from exchange.edge import lane as packed_records
from exchange.edge.places import mask_of, places_of
from exchange.gateway.dispatch import account_of
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.products import must_be_allowed
from exchange.gateway.venue import Venue
from exchange.wire import errors, packed
from exchange.wire.auth import allows
from exchange.wire.credits import CreditMeter
from exchange.wire.errors import error
from exchange.wire.limits import FRAME_BYTES_MAX
from exchange.wire.session import RpcError, Session

_METHOD: Final = "private/buy"  # whose pool the commands are paid from
_FILLS_A_MESSAGE: Final = 0xFFFF
_TRADES: Final = mask_of(r.EV_TRADE)
_log: Final = logging.getLogger(__name__)


class Lane:
    """What one connection of the lane is at."""

    __slots__ = ("expected", "is_open")

    def __init__(self) -> None:
        self.expected = 1
        """The sequence number of the next COMMANDS."""
        self.is_open = False
        """Whether its last HELLO was taken."""


class FastLane:
    """Serves the lane's sessions. The meter that comes with a message pays for its commands."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._lanes: dict[Session, Lane] = {}
        self._listeners: dict[int, dict[Session, None]] = {}  # by account: who is told of fills
        self._news: dict[int, list[bytes]] = {}
        venue.sequencer.add_listener(self._on_batch)
        venue.sequencer.add_after_release(self._tell)

    # --- messages ----------------------------------------------------------------------------------

    def take(
        self, session: Session, message: bytes | None, received_us: int, meter: CreditMeter | None
    ) -> None:
        """Handle one message; what is wrong with it is answered, and the connection stays."""
        sequence = 0
        try:
            if message is None:
                raise error(errors.INVALID_CONTENT_TYPE, reason="binary messages are spoken here")
            if len(message) > FRAME_BYTES_MAX:
                raise error(errors.TOO_LARGE, reason=f"at most {FRAME_BYTES_MAX} bytes")
            head = packed.header(message)
            sequence = head.sequence
            if head.type == lane.HELLO:
                if meter is not None and not meter.spend("public/auth", received_us):
                    raise error(errors.TOO_MANY_REQUESTS, reason="too many HELLOs")
                self._hello(session, message, head)
            elif head.type == lane.COMMANDS:
                self._commands(session, message, head, received_us, meter)
            else:
                raise error(errors.METHOD_NOT_FOUND, reason=f"message type {head.type}")
        except packed.PackedError as wrong:
            self._refuse(session, error(errors.BAD_REQUEST, reason=str(wrong)), sequence)
        except RpcError as refused:
            self._refuse(session, refused, sequence)
        except Exception:
            _log.exception("a message of the lane failed")
            self._refuse(session, error(errors.INTERNAL_ERROR), sequence)

    def _refuse(self, session: Session, refused: RpcError, sequence: int) -> None:
        session.error_code = refused.code
        why = (refused.data or {}).get("reason", "")
        text = f"{refused.message}: {why}" if why else refused.message
        session.send(packed.error(refused.code, text, sequence, session.now_us()))

    def _hello(self, session: Session, message: bytes, head: packed.Header) -> None:
        if head.flags & ~lane.HELLO_FLAGS:
            raise packed.PackedError("unknown flags")
        token = packed.token_of(message, head)
        mine = self._lanes.setdefault(session, Lane())
        mine.is_open = False
        self._forget_fills(session)
        self._venue.authenticator.by_token(session, token)
        account = account_of(session)
        if head.flags & lane.HELLO_CANCEL_ON_DISCONNECT:
            session.cancel_on_disconnect = True
        if head.flags & lane.HELLO_FILLS:
            if not allows(session.scopes, "trade", write=False):
                raise error(errors.FORBIDDEN, reason="scope trade:read required")
            self._listeners.setdefault(account, {})[session] = None
        mine.is_open = True
        flags = lane.HELLO_CANCEL_ON_DISCONNECT if session.cancel_on_disconnect else 0
        session.send(packed.welcome(account, session.now_us(), flags | head.flags))

    def _commands(
        self,
        session: Session,
        message: bytes,
        head: packed.Header,
        received_us: int,
        meter: CreditMeter | None,
    ) -> None:
        mine = self._lanes.get(session)
        account = session.account
        if mine is None or not mine.is_open or account is None:
            raise error(errors.UNAUTHORIZED, reason="HELLO comes first")
        if not allows(session.scopes, "trade", write=True):
            raise error(errors.FORBIDDEN, reason="scope trade:read_write required")
        if head.flags or head.a or head.b:
            raise packed.PackedError("the header has words that are not zero")
        if head.sequence != mine.expected:
            raise error(errors.BAD_REQUEST, reason=f"sequence {head.sequence}, expected {mine.expected}")
        checked = packed_records.owned(message, r.UNIT_BYTES, head.records, account)
        fault, others, quotes, commands = checked
        if fault:
            raise packed.PackedError(lane.FAULTS[fault])
        venue = self._venue
        if quotes or account in venue.settings.restricted:
            self._check_slowly(session, account, commands)
        if meter is not None and not meter.spend_many(_METHOD, others, head.records, received_us):
            raise error(errors.TOO_MANY_REQUESTS, reason=f"wait {meter.wait_ms(_METHOD)} ms")
        done = self._answering(session, head.sequence, commands, received_us, meter)
        if session.cancel_on_disconnect:
            done = venue.disconnects.watched(session, account, done)
        venue.submit_run(commands, head.records, done, is_cancel=not others)
        mine.expected += 1

    def _answering(
        self, session: Session, sequence: int, commands: bytes, received_us: int, meter: CreditMeter | None
    ) -> OnEvents:
        def done(events: bytes) -> None:
            if session.closed:
                return
            if not events:
                self._refuse(session, self._venue.halt_error(), sequence)
                return
            count, records = packed_records.acks(commands, events)
            budget = 0xFFFFFFFF if meter is None else meter.budget(_METHOD)
            now_us = session.now_us()
            if session.on_reply is not None:
                session.on_reply(_METHOD, now_us - received_us)
            session.send(packed.acks(sequence, count, records, budget, (received_us, now_us)))

        return done

    def _check_slowly(self, session: Session, account: int, commands: bytes) -> None:
        """Switched-off products, and whose quotes these are. Raises RpcError."""
        venue = self._venue
        views = venue.registry.instruments
        quoted: list[int] = []
        for kind, flags, named, order_id in _named(commands):
            if kind == r.MASS_QUOTE:
                quoted += named
            if kind == r.AMEND:
                record = queries.order_record(venue.engine, order_id)
                named = [int.from_bytes(record[20:24], "little")] if record else []
            for instrument in named:
                if instrument < len(views):
                    reduce_only = bool(flags & r.FLAG_REDUCE_ONLY)
                    must_be_allowed(venue, account, views[instrument], reduce_only=reduce_only)
        if quoted:
            venue.disconnects.quoted(session, account, quoted)

    # --- fills -------------------------------------------------------------------------------------

    def _on_batch(self, _first_seq: int, _count: int, events: bytes) -> None:
        """A released batch: gather fills of accounts that listen."""
        listeners = self._listeners
        if not listeners:
            return
        for at in places_of(events, _TRADES):
            maker = int.from_bytes(events[at + 64 : at + 68], "little")
            taker = int.from_bytes(events[at + 68 : at + 72], "little")
            for account in {maker, taker}:
                if account in listeners:
                    trade = events[at : at + r.EVENT_UNITS[r.EV_TRADE] * r.UNIT_BYTES]
                    self._news.setdefault(account, []).append(packed.fill(trade, account))

    def _tell(self) -> None:
        if not self._news:
            return
        news, self._news = self._news, {}
        for account, records in news.items():
            for session in self._listeners.get(account, ()):
                for start in range(0, len(records), _FILLS_A_MESSAGE):
                    session.send(packed.fills(records[start : start + _FILLS_A_MESSAGE], session.now_us()))

    # --- the end -----------------------------------------------------------------------------------

    def _forget_fills(self, session: Session) -> None:
        for account in [account for account, found in self._listeners.items() if session in found]:
            del self._listeners[account][session]
            if not self._listeners[account]:
                del self._listeners[account]

    def on_close(self, session: Session) -> None:
        """A session is over."""
        if self._lanes.pop(session, None) is not None:
            self._forget_fills(session)


def _named(commands: bytes) -> Iterable[tuple[int, int, list[int], int]]:
    """(type, flags, instruments, order id) of each command."""
    at = 0
    while at < len(commands):
        kind, size = commands[at], (commands[at + 2] | commands[at + 3] << 8) * r.UNIT_BYTES
        flags = int.from_bytes(commands[at + 4 : at + 8], "little")
        instruments: list[int] = []
        order_id = 0
        if kind == r.NEW_ORDER:
            instruments = [int.from_bytes(commands[at + 12 : at + 16], "little")]
        elif kind == r.MASS_QUOTE:
            units = range(at + 2 * r.UNIT_BYTES, at + size, r.UNIT_BYTES)
            instruments = [int.from_bytes(commands[unit : unit + 4], "little") for unit in units]
        elif kind == r.AMEND:
            order_id = int.from_bytes(commands[at + 32 : at + 40], "little")
        yield kind, flags, instruments, order_id
        at += size
