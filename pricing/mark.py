"""Mark prices: what a surface and a forward give, bounded by the book, blended into delivery.

**Delivery blend.** An option is delivered at the mean of the index over the last half hour, sampled every
four seconds. From then on part of that mean is known: with `share` the part of the half hour still to come
and A the mean so far,

    forward' = share * forward + (1 - share) * A

Only the first term can still move, so the delta on the forward is share * N(d1), gamma share² times that
of the blended forward, and the standard deviation of forward' is share * forward * vol * sqrt(T): as total
variance of its logarithm w' = w * (share * forward / forward')². The mark goes over into delivery without a
step at either end. (A mean over the half hour also varies less than its end, by a third at the start; what
is quoted before the window already contains that, so it is left to the surface.)

**Bounds of the book.** A mark the book contradicts is no mark. Where a side's quote counts (see
:class:`BookRules`), the model is pulled inside bid … ask, by at most a given number of volatility points.
What is kept is the *pull*, not the price: between two looks at the book the mark is model + pull, so it
follows the index and does not wait at a price whose quote has long moved on.

**Mark variance**, the public rule of Paradex: for each option

    median( median(EWMA of ask, bid, last variance), EWMA of mid variance, EWMA of external variance )

with 15 s inside and 5 min outside. Nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Bools, Floats

AVERAGE_MS: Final = 30 * 60 * 1000
"""The window of the delivery price: the last half hour before expiry."""

SAMPLE_MS: Final = 4_000
"""One sample of the index in so many milliseconds: 450 in the window."""

KEPT_MS: Final = 2 * AVERAGE_MS
MICRO_PER_UNIT: Final = 1_000_000


class DeliveryAverage:
    """The index of the last hour, sampled every four seconds, in micro-units of the quote; and its means.

    One sample per four-second slot of UTC, the first price told in it: 450 in half an hour, however often
    one tells. A clock that steps back adds nothing until it has caught up.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque()
        self._slot = -1
        self._so_far: tuple[int, int, float | None] = (-1, -1, None)

    def add(self, at_ms: int, index_micro: int) -> None:
        """Take a sample if its slot has none; forget what is older than an hour."""
        slot = at_ms // SAMPLE_MS
        if slot <= self._slot:
            return
        self._slot = slot
        samples = self._samples
        samples.append((at_ms, index_micro))
        while samples[0][0] <= at_ms - KEPT_MS:
            samples.popleft()

    def price_micro(self, end_ms: int) -> int | None:
        """The mean of the half hour up to and with `end_ms`; None if there is no sample in it.

        Rounded down to a micro-unit: either side of a delivery may profit.
        """
        start_ms = end_ms - AVERAGE_MS
        window = [index for at_ms, index in self._samples if start_ms < at_ms <= end_ms]
        return sum(window) // len(window) if window else None

    def since(self, start_ms: int) -> float | None:
        """The mean of the samples taken after `start_ms`, in quote units; None if there is none."""
        if self._so_far[:2] != (start_ms, self._slot):
            window = [index for at_ms, index in self._samples if at_ms > start_ms]
            mean = sum(window) / len(window) / MICRO_PER_UNIT if window else None
            self._so_far = (start_ms, self._slot, mean)
        return self._so_far[2]


def delivery_share(now_ms: int, expiry_ms: NDArray[np.int64]) -> Floats:
    """Part of each expiry's averaging window still to come: 1 before it begins, 0 from the expiry on."""
    left: Floats = (expiry_ms - now_ms) / float(AVERAGE_MS)
    return np.minimum(np.maximum(left, 0.0), 1.0)


def blended_forward(forward: Floats, share: Floats, average: float) -> tuple[Floats, Floats]:
    """The blended forward, and the part of it that moves with the forward: share * forward / forward'.

    `forward` and `share` per expiry, `average` of the index so far. The second array multiplies a standard
    deviation (its square, a total variance).
    """
    moving = share * forward
    blended = moving + (1.0 - share) * average
    return blended, moving / blended


@dataclass(frozen=True, slots=True)
class BookRules:
    """When a quote bounds the mark, and how far. ValueError for senseless ones."""

    spread_vol_max: float = 0.30
    """A two-sided quote wider than this (volatility, 0.3 = 30 points) bounds nothing."""
    pull_vol_max: float = 0.05
    """The mark is pulled by no more than this, in volatility times vega."""
    size_min: float = 0.0
    """A side with less than this size does not count."""

    def __post_init__(self) -> None:
        if not (self.spread_vol_max > 0.0 and self.pull_vol_max >= 0.0 and self.size_min >= 0.0):
            raise ValueError("book rules need spread_vol_max > 0, pull_vol_max >= 0 and size_min >= 0")


