"""The denominator of the core benchmark: matching with events on sortedcontainers.

Readable Python at its best speed and nothing else: no accounts, no funds, no checks beyond what matching
needs. Frozen: the ratios in the README mean something only while this file does not change.

One :class:`Book` per instrument holds two ``SortedDict`` (price → level); a level is a dict of orders in
arrival order, which is first-in-first-out with removal from the middle in constant time. The touch of
either side is remembered, so that a passive order never asks the sorted structure, and an order knows
its level, so that a cancel does not either unless it empties the level.

Events are appended to one flat list of integers, six to an event (see :mod:`loadtest.canonical`): no
object per event, nothing for the garbage collector to walk.

The order of events is the engine's: for each match TRADE, then the maker's ORDER; the aggressor's
own ORDER comes last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from sortedcontainers import SortedDict

from loadtest.canonical import (
    EVENT_REJECTED,
    EVENT_TRADE,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    ORDER_FILLED,
    ORDER_PLACED,
)
from loadtest.workload import OP_AMEND, OP_CANCEL, OP_NEW_IOC, Row

NO_BID: Final = -1 << 62
NO_ASK: Final = 1 << 62


class Order:
    """One order; ``filled_lots`` + ``open_lots`` is its total size. ``level`` holds it while it rests."""

    __slots__ = ("filled_lots", "instrument", "level", "open_lots", "order_id", "price_ticks", "side")

    level: Level

    def __init__(self, order_id: int, instrument: int, side: int, price_ticks: int, size_lots: int) -> None:
        self.order_id = order_id
        self.instrument = instrument
        self.side = side
        self.price_ticks = price_ticks
        self.filled_lots = 0
        self.open_lots = size_lots


Level: TypeAlias = dict[int, Order]


class Book:
    """Both sides of one instrument and the remembered touch."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids")

    def __init__(self) -> None:
        self.bids: SortedDict[int, Level] = SortedDict()
        self.asks: SortedDict[int, Level] = SortedDict()
        self.best_bid = NO_BID
        self.best_ask = NO_ASK

    def rest(self, order: Order) -> None:
        """Queue the order behind all others at its price."""
        price = order.price_ticks
        if order.side:
            levels = self.asks
            if price < self.best_ask:
                self.best_ask = price
        else:
            levels = self.bids
            if price > self.best_bid:
                self.best_bid = price
        level = levels.get(price)
        if level is None:
            levels[price] = order.level = {order.order_id: order}
        else:
            level[order.order_id] = order
            order.level = level

    def drop_level(self, side: int, price: int) -> None:
        """Take an emptied level out and find the next touch if it was the touch."""
        if side:
            levels = self.asks
            del levels[price]
            if price == self.best_ask:
                self.best_ask = levels.peekitem(0)[0] if levels else NO_ASK
        else:
            levels = self.bids
            del levels[price]
            if price == self.best_bid:
                self.best_bid = levels.peekitem(-1)[0] if levels else NO_BID


