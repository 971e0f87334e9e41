"""Messages of `strikebook.v1` as bytes (docs/fast-lane.md): what server and clients write and read. Pure."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain import lane
from exchange.domain.records import UNIT_BYTES

HEADER: Final = struct.Struct("<BBHIQQQ")  # type, version, count, flags, sequence, and two words by type
REASON_BYTES: Final = 96
_TRADE: Final = struct.Struct("<8xQ4xIQQQqqIIqqqqqqqq")
_FILL: Final = struct.Struct("<BBBBIQQQqqqqqqqq")
_ERROR: Final = struct.Struct(f"<q24x{REASON_BYTES}s")


class Header(NamedTuple):
    """The first unit of a message. `a` and `b` depend on its type."""

    type: int
    version: int
    records: int
    flags: int
    sequence: int
    a: int
    b: int


class PackedError(ValueError):
    """Bytes that are no message."""


def header(message: bytes) -> Header:
    """The header of a message.

    Raises:
        PackedError: less than a unit, no whole units, or another version.
    """
    if len(message) < UNIT_BYTES or len(message) % UNIT_BYTES:
        raise PackedError("a message is whole units of 32 bytes")
    found = Header._make(HEADER.unpack_from(message))
    if found.version != lane.VERSION:
        raise PackedError(f"version {found.version} is not spoken here")
    return found


def padded(data: bytes) -> bytes:
    """The bytes, zeros behind them up to whole units."""
    return data + bytes(-len(data) % UNIT_BYTES)


def hello(token: str, flags: int) -> bytes:
    """What a client begins with: its access token."""
    raw = token.encode()
    return HEADER.pack(lane.HELLO, lane.VERSION, len(raw), flags, 0, 0, 0) + padded(raw)


def token_of(message: bytes, found: Header) -> str:
    """The access token of a HELLO.

    Raises:
        PackedError: the length is not that of what follows, padding that is not zero, no ASCII.
    """
    raw = message[UNIT_BYTES : UNIT_BYTES + found.records]
    if not raw or message[UNIT_BYTES:] != padded(raw) or found.sequence or found.a or found.b:
        raise PackedError("the token's length, or what is to be zero, is wrong")
    if not raw.isascii():
        raise PackedError("a token is ASCII")
    return raw.decode()


def welcome(account: int, now_us: int, flags: int) -> bytes:
    """The answer to a HELLO that was taken."""
    return HEADER.pack(lane.WELCOME, lane.VERSION, lane.COMMANDS_MAX, flags, 0, account, now_us)


def acks(sequence: int, count: int, records: bytes, budget: int, times: tuple[int, int]) -> bytes:
    """The answer to COMMANDS. `times` are when it was read, and now (microseconds)."""
    budget = min(budget, 0xFFFFFFFF)
    return HEADER.pack(lane.ACKS, lane.VERSION, count, budget, sequence, *times) + records


def fills(records: list[bytes], now_us: int) -> bytes:
    """Fills of the account's orders, at most 65,535."""
    head = HEADER.pack(lane.FILLS, lane.VERSION, len(records), 0, 0, now_us, 0)
    return b"".join([head, *records])


def fill(trade: bytes, account: int) -> bytes:
    """One account's side of a TRADE record."""
    fields = _TRADE.unpack_from(trade)
    seq, instrument, trade_id, maker_order, taker_order, price, lots, maker, _ = fields[:9]
    maker_fee, taker_fee, flags, time_ms, index, mark, _, trade_seq = fields[9:]
    is_maker = maker == account
    sells = (flags & 1) != is_maker
    return _FILL.pack(
        lane.FILLS,
        lane.VERSION,
        sells,
        not is_maker,
        instrument,
        seq,
        trade_id,
        maker_order if is_maker else taker_order,
        price,
        lots,
        maker_fee if is_maker else taker_fee,
        time_ms,
        index,
        mark,
        trade_seq,
        0,
    )


def error(code: int, reason: str, sequence: int, now_us: int) -> bytes:
    """A message that was refused as a whole: nothing of it had an effect."""
    text = reason.encode()[:REASON_BYTES]
    head = HEADER.pack(lane.ERROR, lane.VERSION, len(text), 0, sequence, now_us, 0)
    return head + _ERROR.pack(code, text)
