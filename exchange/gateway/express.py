"""The fast way of `private/buy` and `private/sell`: what most frames of a trading client are.

A frame that is a usual order of a session that may trade is read in one go, straight into typed fields, and
answered by a writer that knows nothing else. Whatever is unusual (a parameter not listed here, a mistake,
a new label, a budget used up, fills to tell) is left to the general way, which alone decides what is wrong:
this one never refuses anything. A test holds both ways' replies equal.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from msgspec import Raw

from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.methods_trading import NEW_ORDER_HEAD, NEW_ORDER_RECORD
from exchange.gateway.outcomes import own_order, placed_json
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.auth import allows
from exchange.wire.errors import error
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import FRAME_BYTES_MAX, LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.session import Request, RpcError, Session

BUY: Final = "private/buy"
SELL: Final = "private/sell"
_MARKS: Final = (b'"private/buy"', b'"private/sell"')
_NONE: Final = Raw(b"")
_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_log: Final = logging.getLogger(__name__)
_SCOPES_MAX: Final = 1_024
_FLAGS_MAX: Final = 256
_SHORT_LABEL: Final = LABEL_CHARS_MAX // 4  # of any characters, within the bound of bytes
_PLAIN_BYTES: Final = 4 * r.UNIT_BYTES  # one ORDER that has left no other level
_ORDER_WORD: Final = r.EV_ORDER | 1 << 8 | 4 << 16


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    """A usual order, and nothing else."""

    instrument_name: str
    amount: Raw
    price: Raw = _NONE
    type: str = "limit"
    time_in_force: str = "good_til_cancelled"
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    label: str = ""


class _Call(msgspec.Struct):
    id: int
    method: str
    params: _Params
    jsonrpc: str = "2.0"


_decode: Final = msgspec.json.Decoder(_Call).decode
_untyped: Final = msgspec.json.Decoder().decode


class Express:
    """The fast way into one venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._flags: dict[tuple[str, str, bool, bool, bool], int] = {}
        self._may_trade: dict[frozenset[str], bool] = {}
        self._restricted = venue.settings.restricted

    def take(self, session: Session, frame: bytes, received_us: int) -> bool:
        """Place the order of a frame; False if the general way is to have it, and nothing has happened."""
        if (_MARKS[0] not in frame and _MARKS[1] not in frame) or len(frame) > FRAME_BYTES_MAX:
            return False
        account, meter = session.account, session.credits
        if account is None or session.metered != account or meter is None or not self._cleared(session):
            return False
        try:
            call = _decode(frame)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        if call.jsonrpc != "2.0" or account in self._restricted:
            return False
        sell = call.method == SELL
        if not sell and call.method != BUY:
            return False
        packed = self._packed(account, call.params, sell)
        if packed is None or not meter.spend(call.method, received_us):
            return False
        command, view = packed
        venue = self.venue
        done: OnEvents = _Placed(self, session, call, received_us, account, view, frame)
        if session.cancel_on_disconnect:
            done = venue.disconnects.watched(session, account, done)
        try:
            venue.submit(command, done)
        except RpcError as refused:
            session.fail(_Placed.request_of(call, frame, received_us), refused)
        return True

    def _cleared(self, session: Session) -> bool:
        """Whether the session's scopes let it trade."""
        known = self._may_trade.get(session.scopes)
        if known is None:
            if len(self._may_trade) >= _SCOPES_MAX:
                self._may_trade.clear()
            known = self._may_trade[session.scopes] = allows(session.scopes, "trade", write=True)
        return known

    def _packed(
        self, account: int, params: _Params, sell: bool
    ) -> tuple[bytes, InstrumentView] | None:
        """The NEW_ORDER of usual parameters; None for what the general way is to look at."""
        venue = self.venue
        view = venue.registry.by_name.get(params.instrument_name)
        flags = self._flags_of(params)
        if view is None or flags is None:
            return None
        label = 0
        if params.label:
            if len(params.label) > _SHORT_LABEL:
                return None
            label = venue.labels.find(account, params.label)
            if label == 0:  # it becomes a record of its own first
                return None
        numbers = venue.registry.numbers[view.instrument]
        try:
            lots = numbers.lots_written(bytes(params.amount))
            ticks = 0 if flags & _TYPE_BITS else numbers.ticks_written(bytes(params.price))
        except (RpcError, msgspec.MsgspecError):
            return None
        if sell:
            flags |= r.FLAG_SELL
        return (
            NEW_ORDER_RECORD.pack(
                NEW_ORDER_HEAD, flags, account, view.instrument, 0, 0, label, ticks, lots, 0, 0
            ),
            view,
        )

    def _flags_of(self, params: _Params) -> int | None:
        """The order's flags without the side; None where they make no order."""
        key = (
            params.type, params.time_in_force, params.post_only, params.reject_post_only, params.reduce_only
        )
        known = self._flags.get(key)
        if known is None:
            if len(self._flags) >= _FLAGS_MAX:
                self._flags.clear()
            try:
                known = self._flags[key] = order_flags(msgspec.structs.asdict(params), sell=False)
            except RpcError:
                return None
        return known


class _Placed:
    """What waits for the events of one order."""

    __slots__ = ("_account", "_call", "_express", "_frame", "_received_us", "_session", "_view")

    def __init__(
        self,
        express: Express,
        session: Session,
        call: _Call,
        received_us: int,
        account: int,
        view: InstrumentView,
        frame: bytes,
    ) -> None:
        self._express = express
        self._session = session
        self._call = call
        self._received_us = received_us
        self._account = account
        self._view = view
        self._frame = frame

    @staticmethod
    def request_of(call: _Call, frame: bytes, received_us: int) -> Request:
        """The request as the general way reads it."""
        params: dict[str, Any] = _untyped(frame)["params"]
        return Request(call.id, call.method, params, received_us)

    def __call__(self, packed: bytes) -> None:
        session = self._session
        if session.closed or session.close_code:
            return
        venue = self._express.venue
        call = self._call
        try:
            if len(packed) == _PLAIN_BYTES and int.from_bytes(packed[:4], "little") == _ORDER_WORD:
                at, fills = 0, 0
            elif packed:
                at, fills, _ = own_order(packed, self._view, self._account)
            else:
                raise venue.halt_error()
            result = placed_json(venue, self._account, packed, at, fills)
        except RpcError as refused:
            session.fail(self.request_of(call, self._frame, self._received_us), refused)
            return
        except Exception:
            _log.exception("the reply to %s failed", call.method)
            request = self.request_of(call, self._frame, self._received_us)
            session.fail(request, error(errors.INTERNAL_ERROR))
            return
        seq = int.from_bytes(packed[8:16], "little") & COUNTER_MASK
        session.send(self._reply(session, result, seq))

    def _reply(self, session: Session, result: bytes, seq: int) -> bytes:
        """As `Session.reply`, in one go."""
        call, received_us = self._call, self._received_us
        now_us = session.now_us()
        took_us = now_us - received_us
        if session.on_reply is not None:
            session.on_reply(call.method, took_us)
        meter = session.credits
        return (
            b'{"jsonrpc":"2.0","id":%d,"result":%b,"seq":%d,%b"usIn":%d,"usOut":%d,"usDiff":%d,"testnet":%b}'
        ) % (
            call.id,
            result,
            seq,
            b"" if meter is None else b'"budget":%d,' % meter.budget(call.method),
            received_us,
            now_us,
            took_us,
            b"true" if session.testnet else b"false",
        )
