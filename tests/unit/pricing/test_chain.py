"""The live chain agrees with the accurate functions, in place, before and after expiry."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pricing import engines
from pricing.chain import Chain
from pricing.engines import numba_installed
from pricing.european import Floats, black76, years_between
from pricing.forward import FlatCarry
from pricing.mark import AVERAGE_MS
from pricing.simulated_surface import simulated_surface
from pricing.surface import BoundSurface

NOW_MS = 1_780_000_000_000
DAY_MS = 86_400_000
DAYS = (0.3, 1, 2, 7, 30, 90, 200, 400)


ENGINES = ("numpy", "numba") if numba_installed() else ("numpy",)


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engines.current()
    yield engines.select(request.param)
    engines.select(before)


def make_chain() -> Chain:
    strikes, expiries, calls = [], [], []
    for days in DAYS:
        for strike in (30_000, 55_000, 60_000, 66_000, 120_000):
            for is_call in (True, False):
                strikes.append(strike)
                expiries.append(NOW_MS + int(days * DAY_MS))
                calls.append(is_call)
    return Chain(strikes, expiries, calls, simulated_surface("BTC"), FlatCarry(0.05))


def expected(chain: Chain, index: float, now_ms: int) -> tuple[np.ndarray, ...]:
    years = np.maximum(years_between(now_ms, chain.expiry_ms), 0.0)[chain.expiry_of_option]
    forward = index * np.exp(0.05 * years)
    surface = simulated_surface("BTC")
    alive = years > 0.0
    vol = np.zeros_like(years)
    vol[alive] = surface.vol(np.log(chain.strike / forward)[alive], years[alive])
    out = black76(forward, chain.strike, years, vol, chain.is_call)
    shown = out.theta * np.minimum(years * 365, 1.0)
    # Past its expiry an option is worth what the average says, and nothing moves it any more.
    return forward, vol, out.price, out.delta * alive, out.gamma, out.vega, shown, out.rho


@pytest.mark.parametrize("later_ms", [0, 100, DAY_MS // 4, int(1.5 * DAY_MS), 30 * DAY_MS, 500 * DAY_MS])
def test_a_refresh_agrees_with_black76_on_the_surface(later_ms: int) -> None:
    chain = make_chain()
    chain.refresh(58_000.0, NOW_MS)
    chain.refresh(61_234.5, NOW_MS + later_ms)
    forward, vol, price, delta, gamma, vega, theta, rho = expected(chain, 61_234.5, NOW_MS + later_ms)
    assert chain.forward == pytest.approx(forward, rel=1e-14)
    assert chain.iv == pytest.approx(vol, rel=1e-12)
    assert chain.mark == pytest.approx(price, abs=1e-9)
    assert chain.delta == pytest.approx(delta, abs=1e-13)
    assert chain.gamma == pytest.approx(gamma, rel=1e-10, abs=1e-18)
    assert chain.vega == pytest.approx(vega, abs=1e-10)
    assert chain.theta == pytest.approx(theta, abs=1e-9)
    assert chain.rho == pytest.approx(rho, abs=1e-10)
    assert (chain.mark >= 0.0).all()


def test_refresh_works_in_place() -> None:
    chain = make_chain()
    assert np.isnan(chain.mark).all()
    before = (chain.mark, chain.delta, chain.iv, chain.forward, chain.expiry_forward)
    chain.refresh(60_000.0, NOW_MS)
    after = (chain.mark, chain.delta, chain.iv, chain.forward, chain.expiry_forward)
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert np.shares_memory(chain.quantised, chain.mark)
    assert chain.quantised.flags.c_contiguous
    first = chain.mark.copy()
    chain.refresh(60_100.0, NOW_MS)
    assert (chain.mark != first).any()


def test_the_shown_theta_never_exceeds_what_is_left_to_decay() -> None:
    chain = Chain([60_000.0], [NOW_MS + 3_600_000], [True], simulated_surface("BTC"), FlatCarry(0.0))
    chain.refresh(60_000.0, NOW_MS)
    assert -chain.mark[0] <= chain.theta[0] < 0.0


def test_another_surface_takes_effect_at_the_next_refresh() -> None:
    chain = make_chain()
    chain.refresh(60_000.0, NOW_MS)
    before = chain.iv.copy()
    chain.set_surface(simulated_surface("ETH"))
    chain.refresh(60_000.0, NOW_MS)
    assert (chain.iv > before).all()


# --- delivery ---------------------------------------------------------------------------------------

EXPIRY_MS = NOW_MS + DAY_MS
INDEX, AVERAGE = 60_100.0, 59_800.0


def at_minutes_left(minutes: float, average: float | None = AVERAGE) -> Chain:
    """Options of the expiring day and, beside them, of the next."""
    strikes, expiries = [59_500.0, 59_950.0, 60_400.0], [EXPIRY_MS, EXPIRY_MS + DAY_MS]
    rows = [(k, e, call) for e in expiries for k in strikes for call in (True, False)]
    strike, expiry_ms, is_call = zip(*rows, strict=True)
    chain = Chain(strike, expiry_ms, is_call, simulated_surface("BTC"), FlatCarry(0.05))
    chain.refresh(INDEX, EXPIRY_MS - int(minutes * 60_000), average)
    return chain


@pytest.mark.parametrize("minutes", [30.0, 29.0, 15.0, 1.0, 0.1])
def test_the_forward_blends_into_the_average_and_the_delta_decays(minutes: float) -> None:
    chain = at_minutes_left(minutes)
    share = minutes / 30.0
    years = minutes / 60.0 / 8_760.0
    forward = INDEX * math.exp(0.05 * years)
    blended = share * forward + (1.0 - share) * AVERAGE
    assert chain.forward[:6] == pytest.approx(blended, rel=1e-12)
    assert chain.expiry_forward == pytest.approx([blended, chain.forward[6]])
    k = np.log(chain.strike[:6] / blended)
    stdev = np.sqrt(simulated_surface("BTC").total_variance(k, np.full(6, years))) * share * forward / blended
    assert chain.iv[:6] == pytest.approx(stdev / math.sqrt(years))
    want = black76(blended, chain.strike[:6], years, stdev / math.sqrt(years), chain.is_call[:6])
    assert chain.mark[:6] == pytest.approx(want.price, abs=1e-8)
    assert chain.delta[:6] == pytest.approx(share * want.delta, abs=1e-10)
    assert chain.gamma[:6] == pytest.approx(share**2 * want.gamma, rel=1e-8, abs=1e-15)
    assert chain.vega[:6] == pytest.approx(want.vega, abs=1e-8)


def test_the_blend_begins_without_a_step_and_ends_at_the_average() -> None:
    before, after = at_minutes_left(30.0 + 1e-4), at_minutes_left(30.0 - 1e-4)
    assert before.mark[:6] == pytest.approx(after.mark[:6], abs=0.01)
    assert before.delta[:6] == pytest.approx(after.delta[:6], abs=1e-3)
    end = at_minutes_left(0.0)
    sign = np.where(end.is_call, 1.0, -1.0)
    assert end.mark[:6].tolist() == np.maximum(sign * (AVERAGE - end.strike), 0.0)[:6].tolist()
    assert np.abs(end.delta[:6]).max() == np.abs(end.gamma[:6]).max() == 0.0
    nearly = at_minutes_left(1e-4)
    assert nearly.mark[:6] == pytest.approx(end.mark[:6], abs=0.01)
    assert np.isfinite(nearly.quantised).all()


def test_the_delta_is_the_change_with_the_forward_that_still_moves() -> None:
    def mark(index: float) -> Floats:
        moved = at_minutes_left(10.0)
        moved.refresh(index, EXPIRY_MS - 600_000, AVERAGE)
        return moved.mark

    chain = at_minutes_left(10.0)
    slope = (mark(INDEX + 0.01) - mark(INDEX - 0.01)) / 0.02
    # The smile moves with the forward too; at the money that is a small part of the delta.
    assert slope[2:4] == pytest.approx(chain.delta[2:4], abs=0.02)


def test_other_expiries_are_not_blended() -> None:
    chain = at_minutes_left(10.0)
    alone = at_minutes_left(10.0, AVERAGE + 100.0)
    assert (chain.mark[6:] == alone.mark[6:]).all()
    assert (chain.mark[:6] != alone.mark[:6]).any()


def test_without_a_sample_the_index_stands_for_the_average() -> None:
    assert (at_minutes_left(10.0, None).mark == at_minutes_left(10.0, INDEX).mark).all()
    with pytest.raises(ValueError, match="average"):
        at_minutes_left(10.0, math.nan)


def test_a_window_that_is_over_leaves_no_trace() -> None:
    chain, fresh = at_minutes_left(10.0), at_minutes_left(10.0)
    fresh = at_minutes_left(60.0)
    chain.refresh(INDEX, EXPIRY_MS - 2 * AVERAGE_MS)
    assert (chain.mark == fresh.mark).all()
    assert (chain.delta == fresh.delta).all()


# --- the book's pull --------------------------------------------------------------------------------


def test_the_pull_is_added_and_the_mark_kept_between_its_bounds() -> None:
    chain = make_chain()
    chain.refresh(60_000.0, NOW_MS)
    model = chain.mark.copy()
    pull = np.zeros(len(chain))
    pull[0], pull[9], pull[10], pull[12] = 1e6, 1e6, -1e6, 2.5
    chain.set_pull(pull)
    chain.refresh(60_000.0, NOW_MS)
    want = model.copy()
    want[0], want[9], want[10] = chain.forward[0], chain.strike[9], chain.forward[10] - chain.strike[10]
    want[12] += 2.5
    assert chain.mark == pytest.approx(want, abs=1e-9)
    chain.set_pull(np.zeros(len(chain)))
    chain.refresh(60_000.0, NOW_MS)
    assert (chain.mark == model).all()


def test_bad_pulls_are_refused() -> None:
    chain = make_chain()
    for pull in (np.zeros(3), np.full(len(chain), math.nan)):
        with pytest.raises(ValueError, match="pulls"):
            chain.set_pull(pull)


# --- any surface, any order -------------------------------------------------------------------------


class Flat:
    """A surface of another kind: one volatility for all."""

    def bind(self, expiry_of_option: NDArray[np.intp], expiry_years: Floats) -> BoundSurface:
        self._at = expiry_of_option
        return self

    def total_variance(self, k: Floats, expiry_years: Floats) -> Floats:
        return np.asarray(0.25 * expiry_years[self._at])


def test_a_surface_of_another_kind_will_do() -> None:
    chain = Chain([50_000.0, 60_000.0], [EXPIRY_MS] * 2, [True, False], Flat(), FlatCarry(0.0))
    chain.refresh(60_000.0, NOW_MS)
    want = black76(60_000.0, chain.strike, 1.0 / 365.0, 0.5, chain.is_call)
    assert chain.mark == pytest.approx(want.price, abs=1e-9)
    assert chain.iv == pytest.approx(0.5)


def test_the_order_and_company_of_the_options_do_not_matter() -> None:
    whole = make_chain()
    rows = np.random.default_rng(1).permutation(len(whole))[:33]
    expiry_ms = whole.expiry_ms[whole.expiry_of_option]
    part = Chain(
        whole.strike[rows], expiry_ms[rows], whole.is_call[rows], simulated_surface("BTC"), FlatCarry(0.05)
    )
    for chain in (whole, part):
        chain.refresh(60_000.0, NOW_MS)
    assert part.mark == pytest.approx(whole.mark[rows], abs=1e-9)
    assert part.delta == pytest.approx(whole.delta[rows], abs=1e-12)
    assert part.forward == pytest.approx(whole.forward[rows])


def test_an_empty_chain_refreshes() -> None:
    chain = Chain([], [], [], simulated_surface("BTC"), FlatCarry(0.0))
    chain.refresh(60_000.0, NOW_MS)
    assert len(chain) == 0


def test_bad_options_and_indices_are_refused() -> None:
    surface, curve = simulated_surface("BTC"), FlatCarry(0.0)
    with pytest.raises(ValueError, match="one length"):
        Chain([1.0, 2.0], [NOW_MS], [True], surface, curve)
    with pytest.raises(ValueError, match="positive"):
        Chain([0.0], [NOW_MS], [True], surface, curve)
    chain = make_chain()
    for index in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="index"):
            chain.refresh(index, NOW_MS)
    with pytest.raises(ValueError, match="finite"):
        FlatCarry(math.nan)
