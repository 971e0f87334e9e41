"""The surface kept in step with a book: last good slices, hysteresis, jumps, outliers, time."""

import itertools
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.chain import Chain
from pricing.european import MS_PER_YEAR, black76
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from pricing.surface import (
    BookQuotes,
    Refit,
    RefitRules,
    Status,
    SurfaceError,
    SviSlice,
    SviSurface,
    Use,
    check_all,
)
from tests.unit.pricing.real_chain import real_chain

NOW_MS = 1_780_000_000_000
DAY_MS = 86_400_000
DAYS = (7, 30, 90)
STEPS = np.linspace(-2.0, 2.0, 9)
BTC = simulated_surface("BTC")


def book(
    shift: float = 0.0, half: float = 0.005, now_ms: int = NOW_MS, days: tuple[int, ...] = DAYS
) -> BookQuotes:
    """Out-of-the-money quotes `half` either side of the BTC smile moved by `shift`, in volatility."""
    moments = np.repeat([NOW_MS + d * DAY_MS for d in days], STEPS.size)
    years = (moments - now_ms) / MS_PER_YEAR
    k = np.tile(STEPS, len(days)) * 0.5 * np.sqrt(years)
    vol = BTC.vol(k, years) + shift
    strike, call = 100.0 * np.exp(k), k > 0.0
    count = k.size
    bid, ask = (black76(100.0, strike, years, vol + side * half, call).price for side in (-1.0, 1.0))
    size, forward = np.full(count, 10.0), np.full(count, 100.0)
    return BookQuotes(moments, strike, call, forward, bid, ask, size, size, np.full(count, now_ms))


def only(quotes: BookQuotes, keep: np.ndarray) -> BookQuotes:
    return BookQuotes(*(getattr(quotes, name)[keep] for name in BookQuotes.__dataclass_fields__))


EMPTY = only(book(), np.zeros(27, dtype=bool))


def moved(surface: SviSurface | None, day: int, later: int = 0) -> float:
    """How far the volatility at the money of one expiry lies above the BTC smile's as it was quoted."""
    assert surface is not None
    years = (day * DAY_MS - later) / MS_PER_YEAR
    return float(surface.vol(0.0, years) - BTC.vol(0.0, years))


def test_the_first_quotes_make_a_surface() -> None:
    made = Refit().update(book(), NOW_MS)
    assert made.status is Status.FRESH
    assert made.by_expiry == (Status.FRESH,) * 3
    assert made.expiry_ms.tolist() == [NOW_MS + d * DAY_MS for d in DAYS]
    assert made.surface is not None
    assert check_all(made.surface.slices).is_free
    assert abs(moved(made.surface, 30)) < 0.003
    assert (made.use == Use.TWO_SIDED).all()
    assert made.confirmed_ms.tolist() == [NOW_MS] * 3
    assert not made.stale.any()


def test_nothing_ever_quoted_is_no_surface() -> None:
    made = Refit().update(EMPTY, NOW_MS)
    assert made.surface is None
    assert made.status is Status.NO_QUOTES
    assert made.by_expiry == ()


def test_without_quotes_the_last_good_surface_stays_flagged_and_goes_stale() -> None:
    refit = Refit(RefitRules(stale_ms=60_000))
    first = refit.update(book(), NOW_MS)
    soon = refit.update(EMPTY, NOW_MS + 60_000)
    late = refit.update(EMPTY, NOW_MS + 60_001)
    for made in (soon, late):
        assert made.status is Status.NO_QUOTES
        assert made.by_expiry == (Status.NO_QUOTES,) * 3
        assert made.confirmed_ms.tolist() == [NOW_MS] * 3
        assert made.fit is None
        assert made.surface is not None
        assert first.surface is not None
        for old, new in zip(first.surface.slices, made.surface.slices, strict=True):
            assert new.vol(0.1) == pytest.approx(old.vol(0.1), rel=1e-12)  # the smile ages, nothing else
            assert new.years < old.years
    assert not soon.stale.any()
    assert late.stale.all()


def test_expired_slices_go() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    made = refit.update(EMPTY, NOW_MS + 7 * DAY_MS)
    assert made.expiry_ms.tolist() == [NOW_MS + d * DAY_MS for d in DAYS[1:]]
    assert refit.update(EMPTY, NOW_MS + 90 * DAY_MS).surface is None


def test_small_moves_inside_the_quotes_change_nothing() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    made = refit.update(book(shift=0.0015), NOW_MS + 1_000)
    assert made.status is Status.HELD
    assert made.by_expiry == (Status.HELD,) * 3
    assert abs(moved(made.surface, 30, 1_000)) < 0.0008
    assert made.confirmed_ms.tolist() == [NOW_MS + 1_000] * 3
    assert made.fit is not None  # a fit was made, and put aside


