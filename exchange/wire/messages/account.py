"""Accounts, their margin, positions, keys and settings, as replies and pushes carry them."""

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from exchange.wire.messages.orders import Order
from exchange.wire.messages.words import Direction, Kind, MarginModel


class AccessLogEntry(TypedDict):
    """A sign-in, a logout or a change of keys."""

    city: str
    country: str
    data: str
    id: int
    ip: str
    log: str
    timestamp: int


class SubaccountPortfolio(TypedDict):
    """The main figures of an account in USDC."""

    additional_reserve: float
    available_funds: float
    available_withdrawal_funds: float
    balance: float
    currency: str
    equity: float
    initial_margin: float
    maintenance_margin: float
    margin_balance: float
    spot_reserve: float


class Portfolio(SubaccountPortfolio):
    """All figures of an account in USDC."""

    cross_collateral_enabled: bool
    delta_total: float
    delta_total_map: dict[str, float]
    fee_balance: float
    futures_pl: float
    futures_session_rpl: float
    futures_session_upl: float
    locked_balance: float
    margin_model: MarginModel
    options_delta: float
    options_delta_map: dict[str, float]
    options_gamma: float
    options_gamma_map: dict[str, float]
    options_pl: float
    options_rho: float
    options_rho_map: dict[str, float]
    options_session_rpl: float
    options_session_upl: float
    options_theta: float
    options_theta_map: dict[str, float]
    options_value: float
    options_vega: float
    options_vega_map: dict[str, float]
    portfolio_margining_enabled: bool
    projected_delta_total: float
    projected_initial_margin: float
    projected_maintenance_margin: float
    seq: int
    session_rpl: float
    session_upl: float
    total_delta_total_usd: float
    total_equity_usd: float
    total_initial_margin_usd: float
    total_maintenance_margin_usd: float
    total_margin_balance_usd: float
    total_pl: float


class Fees(TypedDict):
    """What an instrument type costs, as a fraction."""

    index_name: str
    instrument_type: str
    kind: Kind
    maker_fee: float
    taker_fee: float


class Budget(TypedDict):
    """Rate credits: how many at once, how many a second."""

    burst: int
    rate: int


class TradingLimits(TypedDict):
    """Rate limits of orders."""

    total: Budget


class MatchingLimits(TypedDict):
    """Rate limits of what reaches the books."""

    cancel_all: Budget
    maximum_mass_quotes: Budget
    trading: TradingLimits


class TriggerOrderLimits(TypedDict):
    """How many orders may wait for a trigger, trailing ones of one price among them; 0: no limit here."""

    account_trailing: int
    account_triggers: int
    family_trailing: int
    family_triggers: int


class Limits(TypedDict):
    """The account's rate limits, and what it may have waiting."""

    limits_per_currency: bool
    matching_engine: MatchingLimits
    non_matching_engine: Budget
    trigger_orders: TriggerOrderLimits


class CurrencySummary(Portfolio):
    """The account's figures in one currency, its fees and limits."""

    fee_group: str
    fees: NotRequired[list[Fees]]
    limits: Limits


class AccountSummaries(TypedDict):
    """The account with one summary per currency."""

    block_rfq_self_match_prevention: str
    creation_timestamp: int
    email: str
    has_non_block_chain_equity: bool
    id: int
    interuser_transfers_enabled: bool
    login_enabled: bool
    mmp_enabled: bool
    receive_notifications: bool
    security_keys_enabled: bool
    self_trading_extended_to_subaccounts: str
    self_trading_reject_mode: str
    summaries: list[CurrencySummary]
    system_name: str
    type: Literal["main", "subaccount"]
    username: str


class AccountSummary(CurrencySummary):
    """The account's figures in one currency; whose they are with `extended`."""

    block_rfq_self_match_prevention: NotRequired[str]
    creation_timestamp: NotRequired[int]
    email: str
    has_non_block_chain_equity: NotRequired[bool]
    id: int
    interuser_transfers_enabled: NotRequired[bool]
    login_enabled: NotRequired[bool]
    mmp_enabled: NotRequired[bool]
    receive_notifications: NotRequired[bool]
    security_keys_enabled: bool
    self_trading_extended_to_subaccounts: NotRequired[str]
    self_trading_reject_mode: NotRequired[str]
    system_name: str
    type: Literal["main", "subaccount"]
    username: str


class ApiKey(TypedDict):
    """An API key. Its secret is shown when it is made or reset, elsewhere it is empty."""

    client_id: str
    client_secret: str
    default: bool
    enabled: bool
    enabled_features: list[str]
    id: int
    ip_whitelist: list[str]
    max_scope: list[str]
    name: str
    public_key: str
    timestamp: int


