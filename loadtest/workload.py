"""The seeded workload of the core benchmark.

One million operations on 200 instruments, generated once and outside every timing:

======================  =====  ==========================================================
what                    share  how
======================  =====  ==========================================================
passive new             45 %   good-til-cancelled limit that does not cross
cancel                  40 %   any live order, picked uniformly
amend                   10 %   half size-down (keeps priority), four tenths price change,
                               one tenth size-up (both lose priority)
crossing                 5 %   limit through one to three levels, half immediate-or-cancel,
                               half good-til-cancelled; one in eight asks for more than is there
======================  =====  ==========================================================

Instruments differ in popularity (weight 1 / (rank + 20)), so the busiest book holds about eleven
times what the quietest one does. Each has a reference price that walks one tick at a time; prices
stay inside fixed bounds, so that no side can ever hold more than 200 levels. Most passive prices
fall near the touch, three in ten anywhere in the range.

The generator runs an exact but light book of its own (a bit mask of occupied prices and one dict per
level), so every cancel and amend names a live order and every crossing order trades. Order ids are
the ones the engine assigns: 1, 2, 3 … in order of new orders, shard 0. Buyers have even, sellers odd
account numbers: no order can meet one of its own account, so self-trade prevention is asked each
time and never changes what happens.

Randomness is the raw PCG64 stream reduced by integer arithmetic only, so that the same seed gives the
same workload under every numpy release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

DEFAULT_SEED: Final = 20_240_613
DEFAULT_OPERATIONS_COUNT: Final = 1_000_000
INSTRUMENTS_COUNT: Final = 200
LEVELS_PER_SIDE_MAX: Final = 200

ACCOUNT_FIRST: Final = 64
"""Account ids 0…63 belong to the system."""
ACCOUNTS_COUNT: Final = 100

OP_NEW_GTC: Final = 1
OP_NEW_IOC: Final = 2
OP_CANCEL: Final = 3
OP_AMEND: Final = 4

SIDE_BUY: Final = 0
SIDE_SELL: Final = 1

KIND_PASSIVE: Final = 0
KIND_CANCEL: Final = 1
KIND_AMEND: Final = 2
KIND_CROSSING: Final = 3
KIND_NAMES: Final = ("passive new", "cancel", "amend", "crossing")

# Shares out of 100, as running sums in the order of the kinds.
_PASSIVE_BELOW: Final = 45
_CANCEL_BELOW: Final = 85
_AMEND_BELOW: Final = 95

_WALK_TICKS_MAX: Final = 25
_OFFSETS_COUNT: Final = LEVELS_PER_SIDE_MAX - 2 * _WALK_TICKS_MAX
_SPAN_TICKS: Final = _WALK_TICKS_MAX + _OFFSETS_COUNT
"""Bids are in [anchor - span, anchor + walk - 1], asks in [anchor - walk + 1, anchor + span]: 200 prices."""
_NEAR_TICKS: Final = 16
_SIZE_LOTS_MAX: Final = 100
_CHUNK_WORDS: Final = 1 << 16

Column: TypeAlias = NDArray[np.int64]
Row: TypeAlias = tuple[int, int, int, int, int, int, int]
"""(op, instrument, side, price_ticks, size_lots, order_id, account)"""

_SHARED_INTEGERS: Final = np.arange(4_096).astype(object)


def anchor_price_ticks(instrument_index: int) -> int:
    """The price, in ticks, around which the instrument with this index trades."""
    return 1_000 + 5 * instrument_index


def _shared(column: Column) -> list[int]:
    """The column as a list in which equal values up to 4,095 are one object."""
    objects: list[int]
    if column.size and int(column.min()) >= 0 and int(column.max()) < len(_SHARED_INTEGERS):
        objects = _SHARED_INTEGERS[column].tolist()
    else:
        objects = column.tolist()
    return objects


@dataclass(frozen=True)
class Workload:
    """Equal-length integer columns, one row per operation.

    ``order_id`` is the target of a cancel or amend and the id a new order is going to get. A cancel
    carries price and size 0. The size of an amend is the order's new total, filled lots included.
    ``instrument`` is an index 0…199; see :mod:`loadtest.packed` for the engine's ids.
    """

    seed: int
    op: Column
    kind: Column
    instrument: Column
    side: Column
    price_ticks: Column
    size_lots: Column
    order_id: Column
    account: Column

    def __len__(self) -> int:
        return len(self.op)

    def head(self, count: int) -> Workload:
        """The first ``count`` operations (still self-consistent: nothing refers forward)."""
        names = ("op", "kind", "instrument", "side", "price_ticks", "size_lots", "order_id", "account")
        return Workload(self.seed, *(getattr(self, name)[:count] for name in names))

    def rows(self) -> list[Row]:
        """The operations as tuples of plain integers.

        Small values share one object each: a million copies would only wear out the caches of
        whoever reads them.
        """
        shared = (self.op, self.instrument, self.side, self.price_ticks, self.size_lots)
        columns = [_shared(column) for column in shared]
        return list(zip(*columns, self.order_id.tolist(), _shared(self.account), strict=True))

    def kind_counts(self) -> dict[str, int]:
        """How many operations of each kind were really generated."""
        counts = np.bincount(self.kind, minlength=len(KIND_NAMES))
        return {name: int(count) for name, count in zip(KIND_NAMES, counts, strict=True)}


@dataclass(slots=True)
class _Order:
    """What the generator must remember of a live order."""

    order_id: int
    instrument: int
    side: int
    price_ticks: int
    size_lots: int
    open_lots: int
    account: int
    live_at: int


@dataclass(slots=True)
class _Book:
    """One instrument: a bit per occupied price (bit 0 is ``base_ticks``) and a FIFO dict per price."""

    base_ticks: int
    reference_ticks: int
    masks: list[int] = field(default_factory=lambda: [0, 0])
    levels: list[dict[int, dict[int, _Order]]] = field(default_factory=lambda: [{}, {}])

    def best_ticks(self, side: int) -> int | None:
        """The touch of one side, or None when it is empty."""
        mask = self.masks[side]
        if not mask:
            return None
        bit = mask.bit_length() if side == SIDE_BUY else (mask & -mask).bit_length()
        return self.base_ticks + bit - 1

    def best_prices_ticks(self, side: int, count: int) -> list[int]:
        """Up to ``count`` occupied prices of one side, best first."""
        mask = self.masks[side]
        prices: list[int] = []
        while mask and len(prices) < count:
            bit = mask.bit_length() if side == SIDE_BUY else (mask & -mask).bit_length()
            prices.append(self.base_ticks + bit - 1)
            mask ^= 1 << (bit - 1)
        return prices

    def insert(self, order: _Order) -> None:
        """Queue the order at the end of its level."""
        level = self.levels[order.side].setdefault(order.price_ticks, {})
        level[order.order_id] = order
        self.masks[order.side] |= 1 << (order.price_ticks - self.base_ticks)

    def remove(self, order: _Order) -> None:
        """Take the order out of its level, and an emptied level out of the book."""
        levels = self.levels[order.side]
        level = levels[order.price_ticks]
        del level[order.order_id]
        if not level:
            del levels[order.price_ticks]
            self.masks[order.side] ^= 1 << (order.price_ticks - self.base_ticks)


def _words(seed: int) -> Iterator[int]:
    """The raw 64-bit PCG64 stream."""
    source = np.random.PCG64(seed)
    while True:
        yield from source.random_raw(_CHUNK_WORDS).tolist()


def _popularity_table() -> list[int]:
    """Instrument indices, each as often as its popularity: one uniform draw picks an instrument."""
    table: list[int] = []
    for rank in range(INSTRUMENTS_COUNT):
        table.extend([rank] * max(1, 20_000 // (rank + 20)))
    return table


class _Generator:
    """Draws operations and keeps the books they act on."""

    def __init__(self, seed: int) -> None:
        self._draw: Callable[[], int] = _words(seed).__next__
        self._popularity = _popularity_table()
        self._books = [
            _Book(anchor_price_ticks(index) - _SPAN_TICKS, anchor_price_ticks(index))
            for index in range(INSTRUMENTS_COUNT)
        ]
        self._live: list[_Order] = []
        self._orders_count = 0
        self.rows: list[tuple[int, int, int, int, int, int, int, int]] = []

    def step(self) -> None:
        """Append one operation. A kind the books cannot serve yet becomes a passive new order."""
        kind = self._draw() % 100
        if kind < _PASSIVE_BELOW or not self._live:
            self._passive()
        elif kind < _CANCEL_BELOW:
            self._cancel()
        elif kind < _AMEND_BELOW:
            self._amend()
        elif not self._crossing():
            self._passive()

    def _emit(self, op: int, kind: int, order: _Order, price_ticks: int, size_lots: int) -> None:
        row = (op, kind, order.instrument, order.side, price_ticks, size_lots, order.order_id, order.account)
        self.rows.append(row)

    def _new_order(self, instrument: int, side: int, price_ticks: int, size_lots: int) -> _Order:
        self._orders_count += 1
        pair = self._draw() % (ACCOUNTS_COUNT // 2)
        account = ACCOUNT_FIRST + 2 * pair + side
        return _Order(self._orders_count, instrument, side, price_ticks, size_lots, size_lots, account, -1)

    def _rest(self, order: _Order) -> None:
        self._books[order.instrument].insert(order)
        order.live_at = len(self._live)
        self._live.append(order)

    def _forget(self, order: _Order) -> None:
        """Swap-remove from the live list, so that a uniform pick stays one draw."""
        last = self._live.pop()
        if last is not order:
            self._live[order.live_at] = last
            last.live_at = order.live_at

    def _passive_price_ticks(self, book: _Book, side: int) -> int:
        word = self._draw()
        anchor = book.base_ticks + _SPAN_TICKS
        if word % 50 == 0:
            step = 1 if word & (1 << 40) else -1
            low, high = anchor - _WALK_TICKS_MAX, anchor + _WALK_TICKS_MAX
            book.reference_ticks = min(max(book.reference_ticks + step, low), high)
        word >>= 8
        if word % 10 < 7:
            # The smaller of two uniform draws: dense at the touch, thinning out linearly.
            offset = min((word >> 8) % _NEAR_TICKS, (word >> 24) % _NEAR_TICKS)
        else:
            offset = (word >> 8) % _OFFSETS_COUNT
        opposite = book.best_ticks(1 - side)
        if side == SIDE_BUY:
            price = book.reference_ticks - 1 - offset
            return price if opposite is None else min(price, opposite - 1)
        price = book.reference_ticks + 1 + offset
        return price if opposite is None else max(price, opposite + 1)

    def _passive(self) -> None:
        word = self._draw()
        instrument = self._popularity[(word >> 1) % len(self._popularity)]
        side = word & 1
        price_ticks = self._passive_price_ticks(self._books[instrument], side)
        size_lots = 1 + (word >> 32) % _SIZE_LOTS_MAX
        order = self._new_order(instrument, side, price_ticks, size_lots)
        self._emit(OP_NEW_GTC, KIND_PASSIVE, order, price_ticks, size_lots)
        self._rest(order)

    def _cancel(self) -> None:
        order = self._live[self._draw() % len(self._live)]
        self._emit(OP_CANCEL, KIND_CANCEL, order, 0, 0)
        self._books[order.instrument].remove(order)
        self._forget(order)

    def _amend(self) -> None:
        word = self._draw()
        order = self._live[(word >> 16) % len(self._live)]
        book = self._books[order.instrument]
        choice = word % 10
        filled_lots = order.size_lots - order.open_lots
        if choice < 5 and order.open_lots > 1:
            order.open_lots = 1 + (word >> 48) % (order.open_lots - 1)
            order.size_lots = filled_lots + order.open_lots
        else:
            book.remove(order)
            price_ticks = order.price_ticks if choice == 9 else self._passive_price_ticks(book, order.side)
            if price_ticks == order.price_ticks:
                order.open_lots += 1 + (word >> 48) % 50
                order.size_lots = filled_lots + order.open_lots
            order.price_ticks = price_ticks
            book.insert(order)
        self._emit(OP_AMEND, KIND_AMEND, order, order.price_ticks, order.size_lots)

    def _crossing(self) -> bool:
        """One order through the book; False when the side to hit is empty."""
        word = self._draw()
        instrument = self._popularity[(word >> 1) % len(self._popularity)]
        side = word & 1
        book = self._books[instrument]
        depth = (word >> 16) % 100
        prices = book.best_prices_ticks(1 - side, 1 if depth < 85 else 2 if depth < 97 else 3)
        if not prices:
            return False
        levels = book.levels[1 - side]
        totals = [sum(order.open_lots for order in levels[price].values()) for price in prices]
        limit_ticks = prices[-1]
        size_lots = sum(totals[:-1]) + 1 + (word >> 32) % min(totals[-1], _SIZE_LOTS_MAX // 4)
        # A remainder may rest only where the own side may have prices, or the 200 levels would not hold.
        anchor = book.base_ticks + _SPAN_TICKS
        inside = (limit_ticks - anchor if side == SIDE_BUY else anchor - limit_ticks) < _WALK_TICKS_MAX
        if inside and (word >> 40) % 8 == 0:
            size_lots = sum(totals) + 1 + (word >> 48) % 50
        op = OP_NEW_IOC if (word >> 60) & 1 else OP_NEW_GTC
        order = self._new_order(instrument, side, limit_ticks, size_lots)
        self._emit(op, KIND_CROSSING, order, limit_ticks, size_lots)
        self._fill(book, order, prices)
        if order.open_lots and op == OP_NEW_GTC:
            self._rest(order)
        return True

    def _fill(self, book: _Book, taker: _Order, prices: list[int]) -> None:
        for price in prices:
            for maker in list(book.levels[1 - taker.side][price].values()):
                if not taker.open_lots:
                    return
                lots = min(taker.open_lots, maker.open_lots)
                taker.open_lots -= lots
                maker.open_lots -= lots
                if not maker.open_lots:
                    book.remove(maker)
                    self._forget(maker)


def generate(operations_count: int = DEFAULT_OPERATIONS_COUNT, seed: int = DEFAULT_SEED) -> Workload:
    """The workload of ``operations_count`` operations for ``seed``; about 5 µs an operation.

    Raises ValueError when the count is not positive.
    """
    if operations_count <= 0:
        raise ValueError(f"a workload needs at least one operation, not {operations_count}")
    generator = _Generator(seed)
    step = generator.step
    for _ in range(operations_count):
        step()
    table = np.array(generator.rows, dtype=np.int64)
    return Workload(seed, *(np.ascontiguousarray(table[:, column]) for column in range(table.shape[1])))
