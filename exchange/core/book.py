"""One instrument's order book: price levels found by index in a ladder around the touch.

A *rank* numbers the instrument's valid prices (0, 1, 2 … over its price-dependent ticks). A ladder of
`LADDER_LEVELS` consecutive ranks holds a level slot each; bids lie below asks, so both sides share it.
Levels outside the ladder wait in sorted side arrays and move in when the ladder is recentred.
"""

from __future__ import annotations

from librt.vecs import append, vec
from mypy_extensions import i64

from exchange.core.layout import (
    HIGH,
    L_HEAD,
    L_PRICE,
    L_RANK,
    L_SHOWN,
    L_TAIL,
    LADDER_LEVELS,
    LEVEL_WORDS,
    LOW,
    O_LOTS,
    O_PLACE,
    O_QUEUE,
    ORDER_WORDS,
)
from exchange.core.pool import Pool
from exchange.core.words import zeros


class FarSide:
    """Levels of one side outside the ladder, sorted so that the one nearest to the touch is last.

    Keys are ranks for bids and negated ranks for asks.
    """

    def __init__(self) -> None:
        self.keys = vec[i64](capacity=8)
        self.levels = vec[i64](capacity=8)
        self.count: i64 = 0

    def position(self, key: i64) -> i64:
        """Where `key` is, or would be inserted."""
        keys = self.keys
        low: i64 = 0
        high = self.count
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def find(self, key: i64) -> i64:
        """The level slot at `key`, or 0."""
        at = self.position(key)
        if at < self.count and self.keys[at] == key:
            return self.levels[at]
        return 0

    def insert(self, key: i64, level: i64) -> None:
        """Add a level whose key is not there yet."""
        place = self.position(key)
        if self.count == i64(len(self.keys)):
            self.keys = append(self.keys, 0)
            self.levels = append(self.levels, 0)
        keys = self.keys
        levels = self.levels
        at = self.count
        while at > place:
            keys[at] = keys[at - 1]
            levels[at] = levels[at - 1]
            at -= 1
        keys[place] = key
        levels[place] = level
        self.count += 1

    def remove(self, key: i64) -> None:
        """Take out the level at `key`, which is there."""
        keys = self.keys
        levels = self.levels
        at = self.position(key) + 1
        while at < self.count:
            keys[at - 1] = keys[at]
            levels[at - 1] = levels[at]
            at += 1
        self.count -= 1


