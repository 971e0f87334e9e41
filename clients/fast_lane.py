"""The client's side of `strikebook.v1` (docs/fast-lane.md), without sockets: messages out, answers in.

Open a WebSocket at `/ws/api/v2` with the subprotocol `strikebook.v1`, send `hello(token)` with an access
token from `public/auth`, then runs of commands by `Lane.commands`; give every binary message that comes to
`read`. Prices are in ticks and sizes in lots of the instrument's listing; `instrument_id` of
`public/get_instruments` names it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from exchange.domain import commands, lane
from exchange.domain.commands import Quote
from exchange.domain.records import UNIT_BYTES
from exchange.wire import packed

SUBPROTOCOL: Final = lane.PROTOCOL
_ACK: Final = struct.Struct("<BBBBHHQQQqqqq")
_FILL: Final = struct.Struct("<BBBBIQQQqqqqqqqq")
_CODE: Final = struct.Struct("<q")


class Welcome(NamedTuple):
    """A HELLO was taken."""

    account: int
    commands_max: int
    flags: int
    now_us: int


class Ack(NamedTuple):
    """What became of one command, or (status SIDE_REFUSED) why one side of a quote was refused. `number` is
    that of its matches, or of the orders a CANCEL_MANY or a MASS_QUOTE touched."""

    command: int
    status: int
    order_state: int
    reason: int
    number: int
    seq: int
    client_order_id: int
    order_id: int
    price_ticks: int
    filled_lots: int
    open_lots: int
    filled_value: int

    @property
    def accepted(self) -> bool:
        return self.status == lane.ACCEPTED


class Acks(NamedTuple):
    """The answer to one run of commands."""

    sequence: int
    budget: int
    received_us: int
    sent_us: int
    acks: list[Ack]


class LaneFill(NamedTuple):
    """One fill of an order of the account."""

    sells: bool
    is_taker: bool
    instrument: int
    seq: int
    trade_id: int
    order_id: int
    price_ticks: int
    size_lots: int
    fee_micro: int
    time_ms: int
    index_micro: int
    mark_micro: int
    trade_seq: int


class Fills(NamedTuple):
    """Fills, oldest first."""

    sent_us: int
    fills: list[LaneFill]


class Refused(NamedTuple):
    """A message that was refused as a whole; `sequence` is its own. The code is the error registry's."""

    sequence: int
    code: int
    reason: str


Answer = Welcome | Acks | Fills | Refused


class LaneError(ValueError):
    """Bytes that no venue sends."""


def hello(token: str, *, fills: bool = True, cancel_on_disconnect: bool = False) -> bytes:
    """The first message of a connection, or a later one that changes the account or the flags."""
    flags = lane.HELLO_FILLS if fills else 0
    return packed.hello(token, flags | (lane.HELLO_CANCEL_ON_DISCONNECT if cancel_on_disconnect else 0))


def new_order(
    instrument: int,
    *,
    sell: bool,
    price_ticks: int,
    size_lots: int,
    flags: int = 0,
    display_lots: int = 0,
    valid_until_ms: int = 0,
    client_order_id: int = 0,
) -> bytes:
    """A new order; `flags` as in docs/formats.md, without the side."""
    return commands.new_order(
        0,
        instrument,
        flags | int(sell),
        price_ticks,
        size_lots,
        display_lots=display_lots,
        valid_until_ms=valid_until_ms,
        client_order_id=client_order_id,
    )


def amend(order_id: int, *, price_ticks: int | None = None, size_lots: int | None = None) -> bytes:
    """Another price, another total size, or both."""
    return commands.amend(0, order_id, price_ticks=price_ticks, size_lots=size_lots)


def cancel(order_id: int) -> bytes:
    """One order."""
    return commands.cancel(0, order_id)


def cancel_all() -> bytes:
    """All orders of the account."""
    return commands.cancel_many(0)


def mass_quote(quotes: Iterable[Quote], valid_until_ms: int = 0) -> bytes:
    """Up to a hundred two-sided quotes."""
    return commands.mass_quote(0, quotes, valid_until_ms=valid_until_ms)


class Lane:
    """Numbers the runs of one connection."""

    def __init__(self) -> None:
        self._sequence = 0

    def commands(self, records: Sequence[bytes]) -> bytes:
        """One message of 1 to 100 commands.

        Raises:
            LaneError: none, or too many.
        """
        if not 1 <= len(records) <= lane.COMMANDS_MAX:
            raise LaneError(f"a message holds 1 to {lane.COMMANDS_MAX} commands")
        self._sequence += 1
        head = packed.HEADER.pack(lane.COMMANDS, lane.VERSION, len(records), 0, self._sequence, 0, 0)
        return b"".join([head, *records])

    def refused(self, answer: Refused) -> None:
        """A run was refused: its number is free again, and the runs sent behind it are refused too."""
        if 0 < answer.sequence <= self._sequence:
            self._sequence = answer.sequence - 1


def read(message: bytes) -> Answer:
    """What the venue says.

    Raises:
        LaneError: bytes that are none of its messages.
    """
    try:
        head = packed.header(message)
    except packed.PackedError as wrong:
        raise LaneError(str(wrong)) from None
    body = message[UNIT_BYTES:]
    if head.type == lane.WELCOME:
        return Welcome(head.a, head.records, head.flags, head.b)
    if head.type == lane.ACKS:
        _must_hold(body, head.records * lane.ACK_BYTES)
        found = [Ack._make((first, *rest)) for first, _, *rest in _ACK.iter_unpack(body)]
        return Acks(head.sequence, head.flags, head.a, head.b, found)
    if head.type == lane.FILLS:
        _must_hold(body, head.records * lane.FILL_BYTES)
        return Fills(head.a, [_fill(fields) for fields in _FILL.iter_unpack(body)])
    if head.type == lane.ERROR:
        _must_hold(body, UNIT_BYTES + packed.REASON_BYTES)
        text = body[UNIT_BYTES : UNIT_BYTES + head.records]
        return Refused(head.sequence, _CODE.unpack_from(body)[0], text.decode(errors="replace"))
    raise LaneError(f"message type {head.type}")


def _fill(fields: tuple[int, ...]) -> LaneFill:
    _, _, sells, is_taker, *rest, _ = fields
    return LaneFill(bool(sells), bool(is_taker), *rest)


def _must_hold(body: bytes, size: int) -> None:
    if len(body) != size:
        raise LaneError(f"{len(body)} bytes where {size} belong")
