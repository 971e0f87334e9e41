"""The perpetual's mark: anchored, pulled by what stood into the book over time, bounded, fading back."""

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
    pair = (INDEX * 1.002, INDEX * 1.003)
    assert told(mark, *pair, 30) == pytest.approx(0.002 * -math.expm1(-1.0))
    assert told(mark, *pair, 300, NOW_MS + 30_000) == pytest.approx(0.002, rel=1e-3)


def test_a_book_that_speaks_of_the_anchor_again_lets_go_with_the_time_constant() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(constant_ms=30_000))
    pushed = told(mark, INDEX * 1.002, INDEX * 1.003, 300)
    around = told(mark, INDEX * 0.999, INDEX * 1.001, 30, NOW_MS + 301_000)
    # The first of those seconds counts for the wider of both pairs, which has the anchor inside as well.
    assert around == pytest.approx(pushed * math.exp(-31 / 30))


def test_a_pushed_mark_fades_to_the_anchor_by_itself_with_the_half_life() -> None:
    mark = PerpetualMark(Anchor(1e-4), PerpetualRules(half_life_ms=20_000))
    start_ms = NOW_MS + 300_000
    pushed = told(mark, INDEX * 1.004, INDEX * 1.005, 300) - 1e-4
    assert pushed == pytest.approx(0.0039, rel=1e-3)
    assert told(mark, None, None, 20, start_ms) - 1e-4 == pytest.approx(pushed / 2)
    assert told(mark, None, None, 180, start_ms + 20_000) - 1e-4 == pytest.approx(pushed / 2**10)


@pytest.mark.parametrize("pair", [(INDEX * 1.004, None), (None, INDEX * 0.996)])
def test_one_side_alone_says_nothing(pair: tuple[float | None, float | None]) -> None:
    assert told(PerpetualMark(Anchor(3e-4)), *pair, 600) == 3e-4


def test_a_pair_that_stands_for_less_than_a_second_moves_nothing() -> None:
    mark = PerpetualMark(Anchor())
    for at_ms in range(0, 60_000, 20):
        bid = INDEX * 1.004 if at_ms % 1_000 < 980 else None  # gone for one look in every second
        mark.tell(bid, INDEX * 1.005, INDEX, NOW_MS + at_ms)
    assert mark.at(NOW_MS + 60_000) == 0.0
    for at_ms in range(60_000, 60_980, 20):
        mark.tell(INDEX * 1.004, INDEX * 1.005, INDEX, NOW_MS + at_ms)
    assert mark.at(NOW_MS + 60_980) == 0.0


def test_of_all_looks_of_a_second_the_most_cautious_counts() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(constant_ms=30_000))
    for at_ms in range(0, 300_020, 20):
        bid = INDEX * (1.001 if at_ms % 500 == 0 else 1.004)
        mark.tell(bid, INDEX * 1.005, INDEX, NOW_MS + at_ms)
    assert mark.at(NOW_MS + 300_000) == pytest.approx(0.001, rel=1e-3)


def test_a_pair_counts_over_the_index_of_its_own_look() -> None:
    """Quotes that stand still while the index falls speak once they stood a second over the new one."""
    mark = PerpetualMark(Anchor())
    mark.tell(INDEX, INDEX * 1.001, INDEX, NOW_MS)
    mark.tell(INDEX, INDEX * 1.001, INDEX * 0.99, NOW_MS + 1_000)
    assert mark.at(NOW_MS + 1_000) == 0.0
    mark.tell(INDEX, INDEX * 1.001, INDEX * 0.99, NOW_MS + 2_000)
    assert mark.at(NOW_MS + 2_000) > 0.0


def test_looks_too_far_apart_prove_nothing() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(gap_ms_max=5_000))
    for at_ms in range(0, 60_000, 5_001):
        mark.tell(INDEX * 1.004, INDEX * 1.005, INDEX, NOW_MS + at_ms)
    assert mark.at(NOW_MS + 60_000) == 0.0


def test_an_offer_below_lowers_it_and_a_crossed_pair_says_nothing() -> None:
    assert told(PerpetualMark(Anchor()), INDEX * 0.998, INDEX * 0.999, 600) == pytest.approx(-0.001)
    assert told(PerpetualMark(Anchor(1e-4)), INDEX * 1.01, INDEX * 0.99, 600) == 1e-4


def test_it_stays_within_its_bound_of_the_index() -> None:
    mark = PerpetualMark(Anchor(), PerpetualRules(bound=0.005))
    assert 0.004_999 < told(mark, INDEX * 1.5, INDEX * 1.6, 600) <= 0.005
    assert PerpetualMark(Anchor(-0.4)).at(NOW_MS) == -0.005


def test_what_the_bound_forbids_is_not_wound_up() -> None:
    """A bid far beyond pulls no faster than one at the bound, and leaves nothing more to fade."""
    mark = PerpetualMark(Anchor(), PerpetualRules(bound=0.005, constant_ms=30_000, half_life_ms=20_000))
    assert told(mark, INDEX * 1.5, INDEX * 1.6, 30) == pytest.approx(0.005 * -math.expm1(-1.0))
    told(mark, INDEX * 1.5, INDEX * 1.6, 600, NOW_MS + 30_000)
    assert told(mark, None, None, 20, NOW_MS + 630_000) == pytest.approx(0.0025, rel=1e-3)


def test_a_clock_that_steps_back_pulls_nothing() -> None:
    mark = PerpetualMark(Anchor())
    mark.tell(INDEX * 1.01, INDEX * 1.02, INDEX, NOW_MS)
    mark.tell(INDEX * 1.01, INDEX * 1.02, INDEX, NOW_MS - 60_000)
    assert mark.at(NOW_MS) == 0.0


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="bound"):
        PerpetualRules(bound=0.0)
    with pytest.raises(ValueError, match="notional"):
        PerpetualRules(impact_notional=0.0)
    with pytest.raises(ValueError, match="age"):
        PerpetualRules(age_ms_min=6_000, gap_ms_max=5_000)
    with pytest.raises(ValueError, match="half-life"):
        PerpetualRules(half_life_ms=0)
