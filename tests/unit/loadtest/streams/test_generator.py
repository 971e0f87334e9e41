"""Streams of fills follow their laws."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.streams import options_v1, options_v2
from loadtest.streams.generator import FIRST_ACCOUNT, Stream, generate
from loadtest.streams.laws import Laws
from settlement.coding.fills import COMBO_TAKER


@pytest.fixture(scope="module", params=[options_v1.LAWS, options_v2.LAWS], ids=lambda laws: laws.name)
def stream(request: pytest.FixtureRequest) -> Stream:
    laws: Laws = request.param
    return generate(laws, 20_000)


class TestStreams:
    def test_they_are_the_same_every_time(self, stream: Stream) -> None:
        again = generate(stream.laws, 20_000)
        assert all((one == other).all() for one, other in zip(stream.fills, again.fills, strict=True))

    def test_they_are_as_large_as_the_benchmark_asks(self, stream: Stream) -> None:
        laws = stream.laws
        assert laws.instruments >= 500
        assert laws.takers + laws.makers >= 5_000
        assert laws.makers >= 20

    def test_ids_and_fields_are_in_bounds(self, stream: Stream) -> None:
        fills, laws = stream.fills, stream.laws
        assert fills.instrument.max() < laws.instruments
        assert fills.maker.min() >= FIRST_ACCOUNT
        assert fills.maker.max() < FIRST_ACCOUNT + laws.makers <= fills.taker.min()
        assert fills.taker.max() < FIRST_ACCOUNT + laws.makers + laws.takers
        assert 1 <= fills.size_lots.min() <= fills.size_lots.max() <= laws.size_most
        assert (fills.price_ticks > 0).all()
        assert (fills.price_ticks % stream.world.step_ticks[fills.instrument] == 0).all()
        assert fills.trade_id.tolist() == list(range(1, 20_001))

    def test_a_continued_order_shares_all_that_is_the_takers(self, stream: Stream) -> None:
        fills, again = stream.fills, np.flatnonzero(stream.continues)
        for column in (fills.instrument, fills.taker, fills.taker_sells, fills.taker_class):
            assert (column[again] == column[again - 1]).all()
        deeper = np.where(fills.taker_sells == 1, -1, 1)[again] * np.diff(fills.price_ticks)[again - 1]
        assert (deeper >= 0).all()

    def test_shares_are_those_of_the_laws(self, stream: Stream) -> None:
        laws, fills = stream.laws, stream.fills
        fresh = stream.continues == 0
        assert stream.continues.mean() == pytest.approx(laws.continues, abs=0.01)
        combos = (fills.combo_sides[fresh] & COMBO_TAKER > 0).mean()
        assert combos == pytest.approx(laws.combo_orders, abs=0.006)
        top = np.argsort(-stream.world.instrument_weight)[:20]
        expected = stream.world.instrument_weight[top].sum()
        assert np.isin(fills.instrument[fresh], top).mean() == pytest.approx(expected, abs=0.02)

    def test_makers_quote_only_their_underlyings(self, stream: Stream) -> None:
        underlying = stream.world.underlying[stream.fills.instrument]
        maker = stream.fills.maker - FIRST_ACCOUNT
        assert (stream.world.maker_weight[underlying, maker] > 0).all()
