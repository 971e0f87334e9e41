"""The estimated conditional entropy of a stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadtest.streams import options_v1
from loadtest.streams.entropy import Cut, Surprisals, surprisals
from loadtest.streams.generator import generate
from loadtest.streams.laws import moves, zipf

STILL = replace(
    options_v1.LAWS,
    underlyings=tuple(one._replace(move_steps=1e-6) for one in options_v1.LAWS.underlyings),
)
"""The stream if no mid ever moved."""


@pytest.fixture(scope="module")
def found() -> Surprisals:
    return surprisals(generate(options_v1.LAWS, 6_000), 4_000, 6_000, Cut(1_000))


class TestSurprisals:
    def test_fields_that_are_drawn_anew_have_their_laws_entropy(self, found: Surprisals) -> None:
        laws, bits = options_v1.LAWS, found.mean_bits()
        weights = zipf(laws.instruments, laws.instrument_zipf)
        orders = 1 - laws.continues
        assert bits["instrument"] == pytest.approx(-orders * (weights * np.log2(weights)).sum(), rel=0.05)
        assert bits["side"] == pytest.approx(orders, abs=0.03)
        assert bits["order"] == pytest.approx(0.76, abs=0.04)

    def test_who_has_read_all_fills_needs_no_more(self, found: Surprisals) -> None:
        assert found.price_in_order.mean() <= found.price.mean() + 0.02
        assert found.bytes_per_fill(in_order=True) < found.bytes_per_fill() + 0.01

    def test_of_a_mid_that_stands_still_only_the_spread_is_unknown(self) -> None:
        """Once every half spread has been seen, the mid is known: a price holds what its half spread does."""
        stream = generate(STILL, 8_000)
        bits = surprisals(stream, 7_000, 8_000, Cut(1_000))
        often = np.bincount(stream.fills.instrument[:7_000], minlength=600) > 150
        known = often[stream.fills.instrument[7_000:]] & (stream.continues[7_000:] == 0)
        halves = [np.array([weight for _, weight in one.half]) for one in stream.laws.spreads]
        entropy = np.array([-(one * np.log2(one)).sum() for one in halves])
        expected = entropy[stream.world.spread[stream.fills.instrument[7_000:][known]]].mean()
        assert bits.price[known].mean() == pytest.approx(expected, abs=0.12)

    def test_moves_are_a_distribution(self) -> None:
        for deviation in (1e-6, 0.3, 4.0, 300.0):
            likely = moves(deviation, 40)
            assert likely.sum() == pytest.approx(1)
            assert np.allclose(likely, likely[::-1])
