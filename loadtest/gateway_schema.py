"""What replies must carry: the dialect's required fields. A sample of every run is decoded by these."""

from __future__ import annotations

from typing import Final

import msgspec


class Order(msgspec.Struct, forbid_unknown_fields=False):
    """An order as `private/buy` answers it: the fields the dialect requires."""

    order_id: str
    creation_timestamp: int
    last_update_timestamp: int
    price: float | str
    amount: float
    contracts: float
    filled_amount: float
    average_price: float
    label: str
    instrument_name: str
    direction: str
    order_type: str
    order_state: str
    time_in_force: str
    post_only: bool
    reduce_only: bool
    is_liquidation: bool
    replaced: bool
    api: bool
    web: bool
    max_show: float | None = None


class Trade(msgspec.Struct):
    """A fill of it."""

    trade_id: str
    trade_seq: int
    timestamp: int
    instrument_name: str
    direction: str
    amount: float
    contracts: float
    price: float
    index_price: float
    mark_price: float
    fee: float
    fee_currency: str
    order_id: str
    order_type: str
    liquidity: str
    state: str
    tick_direction: int
    post_only: bool
    reduce_only: bool
    api: bool


class Placed(msgspec.Struct):
    """The result of an order."""

    order: Order
    trades: list[Trade]


class Quoted(msgspec.Struct):
    """The result of a mass quote without details."""

    orders: list[Order]
    orders_count: int
    trades: list[Trade]
    errors: list[dict[str, object]]
    errors_count: int


class PlacedReply(msgspec.Struct):
    """The envelope of an order's reply."""

    jsonrpc: str
    id: int
    result: Placed
    seq: int
    budget: int
    usIn: int  # noqa: N815  # the dialect's name
    usOut: int  # noqa: N815
    usDiff: int  # noqa: N815
    testnet: bool


class QuotedReply(msgspec.Struct):
    """The envelope of a mass quote's reply."""

    jsonrpc: str
    id: int
    result: Quoted
    seq: int
    budget: int
    usIn: int  # noqa: N815
    usOut: int  # noqa: N815
    usDiff: int  # noqa: N815
    testnet: bool


class SchemaBroken(Exception):
    """A reply lacks a required field, or has one of another type."""


PLACED: Final = msgspec.json.Decoder(PlacedReply)
QUOTED: Final = msgspec.json.Decoder(QuotedReply)


Decoder = msgspec.json.Decoder[PlacedReply] | msgspec.json.Decoder[QuotedReply]


def check(payloads: list[bytes], decoder: Decoder) -> int:
    """Decode every reply that is no error; how many were.

    Raises:
        SchemaBroken: one is not what it should be.
    """
    checked = 0
    for payload in payloads:
        if b'"error":{"' in payload:
            continue
        try:
            decoder.decode(payload)
        except msgspec.MsgspecError as wrong:
            raise SchemaBroken(f"{wrong}: {payload[:600]!r}") from None
        checked += 1
    return checked
