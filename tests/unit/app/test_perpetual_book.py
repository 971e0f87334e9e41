"""Impact prices of a perpetual's book, and what they do to its mark."""

from __future__ import annotations

import pytest

from exchange.app.perpetual_book import impact_price, tell
from exchange.app.products import PRODUCTS
from exchange.gateway.book import Book
from exchange.oracle.perpetual import PerpetualMark, PerpetualRules
from exchange.wire.instruments import InstrumentView

NOW_MS = 1_795_000_000_000
INDEX = 100_000.0
VIEW = InstrumentView(1, "BTC", PRODUCTS[0].perpetual(0))
BID, ASK = 0, 1


class NoAnchor:
    def at(self, now_ms: int) -> float:
        return 0.0


def ticks(over_index: float) -> int:
    return round(INDEX * (1.0 + over_index) * 1e6 / VIEW.terms.tick_micro)


def lots(btc: float) -> int:
    return round(btc * 1e8 / VIEW.terms.lot_e8)


def book_of(*levels: tuple[int, float, float]) -> Book:
    """(side, price over the index, BTC) each."""
    book = Book()
    for number, (side, over_index, btc) in enumerate(levels):
        book.update(side, ticks(over_index), lots(btc), number + 1)
    return book


def premium_after(book: Book, seconds: int = 120) -> float:
    mark = PerpetualMark(NoAnchor())
    for second in range(seconds + 1):
        tell(mark, VIEW, book, INDEX, NOW_MS + 1_000 * second)
    return mark.at(NOW_MS + 1_000 * seconds)


AROUND = ((BID, -0.001, 0.6), (ASK, 0.001, 0.6))


def test_the_impact_price_is_that_of_the_last_lot_of_the_size() -> None:
    book = book_of((BID, 0.003, 0.2), (BID, 0.002, 0.2), (BID, 0.001, 0.1), (BID, 0.0, 5.0))
    levels = book.bids()
    assert impact_price(VIEW, levels, INDEX, 20_000.0) == pytest.approx(INDEX * 1.003)
    assert impact_price(VIEW, levels, INDEX, 20_100.0) == pytest.approx(INDEX * 1.002)
    assert impact_price(VIEW, levels, INDEX, 49_000.0) == pytest.approx(INDEX * 1.001)
    assert impact_price(VIEW, levels, INDEX, 51_000.0) == pytest.approx(INDEX)
    assert impact_price(VIEW, levels, INDEX, 600_000.0) is None
    assert impact_price(VIEW, [], INDEX, 1.0) is None


@pytest.mark.parametrize("beside", [(), AROUND], ids=["an empty book", "a book with size"])
def test_a_small_bid_alone_moves_nothing(beside: tuple[tuple[int, float, float], ...]) -> None:
    assert premium_after(book_of((BID, 0.0009, 0.001), *beside)) == 0.0
    above = [level for level in beside if level[0] == BID]
    assert premium_after(book_of((BID, 0.0038, 0.001), *above)) == 0.0


def test_size_on_one_side_alone_moves_nothing() -> None:
    assert premium_after(book_of((BID, 0.004, 10.0))) == 0.0
    assert premium_after(book_of((BID, 0.004, 10.0), (ASK, 0.0045, 0.4))) == 0.0


def test_size_on_both_sides_moves_it_within_the_bound() -> None:
    assert premium_after(book_of((BID, 0.002, 0.6), (ASK, 0.003, 0.6))) == pytest.approx(0.002, rel=0.05)
    assert premium_after(book_of((BID, -0.003, 0.6), (ASK, -0.002, 0.6))) == pytest.approx(-0.002, rel=0.05)
    assert 0.0049 < premium_after(book_of((BID, 0.03, 0.6), (ASK, 0.04, 0.6)), 300) <= 0.005


def test_size_behind_the_levels_that_are_read_does_not_count() -> None:
    dust = [(ASK, 0.001 + 1e-5 * number, 0.001) for number in range(PerpetualRules().levels)]
    assert premium_after(book_of((BID, 0.0005, 0.6), (ASK, 0.004, 0.6), *dust[1:])) > 0.0004
    assert premium_after(book_of((BID, 0.0005, 0.6), (ASK, 0.004, 0.6), *dust)) == 0.0