class SortedExchange:
    """All books, the live orders and the events so far.

    ``events`` is flat: :func:`loadtest.canonical.checksum` reads it.
    """

    def __init__(self, instruments_count: int) -> None:
        self.books = [Book() for _ in range(instruments_count)]
        self.orders: dict[int, Order] = {}
        self.events: list[int] = []
        self.orders_count = 0
        self.trades_count = 0

    def apply(self, rows: Iterable[Row]) -> None:
        """Run the operations in order. Cancels and the passive case are spelled out here: they are 85 %."""
        books = self.books
        orders = self.orders
        take = orders.pop
        emit = self.events.extend
        order_id = self.orders_count
        for op, instrument, side, price, size, target_id, _account in rows:
            if op == OP_CANCEL:
                order = take(target_id, None)
                if order is None:
                    emit((EVENT_REJECTED, target_id, 0, 0, 0, 0))
                    continue
                price = order.price_ticks
                filled = order.filled_lots
                emit((ORDER_CANCELLED, target_id, price, filled + order.open_lots, filled, 0))
                level = order.level
                del level[target_id]
                if not level:
                    books[order.instrument].drop_level(order.side, price)
            elif op == OP_AMEND:
                self.amend(target_id, price, size)
            else:
                order_id += 1
                book = books[instrument]
                if price <= book.best_bid if side else price >= book.best_ask:
                    self.cross(book, Order(order_id, instrument, side, price, size), op)
                elif op == OP_NEW_IOC:
                    emit((ORDER_PLACED, order_id, price, size, 0, 0))
                else:
                    orders[order_id] = order = Order(order_id, instrument, side, price, size)
                    emit((ORDER_PLACED, order_id, price, size, 0, size))
                    if side:
                        levels = book.asks
                        if price < book.best_ask:
                            book.best_ask = price
                    else:
                        levels = book.bids
                        if price > book.best_bid:
                            book.best_bid = price
                    resting = levels.get(price)
                    if resting is None:
                        levels[price] = order.level = {order_id: order}
                    else:
                        resting[order_id] = order
                        order.level = resting
        self.orders_count = order_id

    def cross(self, book: Book, taker: Order, op: int) -> None:
        """Place a new order that trades at once."""
        size = taker.open_lots
        self.match(book, taker)
        if taker.open_lots:
            if op == OP_NEW_IOC:
                taker.open_lots = 0
            else:
                book.rest(taker)
                self.orders[taker.order_id] = taker
        self.events += (
            ORDER_PLACED, taker.order_id, taker.price_ticks, size, taker.filled_lots, taker.open_lots,
        )  # fmt: skip

    def match(self, book: Book, taker: Order) -> None:
        """Trade the taker against the other side, best price first, oldest order first."""
        emit = self.events.extend
        orders = self.orders
        limit = taker.price_ticks
        taker_id = taker.order_id
        left = taker.open_lots
        trade_id = self.trades_count
        sells = taker.side
        levels = book.bids if sells else book.asks
        best = book.best_bid if sells else book.best_ask
        while left and (limit <= best if sells else limit >= best):
            level = levels[best]
            # Makers used up leave the level together: a dict must not shrink while it is walked.
            used = []
            for maker_id, maker in level.items():
                lots = maker.open_lots
                trade_id += 1
                if lots > left:
                    maker.open_lots = lots = lots - left
                    maker.filled_lots = filled = maker.filled_lots + left
                    emit((EVENT_TRADE, trade_id, maker_id, taker_id, best, left))
                    emit((ORDER_FILLED, maker_id, best, filled + lots, filled, lots))
                    left = 0
                    break
                left -= lots
                filled = maker.filled_lots + lots
                emit((EVENT_TRADE, trade_id, maker_id, taker_id, best, lots))
                emit((ORDER_FILLED, maker_id, best, filled, filled, 0))
                used.append(maker_id)
                if not left:
                    break
            for maker_id in used:
                del level[maker_id], orders[maker_id]
            if level:
                break
            book.drop_level(1 - sells, best)
            best = book.best_bid if sells else book.best_ask
        self.trades_count = trade_id
        taker.filled_lots += taker.open_lots - left
        taker.open_lots = left

    def amend(self, order_id: int, price: int, size: int) -> None:
        """Set an order's price and total size; less size at the same price keeps its place in the queue.

        A total not above what is filled already is rejected.
        """
        order = self.orders.get(order_id)
        if order is None or size <= order.filled_lots:
            self.events += (EVENT_REJECTED, order_id, 0, 0, 0, 0)
            return
        open_lots = size - order.filled_lots
        if price == order.price_ticks and open_lots <= order.open_lots:
            order.open_lots = open_lots
        else:
            book = self.books[order.instrument]
            level = order.level
            del level[order_id]
            if not level:
                book.drop_level(order.side, order.price_ticks)
            order.price_ticks = price
            order.open_lots = open_lots
            if price <= book.best_bid if order.side else price >= book.best_ask:
                self.match(book, order)
            if order.open_lots:
                book.rest(order)
            else:
                del self.orders[order_id]
        self.events += (ORDER_AMENDED, order_id, price, size, order.filled_lots, order.open_lots)
