"""Which quotes count, how much, and why not."""

from dataclasses import replace

import numpy as np
import pytest

from pricing.european import black76
from pricing.simulated_surface import simulated_surface
from pricing.surface import BookQuotes, EssviSlice, QuoteRules, SurfaceError, SviSurface, Use
from pricing.surface.quotes import observe

NOW_MS = 1_780_000_000_000
DAY_MS = 86_400_000
RULES = QuoteRules()
STRIKES = np.array([90.0, 100.0, 110.0])


def book(**changes: np.ndarray) -> BookQuotes:
    """Three calls a month out, quoted a point around 50 %."""
    years = np.full(3, 30 / 365)
    bid = black76(100.0, STRIKES, years, 0.49, True).price
    ask = black76(100.0, STRIKES, years, 0.51, True).price
    quotes = BookQuotes(
        np.full(3, NOW_MS + 30 * DAY_MS),
        STRIKES,
        np.ones(3, dtype=np.bool_),
        np.full(3, 100.0),
        bid,
        ask,
        np.full(3, 5.0),
        np.full(3, 5.0),
        np.full(3, NOW_MS),
    )
    return replace(quotes, **changes)


def test_two_sided_quotes_give_the_middle_variance() -> None:
    seen = observe(book(), NOW_MS, RULES)
    assert seen.use.tolist() == [Use.TWO_SIDED] * 3
    assert seen.bid_vol == pytest.approx([0.49] * 3, rel=1e-9)
    assert seen.ask_vol == pytest.approx([0.51] * 3, rel=1e-9)
    assert seen.target**2 == pytest.approx([0.5 * (0.49**2 + 0.51**2)] * 3)
    assert seen.weight[1] > seen.weight[0] > 0.0
    assert seen.weight[1] > seen.weight[2] > 0.0


def test_what_does_not_count_says_why() -> None:
    good = book()
    nothing = np.full(3, np.nan)
    assert observe(replace(good, bid=nothing, ask=nothing), NOW_MS, RULES).use.tolist() == [Use.NONE] * 3
    assert observe(replace(good, bid=np.zeros(3)), NOW_MS, RULES).use.tolist() == [Use.ONE_SIDED] * 3
    crossed = observe(replace(good, bid=good.ask, ask=good.bid), NOW_MS, RULES)
    assert crossed.use.tolist() == [Use.CROSSED] * 3
    late = NOW_MS + RULES.quote_age_ms_max
    assert observe(good, late, RULES).use.tolist() == [Use.TWO_SIDED] * 3
    stale = observe(good, late + 1, RULES)
    assert stale.use.tolist() == [Use.STALE] * 3
    assert observe(good, NOW_MS + 30 * DAY_MS, RULES).use.tolist() == [Use.EXPIRED] * 3
    for silent in (crossed, stale):
        assert (silent.weight == 0.0).all()
        assert np.isnan(silent.target).all()


def test_a_bid_under_intrinsic_value_and_an_ask_over_the_bound_say_nothing() -> None:
    good = book()
    cheap = observe(replace(good, bid=np.array([9.0, good.bid[1], good.bid[2]])), NOW_MS, RULES)
    assert cheap.use.tolist() == [Use.ONE_SIDED, Use.TWO_SIDED, Use.TWO_SIDED]
    assert np.isnan(cheap.bid_vol[0])
    dear = observe(replace(good, ask=np.full(3, 101.0)), NOW_MS, RULES)
    assert dear.use.tolist() == [Use.ONE_SIDED] * 3
    points = dear.points(np.ones(3, dtype=np.bool_), np.array([30 / 365]), np.zeros(3, np.intp))
    assert (points.weight == 0.0).all()
    assert (points.edge_weight > 0.0).all()
    assert (points.high == np.inf).all()


def test_a_locked_market_is_a_quote_with_the_narrowest_spread_that_counts() -> None:
    good = book()
    locked = observe(replace(good, ask=good.bid), NOW_MS, RULES)
    assert locked.use.tolist() == [Use.TWO_SIDED] * 3
    assert locked.target == pytest.approx([0.49] * 3, rel=1e-9)
    assert np.isfinite(locked.weight).all()
    assert (locked.weight > observe(good, NOW_MS, RULES).weight).all()
    assert (locked.weight < 6 * observe(good, NOW_MS, RULES).weight).all()


def test_narrow_and_deep_quotes_weigh_more() -> None:
    good = book()
    base = observe(good, NOW_MS, RULES).weight
    wide = black76(100.0, STRIKES, 30 / 365, 0.60, True).price
    assert (observe(replace(good, ask=wide), NOW_MS, RULES).weight < 0.2 * base).all()
    deep = np.array([5.0, 50.0, 5.0])
    uneven = observe(replace(good, bid_size=deep, ask_size=deep), NOW_MS, RULES).weight
    assert uneven[1] / uneven[0] > 1.5 * base[1] / base[0]
    one_deep = observe(replace(good, bid_size=deep), NOW_MS, RULES).weight
    assert one_deep == pytest.approx(base)  # the thinner side decides
    sizeless = replace(good, bid_size=np.zeros(3), ask_size=np.zeros(3))
    assert (observe(sizeless, NOW_MS, RULES).weight > 0.0).all()


def test_senseless_sizes_do_not_spoil_the_weights() -> None:
    for size in (np.inf, -1.0, np.nan):
        sizes = np.array([size, 5.0, 5.0])
        weight = observe(replace(book(), bid_size=sizes, ask_size=sizes), NOW_MS, RULES).weight
        assert np.isfinite(weight).all()
        assert (weight[0] > 0.0) == (size > 0.0)
        assert (weight[1:] > 0.0).all()


def test_the_anchor_pulls_a_share_of_the_way_however_tight_the_quotes() -> None:
    free = observe(book(), NOW_MS, RULES)
    near = SviSurface([EssviSlice(30 / 365, 0.505**2 * 30 / 365, 0.0, 1e-6).raw()])
    pulled = observe(book(), NOW_MS, QuoteRules(external_share=0.2), near)
    assert pulled.target == pytest.approx(0.8 * free.target + 0.2 * 0.505, rel=1e-6)
    far = simulated_surface("BTC")
    years = np.full(3, 30 / 365)
    outside = far.vol(np.log(STRIKES / 100.0), years)
    most = observe(book(), NOW_MS, QuoteRules(external_share=1.0), far)
    assert most.target == pytest.approx(outside)
    price = black76(100.0, STRIKES, years, 3.0, True).price
    tight = observe(book(bid=price, ask=price), NOW_MS, QuoteRules(external_share=0.2), far)
    assert tight.target == pytest.approx(0.8 * 3.0 + 0.2 * outside)
    assert observe(book(), NOW_MS, QuoteRules(external_share=0.0), far).target == pytest.approx(free.target)


def test_books_and_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SurfaceError, match="one length"):
        book(bid=np.ones(2))
    with pytest.raises(SurfaceError, match="strike"):
        book(strike=np.array([0.0, 1.0, 2.0]))
    with pytest.raises(SurfaceError, match="forward"):
        book(forward=np.array([np.nan, 1.0, 2.0]))
    with pytest.raises(SurfaceError):
        QuoteRules(quote_age_ms_max=-1)
    with pytest.raises(SurfaceError):
        QuoteRules(spread_floor_vol=0.0)
    with pytest.raises(SurfaceError):
        QuoteRules(external_share=1.5)
