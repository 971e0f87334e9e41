"""Requests for quotes and the quotes that answer them, as the venue keeps them.

Directions are stated once: legs and hedge as bought by who buys the structure; a quote by what its maker
does (`sells`), an acceptance and a trade by what the taker does. Amounts are 1e-8 of the underlying, prices
of structures micro-USDC a unit (`exchange.wire.packages`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from exchange.wire.packages import PackageLeg

OPEN: Final = "open"
FILLED: Final = "filled"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
UNTRIGGERED: Final = "untriggered"
TRIGGERED: Final = "triggered"


class Hedge(msgspec.Struct, frozen=True):
    """A leg on a perpetual at a price of the taker's, for all of the amount; parts take their share."""

    instrument: int
    lots: int
    """Bought > 0 by who buys the structure."""
    price_ticks: int


class Quote(msgspec.Struct):
    """A maker's quote for a request; `leg_ticks` in the order of its legs."""

    id: int
    rfq: int
    maker: int
    key: str
    sells: bool
    price_micro: int
    leg_ticks: list[int]
    amount_e8: int
    all_or_none: bool
    label: str
    created_ms: int
    updated_ms: int
    expires_ms: int
    state: str = OPEN
    reason: str = ""
    filled_e8: int = 0
    replaced: bool = False
    busy: bool = False
    """A block with it is being executed."""

    def is_good(self, now_ms: int) -> bool:
        """Whether it may be traded now."""
        return self.state == OPEN and not (self.expires_ms and self.expires_ms <= now_ms)


class Allocation(msgspec.Struct, frozen=True):
    """Whose a part of the amount is: an account of the taker's family."""

    account: int
    amount_e8: int


class Fill(msgspec.Struct, frozen=True):
    """What was traded with one quote; `hedge_lots` without a sign."""

    quote: int
    maker: int
    sells: bool
    """What the taker did."""
    price_micro: int
    amount_e8: int
    hedge_lots: int
    leg_ticks: list[int]


class Trigger(msgspec.Struct):
    """An acceptance that waits for quotes."""

    sells: bool
    price_micro: int
    amount_e8: int
    key: str
    state: str = UNTRIGGERED
    reason: str = ""


class Rfq(msgspec.Struct):
    """A request; `makers` are those it is for, nobody named: all."""

    id: int
    taker: int
    created_ms: int
    expires_ms: int
    legs: list[PackageLeg]
    amount_e8: int
    least_e8: int
    step_e8: int
    hedge: Hedge | None
    label: str
    makers: list[int]
    disclosed: bool
    rating: str
    index_micro: dict[str, int]
    """Prices by index name: at its creation, or of its trade."""
    state: str = OPEN
    reason: str = ""
    ended_ms: int = 0
    mark_micro: int | None = None
    """Of the structure, when it ended."""
    included: bool = False
    """Whether it counts for its taker's rating."""
    allocations: list[Allocation] = []
    """How the taker has divided the amount; nobody named: all of it is its own."""
    quotes: dict[int, Quote] = {}
    fills: list[Fill] = []
    trigger: Trigger | None = None
    busy: bool = False
    """A block for it is being executed."""

    @property
    def units(self) -> int:
        """Trades that one quote makes of it."""
        return len(self.legs) + (self.hedge is not None)

    def is_for(self, account: int) -> bool:
        """Whether an account was asked."""
        return not self.makers or account in self.makers

    def quotes_of(self, maker: int) -> list[Quote]:
        """A maker's open quotes."""
        return [quote for quote in self.quotes.values() if quote.maker == maker and quote.state == OPEN]

    def close(self, state: str, now_ms: int, reason: str = "") -> None:
        """It has ended. Whether it was quoted when it did decides whether it counts for the rating."""
        quoted = bool(self.fills) or any(quote.is_good(now_ms) for quote in self.quotes.values())
        self.state, self.ended_ms, self.reason, self.included = state, now_ms, reason, quoted
        self.busy = False
        if self.trigger is not None and self.trigger.state == UNTRIGGERED:
            self.trigger.state, self.trigger.reason = CANCELLED, f"rfq_{state}"


def encoded(rfq: Rfq) -> bytes:
    """A request as it is kept; of its quotes those that traded."""
    traded = {fill.quote for fill in rfq.fills}
    kept = {number: quote for number, quote in rfq.quotes.items() if number in traded}
    return msgspec.msgpack.encode(msgspec.structs.replace(rfq, quotes=kept))


def decoded(body: bytes) -> Rfq:
    """What `encoded` has made."""
    return msgspec.msgpack.decode(body, type=Rfq)