def test_large_moves_are_followed() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    made = refit.update(book(shift=0.02), NOW_MS + 1_000)
    assert made.status is Status.FRESH
    assert moved(made.surface, 30, 1_000) == pytest.approx(0.02, abs=0.003)


def test_only_the_expiry_that_moved_is_replaced() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    still, up = book(), book(shift=0.02)
    month = still.expiry_ms == NOW_MS + 30 * DAY_MS
    mixed = replace(still, bid=np.where(month, up.bid, still.bid), ask=np.where(month, up.ask, still.ask))
    made = refit.update(mixed, NOW_MS + 1_000)
    assert made.by_expiry == (Status.HELD, Status.FRESH, Status.HELD)
    assert moved(made.surface, 30, 1_000) == pytest.approx(0.02, abs=0.003)
    assert abs(moved(made.surface, 90, 1_000)) < 0.001
    assert made.surface is not None
    assert check_all(made.surface.slices).is_free


def test_an_expiry_without_quotes_stays_and_gives_way_to_arbitrage_only() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    up = book(shift=0.02)
    made = refit.update(only(up, up.expiry_ms != NOW_MS + 30 * DAY_MS), NOW_MS + 1_000)
    assert made.by_expiry == (Status.FRESH, Status.NO_QUOTES, Status.FRESH)
    assert abs(moved(made.surface, 30, 1_000)) < 0.001
    assert made.confirmed_ms.tolist() == [NOW_MS + 1_000, NOW_MS, NOW_MS + 1_000]
    # The week now doubles: its total variance passes the month's, which must yield.
    leap = book(shift=0.9)
    made = refit.update(only(leap, leap.expiry_ms == NOW_MS + 7 * DAY_MS), NOW_MS + 2_000)
    assert made.surface is not None
    assert check_all(made.surface.slices).is_free
    assert moved(made.surface, 7, 2_000) > 0.6
    assert moved(made.surface, 30, 2_000) > 0.05
    assert made.by_expiry == (Status.FRESH, Status.NO_QUOTES, Status.NO_QUOTES)
    assert made.confirmed_ms.tolist() == [NOW_MS + 2_000, NOW_MS, NOW_MS + 1_000]


def test_a_last_smile_of_absurd_height_does_not_stop_the_others() -> None:
    wild = SviSlice(1.0, 1.5e4, 0.1, 0.0, 0.0, 0.1)  # its vegas are too small for doubles
    made = Refit(initial={NOW_MS + 365 * DAY_MS: wild}, at_ms=NOW_MS).update(book(), NOW_MS)
    assert made.by_expiry == (*(Status.FRESH,) * 3, Status.NO_QUOTES)
    assert abs(moved(made.surface, 30)) < 0.003


def test_a_lone_quote_that_jumps_is_believed_only_when_it_stays() -> None:
    refit = Refit(RefitRules(lone_confirm_ms=5_000))
    refit.update(book(), NOW_MS)
    jump = book(shift=0.3)
    at_money = (jump.expiry_ms == NOW_MS + 30 * DAY_MS) & np.isclose(jump.strike, 100.0)
    lone = only(jump, at_money)
    made = refit.update(lone, NOW_MS + 1_000)
    assert made.use.tolist() == [Use.LONE_JUMP]
    assert made.status is Status.NO_QUOTES
    assert abs(moved(made.surface, 30, 1_000)) < 0.001
    calm = refit.update(only(book(), at_money), NOW_MS + 4_000)
    assert calm.status is Status.HELD  # back where it was: the suspicion is gone
    assert refit.update(lone, NOW_MS + 7_000).use.tolist() == [Use.LONE_JUMP]
    stays = refit.update(lone, NOW_MS + 12_000)
    assert stays.status is Status.FRESH
    assert moved(stays.surface, 30, 12_000) == pytest.approx(0.3, abs=0.02)


def test_a_wild_quote_among_many_is_an_outlier() -> None:
    quotes = book()
    wild = np.flatnonzero(quotes.expiry_ms == NOW_MS + 30 * DAY_MS)[5]
    bid, ask = quotes.bid.copy(), quotes.ask.copy()
    bid[wild], ask[wild] = quotes.bid[wild] * 3.0, quotes.ask[wild] * 3.0
    made = Refit().update(replace(quotes, bid=bid, ask=ask), NOW_MS)
    assert made.use[wild] == Use.OUTLIER
    assert np.count_nonzero(made.use == Use.OUTLIER) == 1
    assert abs(moved(made.surface, 30)) < 0.006


