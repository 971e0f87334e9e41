"""A stream of fills from its laws and a seed: the same columns every time, on any machine.

An order picks instrument, taker and side; each of its fills a maker and a size. The mid price of an
instrument moves by normal steps whose variance grows with the fills of the whole stream since the
instrument's last order; its first fill trades half a spread from it, later fills of the same order at the
same price or deeper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.streams.laws import BLOCK, GRANT, LIQUIDATION, SIGNED, Laws, Weights, scaled, zipf
from settlement.coding.fills import COMBO_MAKER, COMBO_TAKER, FILL, Column, Fills

FIRST_ACCOUNT = 64
"""Ids below are the system's."""


@dataclass(frozen=True)
class World:
    """What does not change in a stream. Instruments have ids from 0, makers and then takers from 64."""

    instrument_weight: Weights
    underlying: Column
    spread: Column
    step_ticks: Column
    first_mid_steps: Column
    taker_weight: Weights
    taker_class: Column
    maker_class: Column
    maker_weight: Weights
    """A row an underlying: how likely each maker is."""


@dataclass(frozen=True)
class Stream:
    """Fills, and of each whether it continues its predecessor's order."""

    laws: Laws
    world: World
    fills: Fills
    continues: Column


def world_of(laws: Laws, rng: np.random.Generator) -> World:
    """Draw it: which ids the weights belong to is anybody's guess."""
    underlying = rng.permutation(np.repeat(np.arange(len(laws.underlyings)), _counts(laws)))
    spread = rng.choice(len(laws.spreads), laws.instruments, p=[one.share for one in laws.spreads])
    low, high = np.log(laws.price_least_ticks), np.log(laws.price_most_ticks)
    mid_ticks = np.exp(rng.uniform(low, high, laws.instruments))
    step = np.where(mid_ticks > laws.coarse_above_ticks, laws.coarse_step_ticks, 1)
    weights = np.zeros((len(laws.underlyings), laws.makers))
    for number, one in enumerate(laws.underlyings):
        weights[number, rng.permutation(laws.makers)[: one.makers]] = zipf(one.makers, laws.maker_zipf)
    return World(
        rng.permutation(zipf(laws.instruments, laws.instrument_zipf)),
        underlying,
        spread,
        step,
        np.rint(mid_ticks / step).astype(np.int64),
        rng.permutation(zipf(laws.takers, laws.taker_zipf)),
        np.where(rng.random(laws.takers) < laws.taker_signs, SIGNED, GRANT),
        np.where(rng.random(laws.makers) < laws.maker_signs, SIGNED, GRANT),
        weights,
    )


def generate(laws: Laws, count: int) -> Stream:
    """The first `count` fills. (A longer stream is another one: all of a field is drawn at once.)"""
    rng = np.random.default_rng(laws.seed)
    world = world_of(laws, rng)
    continues = (rng.random(count) < laws.continues).astype(np.int64)
    continues[0] = 0
    first = np.flatnonzero(continues == 0)
    order = np.cumsum(continues == 0) - 1
    instrument = rng.choice(laws.instruments, len(first), p=world.instrument_weight)
    taker = rng.choice(laws.takers, len(first), p=world.taker_weight)
    sells = rng.integers(0, 2, len(first))
    special = rng.random(len(first))
    taker_class = np.where(special < laws.blocks, BLOCK, world.taker_class[taker])
    taker_class = np.where(special > 1 - laws.liquidations, LIQUIDATION, taker_class)
    combo = np.where(rng.random(len(first)) < laws.combo_orders, COMBO_TAKER, 0)
    maker, size = _makers_and_sizes(laws, world, world.underlying[instrument][order], rng)
    maker_class = np.where(taker_class[order] == BLOCK, BLOCK, world.maker_class[maker])
    sides = combo[order] + np.where(rng.random(count) < laws.combo_quotes, COMBO_MAKER, 0)
    price = _prices(laws, world, instrument, sells, first, order, rng)
    accounts = FIRST_ACCOUNT + maker, FIRST_ACCOUNT + laws.makers + taker[order]
    fills = Fills(
        np.full(count, FILL), instrument[order], *accounts, sells[order], sides, maker_class,
        taker_class[order], price, size, np.arange(1, count + 1),
    )  # fmt: skip
    return Stream(laws, world, fills, continues)


def _counts(laws: Laws) -> list[int]:
    return [one.instruments for one in laws.underlyings]


def _makers_and_sizes(
    laws: Laws, world: World, underlying: Column, rng: np.random.Generator
) -> tuple[Column, Column]:
    maker, size = np.zeros_like(underlying), np.zeros_like(underlying)
    for number in range(len(laws.underlyings)):
        at = np.flatnonzero(underlying == number)
        maker[at] = rng.choice(laws.makers, len(at), p=world.maker_weight[number])
        size[at] = 1 + rng.choice(laws.size_most, len(at), p=laws.size_law(number))
    return maker, size


def deviations(laws: Laws, world: World) -> Weights:
    """Of every instrument: the standard deviation of its mid over one fill of the stream, in steps."""
    base = np.array([one.move_steps for one in laws.underlyings])[world.underlying]
    found: Weights = base * np.array([one.volatility for one in laws.spreads])[world.spread]
    return found


def _prices(
    laws: Laws,
    world: World,
    instrument: Column,
    sells: Column,
    first: Column,
    order: Column,
    rng: np.random.Generator,
) -> Column:
    """In ticks, of every fill; instrument, sells and first are of the orders."""
    by_instrument = np.argsort(instrument, kind="stable")
    sorted_instrument, sorted_first = instrument[by_instrument], first[by_instrument]
    new = np.append(True, sorted_instrument[1:] != sorted_instrument[:-1])
    since = np.where(new, 0, np.diff(sorted_first, prepend=0))
    deviation = deviations(laws, world)[sorted_instrument] * np.sqrt(since)
    walk = np.cumsum(np.rint(rng.standard_normal(len(first)) * deviation))
    start = np.maximum.accumulate(np.where(new, np.arange(len(first)), 0))
    mid = np.empty(len(first), np.int64)
    mid[by_instrument] = world.first_mid_steps[sorted_instrument] + (walk - walk[start]).astype(np.int64)
    half = np.zeros(len(first), np.int64)
    for number, spread in enumerate(laws.spreads):
        at = np.flatnonzero(world.spread[instrument] == number)
        likely = scaled(np.array([weight for _, weight in spread.half]))
        half[at] = rng.choice([steps for steps, _ in spread.half], len(at), p=likely)
    deeper = rng.choice(len(laws.deeper), len(order), p=scaled(np.array(laws.deeper)))
    deeper[first] = 0
    total = np.cumsum(deeper)
    away = half[order] + total - total[first][order]
    steps = mid[order] + np.where(sells[order] == 1, -away, away)
    return np.maximum(steps, 1) * world.step_ticks[instrument][order]
