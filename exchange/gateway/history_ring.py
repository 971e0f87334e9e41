"""Recent fills and closed orders of each account, in memory; what is older is in `exchange.history`.

Records are kept packed, as the events they came in: most are never read. The rings fill from released
events and, at the start, from what recovery replays.
"""

from __future__ import annotations

import heapq
import itertools
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK

FILLS_PER_ACCOUNT: Final = 1_000
ORDERS_PER_ACCOUNT: Final = 1_000

_TRADE_IDS: Final = struct.Struct("<24xQQQ16xIIqq")  # trade_id, maker order, taker order, accounts, fees


class Fill:
    """One TRADE with the orders of both sides as they stood after it (empty: not seen)."""

    __slots__ = ("maker_order", "taker_order", "tick_direction", "trade")

    def __init__(self, trade: bytes, tick_direction: int) -> None:
        self.trade = trade
        self.tick_direction = tick_direction
        self.maker_order = b""
        self.taker_order = b""


def join_order(awaiting: list[Fill], order_id: int, kind: int, record: bytes) -> list[Fill]:
    """Give waiting fills their orders: a maker's follows its TRADE, the aggressor's ends the match. Returns
    those that still wait."""
    if kind == r.ORDER_FILLED:
        awaiting[-1].maker_order = record
    elif int.from_bytes(awaiting[0].trade[40:48], "little") == order_id:
        for fill in awaiting:
            fill.taker_order = record
        return []
    return awaiting


class ClosedOrder(NamedTuple):
    """The last ORDER record of an order and the fees its fills paid (micro-USDC)."""

    record: bytes
    commission_micro: int


class NotRemembered(Exception):
    """What is asked for lies between what the store has and what memory still has."""


