"""One instrument's book: two sorted dictionaries of price levels, each a queue of orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

if TYPE_CHECKING:
    from tests.reference.accounts import Order

Queue = dict[int, "Order"]


class Side:
    """Price levels of one side. Keys are prices for asks and negated prices for bids: best first."""

    __slots__ = ("levels", "sign")

    def __init__(self, is_sell: bool) -> None:
        self.sign = 1 if is_sell else -1
        self.levels: SortedDict = SortedDict()

    def best_price(self) -> int | None:
        return self.levels.peekitem(0)[0] * self.sign if self.levels else None

    def best_queue(self) -> Queue:
        queue: Queue = self.levels.peekitem(0)[1]
        return queue

    def queue(self, price_ticks: int) -> Queue:
        found: Queue = self.levels.get(price_ticks * self.sign, {})
        return found

    def shown_lots(self, price_ticks: int) -> int:
        """Displayed lots at a price."""
        return sum(order.shown_lots for order in self.queue(price_ticks).values())

    def in_order(self) -> Iterator[tuple[int, Queue]]:
        """(price, queue) from the best level on."""
        for key, queue in self.levels.items():
            yield key * self.sign, queue

    def join(self, order: Order) -> None:
        """Put an order at the end of its level's queue."""
        self.levels.setdefault(order.price_ticks * self.sign, {})[order.id] = order

    def leave(self, order: Order) -> None:
        key = order.price_ticks * self.sign
        queue = self.levels[key]
        del queue[order.id]
        if not queue:
            del self.levels[key]

    def to_back(self, order: Order) -> None:
        """Move an order to the end of its level's queue."""
        queue = self.levels[order.price_ticks * self.sign]
        del queue[order.id]
        queue[order.id] = order


class Book:
    """Bids and asks of one instrument."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(is_sell=False)
        self.asks = Side(is_sell=True)

    def side(self, is_sell: bool) -> Side:
        return self.asks if is_sell else self.bids

    def crosses(self, is_sell: bool, price_ticks: int) -> bool:
        """Would an order of this side and price meet the opposite best?"""
        best = self.side(not is_sell).best_price()
        if best is None:
            return False
        return price_ticks <= best if is_sell else price_ticks >= best

    def orders(self) -> Iterator[Order]:
        """All orders: bids best first in queue order, then asks."""
        for side in (self.bids, self.asks):
            for _, queue in side.in_order():
                yield from queue.values()
