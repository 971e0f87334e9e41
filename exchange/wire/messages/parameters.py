"""What requests take: the type of every parameter by its name, and the notation of a method's parameters.

A value may also be written as a string, as query strings do; numbers are read as exact decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, NotRequired, TypedDict

from msgspec import Meta

from exchange.wire.limits import CHANNEL_CHARS_MAX, CHANNELS_MAX, LABEL_CHARS_MAX
from exchange.wire.messages.blocks import (
    Instruction,
    RfqAllocation,
    RfqHedgeAsked,
    Role,
)
from exchange.wire.messages.words import Direction, FillCondition, TimeInForce, TriggerSource


def _form(name: str) -> Meta:
    """A text of a form of ours, named for readers and generators of requests."""
    return Meta(extra_json_schema={"format": name})


Account = Annotated[int, Meta(ge=0, extra_json_schema={"format": "account"})]
Amount = Annotated[float, Meta(gt=0)]
ChannelName = Annotated[str, Meta(max_length=CHANNEL_CHARS_MAX, extra_json_schema={"format": "channel"})]
Count = Annotated[int, Meta(ge=1)]
Currency = Annotated[str, _form("currency")]
Id = Annotated[int, Meta(ge=0)]
IndexName = Annotated[str, _form("index-name")]
InstrumentName = Annotated[str, _form("instrument-name")]
Kind = Literal["any", "option", "future", "spot", "future_combo", "option_combo", "combo"]
Label = Annotated[str, Meta(max_length=LABEL_CHARS_MAX)]
OrderId = Annotated[str, _form("order-id")]
OrderFilter = Literal[
    "all", "limit", "trigger_all", "stop_all", "stop_limit", "stop_market", "take_all", "take_limit",
    "take_market", "trailing_all", "trailing_stop",
]  # fmt: skip
CancelFilter = Literal["all", "limit", "trigger_all", "stop", "take", "trailing_stop"]
NewOrderType = Literal[
    "limit", "market", "market_limit", "stop_limit", "stop_market", "take_limit", "take_market",
    "trailing_stop",
]  # fmt: skip
Language = Literal["en", "ko", "zh", "ja", "ru"]
Resolution = Literal["1", "3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"]
SettlementType = Literal["settlement", "delivery", "bankruptcy"]
Seconds = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, le=1)]
Timestamp = Annotated[int, Meta(ge=0, description="milliseconds since the Unix epoch, UTC")]


class MemberOrder(TypedDict):
    """An order that its primary places; its amount is the primary's if it has none of its own."""

    direction: Literal["buy", "sell"]
    amount: NotRequired[Amount]
    contracts: NotRequired[Amount]
    type: NotRequired[NewOrderType]
    price: NotRequired[Amount]
    label: NotRequired[Label]
    time_in_force: NotRequired[TimeInForce]
    post_only: NotRequired[bool]
    reject_post_only: NotRequired[bool]
    reduce_only: NotRequired[bool]
    trigger: NotRequired[TriggerSource]
    trigger_price: NotRequired[Amount]
    trigger_offset: NotRequired[Amount]


class QuotedSide(TypedDict):
    """One side of a quote; an amount of 0 withdraws it. A combo's price may be zero or negative."""

    amount: Annotated[float, Meta(ge=0)]
    price: NotRequired[float]
    post_only: NotRequired[bool]
    reject_post_only: NotRequired[bool]


class StrategyLeg(TypedDict):
    """One leg of a combo as it is asked for."""

    instrument_name: InstrumentName
    amount: Amount
    direction: Literal["buy", "sell"]


class QuotedInstrument(TypedDict):
    """What a mass quote says of one instrument."""

    instrument_name: InstrumentName
    quote_set_id: NotRequired[Label]
    bid: NotRequired[QuotedSide]
    ask: NotRequired[QuotedSide]


