"""Reading the books of a chain, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.app.book_quotes import SLICE, BookSweep, EntryRules, Seen
from exchange.app.products import PRODUCTS
from exchange.domain import records as r
from exchange.gateway.market import InstrumentMarket
from exchange.oracle.chain_spec import OptionSpec
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.refit_job import COLUMNS, RefitRequest
from exchange.wire.instruments import InstrumentView
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_795_000_000_000
EXPIRY_MS = NOW_MS + 86_400_000
COUNT = SLICE + 10


def venue() -> tuple[UnderlyingMarks, list[InstrumentView], list[InstrumentMarket]]:
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.05), PerpetualPremium(1, NOW_MS)
    )
    views = []
    for number in range(COUNT):
        spec = OptionSpec(EXPIRY_MS, (90_000 + 100 * number) * 1_000_000, True)
        views.append(InstrumentView(number, "BTC", PRODUCTS[0].option(0, spec)))
    marks.set_instruments(MarkedInstrument.from_terms(v.instrument, v.terms) for v in views)
    marks.mark(98_000.0, NOW_MS)
    return marks, views, [InstrumentMarket() for _ in views]


def row(request: RefitRequest, name: str) -> list[float]:
    found: list[float] = request.columns[COLUMNS.index(name)].tolist()
    return found


def test_a_sweep_reads_every_book_a_slice_at_a_time() -> None:
    marks, views, markets = venue()
    markets[3].book.update(0, 2_000, 50, 1)
    markets[3].book.update(1, 2_010, 20, 2)
    markets[COUNT - 1].book.update(1, 100, 7, 3)
    markets[4].board.trade(9, 0, 1_500, 1, 1)
    seen = Seen()
    first = BookSweep(marks, seen)
    assert first.advance(views, markets, NOW_MS - 1_000) is None
    assert first.advance(views, markets, NOW_MS - 980) is not None
    markets[4].board.trade(10, 0, 1_500, 1, 1)
    sweep = BookSweep(marks, seen)
    assert sweep.advance(views, markets, NOW_MS) is None
    forward = marks.chain.forward[0]
    marks.mark(99_000.0, NOW_MS + 20)
    request = sweep.advance(views, markets, NOW_MS + 20)
    assert request is not None
    assert (request.symbol, request.underlying, request.listing) == ("BTC", 0, marks.listing)
    assert request.at_ms == NOW_MS + 20
    assert request.columns[:3, 3].tolist() == [EXPIRY_MS, 90_300.0, 1.0]
    assert (row(request, "bid")[3], row(request, "ask")[3]) == (2_000.0, 2_010.0)
    assert (row(request, "bid_size")[3], row(request, "ask_size")[3]) == (0.5, 0.2)
    assert np.isnan(row(request, "bid")[-1])
    assert (row(request, "ask")[-1], row(request, "ask_size")[-1]) == (100.0, 0.07)
    # Each option with the forward and the time of its own moment.
    assert row(request, "forward")[0] == forward
    assert row(request, "forward")[-1] == marks.chain.forward[-1] != forward
    assert (row(request, "at_ms")[0], row(request, "at_ms")[-1]) == (NOW_MS, NOW_MS + 20)
    # A trade is told once.
    assert np.flatnonzero(np.isfinite(row(request, "last"))).tolist() == [4]
    again = BookSweep(marks, seen)
    assert again.advance(views, markets, NOW_MS) is None
    later = again.advance(views, markets, NOW_MS)
    assert later is not None
    assert not np.isfinite(row(later, "last")).any()


def test_a_new_listing_makes_a_sweep_void() -> None:
    marks, views, markets = venue()
    sweep = BookSweep(marks, Seen())
    sweep.advance(views, markets, NOW_MS)
    assert not sweep.is_void
    marks.set_instruments([MarkedInstrument(1, r.KIND_OPTION, 98_000_000_000, EXPIRY_MS, True)])
    assert sweep.is_void


def sides(markets: list[InstrumentMarket], looks_ms: list[int], before: int = 0) -> tuple[float, float]:
    """Bid and ask of option 3 as read last; `before` looks were made of an empty book."""
    marks, views, empty = venue()
    seen = Seen()
    for number, at_ms in enumerate(looks_ms):
        sweep = BookSweep(marks, seen)
        books = empty if number < before else markets
        sweep.advance(views, books, at_ms)
        request = sweep.advance(views, books, at_ms)
    assert request is not None
    return row(request, "bid")[3], row(request, "ask")[3]


def test_a_level_counts_from_the_least_notional_on_and_hides_nothing_below_it() -> None:
    marks, _, markets = venue()
    forward = float(marks.chain.forward[3])
    lots = next(n for n in range(1, 1_000) if n * 0.01 * forward >= EntryRules().notional_min)
    markets[3].book.update(0, 2_000, lots, 1)
    markets[3].book.update(0, 2_005, lots - 1, 2)
    markets[3].book.update(1, 2_010, lots - 1, 3)
    bid, ask = sides(markets, [NOW_MS, NOW_MS + 1_000])
    assert bid == 2_000.0
    assert np.isnan(ask)


def test_a_side_counts_once_it_has_stood_and_as_far_as_it_did() -> None:
    _, _, markets = venue()
    markets[3].book.update(0, 2_000, 50, 1)
    markets[3].book.update(1, 2_010, 50, 2)
    age_ms, look_ms = EntryRules().age_ms_min, EntryRules().look_ms_max
    assert sides(markets, [NOW_MS, NOW_MS + age_ms]) == (2_000.0, 2_010.0)
    for looks_ms, before in (
        ([NOW_MS], 0),
        ([NOW_MS, NOW_MS + age_ms - 1], 0),
        ([NOW_MS, NOW_MS + look_ms + 1], 0),
        ([NOW_MS, NOW_MS - age_ms], 0),
        ([NOW_MS, NOW_MS + age_ms], 1),
    ):
        assert np.isnan(sides(markets, looks_ms, before)).all(), (looks_ms, before)


def test_a_better_price_that_flashes_up_is_not_taken() -> None:
    marks, views, markets = venue()
    markets[3].book.update(0, 2_000, 50, 1)
    markets[3].book.update(1, 2_010, 50, 2)
    seen = Seen()
    for at_ms in (NOW_MS, NOW_MS + 1_000):
        sweep = BookSweep(marks, seen)
        sweep.advance(views, markets, at_ms)
        request = sweep.advance(views, markets, at_ms)
        markets[3].book.update(0, 2_008, 50, 3)
    assert request is not None
    assert row(request, "bid")[3] == 2_000.0


@pytest.mark.parametrize(
    "bad", [{"notional_min": 0.0}, {"age_ms_min": 0}, {"look_ms_max": 999}, {"levels": 0}]
)
def test_senseless_entry_rules_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="entry rules"):
        EntryRules(**bad)
