"""The book's ladder and far levels against two plain sorted lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.core.book import Book
from exchange.core.layout import L_RANK, L_SHOWN, LEVEL_WORDS, ORDER_START, ORDER_WORDS
from exchange.core.pool import Pool

BUY, SELL = 0, 1

# Near each other, at the ladder's edges and far away: the touch jumps and the ladder is recentred.
ranks = st.one_of(st.integers(1, 40), st.integers(480, 560), st.integers(1_000, 1_060), st.integers(1, 9_000))
steps = st.lists(st.tuples(st.sampled_from((BUY, SELL)), ranks, st.booleans()), max_size=120)


class Model:
    """A book beside the queue of order slots at every (side, rank)."""

    def __init__(self) -> None:
        self.orders = Pool(ORDER_WORDS, 4, ORDER_START)
        self.levels = Pool(LEVEL_WORDS, 4)
        self.book = Book(self.orders, self.levels)
        self.queues: dict[tuple[int, int], list[int]] = {}

    def side(self, sell: int) -> list[int]:
        """The occupied ranks of a side, best first."""
        return sorted((rank for side, rank in self.queues if side == sell), reverse=sell == BUY)

    def rest(self, sell: int, rank: int) -> None:
        """Queue an order of 7 lots, unless it would cross."""
        other = self.side(1 - sell)
        if other and (rank <= other[0] if sell else rank >= other[0]):
            return
        level = self.book.level_at(sell, rank) or self.book.make_level(sell, rank, rank)
        slot = self.orders.alloc()
        queue = self.queues.setdefault((sell, rank), [])
        queue.append(slot)
        assert self.book.enqueue(level, slot, 7) == 7 * len(queue)

    def leave(self, sell: int, rank: int) -> None:
        """Take out the oldest order of the occupied level that is nearest to a rank."""
        occupied = self.side(sell)
        if not occupied:
            return
        nearest = min(occupied, key=lambda other: abs(other - rank))
        queue = self.queues[sell, nearest]
        slot = queue.pop(0)
        assert self.book.dequeue(sell, slot) == 7 * len(queue)
        self.orders.release(slot)
        if not queue:
            del self.queues[sell, nearest]

    def check(self) -> None:
        """Both sides list the model's levels, best first, and find each of them."""
        for sell in (BUY, SELL):
            found = []
            level = self.book.best_level(sell)
            while level:
                rank = self.levels.data[level * LEVEL_WORDS + L_RANK]
                assert self.book.level_at(sell, rank) == level
                assert self.levels.data[level * LEVEL_WORDS + L_SHOWN] == 7 * len(self.queues[sell, rank])
                found.append(rank)
                level = self.book.next_level(sell, rank)
            assert found == self.side(sell)
            best = self.book.best_ask if sell else self.book.best_bid
            assert best == (found[0] if found else -1)
            assert (self.book.ask_levels if sell else self.book.bid_levels) == len(found)


@given(steps)
def test_levels_are_those_of_the_model(sequence: list[tuple[int, int, bool]]) -> None:
    model = Model()
    for sell, rank, rests in sequence:
        if rests:
            model.rest(sell, rank)
        else:
            model.leave(sell, rank)
        model.check()


def test_far_levels_move_in_when_the_touch_reaches_them() -> None:
    model = Model()
    for rank in (5_000, 3_000, 1_000, 4_999, 2_999):
        model.rest(BUY, rank)
    for rank in (5_001, 7_000, 9_000):
        model.rest(SELL, rank)
    while model.queues:
        for sell in (BUY, SELL):
            best = model.book.best_ask if sell else model.book.best_bid
            if best >= 0:
                model.leave(sell, best)
            model.check()
