"""A seeded index feed: correlated diffusions with moving volatility and jumps.

Each underlying's logarithm moves by

    vol * level * sqrt(dt) * (beta * M + sqrt(1 - beta^2) * E) - compensation + jump

with M common to all and E its own, so that two underlyings correlate by the product of their betas. `level`
is a common mean-reverting factor around one: calm and nervous days. Jumps are common in time, alike in
sign and mostly in size. Prices are martingales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numpy.random import PCG64, Generator, SeedSequence

from exchange.oracle.feed import IndexTick
from pricing.european import MS_PER_YEAR

_LEVEL_REVERSION_PER_YEAR: Final = 60.0
_LEVEL_STDEV: Final = 0.25
_JUMPS_PER_YEAR: Final = 1_500.0
_JUMP_SHARED: Final = 0.9
_STEPS_MAX: Final = 36_000
"""A longer absence is bridged in this many larger steps: bounded work after a night's sleep."""


@dataclass(frozen=True, slots=True)
class SimulatedUnderlying:
    """Where an underlying starts and how it moves. Volatilities are annualised fractions."""

    symbol: str
    spot: float
    vol: float
    beta: float
    jump_stdev: float
    decimals: int = 2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.spot) and self.spot > 0.0):
            raise ValueError(f"{self.symbol}: spot must be positive and finite, not {self.spot}")
        if not (0.0 <= self.vol < 10.0 and 0.0 <= self.jump_stdev < 1.0 and -1.0 <= self.beta <= 1.0):
            raise ValueError(f"{self.symbol}: need 0 <= vol < 10, 0 <= jump_stdev < 1, |beta| <= 1")


BTC: Final = SimulatedUnderlying("BTC", spot=98_000.0, vol=0.42, beta=0.95, jump_stdev=0.0035)
ETH: Final = SimulatedUnderlying("ETH", spot=3_400.0, vol=0.58, beta=0.90, jump_stdev=0.0050)


class SimulatedFeed:
    """An :class:`exchange.oracle.feed.IndexFeed` whose path depends on the seed and the time alone.

    The path is laid on a grid of `step_ms` from `start_ms` and does not depend on how often it is asked,
    unless an interval exceeds ``36,000`` steps: then that interval is crossed in 36,000 longer ones.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        underlyings: Sequence[SimulatedUnderlying] = (BTC, ETH),
        step_ms: int = 100,
    ) -> None:
        if step_ms < 1 or not underlyings:
            raise ValueError("a simulated feed needs step_ms >= 1 and at least one underlying")
        self._underlyings = tuple(underlyings)
        self._step_ms = step_ms
        self._at_ms = start_ms
        self._log_prices = [math.log(u.spot) for u in underlyings]
        self._level = 0.0
        self._started = False
        # Uniform and normal draws come from streams of their own: a normal takes a varying number of
        # raw words, and a shared stream would make the path depend on the block size.
        normal_seed, uniform_seed = SeedSequence(seed).spawn(2)
        self._normals = Generator(PCG64(normal_seed))
        self._uniforms = Generator(PCG64(uniform_seed))

    def advance(self, now_ms: int) -> list[IndexTick]:
        """See :class:`exchange.oracle.feed.IndexFeed`. The first call also tells the starting prices."""
        steps = max(now_ms - self._at_ms, 0) // self._step_ms
        if steps == 0 and self._started:
            return []
        self._started = True
        self._at_ms += steps * self._step_ms
        if steps:
            taken = min(steps, _STEPS_MAX)
            self._walk(taken, steps * self._step_ms / (taken * MS_PER_YEAR))
        return [
            IndexTick(u.symbol, round(math.exp(log_price), u.decimals), self._at_ms)
            for u, log_price in zip(self._underlyings, self._log_prices, strict=True)
        ]

    def _walk(self, steps: int, years: float) -> None:
        """Take `steps` steps of `years` each. Draws per step: level, market, jump, then two of each own."""
        count = len(self._underlyings)
        normals = self._normals.standard_normal((steps, 3 + 2 * count)).tolist()
        uniforms = self._uniforms.random(steps).tolist()
        root = math.sqrt(years)
        keep = math.exp(-_LEVEL_REVERSION_PER_YEAR * years)
        level_stdev = _LEVEL_STDEV * math.sqrt(1.0 - keep * keep)
        jump_chance = -math.expm1(-_JUMPS_PER_YEAR * years)
        own_jump = math.sqrt(1.0 - _JUMP_SHARED**2)
        for draws, uniform in zip(normals, uniforms, strict=True):
            self._level = self._level * keep + level_stdev * draws[0]
            level = math.exp(self._level - 0.5 * _LEVEL_STDEV**2)
            jumps = uniform < jump_chance
            for i, u in enumerate(self._underlyings):
                stdev = u.vol * level * root
                own = draws[3 + 2 * i]
                move = stdev * (u.beta * draws[1] + math.sqrt(1.0 - u.beta**2) * own - 0.5 * stdev)
                if jumps:
                    size = _JUMP_SHARED * draws[2] + own_jump * draws[4 + 2 * i]
                    move += u.jump_stdev * (size - 0.5 * u.jump_stdev)
                self._log_prices[i] += move
