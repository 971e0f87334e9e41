"""Recent fills and closed orders of each account, in memory; what is older is in `exchange.history`.

Released events stay in memory as they came, and of each account it is known where its last ones stand
(`exchange.edge.released`): a record is cut out only for those who ask. The rings fill from released events
and, at the start, from what recovery replays.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.combo_prints import as_trade, is_print
from exchange.domain.limits import COUNTER_MASK, LEGS_MOST
from exchange.edge import released
from exchange.edge.objects import orders_behind, record_at
from exchange.edge.released import Past

FILLS_PER_ACCOUNT: Final = 1_000
ORDERS_PER_ACCOUNT: Final = 1_000
RETAINED_BYTES: Final = 256 << 20
"""Of released events; beyond it the oldest are forgotten by all."""
ENTRIES_MAX: Final = 1 << 22
"""Closed orders and sides of matches whose places are known; likewise."""



class Fill:
    """One TRADE, or the print of a combo, with the orders of both sides as they stood after it (empty: not
    told).

    The events of its command tell them behind it: a maker's ORDER follows its TRADE (its last one, where
    implied orders met it on two sides), the aggressor's ends the match. They are looked for when first asked
    for.
    """

    __slots__ = ("_at", "_events", "_orders", "tick_direction", "trade")

    def __init__(self, events: bytes, at: int = 0, tick_direction: int = 0) -> None:
        """The TRADE (or print of a combo) at byte `at` of the kept events of whole commands."""
        self.trade = as_trade(events[at : at + _size(events, at)])
        self.tick_direction = tick_direction
        self._events = events
        self._at = at
        self._orders: tuple[bytes, bytes] | None = None

    @property
    def maker_order(self) -> bytes:
        """The ORDER of the maker."""
        return self.orders()[0]

    @property
    def taker_order(self) -> bytes:
        """The ORDER of the aggressor."""
        return self.orders()[1]

    def orders(self) -> tuple[bytes, bytes]:
        """The maker's and the aggressor's; from then on the fill holds no more than these."""
        if self._orders is None:
            self._orders = _orders_behind(self._events, self._at)
            self._events = b""
        return self._orders


def _orders_behind(events: bytes, at: int) -> tuple[bytes, bytes]:
    maker, taker = orders_behind(events, at)
    return b"" if maker < 0 else record_at(events, maker), b"" if taker < 0 else record_at(events, taker)


def _size(events: bytes, at: int) -> int:
    return (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES


class ClosedOrder(NamedTuple):
    """The last ORDER record of an order and the fees its fills paid (micro-USDC)."""

    record: bytes
    commission_micro: int


class NotRemembered(Exception):
    """What is asked for lies between what the store has and what memory still has."""


class Fills:
    """The last `most` fills of a chain of the trail, as a sequence: the newest last."""

    def __init__(self, past: Past, newest: int, most: int) -> None:
        self._past = past
        self._newest = newest
        self._most = most

    def __bool__(self) -> bool:
        return self._past.entry(self._newest)[0] >= 0

    def __reversed__(self) -> Iterator[Fill]:
        """The newest first, as far as their events are kept."""
        number = self._newest
        for _ in range(self._most):
            place, number, _ = self._past.entry(number)
            if place < 0:
                return
            yield fill_of(self._past, place)


def fill_of(past: Past, place: int) -> Fill:
    """The fill at a place whose events are kept."""
    return Fill(past.buffers[place >> released.NUMBER_SHIFT], byte_of(place), direction_of(place))


def direction_of(place: int) -> int:
    """The tick direction of the trade at a place."""
    return place & released.DIRECTION_MASK


def byte_of(place: int) -> int:
    """Where in its buffer a place is."""
    return (place >> released.UNIT_SHIFT & released.UNIT_MASK) * r.UNIT_BYTES


class HistoryRing:
    """Bounded memory of what happened to each account lately."""

    def __init__(self) -> None:
        self.past = Past(ENTRIES_MAX)
        """Filled by the pass over released events."""
        self._fills_max, self._orders_max = FILLS_PER_ACCOUNT, ORDERS_PER_ACCOUNT
        self._heard_from = 0
        self._kept_from = 0
        self._size = 0

    @property
    def known_from(self) -> int:
        """The first command (counter) it knows of: what is older, if anything is, only the store can tell."""
        oldest = self.past.oldest()
        if oldest:
            events = self.past.buffers.get(oldest >> released.NUMBER_SHIFT)
            if events is not None:
                return max(self._heard_from, self._kept_from, counter_of(events, byte_of(oldest)) + 1)
        return max(self._heard_from, self._kept_from)

    def begin(self, counter: int) -> None:
        """The first command it hears of (start); a lower one when commands before are replayed."""
        self._heard_from = counter

    def keep(self, events: bytes) -> int:
        """Keep the events of whole commands; the number of the buffer, for the pass over it."""
        past = self.past
        number = past.keep(events)
        self._size += len(events)
        while self._size > RETAINED_BYTES and len(past.buffers) > 1:
            oldest = next(iter(past.buffers))
            self._size -= len(past.buffers.pop(oldest))
            self._kept_from = counter_of(past.buffers[oldest + 1])
        return number

    def replace(self, number: int, events: bytes) -> bytes:
        """Keep other bytes under a number: those of the same events, which only grew."""
        self._size += len(events) - len(self.past.buffers[number])
        self.past.buffers[number] = events
        return events

    def load_fees(self, fees: Iterable[tuple[int, int]]) -> None:
        """What the fills of open orders have paid so far (start)."""
        self.past.fees.update(fees)

    def clear(self) -> None:
        """Forget all, as at a start."""
        self.past.clear()
        self._heard_from = self._kept_from = self._size = 0

    # --- since a command -------------------------------------------------------------------------------

    def fills_since(self, account: int, counter: int) -> list[Fill]:
        """The account's fills of commands from `counter` on, oldest first.

        Raises:
            NotRemembered: there may have been more than are remembered.
        """
        newest = self.fills(account)
        found = list(itertools.takewhile(lambda fill: counter_of(fill.trade) >= counter, newest))[::-1]
        self._must_cover(counter, len(found) == self._fills_max and counter_of(found[0].trade) > counter)
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
        is_full = len(filled) >= self._orders_max
        self._must_cover(counter, is_full and counter_of(filled[-1].record) > counter)
        return found

    def _must_cover(self, counter: int, is_cut: bool) -> None:
        # Without a store (0) memory is all there is.
        if counter and (is_cut or self.known_from > counter):
            raise NotRemembered

    # --- fills -----------------------------------------------------------------------------------------

    def fills(self, account: int) -> Iterator[Fill]:
        """The account's fills, newest first."""
        return reversed(Fills(self.past, self.past.first(account, released.FILLS), self._fills_max))

    def find_fills(
        self, account: int, count: int, order_id: int, *, of_combo: bool = False
    ) -> list[Fill]:
        """The last `count` fills of an order of the account, oldest first, as far as remembered; of an order
        in a combo the combo's prints."""
        if not of_combo:
            places = self.past.fills_of(account, order_id, count, self._fills_max)
            return [fill_of(self.past, place) for place in reversed(places)]
        places = self.past.fills_of(account, order_id, count * (1 + LEGS_MOST), self._fills_max)
        fills = (fill_of(self.past, place) for place in places)
        return [*itertools.islice((fill for fill in fills if is_print(fill.trade)), count)][::-1]

    def trade_places(self, account: int, trade_ids: list[int]) -> list[int]:
        """Where the account's fills of the given trades stand, in their order, as far as remembered."""
        return self.past.trades_of(account, trade_ids, self._fills_max)

    def find_trades(self, account: int, trade_ids: list[int]) -> list[Fill]:
        """The account's fills of the given trades, in their order, as far as remembered."""
        return [fill_of(self.past, place) for place in self.trade_places(account, trade_ids)]

    # --- closed orders ---------------------------------------------------------------------------------

    def closed_order(self, account: int, order_id: int) -> ClosedOrder | None:
        """A closed order of the account, if it is still remembered."""
        past, most = self.past, self._orders_max
        number = past.find(account, released.FILLED, order_id, most)
        number = number or past.find(account, released.UNFILLED, order_id, most)
        place, _, fee_micro = past.entry(number)
        if place < 0:
            return None
        events, at = self.past.buffers[place >> released.NUMBER_SHIFT], byte_of(place)
        return ClosedOrder(events[at : at + _size(events, at)], fee_micro)

    def closed_orders(self, account: int) -> Iterator[ClosedOrder]:
        """The account's closed orders, the last closed first."""
        told: set[bytes] = set()
        for place, fee_micro in self._closed_places(account):
            events = self.past.buffers[place >> released.NUMBER_SHIFT]
            at = byte_of(place)
            record = events[at : at + _size(events, at)]
            if record[24:32] not in told:  # its last ORDER tells how it ended
                told.add(record[24:32])
                yield ClosedOrder(record, fee_micro)

    def _closed_places(self, account: int) -> Iterator[tuple[int, int]]:
        """(place, fees paid) of the account's closed orders that are kept, the newest first."""
        past = self.past
        filled = past.entry(past.first(account, released.FILLED))
        unfilled = past.entry(past.first(account, released.UNFILLED))
        most, most_unfilled = self._orders_max, self._orders_max
        while filled[0] >= 0 or unfilled[0] >= 0:
            if filled[0] > unfilled[0]:
                if most > 0:
                    yield filled[0], filled[2]
                filled, most = past.entry(filled[1]), most - 1
            else:
                if most_unfilled > 0:
                    yield unfilled[0], 0
                unfilled, most_unfilled = past.entry(unfilled[1]), most_unfilled - 1

    def commission_micro(self, account: int, order_id: int) -> int:
        """The fees the fills of an order have paid so far, as far as remembered; ask of one with fills."""
        found = self.past.fees.get(order_id)
        if found is not None:
            return found
        return self.past.entry(self.past.find(account, released.FILLED, order_id, self._orders_max))[2]

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
