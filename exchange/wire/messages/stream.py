"""What `user.stream` pushes, and the snapshot it goes on from."""

from typing import Literal, NotRequired, TypedDict

from exchange.wire.messages.account import Portfolio, Position
from exchange.wire.messages.orders import Fill, Order
from exchange.wire.messages.venue import LiquidationStep


class CashMoved(TypedDict):
    """A movement of cash."""

    balance: float
    change: float
    currency: str
    id: int
    kind: str
    seq: int
    timestamp: int


class PositionSettled(TypedDict):
    """What a delivery, settlement or funding did to a position."""

    balance: float
    change: float
    fee: float
    instrument_name: str
    kind: str
    position: float
    seq: int
    timestamp: int


class PositionMoved(TypedDict):
    """A position, or a part of it, that another account has now: by a takeover, or within a family."""

    amount: float
    instrument_name: str
    seq: int
    timestamp: int
    value: float


class AccountChanged(TypedDict):
    """An account as it stands."""

    fee_tier: int
    in_liquidation: bool
    locked: bool
    main: int
    margin_model: str
    orders_max: int
    owner: str
    positions_max: int
    seq: int
    timestamp: int


class ProtectionChanged(TypedDict):
    """A protection group as it stands."""

    delta: float
    frozen: bool
    frozen_until: int
    group: int
    index_name: str
    kind: str
    quantity: float
    seq: int
    timestamp: int
    vega: float


class ForcedAnswered(TypedDict):
    """A withdrawal asked for on the L1, and what of it was paid."""

    asked: float
    cancelled_orders: int
    currency: str
    id: int
    paid: float
    seq: int
    timestamp: int


class OrderTerms(TypedDict):
    """What an order waits for, or belongs to."""

    implv: float
    instrument_name: str
    link: str | None
    order_id: str
    other_order_id: str | None
    seq: int
    timestamp: int
    trigger: str | None
    trigger_offset: float
    trigger_price: float
    trigger_source: str | None


class StreamEvent(TypedDict):
    """One event: its number, its type, and under the type's name what happened."""

    account: NotRequired[AccountChanged]
    account_seq: int
    cash: NotRequired[CashMoved]
    forced_withdrawal: NotRequired[ForcedAnswered]
    liquidation: NotRequired[LiquidationStep]
    mmp: NotRequired[ProtectionChanged]
    order: NotRequired[Order]
    order_terms: NotRequired[OrderTerms]
    position_moved: NotRequired[PositionMoved]
    settlement: NotRequired[PositionSettled]
    trade: NotRequired[Fill]
    type: Literal[
        "order", "trade", "cash", "settlement", "position_moved", "liquidation", "account", "mmp",
        "order_terms", "forced_withdrawal",
    ]  # fmt: skip


class AccountSnapshot(TypedDict):
    """Open orders, positions and figures as of an event's number."""

    account_seq: int
    orders: list[Order]
    portfolio: Portfolio
    positions: list[Position]
    seq: int
    timestamp: int
    type: Literal["snapshot"]


class StreamPush(TypedDict):
    """Events in order, `prev_account_seq` the number before their first; or, at first, a snapshot."""

    account_seq: int
    events: NotRequired[list[StreamEvent]]
    orders: NotRequired[list[Order]]
    portfolio: NotRequired[Portfolio]
    positions: NotRequired[list[Position]]
    prev_account_seq: NotRequired[int]
    seq: NotRequired[int]
    timestamp: NotRequired[int]
    type: Literal["events", "snapshot"]
