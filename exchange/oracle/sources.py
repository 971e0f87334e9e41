"""The simulated constituents of the index: markets that see one price, each through its own noise and faults.

A source tells the true price times exp(noise), the noise an Ornstein-Uhlenbeck process of its own. Now and
then one falls silent, or tells nonsense: its price shifted by some per cent for a few seconds. What
becomes of that is the business of :mod:`pricing.index`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from numpy.random import PCG64, Generator

from exchange.oracle.feed import IndexFeed, IndexTick, SourceTick

_STEP_MS: Final = 100
_STEPS_MAX: Final = 600
"""After a minute's absence the past is forgotten: bounded work after a night's sleep."""


@dataclass(frozen=True, slots=True)
class SimulatedSource:
    """One constituent. Shares are fractions of the price; faults are counted per hour and underlying."""

    name: str
    weight: float = 1.0
    noise_stdev: float = 1e-4
    half_life_ms: int = 3_000
    silences_per_hour: float = 3.0
    silence_ms_max: int = 20_000
    lies_per_hour: float = 3.0
    lie_ms_max: int = 8_000
    lie_max: float = 0.08

    def __post_init__(self) -> None:
        rates = (self.noise_stdev, self.silences_per_hour, self.lies_per_hour, self.lie_max)
        if not (all(math.isfinite(x) and x >= 0.0 for x in rates) and self.lie_max < 1.0):
            raise ValueError(f"{self.name}: noise, rates and lie_max must be finite and >= 0, lie_max < 1")
        if min(self.half_life_ms, self.silence_ms_max, self.lie_ms_max) < 1 or not self.weight > 0.0:
            raise ValueError(f"{self.name}: times and weight must be positive")


SOURCES: Final = (
    SimulatedSource("amber", 3.0, 0.6e-4),
    SimulatedSource("beryl", 2.0, 1.0e-4),
    SimulatedSource("coral", 2.0, 1.2e-4),
    SimulatedSource("dune", 1.5, 1.6e-4),
    SimulatedSource("ember", 1.0, 2.5e-4, silences_per_hour=8.0, lies_per_hour=8.0),
)
"""The panel of the simulated market."""


@dataclass(slots=True)
class _State:
    noise: float = 0.0
    silent_until_ms: int = 0
    lies_until_ms: int = 0
    lie: float = 0.0


class SimulatedSources:
    """A :class:`exchange.oracle.feed.SourceFeed` around one true price.

    What the sources tell depends on the seed, the true path and the time alone, on a grid of 100 ms from
    `start_ms`, however often one asks (within a minute).
    """

    def __init__(
        self, truth: IndexFeed, seed: int, start_ms: int, sources: Sequence[SimulatedSource] = SOURCES
    ) -> None:
        """ValueError for no sources or two of one name."""
        self._truth = truth
        self._sources = tuple(sources)
        self.weights: Mapping[str, float] = {source.name: source.weight for source in sources}
        if not sources or len(self.weights) != len(self._sources):
            raise ValueError("simulated sources need names, and different ones")
        self._at_ms = start_ms
        self._random = Generator(PCG64(seed))
        self._normals = Generator(PCG64([seed, 1]))
        self._states: dict[str, list[_State]] = {}
        self._last: dict[str, IndexTick] = {}
        self._keep = [0.5 ** (_STEP_MS / source.half_life_ms) for source in sources]

    def advance(self, now_ms: int) -> list[SourceTick]:
        """See :class:`exchange.oracle.feed.SourceFeed`."""
        moved = self._truth.advance(now_ms)
        for tick in moved:
            self._last[tick.underlying] = tick
            self._states.setdefault(tick.underlying, [_State() for _ in self._sources])
        steps = max(now_ms - self._at_ms, 0) // _STEP_MS
        self._at_ms += steps * _STEP_MS
        for back in range(min(steps, _STEPS_MAX) - 1, -1, -1):
            self._step(self._at_ms - back * _STEP_MS)
        return [told for tick in moved for told in self._told(tick)]

    def _told(self, tick: IndexTick) -> list[SourceTick]:
        """What those that are not silent make of the true price."""
        told = []
        for source, state in zip(self._sources, self._states[tick.underlying], strict=True):
            if tick.at_ms < state.silent_until_ms:
                continue
            price = tick.price * math.exp(state.noise)
            if tick.at_ms < state.lies_until_ms:
                price *= 1.0 + state.lie
            told.append(SourceTick(source.name, tick.underlying, price, tick.at_ms))
        return told

    def _step(self, at_ms: int) -> None:
        """One step of every source's noise and fortune."""
        hours = _STEP_MS / 3_600_000
        for states in self._states.values():
            normals = self._normals.standard_normal(len(states)).tolist()
            draws = self._random.random((len(states), 4)).tolist()
            for source, keep, state, normal, (silence, lie, size, length) in zip(
                self._sources, self._keep, states, normals, draws, strict=True
            ):
                state.noise = state.noise * keep + source.noise_stdev * math.sqrt(1.0 - keep * keep) * normal
                if silence < source.silences_per_hour * hours:
                    state.silent_until_ms = at_ms + int(length * source.silence_ms_max)
                if lie < source.lies_per_hour * hours:
                    state.lies_until_ms = at_ms + int(length * source.lie_ms_max)
                    state.lie = (2.0 * size - 1.0) * source.lie_max