def test_crossed_and_stale_quotes_are_left_out() -> None:
    quotes = book()
    bid, ask, at = quotes.bid.copy(), quotes.ask.copy(), quotes.at_ms.copy()
    bid[12], ask[12] = quotes.ask[12] * 1.5, quotes.bid[12]
    at[13] = NOW_MS - 10 * 60_000
    made = Refit().update(replace(quotes, bid=bid, ask=ask, at_ms=at), NOW_MS)
    assert (made.use[12], made.use[13]) == (Use.CROSSED, Use.STALE)
    assert abs(moved(made.surface, 30)) < 0.004


def test_one_sided_quotes_bound_a_known_smile_and_make_no_new_one() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    quotes = book(shift=0.02)
    bids = replace(quotes, ask=np.full(27, np.nan))
    made = refit.update(bids, NOW_MS + 1_000)
    assert made.status is Status.FRESH
    assert moved(made.surface, 30, 1_000) == pytest.approx(0.015, abs=0.004)  # up to the bids
    low = replace(book(shift=-0.02), ask=np.full(27, np.nan))
    made = refit.update(low, NOW_MS + 2_000)
    assert made.status is Status.HELD  # bids far below say nothing against it
    assert Refit().update(bids, NOW_MS).surface is None


def test_a_new_expiry_with_one_quote_takes_its_neighbours_shape() -> None:
    refit = Refit.from_surface(BTC, NOW_MS)
    quotes = book(days=(45,))
    made = refit.update(only(quotes, np.isclose(quotes.strike, 100.0)), NOW_MS)
    where = made.expiry_ms.tolist().index(NOW_MS + 45 * DAY_MS)
    assert made.by_expiry[where] is Status.FRESH
    assert made.surface is not None
    k = np.linspace(-0.2, 0.2, 9)
    assert made.surface.slices[where].vol(k) == pytest.approx(BTC.vol(k, 45 / 365), abs=0.02)


def test_the_anchor_pulls_a_circular_book_back() -> None:
    """Makers who quote around the venue's own surface, a point too high: the anchor brings it home."""
    refit = Refit(RefitRules(move_points=0.01))
    refit.update(book(shift=0.01), NOW_MS)
    offset = [0.01]
    for i in range(1, 25):
        quotes = book(shift=offset[-1], half=0.01)
        made = refit.update(quotes, NOW_MS + i, BTC)
        offset.append(moved(made.surface, 30, i))
    assert offset[-1] < 0.003
    assert all(later <= earlier + 2e-4 for earlier, later in itertools.pairwise(offset))


def test_time_may_not_run_backwards() -> None:
    refit = Refit()
    refit.update(book(), NOW_MS)
    with pytest.raises(SurfaceError, match="backwards"):
        refit.update(book(), NOW_MS - 1)


@pytest.mark.parametrize(
    "bad", [{"move_points": 0.0}, {"held_importance": np.nan}, {"lone_count": -1}, {"stale_ms": -1}]
)
def test_rules_that_make_no_sense_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(SurfaceError):
        RefitRules(**bad)


def test_books_and_surfaces_travel_between_processes() -> None:
    quotes = pickle.loads(pickle.dumps(book()))
    made = pickle.loads(pickle.dumps(Refit().update(quotes, NOW_MS)))
    chain = Chain([100.0, 110.0], [NOW_MS + 30 * DAY_MS] * 2, [True, False], made.surface, FlatCarry(0.0))
    chain.refresh(100.0, NOW_MS)
    assert chain.iv == pytest.approx(BTC.vol(np.log([1.0, 1.1]), 30 / 365), abs=0.003)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-0.15, 0.6), st.floats(0.001, 0.1), st.integers(0, 2**27 - 1), st.integers(0, 2**27 - 1)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_the_book_does_the_surface_stays_free(
    updates: list[tuple[float, float, int, int]],
) -> None:
    refit = Refit.from_surface(BTC, NOW_MS)
    for i, (shift, half, bids, asks) in enumerate(updates):
        now_ms = NOW_MS + 60_000 * i
        quotes = book(shift=shift, half=half, now_ms=now_ms)
        has_bid, has_ask = ((mask >> np.arange(27)) & 1 == 1 for mask in (bids, asks))
        made = refit.update(
            replace(
                quotes,
                bid=np.where(has_bid, quotes.bid, np.nan),
                ask=np.where(has_ask, quotes.ask, np.nan),
            ),
            now_ms,
        )
        assert made.surface is not None
        assert check_all(made.surface.slices).is_free


def test_the_real_book_is_followed_and_then_held() -> None:
    chain = real_chain()
    refit = Refit()
    first = refit.update(chain.book(), chain.now_ms)
    assert first.status is Status.FRESH
    assert first.surface is not None
    assert check_all(first.surface.slices).is_free
    assert first.fit is not None
    assert first.fit.median_error_bp < 60.0
    again = refit.update(replace(chain.book(), at_ms=chain.book().at_ms + 1_000), chain.now_ms + 1_000)
    assert Status.FRESH not in again.by_expiry
