"""What the venue shows of each instrument: book, last trade, 24-hour figures, open interest, marks.

Everything here is derived from released events and rebuilt at the start from engine queries; integers
in the units of docs/formats.md. Holdings keep the cost of each open position (average-cost method),
from which the edge derives average price and realised profit.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.events import Settled
from exchange.gateway.book import Book
from exchange.gateway.history_ring import Fill
from exchange.history.bars import Bar
from exchange.wire.objects import tick_direction

DAY_MS: Final = 86_400_000
BUCKET_MS: Final = 300_000
RECENT_TRADES: Final = 1_000

# price, lots, maker account, taker account, flags, time, trade_seq, value
_TRADE: Final = struct.Struct("<48xqqII16xqq24xqq")
# account, kind, cash delta, price, entry value after
_SETTLED: Final = struct.Struct("<16xI4xq8xq8xq16xq")


class Stats(NamedTuple):
    """Rolling 24-hour figures: prices in ticks (None without a trade), volume in lots, value in micro."""

    high_ticks: int | None
    low_ticks: int | None
    first_ticks: int | None
    volume_lots: int
    value_micro: int


class _Bucket:
    """The trades of five minutes."""

    __slots__ = ("first", "high", "low", "start_ms", "value", "volume")

    def __init__(self, start_ms: int, price: int) -> None:
        self.start_ms = start_ms
        self.first = self.high = self.low = price
        self.volume = 0
        self.value = 0


class RollingStats:
    """High, low, volume and first price of the last 24 hours, to five minutes."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: deque[_Bucket] = deque()

    def add(self, time_ms: int, price_ticks: int, lots: int, value_micro: int) -> None:
        """One trade."""
        start = time_ms - time_ms % BUCKET_MS
        buckets = self._buckets
        if not buckets or buckets[-1].start_ms < start:
            buckets.append(_Bucket(start, price_ticks))
            self._expire(time_ms)
        bucket = buckets[-1]
        bucket.high = max(bucket.high, price_ticks)
        bucket.low = min(bucket.low, price_ticks)
        bucket.volume += lots
        bucket.value += value_micro

    def load(self, bar: Bar) -> None:
        """The trades of one stored bar of five minutes, the oldest first (start)."""
        bucket = _Bucket(bar.start_s * 1_000, bar.open)
        bucket.high, bucket.low = bar.high, bar.low
        bucket.volume, bucket.value = bar.volume, bar.value
        self._buckets.append(bucket)

    def at(self, now_ms: int) -> Stats:
        """The figures of the 24 hours before `now_ms`."""
        self._expire(now_ms)
        buckets = self._buckets
        if not buckets:
            return Stats(None, None, None, 0, 0)
        return Stats(
            max(bucket.high for bucket in buckets),
            min(bucket.low for bucket in buckets),
            buckets[0].first,
            sum(bucket.volume for bucket in buckets),
            sum(bucket.value for bucket in buckets),
        )

    def _expire(self, now_ms: int) -> None:
        while self._buckets and self._buckets[0].start_ms + BUCKET_MS <= now_ms - DAY_MS:
            self._buckets.popleft()


class Holding:
    """One account's position: signed lots, the signed cost of just these lots, and what it was paid as
    funding since the last perpetual settlement, in micro-USDC."""

    __slots__ = ("cost_micro", "funding_micro", "size_lots")

    def __init__(self, size_lots: int = 0, cost_micro: int = 0) -> None:
        self.size_lots = size_lots
        self.cost_micro = cost_micro
        self.funding_micro = 0

    def fill(self, lots: int, value_micro: int) -> None:
        """Add signed `lots` worth signed `value_micro`.

        Lots that close take their share of the cost with them, rounded toward zero: what rounding
        leaves stays with the lots still open and vanishes with the last of them.
        """
        size = self.size_lots
        if size == 0 or (size > 0) == (lots > 0):
            self.size_lots = size + lots
            self.cost_micro += value_micro
            return
        if abs(lots) < abs(size):
            share = abs(self.cost_micro) * abs(lots) // abs(size)
            self.cost_micro -= share if self.cost_micro > 0 else -share
        else:
            rest = size + lots
            opened = abs(value_micro) * abs(rest) // abs(lots)
            self.cost_micro = opened if value_micro > 0 else -opened
        self.size_lots = size + lots


