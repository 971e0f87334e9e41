"""Tables from what was seen: shape, maps and rows.

Classes are laid out as `learner` does: an instrument class's group says which maker, size and price contexts
it has, a taker class's habit its order context, a maker its maker-mode context.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from settlement.coding import buckets
from settlement.coding import learner as ln
from settlement.coding.coder import TOTAL
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS, Dictionaries
from settlement.coding.fills import Fills
from settlement.coding.grid import INSTRUMENT, MODE, ORDER, PRICE, SIDE
from settlement.coding.learner import Ids, Learner, Weights
from settlement.coding.limits import CHUNK_STEPS_MAX, CLASSES_MAX, SCALES_MAX
from settlement.coding.tables import MAKER_MODES, ORDER_MODES, Contexts, Shape, Tables

CONTEXTS: Final = 16
"""Underlyings that are told apart."""
SIZES_LISTED: Final = 112
SIZE_BUCKETS: Final = 44
PRICE_BUCKETS: Final = 44
PRICE_TIERS: Final = len(ln.TIERS) + 1
_SIZE_BOUND: Final = 1 << 12
"""Sizes from here on are not counted one by one."""
SHORT_MEMORY_FILLS: Final = 60_000.0
"""Of the rows whose symbols depend on classes that may have been wrong."""
_WIDTHS: Final = {INSTRUMENT: 2, SIDE: 2, ORDER: ORDER_MODES, MODE: MAKER_MODES, PRICE: PRICE_BUCKETS + 1}
"""The rows counted here, and their symbols; of the instrument row the last two alone."""


class Model:
    """Counts beside the learner's, and tables made of all of them."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.underlyings: list[int] = []
        self.makers: Weights = np.zeros((0, 0))
        self.sizes: Weights = np.zeros((0, 0))
        self.maker_signs: Weights = np.zeros((ln.HABITS, 0))
        self.rows: dict[int, Weights] = {group: np.zeros((0, width)) for group, width in _WIDTHS.items()}
        """Counts of rows that never change their symbols."""

    def learn(self, fills: Fills, histogram: Ids, tables: Tables) -> None:
        """Count a batch: its fills, and its symbols as `Symbols.histogram` counts them under some tables."""
        factor, short = ln.fading(fills), ln.fading(fills, SHORT_MEMORY_FILLS)
        context = self._contexts(fills.instrument)
        self.makers = ln.counted(self.makers * factor, context, fills.maker)
        self.sizes = ln.counted(self.sizes * factor, context, np.minimum(fills.size_lots, _SIZE_BOUND))
        self.maker_signs = ln.counted(self.maker_signs * factor, ln.habits(fills.maker_class), fills.maker)
        for group, width in _WIDTHS.items():
            new = _rows(histogram, tables, group)[:, -width:]
            old = self.rows[group] * short
            self.rows[group] = ln.grown(new, old.shape) + ln.grown(old, new.shape)

    def tables(self, dictionaries: Dictionaries) -> Tables:
        """Tables of everything seen."""
        shape = self._shape()
        instrument_map = [self._instrument_contexts(kind) for kind in range(shape.instrument_classes)]
        taker_map = [kind // ln.TAKER_LEVELS for kind in range(shape.taker_classes)]
        maker_map = [self._mode_context(dictionaries, kind) for kind in range(shape.maker_classes)]
        rows = [
            self._instrument_row(dictionaries, shape),
            self._class_row(dictionaries, TAKERS, shape.taker_classes),
            *self._fixed(SIDE, shape),
            *self._fixed(ORDER, shape),
            *self._maker_rows(dictionaries, shape),
            *self._fixed(MODE, shape),
            *self._size_rows(shape),
            *self._fixed(PRICE, shape),
        ]
        return Tables(
            shape,
            (*instrument_map, Contexts(0, 0, ln.TIER_USUAL, 0, 1 << 10, 8)),
            (*taker_map, ln.HABITS - 1),
            (*maker_map, ln.HABITS - 1),
            tuple(map(cumulative, rows)),
        )

    def _contexts(self, instruments: Ids) -> Ids:
        """The underlying's place of each instrument."""
        ids, inverse = np.unique(instruments, return_inverse=True)
        places = [self._place(self.underlyings, self.learner.kind_of(n).underlying) for n in ids.tolist()]
        return np.array(places or [0], np.int64)[inverse]

    @staticmethod
    def _place(known: list[int], number: int) -> int:
        """Where it stands in a list that grows to CONTEXTS; the first place is everything else's too."""
        if number not in known and len(known) < CONTEXTS:
            known.append(number)
        return known.index(number) if number in known else 0

    def _shape(self) -> Shape:
        limits = [len(seen.weight) + len(seen.weight) // 8 + 16 for seen in self.learner.seen]
        common = np.argsort(-self.sizes[:, :_SIZE_BOUND].sum(axis=0), kind="stable")[:SIZES_LISTED]
        underlyings = max(len(self.underlyings), 1)
        return Shape(
            *self.learner.classes(), limits[0], max(limits[1:]),
            underlyings, underlyings, PRICE_TIERS, ln.HABITS, ln.HABITS,
            SIZE_BUCKETS, PRICE_BUCKETS, tuple(sorted(common.tolist())),
            tuple(self._scales()),
        )  # fmt: skip

    def _scales(self) -> list[int]:
        """Of all classes, those of the first ones where there are too many; 1 is for everything else."""
        steps = dict.fromkeys((1, *(kind.step_ticks for kind in self.learner.kinds)))
        return list(steps)[:SCALES_MAX]

    def _instrument_contexts(self, kind: int) -> Contexts:
        number, rest = divmod(kind, ln.KIND_CLASSES)
        known, scales = self.learner.kinds[number], self._scales()
        # Listed and never traded yet: it has no contexts of its own.
        seen = known.underlying in self.underlyings
        place = self.underlyings.index(known.underlying) if seen else 0
        scale = scales.index(known.step_ticks) if known.step_ticks in scales else 0
        tier, level = divmod(rest, ln.INSTRUMENT_LEVELS)
        return Contexts(place, place, tier, scale, *self._widths(tier, level))

    @staticmethod
    def _widths(tier: int, level: int) -> tuple[int, int]:
        """Of a tier and level: sixteenths of squared steps, at first and per chunk."""
        edges = ln.TIERS[0] / 2.4, *ln.TIERS, ln.TIERS[-1] * 2.4
        per_fill = 16 * (edges[tier] * edges[tier + 1]) ** 0.5
        between_fills = ln.INSTRUMENT_RATIO ** (level - 0.5) / ln.TOP_SHARE
        wide = 16 * ln.NOISE + per_fill * between_fills
        return min(round(wide), 65_535), round(per_fill * CHUNK_STEPS_MAX)

    def _mode_context(self, dictionaries: Dictionaries, kind: int) -> int:
        ids = [n for n in dictionaries.lists[MAKERS][kind] if n < self.maker_signs.shape[1]]
        return int(np.argmax(self.maker_signs[:, ids].sum(axis=1))) if ids else 0

    def _class_row(self, dictionaries: Dictionaries, dictionary: int, classes: int) -> Weights:
        share = self.learner.class_shares(dictionaries, dictionary)
        return np.append(share[:classes], share[CLASSES_MAX])

    def _instrument_row(self, dictionaries: Dictionaries, shape: Shape) -> Weights:
        steps = self.rows[SIDE].sum() + self.rows[INSTRUMENT].sum()
        ends = self.rows[INSTRUMENT].sum(axis=0) / max(steps, 1.0)
        row = self._class_row(dictionaries, INSTRUMENTS, shape.instrument_classes)
        return np.append(row * (1 - ends.sum()), ends)

    def _maker_rows(self, dictionaries: Dictionaries, shape: Shape) -> list[Weights]:
        known = self.makers.shape[1]
        makers = ln.grown(self.makers, (shape.maker_contexts, known))
        rows = np.zeros((shape.maker_contexts, shape.maker_classes + 1))
        for kind, ids in enumerate(dictionaries.lists[MAKERS][: shape.maker_classes]):
            rows[:, kind] = makers[:, [number for number in ids if number < known]].sum(axis=1)
        rows[:, -1] = np.maximum(makers.sum(axis=1) - rows.sum(axis=1), 0)
        return _smoothed(rows)

    def _size_rows(self, shape: Shape) -> list[Weights]:
        listed = np.array(shape.sizes, np.int64)
        symbols, _ = buckets.split_all(np.arange(self.sizes.shape[1], dtype=np.int64), buckets.SIZE_EXACT)
        symbols = np.minimum(symbols, shape.size_buckets)
        sizes = ln.grown(self.sizes, (shape.size_contexts, self.sizes.shape[1]))
        others = sizes.copy()
        others[:, listed] = 0
        rows = [
            [*sizes[k, listed], *np.bincount(symbols, others[k], shape.size_buckets + 1)]
            for k in range(shape.size_contexts)
        ]
        return _smoothed(np.array(rows))

    def _fixed(self, group: int, shape: Shape) -> list[Weights]:
        count, width = shape.groups[group]
        return _smoothed(ln.grown(self.rows[group][:count], (count, width)))


def _rows(histogram: Ids, tables: Tables, group: int) -> Weights:
    count, width = tables.shape.groups[group]
    at = int(tables.flat.starts[tables.first_row[group]])
    return histogram[at : at + count * width].reshape(count, width).astype(np.float64)


def _smoothed(rows: Weights) -> list[Weights]:
    """Rows with a little of what all of them together look like."""
    together = rows.sum(axis=0)
    pooled = (together + 0.05) / (together + 0.05).sum()
    return list(rows + 4.0 * pooled)


def cumulative(weights: Weights) -> tuple[int, ...]:
    """A row of the tables: counts in proportion to the weights, at least one each, 65,536 together."""
    spare = TOTAL - len(weights)
    ideal = weights / max(float(weights.sum()), 1e-9) * spare
    counts = np.floor(ideal).astype(np.int64)
    order = np.argsort(counts - ideal, kind="stable")
    counts[order[: spare - int(counts.sum())]] += 1
    return (0, *np.cumsum(counts + 1).tolist())
