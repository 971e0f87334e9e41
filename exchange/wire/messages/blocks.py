"""Block trades and requests for quotes, as replies and pushes carry them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from exchange.wire.messages.orders import UserTrade
from exchange.wire.messages.words import Direction

Role = Literal["maker", "taker"]
Instruction = Literal["all_or_none", "any_part_of"]
RfqState = Literal["open", "filled", "cancelled", "expired"]
Positive = Annotated[float, Meta(gt=0)]
Name = Annotated[str, Meta(extra_json_schema={"format": "instrument-name"})]


# --- what requests take --------------------------------------------------------------------------------


class BlockTerm(TypedDict):
    """A trade of a block; `direction` is the maker's."""

    instrument_name: Name
    price: Positive
    amount: Positive
    direction: Direction


class RfqLegAsked(TypedDict):
    """A leg of a request; `direction` of who buys the structure."""

    instrument_name: Name
    amount: Positive
    direction: Direction


class RfqHedgeAsked(TypedDict):
    """A leg on a perpetual at a price of the taker's."""

    instrument_name: Name
    amount: Positive
    direction: Direction
    price: Positive


class RfqLegNamed(TypedDict):
    """A leg of a request, as an acceptance names it."""

    instrument_name: Name
    ratio: Annotated[int, Meta(ge=1)]
    direction: Direction


class RfqLegQuoted(TypedDict):
    """A leg with its price; none of them has one where `price` is given for the structure."""

    instrument_name: Name
    ratio: Annotated[int, Meta(ge=1)]
    direction: Direction
    price: NotRequired[Positive]


class RfqAllocation(TypedDict):
    """Whose a part of the amount is, of the taker's family; they add up to it."""

    user_id: Annotated[int, Meta(ge=0)]
    amount: Positive


# --- block trades ----------------------------------------------------------------------------------------


class BlockSignature(TypedDict):
    """One side's word, for the other."""

    signature: str


class BlockTrade(TypedDict):
    """What one maker and the taker traded in a block."""

    id: str
    timestamp: int
    trades: list[UserTrade]


class ApprovalState(TypedDict):
    """How far an approval is, and since when."""

    value: Literal["initial", "accepted", "rejected", "executed"]
    timestamp: int


class AgreedTrade(TypedDict):
    """A trade as it was agreed."""

    instrument_name: str
    direction: Direction
    price: float
    amount: float


class PendingBlockTrade(TypedDict):
    """A block that needs its account's approval."""

    nonce: str
    timestamp: int
    trades: list[AgreedTrade]
    app_name: str
    username: str
    role: Role
    user_id: int
    state: ApprovalState
    counterparty_state: NotRequired[ApprovalState]


# --- requests for quotes -----------------------------------------------------------------------------------


class RfqLeg(TypedDict):
    """A leg."""

    ratio: int
    instrument_name: str
    direction: Direction


class RfqLegPrice(RfqLeg):
    """A leg with its price."""

    price: float


class RfqHedge(TypedDict):
    """The hedge, for all of the amount."""

    instrument_name: str
    direction: Direction
    price: float
    amount: float


class RfqOffer(TypedDict):
    """A quote as the taker sees it."""

    makers: list[str]
    price: float
    amount: float
    last_update_timestamp: int
    execution_instruction: Instruction
    expires_at: NotRequired[int]


class RfqFill(TypedDict):
    """What was traded with one quote."""

    direction: Direction
    price: float
    amount: float
    maker: NotRequired[str]
    hedge_amount: NotRequired[float]


class RfqPublicFill(TypedDict):
    """What was traded with one quote, as everybody is told."""

    direction: Direction
    price: float
    amount: float
    hedge_amount: NotRequired[float]


class TradeTrigger(TypedDict):
    """An acceptance that waits, waited, or has traded."""

    state: Literal["untriggered", "triggered", "cancelled"]
    price: float
    direction: Direction
    cancel_reason: NotRequired[str]


class Allocated(TypedDict):
    """Whose a part of the amount is."""

    user_id: int
    amount: float


class _Rfq(TypedDict):
    block_rfq_id: int
    creation_timestamp: int
    expiration_timestamp: int
    role: Role
    state: RfqState
    taker_rating: str
    amount: float
    min_trade_amount: float
    legs: list[RfqLeg]
    disclosed: bool
    combo_id: NotRequired[str]
    hedge: NotRequired[RfqHedge]
    cancel_reason: NotRequired[str]
    trades: NotRequired[list[RfqFill]]
    taker: NotRequired[str]
    makers: NotRequired[list[str]]
    label: NotRequired[str]
    mark_price: NotRequired[float]
    asks: NotRequired[list[RfqOffer]]
    bids: NotRequired[list[RfqOffer]]
    trade_trigger: NotRequired[TradeTrigger]
    trade_allocations: NotRequired[list[Allocated]]
    included_in_taker_rating: NotRequired[bool]


class BlockRfq(_Rfq):
    """A request; what only its taker sees stands in its own alone."""

    index_prices: list[float]


class BlockRfqPush(_Rfq):
    """A request, as channels tell it."""

    index_prices: dict[str, float]


class BlockRfqs(TypedDict):
    """Requests, and what asks for the next page."""

    block_rfqs: list[BlockRfq]
    continuation: str | None


class BlockRfqQuote(TypedDict):
    """A quote, as its maker sees it."""

    block_rfq_id: int
    block_rfq_quote_id: int
    creation_timestamp: int
    last_update_timestamp: int
    quote_state: RfqState
    quote_state_reason: NotRequired[str]
    execution_instruction: Instruction
    price: float
    amount: float
    filled_amount: float
    direction: Direction
    legs: list[RfqLegPrice]
    hedge: NotRequired[RfqHedge]
    replaced: bool
    label: str


class WaitingTrigger(TypedDict):
    """An acceptance that waits; nothing where none does."""

    state: NotRequired[Literal["untriggered"]]
    price: NotRequired[float]
    direction: NotRequired[Direction]


class AcceptedRfq(TypedDict):
    """What came of an acceptance: what it traded, or that it waits."""

    trade_trigger: WaitingTrigger
    block_trades: list[BlockTrade]


class BlockRfqTrade(TypedDict):
    """A request that was traded, as everybody is told."""

    id: int
    timestamp: int
    direction: Direction
    amount: float
    legs: list[RfqLegPrice]
    trades: list[RfqPublicFill]
    index_prices: dict[str, float]
    combo_id: NotRequired[str]
    mark_price: NotRequired[float]
    hedge: NotRequired[RfqHedge]


class BlockRfqTrades(TypedDict):
    """Requests that were traded, and what asks for the next page."""

    block_rfqs: list[BlockRfqTrade]
    continuation: str | None


class RfqIdentity(TypedDict):
    """The name of an account among takers and makers."""

    identity: str
    is_maker: bool


class RfqUser(RfqIdentity):
    """An account of the family."""

    user_id: int
    taker_rating: NotRequired[float]


class RfqUserInfo(TypedDict):
    """Names of a family's accounts."""

    parent: RfqIdentity
    users: list[RfqUser]
