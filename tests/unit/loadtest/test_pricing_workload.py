from __future__ import annotations

import numpy as np

from loadtest.pricing_workload import STDEVS_MAX, chain


def test_a_chain_is_seeded_and_spread_over_expiries_strikes_and_kinds() -> None:
    options, again, other = chain(1_000), chain(1_000), chain(1_000, seed=1)
    assert all(np.array_equal(x, y) for x, y in zip(options, again, strict=True))
    assert not np.array_equal(options.strike, other.strike)
    assert np.bincount(options.expiry).tolist() == [100] * 10
    stdevs = np.log(options.strike / options.forward) / (options.vol * np.sqrt(options.years))
    assert np.abs(stdevs).max() <= STDEVS_MAX
    assert 0.4 < options.is_call.mean() < 0.6
    assert set(options.sign.tolist()) == {1.0, -1.0}


def test_some_of_the_options() -> None:
    options = chain(100)
    some = options.at(np.array([3, 50]))
    assert some.strike.tolist() == [options.strike[3], options.strike[50]]
    assert [column.size for column in some] == [2] * 6
