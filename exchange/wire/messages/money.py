"""Movements of money, settlements and fundings, as replies carry them."""

from typing import Literal, NotRequired, TypedDict


class DeliveryPrice(TypedDict):
    """What a day's expiries were delivered at."""

    date: str
    delivery_price: float


class DeliveryPrices(TypedDict):
    """Delivery prices, newest first."""

    data: list[DeliveryPrice]
    records_total: int


class Deposit(TypedDict):
    """A deposit that was credited."""

    address: str
    amount: float
    currency: str
    received_timestamp: int
    seq: int
    state: str
    transaction_id: str
    updated_timestamp: int


class DepositAddress(TypedDict):
    """The account's owner on the L1."""

    address: str
    creation_timestamp: int
    currency: str
    type: str


class Deposits(TypedDict):
    """A page of deposits."""

    count: int
    data: list[Deposit]


class FundingPoint(TypedDict):
    """One funding."""

    index_price: float
    interest_8h: float
    timestamp: int


class FundingChart(TypedDict):
    """Funding over a time."""

    current_interest: float
    data: list[FundingPoint]
    interest_8h: float


class FundingRate(TypedDict):
    """The rate of one funding interval."""

    index_price: float
    interest_1h: float
    interest_8h: float
    prev_index_price: float
    timestamp: int


class Settlement(TypedDict):
    """A settlement, funding, delivery or bankruptcy."""

    funded: NotRequired[float]
    funding: float
    index_price: float
    instrument_name: str
    mark_price: NotRequired[float]
    position: float
    profit_loss: float
    seq: int
    session_bankruptcy: NotRequired[float]
    session_profit_loss: float
    session_tax: NotRequired[float]
    session_tax_rate: NotRequired[float]
    socialized: NotRequired[float]
    timestamp: int
    type: Literal["settlement", "delivery", "bankruptcy"]


class Settlements(TypedDict):
    """A page of settlements."""

    continuation: str
    settlements: list[Settlement]


class TransactionInfo(TypedDict):
    """What belongs to a movement besides its amounts."""

    funding: NotRequired[bool]
    id: NotRequired[int]
    liquidation: NotRequired[bool]
    other_user_id: NotRequired[int]
    state: NotRequired[str]
    step: NotRequired[str]
    transfer_type: NotRequired[str]


class TransactionLogEntry(TypedDict):
    """One movement of an account's cash."""

    amount: NotRequired[float]
    balance: float
    cashflow: float
    change: float
    commission: float
    contracts: NotRequired[float]
    currency: str
    fee_role: NotRequired[str]
    id: int
    index_price: NotRequired[float]
    info: TransactionInfo
    instrument_name: NotRequired[str]
    interest_pl: NotRequired[float]
    mark_price: NotRequired[float]
    order_id: NotRequired[str]
    position: NotRequired[float]
    price: NotRequired[float]
    price_currency: NotRequired[str]
    profit_as_cashflow: NotRequired[bool]
    seq: int
    session_rpl: NotRequired[float]
    settlement_price: NotRequired[float]
    side: str
    timestamp: int
    trade_id: NotRequired[str]
    type: str
    user_id: int
    user_role: NotRequired[str]
    user_seq: int
    username: str


class TransactionLog(TypedDict):
    """A page of the transaction log, newest first."""

    continuation: int | None
    logs: list[TransactionLogEntry]


class Transfer(TypedDict):
    """A transfer between accounts."""

    amount: float
    created_timestamp: int
    currency: str
    direction: Literal["payment", "income"]
    id: int
    other_side: str
    seq: int
    state: str
    type: str
    updated_timestamp: int


class Transfers(TypedDict):
    """A page of transfers."""

    count: int
    data: list[Transfer]


class Withdrawal(TypedDict):
    """A withdrawal and how far it is."""

    address: str
    amount: float
    confirmed_timestamp: NotRequired[int]
    created_timestamp: int
    currency: str
    fee: float
    forced: NotRequired[bool]
    id: int
    priority: float
    seq: int
    state: str
    transaction_id: str
    updated_timestamp: int


class Withdrawals(TypedDict):
    """A page of withdrawals."""

    count: int
    data: list[Withdrawal]
