"""Orders, trades of one's own and quotes, as replies and pushes carry them."""

from typing import Any, Literal, NotRequired, TypedDict

from exchange.wire.messages.market import Match
from exchange.wire.messages.words import (
    Direction,
    FillCondition,
    Liquidity,
    OrderState,
    OrderType,
    TimeInForce,
    TriggerSource,
)


class RefusedOrder(TypedDict):
    """Why an order was refused."""

    code: int
    data: dict[str, Any] | None
    message: str


class QuoteFaultData(TypedDict):
    """What of a side is at fault; `frozen_until` where its protection group is frozen."""

    frozen_until: NotRequired[int]
    param: NotRequired[str]
    reason: str


class QuoteFault(TypedDict):
    """Why a side was refused."""

    code: int
    data: QuoteFaultData
    message: str


class QuoteError(TypedDict):
    """A side that was refused."""

    code: int
    error: QuoteFault
    instrument_name: str
    message: str
    side: Literal["bid", "ask"]


class Order(TypedDict):
    """An order as it stands."""

    advanced: NotRequired[Literal["implv"]]
    amount: float
    api: bool
    average_price: float
    cancel_reason: NotRequired[str]
    client_order_id: NotRequired[str]
    commission: float
    contracts: float
    creation_timestamp: int
    direction: Direction
    display_amount: NotRequired[float]
    end_reason: NotRequired[str]
    filled_amount: float
    implv: NotRequired[float]
    instrument_name: str
    is_liquidation: bool
    is_primary_otoco: NotRequired[bool]
    is_rebalance: bool
    is_secondary_oto: NotRequired[bool]
    label: str
    last_update_timestamp: int
    mmp: bool
    mmp_cancelled: NotRequired[bool]
    mmp_group: NotRequired[str]
    mobile: bool
    oco_ref: NotRequired[str]
    order_id: str
    order_state: OrderState
    order_type: OrderType
    original_order_type: NotRequired[Literal["market_limit"]]
    oto_order_ids: NotRequired[list[str]]
    post_only: bool
    price: float | Literal["market_price"]
    primary_order_id: NotRequired[str]
    quote: NotRequired[bool]
    quote_id: NotRequired[str]
    quote_set_id: NotRequired[str]
    reduce_only: bool
    reject_post_only: bool
    replaced: bool
    risk_reducing: bool
    seq: int
    time_in_force: TimeInForce
    trigger: NotRequired[TriggerSource]
    trigger_fill_condition: NotRequired[FillCondition]
    trigger_offset: NotRequired[float]
    trigger_order_id: NotRequired[str]
    trigger_price: NotRequired[float]
    trigger_reference_price: NotRequired[float]
    triggered: NotRequired[bool]
    web: bool


class Fill(Match):
    """One side's view of a trade."""

    api: bool
    block_rfq_quote_id: NotRequired[int]
    fee: float
    fee_currency: str
    label: NotRequired[str]
    liquidity: Liquidity
    matching_id: str | None
    mmp: bool
    order_id: str
    order_type: OrderType
    post_only: bool
    profit_loss: NotRequired[float]
    quote_id: NotRequired[str]
    quote_set_id: NotRequired[str]
    reduce_only: bool
    risk_reducing: bool
    self_trade: bool
    state: str
    underlying_price: float


class UserTrade(Fill):
    """One side's view of a trade, and how its price moved; of a combo's also its legs' trades."""

    legs: NotRequired[list[Fill]]
    tick_direction: int


class MassQuote(TypedDict):
    """What became of a mass quote."""

    errors: list[QuoteError]
    errors_count: int
    orders: list[Order]
    orders_count: int
    pending_requests: list[Any]
    pending_requests_count: int
    trades: list[UserTrade]


class OrderAndTrades(TypedDict):
    """An order and the trades it just made; `repeated` where its client order id had come before."""

    order: Order
    repeated: NotRequired[Literal[True]]
    trades: list[UserTrade]


class OrdersPage(TypedDict):
    """A page of orders."""

    continuation: str
    orders: list[Order]


class TriggerOrder(TypedDict):
    """A trigger order that fired, was cancelled or was refused."""

    amount: float
    direction: Direction
    end_reason: NotRequired[str]
    instrument_name: str
    is_secondary_oto: NotRequired[bool]
    label: str
    last_update_timestamp: int
    oco_ref: NotRequired[str]
    order_id: str
    order_state: Literal["triggered", "cancelled", "rejected"]
    order_type: Literal["limit", "market"]
    post_only: bool
    price: float
    reduce_only: bool
    request: Literal["trigger:order", "cancel"]
    seq: int
    timestamp: int
    trigger: TriggerSource
    trigger_offset: float
    trigger_order_id: str
    trigger_price: float


class ClientOrder(TypedDict):
    """What became of a client order id."""

    client_order_id: str
    error: NotRequired[RefusedOrder]
    order: NotRequired[Order | None]
    seq: int
    state: Literal["accepted", "rejected"]


class TriggerOrders(TypedDict):
    """A page of trigger orders."""

    continuation: str
    entries: list[TriggerOrder]


class UserTrades(TypedDict):
    """Trades of one's own, and whether there are more."""

    has_more: bool
    trades: list[UserTrade]
