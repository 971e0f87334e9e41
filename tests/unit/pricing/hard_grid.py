"""The hard grid and its truth: textbook Black-76 in 80 digits (mpmath), ignorant of the code under test.

ln(K/F) from 0 to +-5, 1e-12 included, one minute to five years, volatilities from 0.1 % to 1000 %, prices
down to 1e-290. Inputs are doubles and taken as exact; results are kept as unevaluated sums of two doubles
(hi, lo), so that errors far below one unit in the last place can be told.
"""

from __future__ import annotations

import functools
import itertools
from typing import Final, NamedTuple

import mpmath as mp
import numpy as np

from pricing.engines import Bools, Floats

FIRST: Final = ("price", "delta", "gamma", "vega", "theta", "rho")
SECOND: Final = ("vanna", "volga", "charm")
TINY: Final = 1e-290
"""Truths smaller than this are not compared: the doubles about them lose digits by and by."""

_DIGITS: Final = 80
_OFFSETS: Final = (1e-12, 1e-9, 1e-6, 1e-4, 3e-3, 0.02, 0.1, 0.25, 0.7, 1.3, 2.2, 3.5, 5.0)
_YEARS: Final = (1 / 525_600, 1 / 8_760, 1 / 365, 7 / 365, 0.08, 0.25, 1.0, 5.0)
_VOLS: Final = (0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 2.0, 5.0, 10.0)


class Options(NamedTuple):
    """Arguments of :func:`pricing.black76`, one-dimensional."""

    forward: Floats
    strike: Floats
    years: Floats
    vol: Floats
    is_call: Bools


class Truth(NamedTuple):
    """`value` is the nearest double, `rest` what it leaves, `scale` what errors are measured against."""

    value: Floats
    rest: Floats
    scale: Floats

    def relative_error(self, got: Floats) -> Floats:
        """|got - truth| / scale where the truth is comparable, 0 elsewhere."""
        comparable = np.abs(self.value) >= TINY
        error = np.abs((got - self.value) - self.rest)
        return np.asarray(np.divide(error, self.scale, out=np.zeros_like(error), where=comparable))


def hard_grid(*, thorough: bool = False) -> Options:
    """About 2,400 options, or some 40,000: every corner, and `thorough` also seeded points between them."""
    k = np.array([0.0, *_OFFSETS, *(-offset for offset in _OFFSETS)])
    grid = np.array(list(itertools.product(k, _YEARS, _VOLS)))
    forwards = np.array([1.0, 60_000.0])[np.arange(len(grid)) % 2]
    if thorough:
        random = np.random.default_rng(76)
        count = 36_000
        sign = random.choice([-1.0, 1.0], count)
        evenly, by_size = random.uniform(0, 5, count), 10 ** random.uniform(-12, 0.7, count)
        size = np.where(random.random(count) < 0.5, evenly, by_size)
        more = np.stack(
            [sign * size, 10 ** random.uniform(np.log10(1 / 525_600), np.log10(5), count),
             10 ** random.uniform(-3, 1, count)], axis=1)  # fmt: skip
        grid = np.concatenate([grid, more])
        forwards = np.concatenate([forwards, 10 ** random.uniform(-3, 6, count)])
    strike = forwards * np.exp(grid[:, 0])
    is_call = np.arange(len(grid)) % 3 != 0
    inside = np.abs(grid[:, 0]) / (grid[:, 2] * np.sqrt(grid[:, 1])) < 40.0
    return Options(
        forwards[inside], strike[inside], grid[inside, 1].copy(), grid[inside, 2].copy(), is_call[inside]
    )


@functools.lru_cache(maxsize=4)
def grid_truth(*, thorough: bool = False) -> tuple[Options, dict[str, Truth]]:
    """The grid with its truth, kept for the process."""
    options = hard_grid(thorough=thorough)
    return options, truth(options)


def truth(options: Options) -> dict[str, Truth]:
    """Price and Greeks of both orders, undiscounted, in the field's units.

    `scale` is the size of the result itself, save for vanna, volga and charm: these change sign where d2 (or
    d1) does, so it is the size they would have with |d| = |x|/s + s/2.
    """
    rows = [_one(*option) for option in zip(*options, strict=True)]
    result = {}
    for field in (*FIRST, *SECOND):
        exact = [row[field] for row in rows]
        value = np.array([float(number) for number in exact])
        rest = np.array([float(number - hi) for number, hi in zip(exact, value.tolist(), strict=True)])
        scale = np.array([float(row["scale " + field]) for row in rows]) if field in SECOND else np.abs(value)
        result[field] = Truth(value, rest, scale)
    return result


def _one(forward: float, strike: float, years: float, vol: float, is_call: bool) -> dict[str, mp.mpf]:
    with mp.workdps(_DIGITS):
        f, k, y, v = (mp.mpf(float(number)) for number in (forward, strike, years, vol))
        root = mp.sqrt(y)
        s, x = v * root, mp.log(f / k)
        d1, d2 = x / s + s / 2, x / s - s / 2
        sign = 1 if is_call else -1
        n1, n2 = _normal(sign * d1), _normal(sign * d2)
        phi = mp.exp(-d1 * d1 / 2) / mp.sqrt(2 * mp.pi)
        wide = abs(x) / s + s / 2
        return {
            "price": sign * (f * n1 - k * n2),
            "delta": sign * n1,
            "gamma": phi / (f * s),
            "vega": f * phi * root / 100,
            "theta": -f * phi * v / (2 * root) / 365,
            "rho": sign * k * y * n2 / 100,
            "vanna": -phi * d2 / v / 100,
            "scale vanna": phi * wide / v / 100,
            "volga": f * phi * root * d1 * d2 / v / 10_000,
            "scale volga": f * phi * root * wide * wide / v / 10_000,
            "charm": phi * d2 / (2 * y) / 365,
            "scale charm": phi * wide / (2 * y) / 365,
        }


def _normal(z: mp.mpf) -> mp.mpf:
    return mp.erfc(-z / mp.sqrt(2)) / 2
