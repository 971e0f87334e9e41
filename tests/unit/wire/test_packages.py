"""Structures of several legs: sizes, prices, and prices of the legs out of one price."""

from __future__ import annotations

from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.commands import InstrumentTerms
from exchange.wire import packages
from exchange.wire.packages import PackageLeg, Room, Unpriceable
from exchange.wire.params import step_ticks
from tests.unit.gateway.rig import option_terms, perpetual_terms

OPTION = option_terms(1)
FINE = perpetual_terms(0)
STEPPED = OPTION._replace(tick_micro=1_000_000, tick_steps=((0, 1), (100, 5), (1_000, 20)))
TERMS = (OPTION, FINE, STEPPED)


def test_sizes_become_an_amount_and_ratios() -> None:
    assert packages.reduced([200_000_000, 400_000_000]) == (200_000_000, [1, 2])
    assert packages.reduced([30, 20]) == (10, [3, 2])
    assert packages.reduced([7]) == (7, [1])


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=6))
def test_ratios_times_the_amount_are_the_sizes(sizes: list[int]) -> None:
    amount, ratios = packages.reduced(sizes)
    assert [amount * ratio for ratio in ratios] == sizes
    assert gcd(*ratios) == 1


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([1, 1_000, 100_000, 1_000_000])), min_size=1))
def test_a_step_is_the_least_amount_of_whole_lots(legs: list[tuple[int, int]]) -> None:
    ratios = [ratio for ratio, _ in legs]
    terms = [OPTION._replace(lot_e8=lot) for _, lot in legs]
    step = packages.step_e8(ratios, terms)
    assert all(step * ratio % lot == 0 for ratio, lot in legs)
    for smaller in {step // prime for prime in (2, 3, 5, 7) if step % prime == 0}:
        assert any(smaller * ratio % lot for ratio, lot in legs)


def test_the_least_amount_has_enough_of_every_leg() -> None:
    least = packages.least_e8([1, 3], [OPTION, FINE], [10, 500], 1_000_000)
    assert least == 17_000_000
    assert packages.leg_lots(least, 1, OPTION) >= 10
    assert packages.leg_lots(least, 3, FINE) >= 500
    assert packages.leg_lots(least - 1_000_000, 3, FINE) < 500


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
def test_parts_of_a_hedge_add_up_to_the_whole(whole: int, parts: list[int]) -> None:
    amount = sum(parts)
    dealt = given_out = 0
    for part in parts:
        mine = packages.share(whole, amount, part, dealt)
        assert abs(mine * amount - whole * part) < amount
        given_out += mine
        dealt += part
    assert given_out == whole


def is_price(terms: InstrumentTerms, ticks: int) -> bool:
    return ticks > 0 and ticks % step_ticks(terms, ticks) == 0


@st.composite
def structures(draw: st.DrawFn) -> tuple[list[PackageLeg], list[InstrumentTerms], list[Room], list[int]]:
    """Legs with rooms, and prices that they may have."""
    count = draw(st.integers(1, 4))
    legs, terms, rooms, prices = [], [], [], []
    for number in range(count):
        one = draw(st.sampled_from(TERMS))
        low = draw(st.integers(1, 2_000))
        high = low + draw(st.integers(0, 2_000))
        price = draw(st.integers(low, high))
        legs.append(PackageLeg(number, draw(st.integers(1, 4)), draw(st.sampled_from((1, -1)))))
        terms.append(one)
        rooms.append(Room(draw(st.integers(low, high)), low, high))
        prices.append(price // step_ticks(one, price) * step_ticks(one, price))
    return legs, terms, rooms, prices


@given(structures(), st.integers(-2_000, 2_000))
def test_prices_of_legs_give_exactly_the_price_asked_for_or_none(
    structure: tuple[list[PackageLeg], list[InstrumentTerms], list[Room], list[int]], off_micro: int
) -> None:
    legs, terms, rooms, prices = structure
    target = packages.price_micro(legs, terms, prices) + off_micro * 250_000
    try:
        found = packages.leg_prices(legs, terms, rooms, target)
    except Unpriceable:
        return
    assert packages.price_micro(legs, terms, found) == target
    for one, room, ticks in zip(terms, rooms, found, strict=True):
        assert is_price(one, ticks)
        assert room.low_ticks <= ticks <= room.high_ticks


@given(st.integers(-900, 900))
def test_a_leg_of_ratio_one_on_a_plain_tick_takes_whatever_there_is(ticks: int) -> None:
    legs = [PackageLeg(0, 1, 1), PackageLeg(1, 2, -1)]
    rooms = [Room(1_000, 1, 2_000), Room(1_000, 1, 2_000)]
    target = -1_000 * OPTION.tick_micro + ticks * OPTION.tick_micro
    found = packages.leg_prices(legs, [OPTION, OPTION], rooms, target)
    assert packages.price_micro(legs, [OPTION, OPTION], found) == target


def test_the_coarsest_leg_moves_first_and_the_finest_takes_the_rest() -> None:
    legs = [PackageLeg(0, 1, 1), PackageLeg(1, 1, 1)]
    rooms = [Room(1_000, 900, 1_100), Room(200_000, 190_000, 210_000)]
    at_marks = packages.price_micro(legs, [OPTION, FINE], [1_000, 200_000])
    found = packages.leg_prices(legs, [OPTION, FINE], rooms, at_marks + 12_500_000)
    assert found == [1_002, 200_005]


def test_beyond_its_room_a_leg_leaves_it_to_the_next() -> None:
    legs = [PackageLeg(0, 1, 1), PackageLeg(1, 1, -1)]
    rooms = [Room(1_000, 1_000, 1_001), Room(1_000, 900, 1_000)]
    found = packages.leg_prices(legs, [OPTION, OPTION], rooms, 20_000_000)
    assert found == [1_001, 997]
    with pytest.raises(Unpriceable):
        packages.leg_prices(legs, [OPTION, OPTION], rooms, 2_000_000_000)


def test_what_is_between_the_ticks_has_no_prices() -> None:
    legs = [PackageLeg(0, 2, 1)]
    rooms = [Room(1_000, 1, 2_000)]
    with pytest.raises(Unpriceable):
        packages.leg_prices(legs, [OPTION], rooms, 10_005_000_000)
    with pytest.raises(Unpriceable):
        packages.leg_prices(legs, [OPTION], [Room(10, 11, 9)], 10_000_000_000)
