"""The perpetual's mark: anchored, pulled into the book over time, bounded, fading back."""

import math

import pytest

from exchange.oracle.perpetual import PerpetualMark, PerpetualRules

INDEX = 100_000.0
NOW_MS = 1_795_000_000_000


class Anchor:
    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def at(self, now_ms: int) -> float:
        return self.value


def told(
    mark: PerpetualMark, bid: float | None, ask: float | None, seconds: int, start_ms: int = NOW_MS
) -> float:
    for second in range(seconds + 1):
        mark.tell(bid, ask, INDEX, start_ms + 1_000 * second)
    return mark.at(start_ms + 1_000 * seconds)


def test_without_a_book_it_is_the_anchor() -> None:
    mark = PerpetualMark(Anchor(3e-4))
    assert mark.at(NOW_MS) == 3e-4
    assert told(mark, None, None, 100) == 3e-4


def test_a_book_around_the_mark_leaves_it_where_it_is() -> None:
    assert told(PerpetualMark(Anchor(3e-4)), INDEX, INDEX * 1.001, 100) == 3e-4


def test_a_book_that_insists_is_followed_with_the_time_constant() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(constant_ms=30_000))
    bid = INDEX * 1.002
    assert told(mark, bid, None, 30) == pytest.approx(0.002 * -math.expm1(-1.0))
    assert told(mark, bid, None, 300) == pytest.approx(0.002, rel=1e-3)
    assert told(mark, None, None, 30, NOW_MS + 300_000) == pytest.approx(0.002 * math.exp(-1.0), rel=1e-3)


def test_an_offer_below_lowers_it_and_a_crossed_pair_says_nothing() -> None:
    assert told(PerpetualMark(Anchor()), None, INDEX * 0.999, 600) == pytest.approx(-0.001)
    assert told(PerpetualMark(Anchor(1e-4)), INDEX * 1.01, INDEX * 0.99, 600) == 1e-4


def test_it_stays_within_its_bound_of_the_index() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(bound=0.005))
    assert told(mark, INDEX * 1.5, None, 600) == 0.005
    assert PerpetualMark(Anchor(-0.4)).at(NOW_MS) == -0.005


def test_a_clock_that_steps_back_pulls_nothing() -> None:
    mark = PerpetualMark(Anchor())
    mark.tell(INDEX * 1.01, None, INDEX, NOW_MS)
    mark.tell(INDEX * 1.01, None, INDEX, NOW_MS - 60_000)
    assert mark.at(NOW_MS) == 0.0


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="bound"):
        PerpetualRules(bound=0.0)
