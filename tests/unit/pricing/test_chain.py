"""The live chain agrees with the accurate functions, in place, before and after expiry."""

import math

import numpy as np
import pytest

from pricing.chain import Chain
from pricing.european import black76, years_between
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_780_000_000_000
DAY_MS = 86_400_000
DAYS = (0.3, 1, 2, 7, 30, 90, 200, 400)


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