class HistoryRing:
    """Bounded memory of what happened to each account lately.

    `known_from` is the first command (counter) it has heard of: what is older, if anything is, only the
    store can tell.
    """

    def __init__(self) -> None:
        self.known_from = 0
        self._fills: dict[int, deque[Fill]] = {}
        self._closed: dict[int, ClosedOrder] = {}
        self._closed_of: tuple[dict[int, deque[int]], dict[int, deque[int]]] = ({}, {})  # unfilled, filled
        self._commissions: dict[int, int] = {}  # of open orders that have fills
        self.awaiting: list[Fill] = []
        """Fills of an aggressor whose own ORDER has not come yet."""

    def on_trade(self, trade: bytes, tick_direction: int) -> Fill:
        """A match; both accounts remember it."""
        _, maker_order, taker_order, maker, taker, maker_fee, taker_fee = _TRADE_IDS.unpack_from(trade)
        fill = Fill(trade, tick_direction)
        self._remember(maker, fill)
        if taker != maker:
            self._remember(taker, fill)
        if not maker_order:  # of a block: there are no orders to come
            return fill
        self.awaiting.append(fill)
        commissions = self._commissions
        commissions[maker_order] = commissions.get(maker_order, 0) + maker_fee
        commissions[taker_order] = commissions.get(taker_order, 0) + taker_fee
        return fill

    def on_order(self, account: int, order_id: int, kind: int, state: int, record: bytes) -> None:
        """An order changed. `record` is its ORDER event."""
        if self.awaiting:
            self.awaiting = join_order(self.awaiting, order_id, kind, record)
        if state != r.ORDER_STATE_OPEN and state != r.ORDER_STATE_UNTRIGGERED:
            commission = self._commissions.pop(order_id, 0) if self._commissions else 0
            self._close(account, order_id, ClosedOrder(record, commission))

    def _remember(self, account: int, fill: Fill) -> None:
        ring = self._fills.get(account)
        if ring is None:
            ring = self._fills[account] = deque(maxlen=FILLS_PER_ACCOUNT)
        ring.append(fill)

    def _close(self, account: int, order_id: int, closed: ClosedOrder) -> None:
        is_filled = _filled_of(closed.record) > 0
        rings = self._closed_of[is_filled]
        ring = rings.get(account)
        if ring is None:
            ring = rings[account] = deque()
        if order_id in self._closed:
            self._closed[order_id] = closed
            return
        self._closed[order_id] = closed
        ring.append(order_id)
        if len(ring) > ORDERS_PER_ACCOUNT:
            del self._closed[ring.popleft()]

    def load_fees(self, fees: Iterable[tuple[int, int]]) -> None:
        """What the fills of open orders have paid so far (start)."""
        self._commissions.update(fees)

    # --- since a command -------------------------------------------------------------------------------

    def fills_since(self, account: int, counter: int) -> list[Fill]:
        """The account's fills of commands from `counter` on, oldest first.

        Raises:
            NotRemembered: there may have been more than are remembered.
        """
        newest = reversed(self._fills.get(account, ()))
        found = list(itertools.takewhile(lambda fill: counter_of(fill.trade) >= counter, newest))[::-1]
        self._must_cover(counter, len(found) == FILLS_PER_ACCOUNT and counter_of(found[0].trade) > counter)
        return found

    def closed_since(self, account: int, counter: int) -> list[ClosedOrder]:
        """The account's orders that closed by commands from `counter` on, the last closed first; of those
        without fills as many as are remembered.

        Raises:
            NotRemembered: of those with fills there may have been more than are remembered.
        """
        newest = self.closed_orders(account)
        found = list(itertools.takewhile(lambda closed: counter_of(closed.record) >= counter, newest))
        filled = [closed for closed in found if _filled_of(closed.record)]
        is_full = len(filled) >= ORDERS_PER_ACCOUNT
        self._must_cover(counter, is_full and counter_of(filled[-1].record) > counter)
        return found

    def _must_cover(self, counter: int, is_cut: bool) -> None:
        # Without a store (0) memory is all there is.
        if counter and (is_cut or self.known_from > counter):
            raise NotRemembered

    def fills(self, account: int) -> Iterator[Fill]:
        """The account's fills, newest first."""
        return reversed(self._fills.get(account, ()))

    def find_fills(self, account: int, count: int, order_id: int) -> list[Fill]:
        """The last `count` fills of an order of the account, oldest first, as far as remembered."""
        found: list[Fill] = []
        wanted = order_id.to_bytes(8, "little")
        for fill in self.fills(account):
            if wanted in (fill.trade[40:48], fill.trade[32:40]):
                found.append(fill)
                if len(found) == count:
                    break
        return found[::-1]

    def find_trades(self, account: int, trade_ids: list[int]) -> list[Fill]:
        """The account's fills of the given trades, in their order, as far as remembered."""
        wanted = {trade_id.to_bytes(8, "little"): None for trade_id in trade_ids}
        found: dict[bytes, Fill] = {}
        for fill in self.fills(account):
            key = fill.trade[24:32]
            if key in wanted:
                found[key] = fill
                if len(found) == len(wanted):
                    break
        return [found[key] for key in wanted if key in found]

    def closed_order(self, order_id: int) -> ClosedOrder | None:
        """A closed order, if it is still remembered."""
        return self._closed.get(order_id)

    def closed_orders(self, account: int) -> Iterator[ClosedOrder]:
        """The account's closed orders, the last closed first."""
        both = (
            map(self._closed.__getitem__, reversed(rings.get(account, ()))) for rings in self._closed_of
        )
        yield from heapq.merge(*both, key=lambda closed: place_of(closed.record), reverse=True)

    def commission_micro(self, order_id: int) -> int:
        """The fees the fills of an order have paid so far, as far as remembered."""
        closed = self._closed.get(order_id)
        return self._commissions.get(order_id, 0) if closed is None else closed.commission_micro

    def labels_in_use(self, account: int) -> set[int]:
        """Label ids that remembered orders and fills of the account refer to."""
        used = {_label_of(closed.record) for closed in self.closed_orders(account)}
        for fill in self.fills(account):
            used.update(_label_of(record) for record in (fill.maker_order, fill.taker_order) if record)
        return used


def _label_of(order_record: bytes) -> int:
    return int.from_bytes(order_record[80:84], "little")


def _filled_of(order_record: bytes) -> int:
    return int.from_bytes(order_record[48:56], "little")


def counter_of(record: bytes, at: int = 0) -> int:
    """The counter of the command behind the event at byte `at`."""
    return int.from_bytes(record[at + 8 : at + 16], "little") & COUNTER_MASK


def place_of(record: bytes) -> tuple[int, int]:
    """(counter, index) of an event: where it stands among all."""
    return counter_of(record), int.from_bytes(record[4:8], "little")
