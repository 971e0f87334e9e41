"""What an order has beyond its price and size: a trigger, a link, a volatility (rules 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from exchange.domain import records as r
from exchange.domain.commands_orders import Trigger

if TYPE_CHECKING:
    from tests.reference.accounts import Order

NOTHING_SEEN = -1


class Place(IntEnum):
    """Where an open order is. All but those in the book are untriggered."""

    BOOK = 0
    WAITS = 1  # for its trigger
    DUE = 2  # in the queue
    DORMANT = 3  # a member that never woke
    SPENT = 4  # filled whole while its primary may still bring it lots


@dataclass(slots=True, eq=False)
class Extra:
    """An order's trigger, link and volatility; prices in micro-USDC.

    `best_micro` is the best price a trailing order has seen. `sent_lots` and `woken_lots` are of members of
    an incremental link: the size as sent and how much of it the primary's fills have woken.
    """

    trigger: Trigger
    link: int = r.LINK_NONE
    condition: int = r.FILL_FIRST_HIT
    member_count: int = 0
    volatility_e6: int = 0
    best_micro: int = NOTHING_SEEN
    fired: bool = False
    other: Order | None = None  # of its pair
    primary: Order | None = None
    members: list[Order] = field(default_factory=list)
    number: int = 0  # of a member, from 0
    sent_lots: int = 0
    woken_lots: int = 0

    @property
    def word(self) -> int:
        """As w8 of EXTENDED_ORDER."""
        return self.trigger.word | self.link << 16 | self.condition << 24 | self.member_count << 32

    @property
    def has_trigger(self) -> bool:
        return self.trigger.kind != r.TRIGGER_NONE

    @property
    def is_trailing(self) -> bool:
        return self.trigger.kind == r.TRIGGER_TRAILING

    @property
    def is_incremental(self) -> bool:
        return self.link in (r.LINK_OTO, r.LINK_OTOCO) and self.condition == r.FILL_INCREMENTAL

    def follow(self, price_micro: int, *, is_sell: bool) -> None:
        """A trailing order keeps the best price it sees: a sale the highest, a purchase the lowest."""
        if not self.is_trailing:
            return
        if self.best_micro == NOTHING_SEEN:
            self.best_micro = price_micro
        else:
            self.best_micro = (max if is_sell else min)(self.best_micro, price_micro)

    def stands_at(self, *, is_sell: bool) -> int | None:
        """The price it triggers at; None: a trailing one that has seen nothing."""
        if not self.is_trailing:
            return self.trigger.trigger_micro
        if self.best_micro == NOTHING_SEEN:
            return None
        offset = self.trigger.offset_micro
        return self.best_micro - offset if is_sell else self.best_micro + offset

    def is_up(self, *, is_sell: bool) -> bool:
        """Is it reached from below: stop and trailing purchases, take sales?"""
        return is_sell == (self.trigger.kind == r.TRIGGER_TAKE)

    def keeps_something(self) -> bool:
        """Is the order more than a plain one once it is in the book?"""
        return bool(self.volatility_e6 or self.other or self.primary or self.members)