class Book:
    """The price levels of one instrument. Orders and levels live in the engine's pools."""

    def __init__(self, orders: Pool, levels: Pool) -> None:
        self.orders = orders
        self.levels = levels
        self.ladder = vec[i64](capacity=0)
        self.width: i64 = 0  # of the ladder: 0 until the first order
        self.base: i64 = 0  # rank of ladder[0]
        self.best_bid: i64 = -1  # ranks; -1: none
        self.best_ask: i64 = -1
        self.bid_levels: i64 = 0
        self.ask_levels: i64 = 0
        self.far_bids = FarSide()
        self.far_asks = FarSide()

    def level_at(self, sell: i64, rank: i64) -> i64:
        """The level slot of a side at a rank, or 0."""
        at = rank - self.base
        if 0 <= at and at < self.width:
            if sell != 0:
                if self.best_ask < 0 or rank < self.best_ask:
                    return 0
            elif rank > self.best_bid:
                return 0
            return self.ladder[at]
        if sell != 0:
            return self.far_asks.find(-rank)
        return self.far_bids.find(rank)

    def make_level(self, sell: i64, rank: i64, price: i64) -> i64:
        """A new, empty level; the caller queues an order into it at once."""
        level = self.levels.alloc()
        data = self.levels.data
        at = level * LEVEL_WORDS
        data[at + L_PRICE] = price
        data[at + L_RANK] = rank
        data[at + L_HEAD] = 0
        data[at + L_TAIL] = 0
        data[at + L_SHOWN] = 0
        if self.width == 0:
            self.ladder = zeros(LADDER_LEVELS)
            self.width = LADDER_LEVELS
            self.base = rank - LADDER_LEVELS // 2
        if sell != 0:
            if self.best_ask < 0 or rank < self.best_ask:
                self.best_ask = rank
                if rank < self.base or rank >= self.base + LADDER_LEVELS:
                    self._recentre(rank)
            self.ask_levels += 1
        else:
            if rank > self.best_bid:
                self.best_bid = rank
                if rank < self.base or rank >= self.base + LADDER_LEVELS:
                    self._recentre(rank)
            self.bid_levels += 1
        slot = rank - self.base
        if 0 <= slot and slot < LADDER_LEVELS:
            self.ladder[slot] = level
        elif sell != 0:
            self.far_asks.insert(-rank, level)
        else:
            self.far_bids.insert(rank, level)
        return level

    def drop_level(self, sell: i64, level: i64) -> None:
        """Remove a level that has become empty; the best price moves on if it was the best."""
        rank = self.levels.data[level * LEVEL_WORDS + L_RANK]
        slot = rank - self.base
        if 0 <= slot and slot < LADDER_LEVELS:
            self.ladder[slot] = 0
        elif sell != 0:
            self.far_asks.remove(-rank)
        else:
            self.far_bids.remove(rank)
        self.levels.release(level)
        if sell != 0:
            self.ask_levels -= 1
            if rank == self.best_ask:
                self._next_ask(rank)
        else:
            self.bid_levels -= 1
            if rank == self.best_bid:
                self._next_bid(rank)

    def _next_ask(self, rank: i64) -> None:
        if self.ask_levels == 0:
            self.best_ask = -1
            return
        if self.ask_levels > self.far_asks.count:
            ladder = self.ladder
            at = rank - self.base + 1
            if at < 0:
                at = 0
            while ladder[at] == 0:
                at += 1
            self.best_ask = self.base + at
            return
        self.best_ask = -self.far_asks.keys[self.far_asks.count - 1]
        self._recentre(self.best_ask)

    def _next_bid(self, rank: i64) -> None:
        if self.bid_levels == 0:
            self.best_bid = -1
            return
        if self.bid_levels > self.far_bids.count:
            ladder = self.ladder
            at = rank - self.base - 1
            if at >= LADDER_LEVELS:
                at = LADDER_LEVELS - 1
            while ladder[at] == 0:
                at -= 1
            self.best_bid = self.base + at
            return
        self.best_bid = self.far_bids.keys[self.far_bids.count - 1]
        self._recentre(self.best_bid)

    def _recentre(self, rank: i64) -> None:
        """Move the ladder so that `rank` lies in its middle; levels that fall off go to the sides."""
        ladder = self.ladder
        old = self.base
        base = rank - LADDER_LEVELS // 2
        self.base = base
        self._shed_low(ladder, old, base)
        self._shed_high(ladder, old, base + LADDER_LEVELS)
        self._shift(ladder, old, base)
        far = self.far_bids
        while far.count > 0 and far.keys[far.count - 1] >= base:
            far.count -= 1
            ladder[far.keys[far.count] - base] = far.levels[far.count]
        far = self.far_asks
        while far.count > 0 and -far.keys[far.count - 1] < base + LADDER_LEVELS:
            far.count -= 1
            ladder[-far.keys[far.count] - base] = far.levels[far.count]

    def _shed_low(self, ladder: vec[i64], old: i64, base: i64) -> None:
        # Ranks below the new base belong to bids: an ask there would be the best ask, which is kept.
        at: i64 = 0
        while at < LADDER_LEVELS and old + at < base:
            level = ladder[at]
            if level != 0:
                self.far_bids.insert(old + at, level)
                ladder[at] = 0
            at += 1

    def _shed_high(self, ladder: vec[i64], old: i64, top: i64) -> None:
        at: i64 = LADDER_LEVELS - 1
        while at >= 0 and old + at >= top:
            level = ladder[at]
            if level != 0:
                self.far_asks.insert(-(old + at), level)
                ladder[at] = 0
            at -= 1

    def _shift(self, ladder: vec[i64], old: i64, base: i64) -> None:
        move = base - old
        if move > 0:
            at: i64 = move
            while at < LADDER_LEVELS:
                ladder[at - move] = ladder[at]
                ladder[at] = 0
                at += 1
        else:
            at = LADDER_LEVELS - 1 + move
            while at >= 0:
                ladder[at - move] = ladder[at]
                ladder[at] = 0
                at -= 1

    def enqueue(self, level: i64, slot: i64, shown: i64) -> i64:
        """Put an order at the end of a level's queue. Returns the level's displayed lots after."""
        levels = self.levels.data
        orders = self.orders.data
        at = level * LEVEL_WORDS
        order = slot * ORDER_WORDS
        tail = levels[at + L_TAIL]
        orders[order + O_QUEUE] = tail << 32
        orders[order + O_PLACE] = orders[order + O_PLACE] & HIGH | level
        orders[order + O_LOTS] = orders[order + O_LOTS] & LOW | shown << 32
        if tail == 0:
            levels[at + L_HEAD] = slot
        else:
            orders[tail * ORDER_WORDS + O_QUEUE] |= slot
        levels[at + L_TAIL] = slot
        total = levels[at + L_SHOWN] + shown
        levels[at + L_SHOWN] = total
        return total

    def dequeue(self, sell: i64, slot: i64) -> i64:
        """Take an order out of its level. Returns the level's displayed lots after (0: level gone)."""
        levels = self.levels.data
        orders = self.orders.data
        order = slot * ORDER_WORDS
        place = orders[order + O_PLACE]
        level = place & LOW
        at = level * LEVEL_WORDS
        queue = orders[order + O_QUEUE]
        following = queue & LOW
        before = queue >> 32
        if before == 0:
            levels[at + L_HEAD] = following
        else:
            near = before * ORDER_WORDS + O_QUEUE
            orders[near] = orders[near] & HIGH | following
        if following == 0:
            levels[at + L_TAIL] = before
        else:
            near = following * ORDER_WORDS + O_QUEUE
            orders[near] = orders[near] & LOW | before << 32
        orders[order + O_PLACE] = place & HIGH
        total = levels[at + L_SHOWN] - (orders[order + O_LOTS] >> 32)
        levels[at + L_SHOWN] = total
        if before == 0 and following == 0:
            self.drop_level(sell, level)
            return 0
        return total

    def best_level(self, sell: i64) -> i64:
        """The level slot at a side's best price, or 0."""
        rank = self.best_ask if sell != 0 else self.best_bid
        if rank < 0:
            return 0
        at = rank - self.base
        if 0 <= at and at < LADDER_LEVELS:
            return self.ladder[at]
        far = self.far_asks if sell != 0 else self.far_bids
        return far.levels[far.count - 1]

    def next_level(self, sell: i64, rank: i64) -> i64:
        """The level of a side that comes after `rank`, away from the touch, or 0."""
        step: i64 = 1 if sell != 0 else -1
        at = rank + step - self.base
        ladder = self.ladder
        # The ladder may have been recentred since the caller looked at `rank`.
        if sell != 0 and at < 0:
            at = 0
        elif sell == 0 and at >= LADDER_LEVELS:
            at = LADDER_LEVELS - 1
        while 0 <= at and at < self.width:
            if ladder[at] != 0:
                return ladder[at]
            at += step
        if sell != 0:
            place = self.far_asks.position(-rank) - 1
            if place >= 0:
                return self.far_asks.levels[place]
            return 0
        place = self.far_bids.position(rank) - 1
        if place >= 0:
            return self.far_bids.levels[place]
        return 0
