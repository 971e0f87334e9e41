"""How many bits a fill of a stream holds, by its true laws, given what a decoder knows.

Every field's surprisal (−log2 of how likely what happened was) is exact, the price's through a Bayes filter
over the hidden mid of each instrument. Their mean over the measured fills estimates the conditional entropy.
Two decoders are measured: one that has read all fills before this one, which no codec can beat; and one that
opens a chunk alone: it has read all fills before the batch, and those before this one in its chunk. They
differ in what they know of prices; all else is drawn anew for every order or fill.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from loadtest.streams.generator import FIRST_ACCOUNT, Stream, deviations
from loadtest.streams.laws import BLOCK, Weights, moves, scaled
from settlement.coding.fills import COMBO_MAKER, COMBO_TAKER, Column

REACH: Final = 96
"""The filter follows mids within this many steps of the last price."""
LEAST: Final = 1e-9
"""The least a price is held likely: what the filter's reach cuts off costs 30 bits."""
BURN_IN_FILLS: Final = 20_000
"""The filter begins so many fills before the measured ones."""


class Cut(NamedTuple):
    """How the measured fills are cut."""

    batch_fills: int
    chunk_fills: int = 64

    def of(self, places: Column, first: int) -> tuple[list[int], list[int]]:
        """Batch and chunk of fills, the measured ones beginning at `first`; −1 before."""
        batch = np.where(places < first, -1, (places - first) // self.batch_fills)
        chunk = np.where(places < first, -1, (places - first) % self.batch_fills // self.chunk_fills)
        return batch.tolist(), chunk.tolist()


class Surprisals(NamedTuple):
    """Bits of each measured fill, field by field."""

    order: Weights
    """Whether it continues the order before it."""
    instrument: Weights
    taker: Weights
    side: Weights
    order_mode: Weights
    """The taker's authorisation class and fee class."""
    maker: Weights
    maker_mode: Weights
    size: Weights
    price: Weights
    """To the decoder of a chunk alone."""
    price_in_order: Weights
    """To one that has read all fills before."""

    def mean_bits(self) -> dict[str, float]:
        """Of each field."""
        return {name: float(column.mean()) for name, column in zip(self._fields, self, strict=True)}

    def bytes_per_fill(self, *, in_order: bool = False) -> float:
        """All fields together, to the decoder of a chunk alone or to one that has read all fills before."""
        left_out = "price" if in_order else "price_in_order"
        return sum(bits for name, bits in self.mean_bits().items() if name != left_out) / 8


def surprisals(stream: Stream, first: int, end: int, cut: Cut) -> Surprisals:
    """Of fills first … end − 1."""
    laws, world = stream.laws, stream.world
    fills, continues = stream.fills.part(first, end), stream.continues[first:end]
    fresh = continues == 0
    underlying = world.underlying[fills.instrument]
    maker, taker = fills.maker - FIRST_ACCOUNT, fills.taker - FIRST_ACCOUNT - laws.makers
    order = np.where(fresh, 1 - laws.continues, laws.continues)
    combo = (fills.combo_sides & COMBO_TAKER) > 0
    order_mode = _class_likely(stream, fills.taker_class, world.taker_class[taker])
    order_mode *= np.where(combo, laws.combo_orders, 1 - laws.combo_orders)
    quoted = (fills.combo_sides & COMBO_MAKER) > 0
    sizes = np.array([laws.size_law(number) for number in range(len(laws.underlyings))])
    return Surprisals(
        _bits(order),
        _bits(np.where(fresh, world.instrument_weight[fills.instrument], 1)),
        _bits(np.where(fresh, world.taker_weight[taker], 1)),
        np.where(fresh, 1.0, 0.0),
        _bits(np.where(fresh, order_mode, 1)),
        _bits(world.maker_weight[underlying, maker]),
        _bits(np.where(quoted, laws.combo_quotes, 1 - laws.combo_quotes)),
        _bits(sizes[underlying, fills.size_lots - 1]),
        *_price_bits(stream, first, end, cut),
    )


def _bits(likely: Weights) -> Weights:
    found: Weights = -np.log2(likely)
    return found


def _class_likely(stream: Stream, classes: Column, habits: Column) -> Weights:
    laws = stream.laws
    rare = np.where(classes == BLOCK, laws.blocks, laws.liquidations)
    return np.where(classes == habits, 1 - laws.blocks - laws.liquidations, rare)


def _price_bits(stream: Stream, first: int, end: int, cut: Cut) -> tuple[Weights, Weights]:
    """Of the price: to the decoder of a chunk, and in order."""
    fills, since = stream.fills, max(0, first - BURN_IN_FILLS)
    steps = fills.price_ticks // stream.world.step_ticks[fills.instrument]
    signed = np.where(fills.taker_sells == 1, -steps, steps)
    likely = np.ones((2, end - first))
    again = first + np.flatnonzero(stream.continues[first:end])
    deeper = scaled(np.array(stream.laws.deeper))
    likely[:, again - first] = deeper[signed[again] - signed[again - 1]]
    orders = since + np.flatnonzero(stream.continues[since:end] == 0)
    by_instrument = orders[np.argsort(fills.instrument[orders], kind="stable")]
    cuts = np.flatnonzero(np.diff(fills.instrument[by_instrument])) + 1
    for places in np.split(by_instrument, cuts):
        kept = places >= first
        if kept.any():
            likely[:, places[kept] - first] = _filtered(stream, places, steps, cut.of(places, first))[:, kept]
    bits = _bits(np.maximum(likely, LEAST))
    return bits[0], bits[1]


class _Filter:
    """What is known of one instrument's mid: how likely each step around the last price is."""

    def __init__(self, stream: Stream, number: int) -> None:
        self.deviation = float(deviations(stream.laws, stream.world)[number])
        halves = stream.laws.spreads[int(stream.world.spread[number])].half
        weights = scaled(np.array([weight for _, weight in halves]))
        self.halves = list(zip((half for half, _ in halves), weights.tolist(), strict=True))

    def next(self, known: _Known | None, place: int, price: int, away: int) -> tuple[float, _Known]:
        """How likely a price was, and what is known then. The first price was to be expected."""
        seen = np.zeros(2 * REACH + 1)
        for half, weight in self.halves:
            # The mid lies half a spread below a bought price and above a sold one.
            seen[REACH - away * half] += weight
        if known is None:
            return 1.0, _Known(scaled(seen), price, place)
        spread_out = moves(self.deviation * (place - known.place) ** 0.5, REACH)
        belief = _shifted(np.convolve(known.belief, spread_out)[REACH:-REACH], price - known.centre) * seen
        likely = float(belief.sum())
        return likely, _Known(belief / likely if likely > LEAST else scaled(seen), price, place)


class _Known(NamedTuple):
    belief: Weights
    centre: int
    place: int


def _filtered(stream: Stream, places: Column, steps: Column, cut: tuple[list[int], list[int]]) -> Weights:
    """How likely each price of one instrument was, to the decoder of a chunk and given all before."""
    mid = _Filter(stream, int(stream.fills.instrument[places[0]]))
    found = np.ones((2, len(places)))
    everything: _Known | None = None
    before_batch: _Known | None = None
    in_chunk: _Known | None = None
    at = -1, -1
    for k, (place, batch, chunk) in enumerate(zip(places.tolist(), *cut, strict=True)):
        price, away = int(steps[place]), -1 if stream.fills.taker_sells[place] else 1
        if batch != at[0]:
            before_batch = everything
        if (batch, chunk) != at or batch < 0:
            in_chunk = before_batch if batch >= 0 else everything
        at = batch, chunk
        found[0, k], in_chunk = mid.next(in_chunk, place, price, away)
        found[1, k], everything = mid.next(everything, place, price, away)
    return found


def _shifted(belief: Weights, by: int) -> Weights:
    """The same belief around a centre `by` steps higher."""
    found = np.zeros_like(belief)
    if abs(by) >= len(belief):
        return found
    if by >= 0:
        found[: len(belief) - by] = belief[by:]
    else:
        found[-by:] = belief[:by]
    return found