class LockChange(TypedDict):
    """The account was locked or unlocked."""

    currency: str
    locked: bool


class MarginState(TypedDict):
    """Margin under one model."""

    available_balance: float
    initial_margin: float
    initial_margin_rate: float
    maintenance_margin: float
    maintenance_margin_rate: float
    margin_balance: float


class MarginModelChange(TypedDict):
    """Margin before and after a change of model."""

    currency: str
    new_state: MarginState
    old_state: MarginState


class SubaccountPortfolios(TypedDict):
    """Figures by currency."""

    usdc: SubaccountPortfolio


class TradingProduct(TypedDict):
    """Whether an account may trade a product."""

    enabled: bool
    overwriteable: bool
    product: str
    requires_consent: bool


class Subaccount(TypedDict):
    """An account of the family."""

    disabled_trading_products: list[str]
    email: str
    id: int
    is_password: bool
    login_enabled: bool
    margin_model: MarginModel
    portfolio: NotRequired[SubaccountPortfolios]
    proof_id: str
    proof_id_signature: str
    receive_notifications: bool
    referrals_count: int
    security_keys_assignments: list[str]
    security_keys_enabled: bool
    system_name: str
    trading_products_details: list[TradingProduct]
    type: Literal["main", "subaccount"]
    username: str


class NewSubaccount(Subaccount):
    """A subaccount with its first key, shown this once."""

    client_id: str
    client_secret: str
    scope: str


class OrderMargin(TypedDict):
    """What an open order takes of the initial margin."""

    initial_margin: float
    initial_margin_currency: str
    order_id: str


class PositionMoveAsked(TypedDict):
    """A position, or a part of it, to be moved; at the source's average entry price without a price."""

    instrument_name: Annotated[str, Meta(extra_json_schema={"format": "instrument-name"})]
    amount: Annotated[float, Meta(gt=0)]
    price: NotRequired[Annotated[float, Meta(ge=0)]]


class PositionMoveTrade(TypedDict):
    """What was moved; `direction` of the position."""

    source_uid: int
    target_uid: int
    instrument_name: str
    direction: Direction
    price: float
    amount: float


class PositionMove(TypedDict):
    """Positions that have passed to another account of the family."""

    trades: list[PositionMoveTrade]


class OrderMargins(TypedDict):
    """What an order of either side would take of the initial margin, and the price band."""

    buy: float
    max_price: float
    min_price: float
    sell: float


class Scenario(TypedDict):
    """What one scenario does to a portfolio."""

    extended: bool
    loss: float
    profit_loss: float
    scenario: int


class UnderlyingMargin(TypedDict):
    """The portfolio model on one underlying."""

    charges: float
    delta_shock: float
    delta_total_usd: float
    index_name: str
    initial_margin: float
    maintenance_margin: float
    roll_shock: float
    scenarios: list[Scenario]
    worst_case: float
    worst_scenario: int | None


class PortfolioMargin(TypedDict):
    """The portfolio model's figures, underlying by underlying."""

    currency: str
    equity: float
    initial_margin: float
    maintenance_margin: float
    margin_balance: float
    margin_model: MarginModel
    seq: int
    underlyings: list[UnderlyingMargin]


class Position(TypedDict):
    """A position and its figures."""

    average_price: float
    average_price_usd: NotRequired[float]
    delta: float
    direction: Literal["buy", "sell", "zero"]
    estimated_liquidation_price: float | None
    floating_profit_loss: float
    floating_profit_loss_usd: NotRequired[float]
    gamma: float
    index_price: float
    initial_margin: float
    instrument_name: str
    interest_value: NotRequired[float]
    kind: Kind
    leverage: NotRequired[int]
    maintenance_margin: float
    mark_price: float
    open_orders_margin: float
    realized_funding: NotRequired[float]
    realized_profit_loss: float
    rho: float
    settlement_price: float
    size: float
    size_currency: float
    theta: float
    total_profit_loss: float
    vega: float


class SimulatedPortfolio(Portfolio):
    """A portfolio as it would be."""

    available_subaccount_transfer_funds: float


class SubaccountDetails(TypedDict):
    """Positions, and orders where asked for, of an account of the family."""

    open_orders: NotRequired[list[Order]]
    positions: list[Position]
    uid: int


class UserLock(TypedDict):
    """Whether the account may trade in a currency, and why not."""

    currency: str
    enabled: bool
    message: NotRequired[str]
