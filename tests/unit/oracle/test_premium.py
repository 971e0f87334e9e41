"""The perpetual's premium: bounded, mean-reverting, one path per seed."""

import numpy as np
import pytest

from exchange.oracle.premium import PerpetualPremium

START_MS = 1_780_000_000_000


def walk(seed: int, every_ms: int, until_ms: int) -> list[float]:
    premium = PerpetualPremium(seed, START_MS)
    return [premium.at(START_MS + ms) for ms in range(0, until_ms + 1, every_ms)]


def test_starts_at_nothing_and_stays_within_its_bound() -> None:
    values = walk(3, 60_000, 10 * 86_400_000)
    assert values[0] == 0.0
    assert max(map(abs, values)) <= 1e-3
    assert np.std(values) == pytest.approx(2e-4, rel=0.3)
    assert abs(np.mean(values)) < 5e-5


def test_one_path_per_seed_however_often_asked() -> None:
    assert walk(3, 1_000, 600_000)[-1] == walk(3, 150_000, 600_000)[-1]
    assert walk(3, 600_000, 600_000) != walk(4, 600_000, 600_000)
    premium = PerpetualPremium(3, START_MS)
    assert premium.at(START_MS + 5_000) == premium.at(START_MS + 5_999) == premium.at(START_MS)


@pytest.mark.parametrize("arguments", [{"stdev": -1.0}, {"stdev": 0.1, "bound": 0.01}, {"half_life_ms": 0}])
def test_senseless_parameters_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="premium"):
        PerpetualPremium(1, START_MS, **arguments)
