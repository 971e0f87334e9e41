"""What a venue shows of one instrument, kept up to date by released events: levels, last trade, 24 hours,
positions with their cost (see `released`).

Holdings keep the cost of each open position (average-cost method), from which the edge derives average price
and realised profit. Integers in the units of docs/formats.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple, final

from librt.vecs import append, vec
from mypy_extensions import i64

DAY_MS: Final = 86_400_000
BUCKET_MS: Final = 300_000
NEAR: Final = 8
"""Levels from the best that are looked at one by one before the rest is halved."""

PLUS_TICK: Final = 0
ZERO_PLUS_TICK: Final = 1
MINUS_TICK: Final = 2
ZERO_MINUS_TICK: Final = 3


def change(levels: vec[i64], rank: i64, lots: i64) -> i64:
    """Set the lots at a rank; those before. There is room for one more level.

    `levels` holds how many there are, then rank and lots of each, the best (greatest) rank last: what changes
    near the touch moves little.
    """
    count = levels[0]
    at = _place(levels, rank)
    old: i64 = 0
    if at > 0 and levels[at * 2 - 1] == rank:
        old = levels[at * 2]
        if lots != 0:
            levels[at * 2] = lots
            return old
        to = at * 2 - 1
        end = count * 2 - 1
        while to < end:
            levels[to] = levels[to + 2]
            levels[to + 1] = levels[to + 3]
            to += 2
        levels[0] = count - 1
        return old
    if lots == 0:
        return 0
    to = count * 2 + 1
    start = at * 2 + 1
    while to > start:
        levels[to] = levels[to - 2]
        levels[to + 1] = levels[to - 1]
        to -= 2
    levels[start] = rank
    levels[start + 1] = lots
    levels[0] = count + 1
    return 0


def _place(levels: vec[i64], rank: i64) -> i64:
    """How many levels are of this rank or worse."""
    at = levels[0]
    near = at - NEAR if at > NEAR else 0
    while at > near:
        if levels[at * 2 - 1] <= rank:
            return at
        at -= 1
    low: i64 = 0
    while low < at:
        middle = (low + at) >> 1
        if levels[middle * 2 + 1] <= rank:
            low = middle + 1
        else:
            at = middle
    return low


class Stats(NamedTuple):
    """Rolling 24-hour figures: prices in ticks (None without a trade), volume in lots, value in micro."""

    high_ticks: int | None
    low_ticks: int | None
    first_ticks: int | None
    volume_lots: int
    value_micro: int


@final
class Bucket:
    """The trades of five minutes."""

    def __init__(self, start_ms: i64, price: i64) -> None:
        self.start_ms: i64 = start_ms
        self.first: i64 = price
        self.high: i64 = price
        self.low: i64 = price
        self.volume: int = 0
        self.value: int = 0


@final
class RollingStats:
    """High, low, volume and first price of the last 24 hours, to five minutes."""

    def __init__(self) -> None:
        self.buckets: list[Bucket] = []
        self.last: Bucket | None = None

    def add(self, time_ms: i64, price_ticks: i64, lots: i64, value_micro: i64) -> None:
        """One trade."""
        bucket = self.last
        if bucket is None or time_ms - bucket.start_ms >= BUCKET_MS:
            bucket = Bucket(time_ms - time_ms % BUCKET_MS, price_ticks)
            self.buckets.append(bucket)
            self.last = bucket
            self._expire(time_ms)
        if price_ticks > bucket.high:
            bucket.high = price_ticks
        if price_ticks < bucket.low:
            bucket.low = price_ticks
        bucket.volume += int(lots)
        bucket.value += int(value_micro)

    def load(self, start_ms: i64, first: i64, high: i64, low: i64, volume: int, value: int) -> None:
        """The trades of five minutes as the store has them, the oldest first (start)."""
        bucket = Bucket(start_ms, first)
        bucket.high = high
        bucket.low = low
        bucket.volume = volume
        bucket.value = value
        self.buckets.append(bucket)
        self.last = bucket

    def at(self, now_ms: i64) -> Stats:
        """The figures of the 24 hours before `now_ms`."""
        self._expire(now_ms)
        buckets = self.buckets
        if not buckets:
            return Stats(None, None, None, 0, 0)
        high: i64 = buckets[0].high
        low: i64 = buckets[0].low
        volume = 0
        value = 0
        for bucket in buckets:
            if bucket.high > high:
                high = bucket.high
            if bucket.low < low:
                low = bucket.low
            volume += bucket.volume
            value += bucket.value
        return Stats(int(high), int(low), int(buckets[0].first), volume, value)

    def _expire(self, now_ms: i64) -> None:
        buckets = self.buckets
        while buckets and buckets[0].start_ms + BUCKET_MS <= now_ms - DAY_MS:
            del buckets[0]
        if not buckets:
            self.last = None


@final
class Holding:
    """One account's position: signed lots, the signed cost of just these lots, and what it was paid as
    funding since the last perpetual settlement, in micro-USDC."""

    def __init__(self, size_lots: int = 0, cost_micro: int = 0) -> None:
        self.size_lots: int = size_lots
        self.cost_micro: int = cost_micro
        self.funding_micro: int = 0

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


@final
class Board:
    """All of one instrument. Sides: 0 bid, 1 ask; a bid's rank is its price, an ask's its price negated."""

    def __init__(self, change_id: int = 0) -> None:
        self.bids = append(vec[i64](capacity=9), 0)
        self.asks = append(vec[i64](capacity=9), 0)
        self.change_id: i64 = change_id
        """The counter of the last command that changed a level."""
        self.last_trade: i64 = 0
        """Where its last trade stands in the trail of `released`."""
        self.last_ticks: i64 = 0
        self.direction: i64 = PLUS_TICK
        """Of the last trade: 0 up, 1 unchanged after up, 2 down, 3 unchanged after down."""
        self.trade_seq: i64 = 0
        self.has_traded = False
        self.open_interest: int = 0
        """Sum of all long positions."""
        self.holdings: dict[int, Holding] = {}
        self.stats = RollingStats()
        self.followers: list[dict[int, int]] = []
        """Each gets price · 2 + side → lots before, of every level that changed since it last looked."""

    # --- levels ------------------------------------------------------------------------------------

    def update(self, side: i64, price_ticks: i64, lots: i64, change_id: i64) -> bool:
        """Set a level's displayed lots; False if they were so already."""
        if side:
            if self.asks[0] * 2 + 3 > len(self.asks):
                self.asks = append(append(self.asks, 0), 0)
            old = change(self.asks, -price_ticks, lots)
        else:
            if self.bids[0] * 2 + 3 > len(self.bids):
                self.bids = append(append(self.bids, 0), 0)
            old = change(self.bids, price_ticks, lots)
        if old == lots:
            return False
        self.change_id = change_id
        for touched in self.followers:
            key = int(price_ticks * 2 + side)
            if key not in touched:
                touched[key] = int(old)
        return True

    def levels(self, side: i64, depth: i64) -> list[tuple[int, int]]:
        """The best levels of a side as (price_ticks, lots); all of them if `depth` is negative."""
        levels = self.asks if side else self.bids
        sign: i64 = -1 if side else 1
        at = levels[0]
        last: i64 = at - depth if 0 <= depth and depth < at else 0
        found: list[tuple[int, int]] = []
        while at > last:
            found.append((int(levels[at * 2 - 1] * sign), int(levels[at * 2])))
            at -= 1
        return found

    def lots_at(self, side: i64, price_ticks: i64) -> int:
        """A level's displayed lots."""
        levels = self.asks if side else self.bids
        rank = -price_ticks if side else price_ticks
        at = _place(levels, rank)
        return int(levels[at * 2]) if at > 0 and levels[at * 2 - 1] == rank else 0

    # --- trades ------------------------------------------------------------------------------------

    def trade(self, seq: i64, time_ms: i64, price_ticks: i64, lots: i64, value_micro: i64) -> None:
        """Take price and volume of a match."""
        if not self.has_traded or price_ticks > self.last_ticks:
            self.direction = PLUS_TICK
        elif price_ticks < self.last_ticks:
            self.direction = MINUS_TICK
        elif self.direction <= ZERO_PLUS_TICK:
            self.direction = ZERO_PLUS_TICK
        else:
            self.direction = ZERO_MINUS_TICK
        self.has_traded = True
        self.last_ticks = price_ticks
        self.trade_seq = seq
        self.stats.add(time_ms, price_ticks, lots, value_micro)

    def fill(self, account: int, lots: int, value_micro: int) -> None:
        """Add signed lots to an account's holding."""
        holding = self.holdings.get(account)
        if holding is None:
            holding = Holding()
            self.holdings[account] = holding
        before = holding.size_lots
        holding.fill(lots, value_micro)
        after = holding.size_lots
        if before > 0:
            self.open_interest -= before
        if after > 0:
            self.open_interest += after
        if after == 0:
            del self.holdings[account]