class InstrumentMarket:
    """The live view of one instrument."""

    __slots__ = (
        "_open_interest",
        "book",
        "delivery_micro",
        "holdings",
        "last_trade_ticks",
        "settlement_ticks",
        "stats",
        "tick_direction",
        "trade_seq",
        "trades",
    )

    def __init__(self) -> None:
        self.book = Book()
        self.stats = RollingStats()
        self.trades: deque[Fill] = deque(maxlen=RECENT_TRADES)
        """Newest last."""
        self.holdings: dict[int, Holding] = {}
        self.last_trade_ticks: int | None = None
        self.tick_direction = 0
        self.trade_seq = 0
        self.delivery_micro: int | None = None
        self.settlement_ticks: int | None = None
        self._open_interest = 0

    @property
    def open_interest_lots(self) -> int:
        """Sum of all long positions."""
        return self._open_interest

    def on_trade(self, events: bytes, at: int) -> tuple[int, int]:
        """Take the TRADE at byte `at`; (maker account, taker account)."""
        maker, taker, lots, value = self.note_trade(events, at)
        self.fill(taker, lots, value)
        self.fill(maker, -lots, -value)
        return maker, taker

    def load_last(self, trade: bytes, direction: int) -> None:
        """The last trade before this venue started."""
        self.last_trade_ticks = _TRADE.unpack_from(trade)[0]
        self.tick_direction = direction

    def note_trade(self, events: bytes, at: int) -> tuple[int, int, int, int]:
        """Take only price and volume of the TRADE at byte `at`; (maker, taker, the taker's signed lots
        and value)."""
        price, lots, maker, taker, flags, time_ms, seq, value = _TRADE.unpack_from(events, at)
        self.trade_seq = seq
        self.tick_direction = tick_direction(price, self.last_trade_ticks, self.tick_direction)
        self.last_trade_ticks = price
        self.stats.add(time_ms, price, lots, value)
        if flags & r.FLAG_SELL:
            lots, value = -lots, -value
        return maker, taker, lots, value

    def fill(self, account: int, lots: int, value_micro: int) -> None:
        """Add signed lots to an account's holding."""
        holding = self.holdings.get(account)
        if holding is None:
            holding = self.holdings[account] = Holding()
        before = holding.size_lots
        holding.fill(lots, value_micro)
        after = holding.size_lots
        self._open_interest += (after if after > 0 else 0) - (before if before > 0 else 0)
        if after == 0:
            del self.holdings[account]

    def on_settled(self, events: bytes, at: int) -> None:
        """Take the SETTLED at byte `at`: delivery closes the position, perpetual settlement realises
        its profit, funding is added up."""
        account, kind, delta, price, entry_after = _SETTLED.unpack_from(events, at)
        holding = self.holdings.get(account)
        if kind == r.SETTLED_DELIVERY:
            self.delivery_micro = price
            if holding is not None:
                self._open_interest -= max(0, holding.size_lots)
                del self.holdings[account]
        elif kind == r.SETTLED_PERPETUAL:
            self.settlement_ticks = price
            if holding is not None:
                holding.cost_micro = entry_after
                holding.funding_micro = 0
        elif holding is not None:
            holding.funding_micro += delta

    def note_settled(self, event: Settled) -> None:
        """Take only the price of a settlement (start)."""
        if event.head.id == r.SETTLED_DELIVERY:
            self.delivery_micro = event.price
        elif event.head.id == r.SETTLED_PERPETUAL:
            self.settlement_ticks = event.price

    def set_holding(self, account: int, size_lots: int, cost_micro: int) -> None:
        """Load a position from the engine (start)."""
        self.holdings[account] = Holding(size_lots, cost_micro)
        self._open_interest += max(0, size_lots)

