"""Quote sizes: configured, varied, cut when funds are short, and grown again."""

from __future__ import annotations

import random

import pytest

from clients.instruments import parse_instrument
from clients.maker_sizes import SIZE_CUT, Sizes
from tests.unit.clients.fake_venue import option_listing, perpetual_listing

OPTION = parse_instrument(option_listing("BTC", 30, 100_000.0, "call"))
PERPETUAL = parse_instrument(perpetual_listing("BTC"))
LISTED = [PERPETUAL, OPTION]


def sizes(seed: int = 7, multiple: int = 20) -> Sizes:
    found = Sizes(multiple, pause_s=2.0, rng=random.Random(seed))
    found.add(LISTED)
    return found


def test_amounts_are_the_multiple_within_a_fifth() -> None:
    for seed in range(20):
        for instrument in LISTED:
            times = sizes(seed).of(LISTED)[instrument.name] / instrument.min_amount_micro
            assert 16 <= times <= 24


def test_the_order_of_listings_and_a_second_look_change_nothing() -> None:
    one, two = sizes(), Sizes(20, 2.0, random.Random(7))
    two.add(reversed(LISTED))
    two.add(LISTED)
    assert one.of(LISTED) == two.of(LISTED)


def test_refusals_in_a_burst_cut_once_and_growth_brings_it_back() -> None:
    found = sizes()
    whole = found.of(LISTED)
    assert [found.cut(now_s) for now_s in (10.0, 10.5, 11.9, 12.0)] == [True, False, False, True]
    assert found.share == pytest.approx(SIZE_CUT**2)
    assert found.of(LISTED)[OPTION.name] == int(whole[OPTION.name] * found.share)
    for _ in range(20):
        found.grow()
    assert found.of(LISTED) == whole


def test_never_less_than_the_venue_takes() -> None:
    found = sizes(multiple=1)
    for now_s in range(0, 40, 2):
        found.cut(float(now_s))
    assert found.of(LISTED) == {i.name: i.min_amount_micro for i in LISTED}