TYPES: Final[Mapping[str, Any]] = {
    "account": Account,
    "add_positions": bool,
    "address": str,
    "advanced": Literal["usd", "implv"],
    "amount": Amount,
    "announcement_id": Id,
    "before": Id,
    "block_rfq": bool,
    "block_rfq_id": Id,
    "block_rfq_quote_id": Id,
    "broker_code": str,
    "channel": ChannelName,
    "channels": Annotated[list[ChannelName], Meta(max_length=CHANNELS_MAX)],
    "client_id": str,
    "client_order_id": Annotated[str, Meta(pattern="^[0-9]{1,20}$")],
    "client_name": Annotated[str, Meta(max_length=64)],
    "client_secret": str,
    "client_version": Annotated[str, Meta(max_length=64)],
    "code": int,
    "combo_id": InstrumentName,
    "continuation": str,
    "contracts": Amount,
    "counterparty": Account,
    "counterparty_signature": str,
    "count": Count,
    "currency": Currency,
    "currency_pair": IndexName,
    "data": str,
    "delta_limit": Amount,
    "depth": Annotated[int, Meta(ge=1)],
    "destination": Account,
    "detailed": bool,
    "direction": Direction,
    "disclosed": bool,
    "display_amount": Annotated[float, Meta(ge=0)],
    "dry_run": bool,
    "email": str,
    "enabled": bool,
    "enabled_features": list[Literal["block_trade_approval", "restricted_block_trades"]],
    "end_id": OrderId,
    "end_seq": Id,
    "end_timestamp": Timestamp,
    "execution_instruction": Instruction,
    "expected_result": Literal["exception"],
    "expected_filled": Annotated[float, Meta(ge=0)],
    "expired": bool,
    "expires_at": Timestamp,
    "extended": bool,
    "extended_to_subaccounts": bool,
    "fraction": Share,
    "freeze_quotes": bool,
    "frozen_time": Seconds,
    "grant_type": Literal["client_credentials", "client_signature", "refresh_token"],
    "hedge": RfqHedgeAsked,
    "historical": bool,
    "id": Id,
    "ids": list[OrderId],
    "include_combos": bool,
    "include_old": bool,
    "include_unfilled": bool,
    "index_name": IndexName,
    "instrument_id": Id,
    "instrument_name": InstrumentName,
    "interval": Annotated[int, Meta(ge=10, le=3_600)],
    "invalidate_token": bool,
    "ip_whitelist": list[str],
    "kind": Kind,
    "label": Label,
    "language": Language,
    "legs": list[StrategyLeg],
    "length": Literal["8h", "24h", "1m"],
    "limit": Count,
    "linked_order_type": Literal[
        "one_cancels_other", "one_triggers_other", "one_triggers_one_cancels_other"
    ],
    "makers": list[str],
    "margin_model": Literal["segregated_sm", "segregated_pm", "cross_sm", "cross_pm"],
    "max_delta": float,
    "max_pay": float,
    "max_quote_quantity": Amount,
    "max_scope": list[str],
    "min_delta": float,
    "mmp": bool,
    "mmp_group": Label,
    "name": Label,
    "new_remaining": Annotated[float, Meta(ge=0)],
    "new_total": Amount,
    "nonce": str,
    "offset": Annotated[int, Meta(ge=0)],
    "order_id": OrderId,
    "otoco_config": list[MemberOrder],
    "owner": str,
    "post_only": bool,
    "price": Annotated[float, Meta(description="zero or negative for combos alone")],
    "public_key": str,
    "quantity_limit": Amount,
    "query": str,
    "quote_id": Label,
    "quote_set_id": Label,
    "quotes": list[QuotedInstrument],
    "range": Literal["1h", "1d", "2d", "1m", "1y", "all"],
    "reduce_only": bool,
    "refresh_token": str,
    "reject_post_only": bool,
    "resolution": Resolution,
    "resume_from": Id,
    "role": Role,
    "scope": str,
    "search_start_timestamp": Timestamp,
    "session_name": str,
    "sid": Account,
    "signature": str,
    "simulated_positions": dict[InstrumentName, float],
    "sorting": Literal["asc", "desc", "default"],
    "source": Account,
    "start_id": OrderId,
    "start_seq": Id,
    "start_timestamp": Timestamp,
    "state": str,
    "subaccount_id": Account,
    "subject_id": Account,
    "time_in_force": TimeInForce,
    "timestamp": Timestamp,
    "trade_count_limit": Count,
    "trade_allocations": list[RfqAllocation],
    "trades": list[StrategyLeg],
    "trading_products": list[str],
    "trigger": TriggerSource,
    "trigger_fill_condition": FillCondition,
    "trigger_offset": Amount,
    "trigger_price": Amount,
    "type": NewOrderType,
    "user_id": Account,
    "valid_until": Timestamp,
    "vega_limit": Amount,
    "with_continuation": bool,
    "with_open_orders": bool,
    "with_portfolio": bool,
}


class Parameter(NamedTuple):
    """One parameter of a method."""

    kind: Any
    required: bool


def parameters(text: str, own: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters that a text names, a `?` behind those that may be left out; `own` are types that differ
    from the usual ones.

    Raises:
        KeyError: a name without a type, or an `own` type of a name that the text does not have.
    """
    found: dict[str, Parameter] = {}
    left = dict(own)
    for word in text.split():
        name = word.removesuffix("?")
        found[name] = Parameter(left.pop(name) if name in left else TYPES[name], name == word)
    if left:
        raise KeyError(f"{', '.join(left)}: no such parameter in {text!r}")
    return found
