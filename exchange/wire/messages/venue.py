"""The venue's own state: announcements, rules, liquidations, auctions, errors."""

from typing import Literal, NotRequired, TypedDict


class Announcement(TypedDict):
    """An announcement of the operator's."""

    body: str
    confirmation: bool
    id: int
    important: bool
    publication_timestamp: int
    title: str


class AnnouncementChange(Announcement):
    """An announcement came or went."""

    action: Literal["new", "deleted"]


class AuctionPosition(TypedDict):
    """A position for sale and the part that the largest fraction moves."""

    discount: float
    instrument_name: str
    mark_price: float
    part: float
    size: float


class Auction(TypedDict):
    """A portfolio for sale."""

    account: int
    discount: float
    fraction_max: float
    pay: float
    positions: list[AuctionPosition]
    start_timestamp: int
    worth: float


class CloseCode(TypedDict):
    """Why a connection is closed."""

    code: int
    meaning: str
    name: str


class ErrorCode(TypedDict):
    """An error code."""

    code: int
    fault: str
    limit: str
    meaning: str
    name: str
    retryable: bool


class OrderEnd(TypedDict):
    """Why an order ended at once."""

    code: int
    name: str


class Reason(TypedDict):
    """What `data.reason` can say, and under which code."""

    code: int
    fault: str
    meaning: str
    name: str
    retryable: bool


class ErrorRegistry(TypedDict):
    """Every code, reason, end and close code."""

    close_codes: list[CloseCode]
    ends: list[OrderEnd]
    errors: list[ErrorCode]
    reasons: list[Reason]


class FeeTier(TypedDict):
    """Fees of one tier, in millionths."""

    option_maker_ppm: int
    option_taker_ppm: int
    perp_maker_ppm: int
    perp_taker_ppm: int


class FeeSchedule(TypedDict):
    """Fees by tier."""

    combo_discount_permille: int
    tiers: list[FeeTier]


class LiquidationStep(TypedDict):
    """A step of a liquidation, or a share in a loss."""

    account: int
    amount: NotRequired[float]
    discount: NotRequired[float]
    fee: NotRequired[float]
    fraction: NotRequired[float]
    instrument_name: NotRequired[str]
    loss: NotRequired[float]
    maintenance_margin: float
    margin_balance: float
    order_id: NotRequired[str]
    orders_cancelled: NotRequired[int]
    paid_by: NotRequired[int]
    seq: int
    step: str
    timestamp: int


class RiskParameters(TypedDict):
    """Risk parameters of an underlying, as the core has them."""

    auction_discount_ppm: int
    auction_ms: int
    dampener_micro: int
    extended_from: int
    jump_factor: int
    liquidation_band_ppm: int
    liquidation_fee_ppm: int
    liquidation_slice_micro: int
    perp_im_ppm: int
    perp_mm_ppm: int
    pm_mm_ppm: int
    quantum_micro: int
    roll_ppm: int
    scenarios: int
    shock_ppm: int
    shock_threshold_micro: int
    short_ppm: int
    sm_floor_ppm: int
    sm_im_ppm: int
    sm_mm_ppm: int
    uncovered_im_ppm: int
    uncovered_mm_ppm: int


class Status(TypedDict):
    """What of the venue is locked."""

    locked: Literal["true", "partial", "false"]
    locked_indices: list[str]
    venue_phase: str


class TakenPosition(TypedDict):
    """A part of a position that was taken over."""

    instrument_name: str
    size: float


class Takeover(TypedDict):
    """What a takeover moved and cost."""

    paid: float
    positions: list[TakenPosition]


class UnderlyingRules(TypedDict):
    """State and parameters of an underlying."""

    index_name: str
    parameters: RiskParameters | None
    state: str


class VenueCommand(TypedDict):
    """An order of the venue's that concerns all."""

    account: NotRequired[int]
    amount: NotRequired[float]
    combo_discount_permille: NotRequired[int]
    command: str
    index_name: NotRequired[str]
    instrument_name: NotRequired[str]
    parameters: NotRequired[RiskParameters]
    seq: int
    state: NotRequired[str]
    step: NotRequired[str]
    tiers: NotRequired[list[FeeTier]]
    timestamp: NotRequired[int]


class VenueRules(TypedDict):
    """Rules version, parameters and fees."""

    fees: FeeSchedule
    rules: int
    underlyings: list[UnderlyingRules]
