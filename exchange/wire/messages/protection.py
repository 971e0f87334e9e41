"""Market-maker protection: limits of a group, and what becomes of it."""

from typing import NotRequired, TypedDict


class MmpConfig(TypedDict):
    """The limits of a protection group, or (`block_rfq`) of quotes for requests."""

    block_rfq: bool
    delta_limit: NotRequired[float]
    frozen_time: int
    index_name: str
    interval: int
    max_quote_quantity: NotRequired[float]
    mmp_group: str
    quantity_limit: NotRequired[float]
    trade_count_limit: NotRequired[int]
    vega_limit: NotRequired[float]


class MmpStatus(TypedDict):
    """A protection group that is frozen, until a time or (0) until it is reset."""

    block_rfq: bool
    frozen_until: int
    index_name: str
    mmp_group: str


class MmpTrigger(MmpStatus):
    """A protection group has tripped."""

    seq: int
