"""Matching in its most obvious form, to judge the baseline: one list of orders, searched each time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.canonical import (
    EVENT_REJECTED,
    EVENT_TRADE,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    ORDER_FILLED,
    ORDER_PLACED,
)
from loadtest.workload import OP_AMEND, OP_CANCEL, OP_NEW_IOC, Row


@dataclass
class Resting:
    order_id: int
    instrument: int
    side: int
    price: int
    size: int
    filled: int
    arrived: int

    @property
    def open(self) -> int:
        return self.size - self.filled


class NaiveExchange:
    """Same operations and events as the baseline; the book is whatever rests, in no order at all."""

    def __init__(self) -> None:
        self.resting: list[Resting] = []
        self.events: list[int] = []
        self.orders_count = 0
        self.trades_count = 0
        self.arrivals = 0

    def apply(self, rows: Iterable[Row]) -> None:
        for op, instrument, side, price, size, target, _account in rows:
            if op in (OP_CANCEL, OP_AMEND):
                found = [order for order in self.resting if order.order_id == target]
                if not found or (op == OP_AMEND and size <= found[0].filled):
                    self.events += [EVENT_REJECTED, target, 0, 0, 0, 0]
                elif op == OP_CANCEL:
                    self.resting.remove(found[0])
                    self.tell(ORDER_CANCELLED, found[0], 0)
                else:
                    self.amend(found[0], price, size)
                continue
            self.orders_count += 1
            order = Resting(self.orders_count, instrument, side, price, size, 0, 0)
            self.match(order)
            keeps = order.open > 0 and op != OP_NEW_IOC
            if keeps:
                self.queue(order)
            self.tell(ORDER_PLACED, order, order.open if keeps else 0)

    def amend(self, order: Resting, price: int, size: int) -> None:
        stays = price == order.price and size <= order.size
        order.price, order.size = price, size
        if not stays:
            self.resting.remove(order)
            self.match(order)
            if order.open:
                self.queue(order)
        self.tell(ORDER_AMENDED, order, order.open)

    def queue(self, order: Resting) -> None:
        self.arrivals += 1
        order.arrived = self.arrivals
        self.resting.append(order)

    def tell(self, kind: int, order: Resting, open_lots: int) -> None:
        self.events += [kind, order.order_id, order.price, order.size, order.filled, open_lots]

    def match(self, taker: Resting) -> None:
        sign = -1 if taker.side else 1
        while taker.open:
            makers = [
                maker
                for maker in self.resting
                if maker.instrument == taker.instrument
                and maker.side != taker.side
                and sign * maker.price <= sign * taker.price
            ]
            if not makers:
                return
            maker = min(makers, key=lambda each: (sign * each.price, each.arrived))
            lots = min(taker.open, maker.open)
            maker.filled += lots
            taker.filled += lots
            self.trades_count += 1
            self.events += [EVENT_TRADE, self.trades_count, maker.order_id, taker.order_id, maker.price, lots]
            self.tell(ORDER_FILLED, maker, maker.open)
            if not maker.open:
                self.resting.remove(maker)
