"""Which quotes an acceptance takes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from exchange.gateway.deals.rfq import Quote
from exchange.gateway.deals.rfq_matching import Want, offered, plan

NOW = 1_000


def quote(number: int, price: int, amount: int, whole: bool = False, sells: bool = True) -> Quote:
    return Quote(number, 1, 64 + number, "", sells, price, [], amount, whole, "", NOW, NOW + number, 0)


def want(amount: int, limit: int = 10**6, sells: bool = False, least: int = 1, most: int = 64) -> Want:
    return Want(sells, amount, -limit if sells else limit, least, most)


def taken(quotes: list[Quote], wanted: Want) -> list[tuple[int, int]]:
    return [(each.id, size) for each, size in plan(quotes, wanted, NOW)]


def test_the_best_price_comes_first_and_every_quote_keeps_its_own() -> None:
    quotes = [quote(1, 30, 5), quote(2, 10, 4), quote(3, 20, 4)]
    assert taken(quotes, want(10)) == [(2, 4), (3, 4), (1, 2)]
    assert taken(quotes, want(10, limit=20)) == []
    assert taken([quote(4, 10, 4, sells=False)], want(4)) == []


def test_a_seller_takes_the_highest_bids() -> None:
    quotes = [quote(1, 30, 5, sells=False), quote(2, -10, 5, sells=False)]
    assert taken(quotes, want(6, limit=10, sells=True)) == [(1, 5), (2, 1)]
    assert taken(quotes, Want(True, 6, 0, 1, 64)) == []


def test_of_equal_prices_the_older_is_first() -> None:
    assert taken([quote(2, 10, 5), quote(1, 10, 5)], want(6)) == [(1, 5), (2, 1)]


def test_what_has_expired_or_ended_is_not_taken() -> None:
    over, gone = quote(1, 10, 5), quote(2, 10, 5)
    over.expires_ms, gone.state = NOW, "cancelled"
    assert taken([over, gone], want(5)) == []


def test_all_or_none_does_not_stand_in_the_way() -> None:
    quotes = [quote(1, 10, 6, whole=True), quote(2, 20, 10, whole=True), quote(3, 30, 4)]
    assert taken(quotes, want(10)) == [(1, 6), (3, 4)]
    assert taken(quotes[:2], want(10)) == [(2, 10)]
    assert taken(quotes[:2], want(7)) == []


def test_what_is_left_is_never_less_than_a_part_may_be() -> None:
    quotes = [quote(1, 10, 9), quote(2, 20, 9)]
    assert taken(quotes, want(10, least=3)) == [(1, 7), (2, 3)]
    assert taken(quotes, want(2, least=3)) == []


def test_no_more_quotes_than_a_block_has_room_for() -> None:
    quotes = [quote(number, 10, 1) for number in range(1, 6)]
    assert len(taken(quotes, want(3, most=3))) == 3
    assert taken(quotes, want(4, most=3)) == []


def test_offers_are_those_of_the_other_side_the_best_first() -> None:
    quotes = [quote(1, 30, 5), quote(2, 10, 4), quote(3, 5, 4, sells=False)]
    assert [each.id for each in offered(quotes, want(0), NOW)] == [2, 1]


_QUOTES = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6), st.booleans()), max_size=6)


@given(_QUOTES, st.integers(1, 12))
def test_no_choice_of_quotes_is_cheaper(parts: list[tuple[int, int, bool]], amount: int) -> None:
    """Against every way to take amounts that add up."""
    quotes = [quote(number, *part) for number, part in enumerate(parts, 1)]
    ways = [
        (0, each.amount_e8) if each.all_or_none else range(each.amount_e8 + 1)
        for each in quotes
    ]
    costs = [
        sum(each.price_micro * size for each, size in zip(quotes, sizes, strict=True))
        for sizes in itertools.product(*ways)
        if sum(sizes) == amount
    ]
    found = plan(quotes, want(amount), NOW)
    assert bool(found) == bool(costs)
    if found:
        assert sum(each.price_micro * size for each, size in found) == min(costs)
        assert sum(size for _, size in found) == amount
        assert all(size == each.amount_e8 for each, size in found if each.all_or_none)
