"""What channels push beside the objects that replies carry."""

from typing import Literal, NotRequired, TypedDict

from exchange.wire.messages.account import Position
from exchange.wire.messages.market import Greeks, Stats
from exchange.wire.messages.orders import Order, UserTrade
from exchange.wire.messages.words import BookLevel


class BookChange(TypedDict):
    """Levels [action, price, amount] that changed, or all at first."""

    asks: list[BookLevel]
    bids: list[BookLevel]
    change_id: int
    checksum: int
    instrument_name: str
    prev_change_id: NotRequired[int]
    timestamp: int
    type: Literal["snapshot", "change"]


class Candle(TypedDict):
    """The newest candle."""

    close: float
    cost: float
    high: float
    low: float
    open: float
    tick: int
    volume: float


class EstimatedPrice(TypedDict):
    """What the next delivery would be at."""

    is_estimated: bool
    left_ticks: int
    price: float
    seconds: int
    timestamp: int
    total_ticks: int


class GroupedBook(TypedDict):
    """The best levels [price, amount], grouped by price."""

    asks: list[list[float]]
    bids: list[list[float]]
    change_id: int
    instrument_name: str
    timestamp: int


class IndexSource(TypedDict):
    """One source of an index."""

    enabled: bool
    identifier: str
    original_price: float
    price: float
    timestamp: int
    weight: float


class IndexStatistics(TypedDict):
    """An index over 24 hours."""

    change24h: float
    high24h: float
    index_name: str
    low24h: float


class InstrumentState(TypedDict):
    """An instrument changed its state."""

    instrument_name: str
    state: str
    timestamp: int


class MarkPrice(TypedDict):
    """The mark of an option."""

    instrument_name: str
    iv: float
    mark_price: float
    timestamp: int


class Perpetual(TypedDict):
    """The funding rate under way."""

    index_price: float
    interest: float
    timestamp: int


class PlatformState(TypedDict):
    """Maintenance of the venue, or the lock of an index."""

    locked: NotRequired[bool]
    maintenance: NotRequired[bool]
    price_index: NotRequired[str]


class PriceIndex(TypedDict):
    """An index."""

    index_name: str
    price: float
    timestamp: int


class PublicMethods(TypedDict):
    """Whether public methods need no authentication."""

    allow_unauthenticated_public_requests: bool


class Quote(TypedDict):
    """Best bid and offer."""

    best_ask_amount: float
    best_ask_price: float | None
    best_bid_amount: float
    best_bid_price: float | None
    instrument_name: str
    timestamp: int


class TickerChange(TypedDict):
    """What of a ticker changed, or all at first."""

    ask_iv: NotRequired[float]
    best_ask_amount: NotRequired[float]
    best_ask_price: NotRequired[float | None]
    best_bid_amount: NotRequired[float]
    best_bid_price: NotRequired[float | None]
    bid_iv: NotRequired[float]
    combo_state: NotRequired[Literal["active", "inactive"]]
    current_funding: NotRequired[float]
    estimated_delivery_price: NotRequired[float]
    funding_8h: NotRequired[float]
    greeks: NotRequired[Greeks]
    implied_ask: NotRequired[float | None]
    implied_bid: NotRequired[float | None]
    index_price: NotRequired[float]
    instrument_name: str
    interest_rate: NotRequired[float]
    interest_value: NotRequired[float]
    last_price: NotRequired[float | None]
    mark_iv: NotRequired[float]
    mark_price: NotRequired[float]
    max_price: NotRequired[float]
    min_price: NotRequired[float]
    open_interest: NotRequired[float]
    seq: int
    settlement_price: NotRequired[float]
    state: NotRequired[str]
    stats: NotRequired[Stats]
    timestamp: int
    type: Literal["snapshot", "change"]
    underlying_index: NotRequired[str]
    underlying_price: NotRequired[float]


class UserChanges(TypedDict):
    """Orders, trades and positions that changed together."""

    instrument_name: str
    orders: list[Order]
    positions: list[Position]
    trades: list[UserTrade]


class VolatilityIndex(TypedDict):
    """The volatility index."""

    index_name: str
    timestamp: int
    volatility: float
