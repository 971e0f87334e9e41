from __future__ import annotations

import numpy as np
import pytest

from loadtest import pricing_peers
from loadtest.pricing_workload import chain
from pricing import black76

# What each promises on an ordinary chain, generously.
TOLERANCE = {
    "QuantLib": (1e-10, 1e-9),
    "vollib": (1e-12, 1e-12),
    "fast-vollib": (1e-10, 1e-7),
    "pyvolr": (1e-12, 1e-12),
    "iv-engine": (1e-11, 1e-11),
    "lbriv": (0.0, 1e-12),
}


def check(name: str) -> None:
    adapter, version = pricing_peers.load(name)
    assert adapter is not None, version
    assert version[0].isdigit()
    options = chain(120)
    ours = black76(*options[:5])
    price_tolerance, vol_tolerance = TOLERANCE[name]
    call = adapter.values(options)
    if call is not None:
        found = pricing_peers.values_in_our_units(adapter, call)
        for field, column in zip(pricing_peers.FIELDS, found, strict=False):
            np.testing.assert_allclose(column, getattr(ours, field), rtol=price_tolerance, err_msg=field)
    solve = adapter.implied(options, ours.price)
    assert solve is not None
    np.testing.assert_allclose(solve(), options.vol, rtol=10 * vol_tolerance)


def test_quantlib_agrees_with_us() -> None:
    check("QuantLib")


# The others are not among the packages of `make test`: `make test-slow` installs them.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(pricing_peers.PEERS) - {"QuantLib"}))
def test_a_package_agrees_with_us(name: str) -> None:
    check(name)


def test_a_package_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> pricing_peers.Adapter:
        raise ModuleNotFoundError("No module named 'ghost'")

    monkeypatch.setitem(pricing_peers.PEERS, "ghost", missing)
    assert pricing_peers.load("ghost") == (None, "ModuleNotFoundError: No module named 'ghost'")
