"""What is listed, its prices and trades, as replies and pushes carry them."""

from typing import Any, Literal, NotRequired, TypedDict

from exchange.wire.messages.words import Direction, Finality, Kind, OptionType


class AprDay(TypedDict):
    """One day's yield."""

    apr: float
    day: int


class AprHistory(TypedDict):
    """Yields of a coin by day."""

    continuation: str
    data: list[AprDay]


class Greeks(TypedDict):
    """Sensitivities of an option, in the dialect's units."""

    delta: float
    gamma: float
    rho: float
    theta: float
    vega: float


class BookSummary(TypedDict):
    """A line of a chain: best prices, mark, volume."""

    ask_iv: NotRequired[float]
    ask_price: float | None
    base_currency: str
    bid_iv: NotRequired[float]
    bid_price: float | None
    creation_timestamp: int
    current_funding: NotRequired[float]
    estimated_delivery_price: float
    funding_8h: NotRequired[float]
    greeks: NotRequired[Greeks]
    high: float | None
    instrument_name: str
    interest_rate: NotRequired[float]
    last: float | None
    low: float | None
    mark_iv: NotRequired[float]
    mark_price: float
    mid_price: float | None
    open_interest: float
    price_change: float | None
    quote_currency: str
    underlying_index: NotRequired[str]
    underlying_price: NotRequired[float]
    volume: float
    volume_notional: float
    volume_usd: float


class Candles(TypedDict):
    """Columns of candles."""

    close: list[float]
    cost: list[float]
    high: list[float]
    low: list[float]
    open: list[float]
    status: Literal["ok", "no_data"]
    ticks: list[int]
    volume: list[float]


class ContractSize(TypedDict):
    """How much of the underlying a contract is."""

    contract_size: int


class WithdrawalPriority(TypedDict):
    """What a faster withdrawal costs."""

    name: str
    value: float


class Currency(TypedDict):
    """A coin and what moving it costs."""

    apr: float
    coin_type: str
    currency: str
    currency_long: str
    decimals: int
    in_cross_collateral_pool: bool
    min_confirmations: int
    min_withdrawal_fee: float
    withdrawal_fee: float
    withdrawal_priorities: list[WithdrawalPriority]


class Expiries(TypedDict):
    """Codes of the expiries that trade, by kind."""

    future: NotRequired[list[str]]
    option: NotRequired[list[str]]


class IndexName(TypedDict):
    """An index with a price."""

    future_combo_creation_enabled: NotRequired[bool]
    name: str
    option_combo_creation_enabled: NotRequired[bool]


class IndexPrice(TypedDict):
    """An index now, and what a delivery now would be at; null before the first marks."""

    estimated_delivery_price: float | None
    index_price: float | None


class TickStep(TypedDict):
    """Above a price the tick is larger."""

    above_price: float
    tick_size: float


class Instrument(TypedDict):
    """What is listed and its terms."""

    base_currency: str
    block_trade_commission: float
    block_trade_min_trade_amount: float
    block_trade_tick_size: float
    contract_size: int
    counter_currency: str
    creation_timestamp: int
    expiration_timestamp: int
    future_type: NotRequired[str]
    instrument_id: int
    instrument_name: str
    instrument_type: str
    is_active: bool
    kind: Kind
    lot_size: float
    maker_commission: float
    max_leverage: NotRequired[int]
    min_trade_amount: float
    option_type: NotRequired[OptionType]
    price_index: str
    qty_tick_size: float
    quote_currency: str
    settlement_currency: str
    settlement_period: str
    state: str
    strike: NotRequired[float]
    taker_commission: float
    tick_size: float
    tick_size_steps: list[TickStep]
    underlying_type: str


class Stats(TypedDict):
    """The last 24 hours."""

    high: float | None
    low: float | None
    price_change: float | None
    volume: float
    volume_notional: float
    volume_usd: float


class Ticker(TypedDict):
    """Best prices, mark, Greeks, statistics of an instrument."""

    ask_iv: NotRequired[float]
    best_ask_amount: float
    best_ask_price: float | None
    best_bid_amount: float
    best_bid_price: float | None
    bid_iv: NotRequired[float]
    combo_state: NotRequired[Literal["active", "inactive"]]
    current_funding: NotRequired[float]
    delivery_price: NotRequired[float]
    estimated_delivery_price: float
    funding_8h: NotRequired[float]
    greeks: NotRequired[Greeks]
    implied_ask: NotRequired[float | None]
    implied_bid: NotRequired[float | None]
    index_price: float
    instrument_name: str
    interest_rate: NotRequired[float]
    interest_value: NotRequired[float]
    last_price: float | None
    mark_iv: NotRequired[float]
    mark_price: float
    max_price: float
    min_price: float
    open_interest: float
    seq: int
    settlement_price: NotRequired[float]
    state: str
    stats: Stats
    timestamp: int
    underlying_index: NotRequired[str]
    underlying_price: NotRequired[float]


class OrderBook(Ticker):
    """A ticker and the best levels, [price, amount]."""

    asks: list[list[float]]
    bids: list[list[float]]
    change_id: int


class Match(TypedDict):
    """What both sides of a trade have in common."""

    amount: float
    block_rfq_id: NotRequired[int]
    block_trade_id: NotRequired[str]
    block_trade_leg_count: NotRequired[int]
    combo_id: NotRequired[str]
    combo_trade_id: NotRequired[str]
    contracts: float
    direction: Direction
    finality: NotRequired[Finality]
    index_price: float
    instrument_name: str
    iv: NotRequired[float]
    liquidation: NotRequired[Literal["M", "T", "MT"]]
    mark_price: float
    price: float
    seq: int
    timestamp: int
    trade_id: str
    trade_seq: int


class ComboLeg(TypedDict):
    """One leg of a combo; `amount` is what one of the combo buys of it, negative: sells."""

    amount: int
    instrument_name: str


class Combo(TypedDict):
    """A combo and its legs."""

    creation_timestamp: int
    id: str
    instrument_id: int
    legs: list[ComboLeg]
    state: Literal["active", "inactive"]
    state_timestamp: int


class LegPrice(TypedDict):
    """What a leg trades at where the combo trades at a price."""

    direction: Direction
    instrument_name: str
    price: float
    ratio: int


class LegPrices(TypedDict):
    """A combo's price divided among its legs; `amount` is how many of the combo were asked for."""

    amount: float
    legs: list[LegPrice]


class Trade(Match):
    """A trade as everybody sees it."""

    tick_direction: int


class TradeVolumes(TypedDict):
    """Volumes of an underlying, in units of it."""

    calls_volume: float
    calls_volume_30d: NotRequired[float]
    calls_volume_7d: NotRequired[float]
    currency: str
    futures_volume: float
    futures_volume_30d: NotRequired[float]
    futures_volume_7d: NotRequired[float]
    puts_volume: float
    puts_volume_30d: NotRequired[float]
    puts_volume_7d: NotRequired[float]
    spot_volume: float
    spot_volume_30d: NotRequired[float]
    spot_volume_7d: NotRequired[float]


class Trades(TypedDict):
    """Trades of the market, and whether there are more."""

    has_more: bool
    trades: list[Trade]


class VolatilityCandles(TypedDict):
    """Candles [time, open, high, low, close] of the volatility index."""

    continuation: int | None
    data: list[list[float]]


class Chain(TypedDict):
    """All options of an underlying: `fields` names the places of a row, `model` is what reproduces them."""

    currency: str
    fields: list[str]
    index_name: str
    model: dict[str, Any] | None
    options: list[list[str | float | None]]
    seq: int
    timestamp: int
