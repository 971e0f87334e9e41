"""Batches of settlement, and fills by what authorised them (docs/settlement.md, docs/authorisation.md)."""

from typing import Literal, NotRequired, TypedDict


class Batch(TypedDict):
    """One batch. From `layer` on of settlement on contracts alone; what is behind `l1_tx` once it is in a
    block."""

    blob_gas: NotRequired[int]
    blob_gas_per_fill: NotRequired[float]
    bytes: int
    bytes_per_fill: NotRequired[float]
    fills: int
    first_seq: int
    gas: NotRequired[int]
    gas_per_fill: NotRequired[float]
    id: int
    l1_block: NotRequired[int]
    l1_cost_wei: NotRequired[str]
    l1_tx: NotRequired[str]
    last_seq: int
    layer: NotRequired[Literal["calldata", "blobs", "external"]]
    root: str
    state: Literal["built", "posted", "confirmed", "final"]
    steps: int
    timestamp: int


class Reached(TypedDict):
    """How far each state has come."""

    confirmed: int
    final: int
    posted: int


class Progress(TypedDict):
    """How far settlement has come: batch ids and the counters of their last commands; what waits and what is
    wrong (empty: nothing)."""

    alarm: str
    batch: Reached
    format: int
    l1_height: int
    seq: Reached
    waiting_batches: int


class Batches(Progress):
    """With batches, newest first."""

    batches: list[Batch]


class BatchOfCommand(TypedDict):
    """The batch a command is in, null while there is none, and the finality of its fills."""

    batch: Batch | None
    finality: Literal["soft", "posted", "confirmed", "final"]
    seq: int


class Fills(TypedDict):
    """How many, their value and the fees they paid, in USDC."""

    fees: float
    fills: int
    volume: float


class ClassOfFills(TypedDict):
    """One class since the start, in the last minute and in the last day."""

    day: Fills
    minute: Fills
    name: Literal["signed_order", "grant", "api_key", "liquidation", "expiry", "block"]
    number: int
    total: Fills


class Authorisation(TypedDict):
    """Fills by class since the venue started."""

    classes: list[ClassOfFills]
    since: int
    timestamp: int
