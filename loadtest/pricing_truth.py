"""The truth of the pricing benchmark: Black-76 and its Greeks in 65 digits over a hard grid.

Written for plainness: the textbook formulas in mpmath, evaluated on the very doubles the engines get, so that
no rounding of an input counts as an error. Shares no line with `pricing`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import mpmath
import numpy as np

from loadtest.pricing_workload import Floats, Indices, Options

DIGITS: Final = 65
PRICE_MIN: Final = 1e-290

_MINUTE: Final = 1.0 / (365 * 24 * 60)
_DAY: Final = 1.0 / 365
_MONEYNESS: Final = (
    0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0,
    1.5, 2.0, 3.0, 4.0, 5.0,
)  # fmt: skip
_YEARS: Final = (
    _MINUTE, 10 * _MINUTE, 60 * _MINUTE, 480 * _MINUTE, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY, 91 * _DAY,
    0.5, 1.0, 2.0, 5.0,
)  # fmt: skip
_VOLS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 5.5, 10.0)
_FORWARDS: Final = (1.0, 64_123.5)
RANDOM_COUNT: Final = 1_500


class Truth(NamedTuple):
    """The exact values of options, rounded once to doubles."""

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    elasticity: Floats
    """vol / price * dPrice/dvol: relative change of the price per relative change of the volatility."""

    def at(self, chosen: Indices) -> Truth:
        """Some of them."""
        return Truth(*(np.ascontiguousarray(column[chosen]) for column in self))

    @property
    def condition(self) -> Floats:
        """What a relative error of the price becomes in the volatility, at least 1."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.maximum(1.0 / self.elasticity, 1.0)


class Point(NamedTuple):
    """One forward, strike, time and volatility; a call and a put lie on it."""

    forward: float
    strike: float
    years: float
    vol: float


def hard_points(thinned: int = 1, seed: int = 7) -> list[Point]:
    """The grid of the bars (every `thinned`-th point of it) and seeded random points between its lines."""
    moneyness = sorted({sign * size for size in _MONEYNESS for sign in (-1.0, 1.0)})
    grid = list(itertools.product(moneyness, _YEARS, _VOLS))
    random = np.random.default_rng(seed)
    size = np.exp(random.uniform(np.log(1e-13), np.log(5.0), RANDOM_COUNT))
    grid += zip(
        (random.choice([-1.0, 1.0], RANDOM_COUNT) * size).tolist(),
        np.exp(random.uniform(np.log(_MINUTE), np.log(5.0), RANDOM_COUNT)).tolist(),
        np.exp(random.uniform(np.log(1e-3), np.log(10.0), RANDOM_COUNT)).tolist(),
        strict=True,
    )
    points = []
    for number, (k, years, vol) in enumerate(grid[::thinned]):
        forward = _FORWARDS[number % len(_FORWARDS)]
        points.append(Point(forward, forward + forward * float(np.expm1(k)), years, vol))
    return points


def solve(points: Sequence[Point], progress: Callable[[int, int], None]) -> tuple[Options, Truth]:
    """Calls and puts on the points and their exact values.

    Options worth less than 1e-290 are left out: near the smallest doubles there are no digits to compare.
    `progress` is told how many of the points are done, now and then.
    """
    asked: list[tuple[Point, bool]] = []
    values: list[tuple[float, ...]] = []
    with mpmath.workdps(DIGITS):
        for number, point in enumerate(points):
            if number % 200 == 0:
                progress(number, len(points))
            for is_call, found in zip((True, False), exact(point), strict=True):
                if found[0] >= PRICE_MIN:
                    asked.append((point, is_call))
                    values.append(tuple(float(value) for value in found))
    progress(len(points), len(points))
    columns = np.array([point for point, _ in asked]).T
    kinds = np.array([is_call for _, is_call in asked], dtype=np.bool_)
    expiry: Indices = np.unique(columns[2], return_inverse=True)[1].astype(np.intp)
    forward, strike, years, vol = (np.ascontiguousarray(column) for column in columns)
    options = Options(forward, strike, years, vol, kinds, expiry)
    return options, Truth(*(np.ascontiguousarray(column) for column in np.array(values).T))


def exact(point: Point) -> tuple[tuple[mpmath.mpf, ...], tuple[mpmath.mpf, ...]]:
    """The values of :class:`Truth` for the call and for the put, at mpmath's present precision."""
    forward, strike, years, vol = (mpmath.mpf(each) for each in point)
    root = mpmath.sqrt(years)
    stdev = vol * root
    d1 = mpmath.log(forward / strike) / stdev + stdev / 2
    n1, m1 = _tails(d1)
    n2, m2 = _tails(d1 - stdev)
    density = mpmath.npdf(d1)
    gamma = density / (forward * stdev)
    vega = forward * density * root / 100
    theta = -forward * density * vol / (2 * root * 365)
    sides = []
    for price, delta, rho in (
        (forward * n1 - strike * n2, n1, strike * years * n2 / 100),
        (strike * m2 - forward * m1, -m1, -strike * years * m2 / 100),
    ):
        elasticity = vol * vega * 100 / price if price > 0 else mpmath.mpf(0)
        sides.append((price, delta, gamma, vega, theta, rho, elasticity))
    return sides[0], sides[1]


def _tails(d: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    """N(d) and N(-d), each to full relative precision."""
    small = mpmath.erfc(abs(d) / mpmath.sqrt(2)) / 2
    return (1 - small, small) if d > 0 else (small, 1 - small)


def relative_errors(found: Floats, exactly: Floats) -> Floats:
    """|found / exactly - 1| by element; infinite where nothing (or nothing finite) was found.

    Zero where the exact value itself lies below 1e-290, as a Greek deep in the money may.
    """
    with np.errstate(all="ignore"):
        error = np.abs((found - exactly) / exactly)
    error = np.where(np.isfinite(found), error, np.inf)
    return np.where(np.abs(exactly) >= PRICE_MIN, error, 0.0)