def book_pull(
    model: Floats,
    vega: Floats,
    bid: Floats,
    ask: Floats,
    rules: BookRules | None = None,
    bid_size: Floats | None = None,
    ask_size: Floats | None = None,
    toward: Floats | None = None,
) -> Floats:
    """How far the book pulls each mark off its model price; 0 where the book does not contradict it.

    `model` and quotes in price, NaN where a side is missing, `vega` per volatility point as in
    :func:`pricing.black76`. Rule, per option: a side of less than ``size_min`` does not exist; a crossed
    pair, or one wider than ``spread_vol_max``, bounds nothing; a lone side bounds from its side only (a
    bid lifts, an ask lowers). The pull brings a model that lies outside to the nearer side or, where
    `toward` gives a price (that of the mark variance, say), as near to it as bid and ask allow; it is cut
    to ``pull_vol_max``.
    """
    rules = rules or BookRules()
    no_bid, no_ask = ~(bid > 0.0), ~(ask > 0.0)
    if bid_size is not None:
        no_bid |= ~(bid_size >= rules.size_min)
    if ask_size is not None:
        no_ask |= ~(ask_size >= rules.size_min)
    low = np.where(no_bid, -np.inf, bid)
    high = np.where(no_ask, np.inf, ask)
    unit = 100.0 * vega
    two_sided = ~(no_bid | no_ask)
    with np.errstate(invalid="ignore"):
        width = high - low
        senseless: Bools = two_sided & ~((width >= 0.0) & (width <= rules.spread_vol_max * unit))
        inside = np.minimum(np.maximum(model, low), high)
        if toward is not None:
            wanted = np.where(np.isfinite(toward), toward, model)
            inside = np.where(inside == model, model, np.minimum(np.maximum(wanted, low), high))
        pull = inside - model
    reach = rules.pull_vol_max * unit
    pull = np.minimum(np.maximum(pull, -reach), reach)
    return np.where(senseless | ~np.isfinite(pull), 0.0, pull)


@dataclass(frozen=True, slots=True)
class VarianceRules:
    """Time constants of the mark variance. ValueError for senseless ones."""

    inner_ms: int = 15_000
    """Of the averages of ask, bid and last variance."""
    outer_ms: int = 300_000
    """Of the averages of mid and external variance."""
    forget_ms: int = 900_000
    """An average without a new value for so long does not count any more."""

    def __post_init__(self) -> None:
        if min(self.inner_ms, self.outer_ms, self.forget_ms) < 1:
            raise ValueError("variance rules need positive times")


class MarkVariance:
    """The mark variances of `count` options: values in, as often as one likes; the median rule out.

    Each average is exponentially weighted in time, with the value told at a moment counting
    1 - exp(-elapsed / constant); the first value starts it. NaN tells that there is no value: an average
    then keeps what it has until ``forget_ms``, and a median is taken over what exists (of two, their mean).
    """

    def __init__(self, count: int, rules: VarianceRules | None = None) -> None:
        self.rules = rules or VarianceRules()
        constants = (self.rules.inner_ms,) * 3 + (self.rules.outer_ms,) * 2
        self._constant_ms = np.array(constants, dtype=np.float64)[:, None]
        self._average = np.full((5, count), np.nan)
        self._told_ms = np.zeros((5, count), dtype=np.int64)

    def __len__(self) -> int:
        return int(self._average.shape[1])

    def update(self, now_ms: int, bid: Floats, ask: Floats, last: Floats, external: Floats) -> Floats:
        """Take the variances of this moment, all per option, and return the mark variance.

        Any one variance will do (annualised or total), as long as it is the same. NaN in: not there. NaN
        out: nothing is known. A moment before the last one told counts as that one.
        """
        told = np.stack([ask, bid, last, 0.5 * (bid + ask), external])
        there = np.isfinite(told) & (told >= 0.0)
        average, told_ms = self._average, self._told_ms
        elapsed_ms = np.maximum(now_ms - told_ms, 0)
        started = np.isfinite(average) & (elapsed_ms <= self.rules.forget_ms)
        weight = np.where(started, -np.expm1(-elapsed_ms / self._constant_ms), 1.0)
        old = np.where(started, average, 0.0)
        np.copyto(average, old + weight * (told - old), where=there)
        np.copyto(average, np.nan, where=~there & ~started)
        np.copyto(told_ms, np.maximum(now_ms, told_ms), where=there)
        inner = _median(average[:3])
        return _median(np.stack([inner, average[3], average[4]]))


def _median(values: Floats) -> Floats:
    """Median down the first axis (of three) of what is not NaN; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN last
    known = np.isfinite(ordered).sum(axis=0)
    middle = np.where(known == 3, ordered[1], ordered[0])
    return np.asarray(np.where(known == 2, 0.5 * (ordered[0] + ordered[1]), middle))
