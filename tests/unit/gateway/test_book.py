"""The displayed book and its change trackers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.gateway.book import CHANGE, DELETE, NEW, Book, Changes

_UPDATES = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 6), st.integers(0, 3)), max_size=60)


def test_levels_come_best_first() -> None:
    book = Book()
    for change_id, (side, price, lots) in enumerate([(0, 5, 1), (0, 7, 2), (1, 9, 3), (1, 8, 4), (0, -1, 1)]):
        assert book.update(side, price, lots, change_id)
    assert book.bids() == [(7, 2), (5, 1), (-1, 1)]
    assert book.asks() == [(8, 4), (9, 3)]
    assert (book.bids(2), book.asks(1)) == ([(7, 2), (5, 1)], [(8, 4)])
    assert (book.best_bid(), book.best_ask()) == ((7, 2), (8, 4))
    book.update(0, 7, 0, 9)
    assert book.best_bid() == (5, 1)
    assert not book.update(0, 7, 0, 10)
    assert book.change_id == 9


def test_an_empty_side_has_no_best() -> None:
    assert Book().best_bid() is None
    assert Book().best_ask() is None


def test_changes_since_the_last_take_name_what_happened() -> None:
    book = Book()
    book.load([(5, 1), (4, 2)], [(8, 1)], 3)
    tracker = book.track()
    book.update(0, 5, 0, 4)
    book.update(0, 4, 3, 5)
    book.update(0, 6, 1, 6)
    book.update(1, 8, 2, 7)
    book.update(1, 9, 1, 8)
    book.update(1, 9, 0, 9)  # came and went: nothing to tell
    expected = Changes(3, 9, [(NEW, 6, 1), (DELETE, 5, 0), (CHANGE, 4, 3)], [(CHANGE, 8, 2)])
    assert book.take_changes(tracker) == expected
    assert book.take_changes(tracker) is None


def test_levels_back_where_they_were_do_not_move_the_chain() -> None:
    book = Book(1)
    tracker = book.track()
    book.update(0, 5, 1, 2)
    book.update(0, 5, 0, 3)
    assert book.take_changes(tracker) is None
    assert tracker.change_id == 1
    book.untrack(tracker)
    book.update(0, 5, 1, 4)
    assert book.take_changes(tracker) is None


@given(_UPDATES, st.lists(st.booleans(), max_size=60))
def test_applying_the_changes_gives_the_book(updates: list[tuple[int, int, int]], takes: list[bool]) -> None:
    book = Book()
    tracker = book.track()
    followed: tuple[dict[int, int], dict[int, int]] = ({}, {})
    known_id = 0

    def follow() -> None:
        nonlocal known_id
        changes = book.take_changes(tracker)
        if changes is None:
            return
        assert changes.prev_change_id == known_id < changes.change_id
        known_id = changes.change_id
        for side, found in zip(followed, (changes.bids, changes.asks), strict=True):
            for action, price, lots in found:
                assert (action == NEW) == (price not in side)
                if action == DELETE:
                    del side[price]
                else:
                    side[price] = lots

    for number, (side, price, lots) in enumerate(updates, start=1):
        book.update(side, price, lots, number)
        if number <= len(takes) and takes[number - 1]:
            follow()
    follow()
    assert sorted(followed[0].items(), reverse=True) == book.bids()
    assert sorted(followed[1].items()) == book.asks()
