"""What a sequencer has seen, and the classes it makes of it.

Nothing here binds anybody: a decoder takes any dictionaries and tables as they are. Floats are welcome.
Counts fade: what was seen `MEMORY_FILLS` fills ago weighs e times less than what is seen now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding.coder import TOTAL
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, NONE, TAKERS, Dictionaries, Reclass
from settlement.coding.fills import Fills
from settlement.coding.grid import INSTRUMENT as INSTRUMENT_ROW
from settlement.coding.grid import TAKER as TAKER_ROW
from settlement.coding.limits import CLASSES_MAX
from settlement.coding.tables import Tables

Weights = NDArray[np.float64]
Ids = NDArray[np.int64]

MEMORY_FILLS: Final = 400_000.0
HORIZON_FILLS: Final = 400_000.0
"""How many fills a change must pay for itself in."""
STEP_BITS: Final = 40.0
"""What a RECLASS step costs, about."""
TIER_BITS: Final = 0.15
"""What a fill costs more while its instrument stands in another tier, about."""

TOP_SHARE: Final = 0.1
"""Whoever has more of all fills stands in the first level of its kind; every level is `ratio` less."""
INSTRUMENT_LEVELS: Final = 7
INSTRUMENT_RATIO: Final = 2.4
SINGLE_MAKERS: Final = 128
"""Makers that have a class of their own."""
MAKER_LEVELS: Final = 16
MAKER_RATIO: Final = 2.0
HABITS: Final = 3
"""Takers stand in groups by what authorises their orders, mostly: signed, by grant, anything else."""
TAKER_LEVELS: Final = 24
TAKER_RATIO: Final = 1.6
TIERS: Final = (5e-4, 1.2e-3, 3e-3)
"""Between them lie the price tiers: how much the square of a price's way from its anchor grows with every
fill of the venue, in squared steps."""
TIER_USUAL: Final = 1
TIER_MARGIN: Final = 1.25
NOISE: Final = 2.0
"""That square where nothing has moved: buyers and sellers pay different prices."""
"""How far beyond its tier's ends an instrument must go to leave it."""
_LEAN_FILLS: Final = 10_000.0
_FAR: Final = 50.0
"""A first price as many steps from its anchor has no anchor."""
_GUESS: Final = 1e-3
KIND_BITS: Final = 4.0
"""What a fill costs more while its taker stands among accounts of other habits, about."""


KIND_CLASSES: Final = INSTRUMENT_LEVELS * (len(TIERS) + 1)
KINDS: Final = CLASSES_MAX // KIND_CLASSES
"""So many kinds of instruments have classes of their own."""


class Kind(NamedTuple):
    """What the venue knows of an instrument and its class tells."""

    underlying: int
    step_ticks: int
    """All its prices are multiples of this."""


class Seen:
    """Fading counts by id."""

    def __init__(self) -> None:
        self.weight: Weights = np.zeros(0)
        self.total = 0.0

    def fade_and_add(self, factor: float, ids: Ids) -> None:
        """All weigh less, each of these one more."""
        self.weight = counted((self.weight * factor)[None], np.zeros_like(ids), ids)[0]
        self.total = self.total * factor + len(ids)

    def share(self, ids: Ids) -> Weights:
        """How much of all each has."""
        found: Weights = self.weight[ids] / max(self.total, 1.0)
        return found


class Learner:
    """Counts of everything that classes are made from. `kind_of` tells of an instrument."""

    def __init__(self, kind_of: Callable[[int], Kind]) -> None:
        self.kind_of = kind_of
        self.seen = [Seen(), Seen(), Seen()]
        self.signs: Weights = np.zeros((HABITS, 0))
        self.distance: Weights = np.zeros((2, 0))
        """Of each instrument: fills of the venue between its anchors and its first prices of chunks, and the
        squares of the ways from those to these."""
        self.last: Ids = np.zeros(0, np.int64)
        """Of each instrument: after how many fills of the venue its last came."""
        self.fills = 0
        self.tiers: dict[int, int] = {}
        self.kinds: list[Kind] = []
        """What the blocks of instrument classes stand for."""
        self.single: dict[int, int] = {}
        """Makers that have a class of their own."""

    def meet(self, fills: Fills) -> None:
        """Know that these ids are there, before anything is coded."""
        for seen, column in zip(self.seen, (fills.instrument, fills.maker, fills.taker), strict=True):
            seen.weight = grown(seen.weight[None], (1, int(column.max(initial=-1)) + 1))[0]

    def learn(self, fills: Fills, moves: Ids, seen: NDArray[np.bool_]) -> None:
        """Count a batch's fills (FILL steps alone); the last two as in `writer.Symbols`."""
        factor = fading(fills)
        for counts, column in zip(self.seen, (fills.instrument, fills.maker, fills.taker), strict=True):
            counts.fade_and_add(factor, column)
        self.signs = counted(self.signs * factor, habits(fills.taker_class), fills.taker)
        ids, inverse = np.unique(fills.instrument, return_inverse=True)
        steps = np.array([self.kind_of(number).step_ticks for number in ids.tolist()], np.float64)[inverse]
        gap = self._gaps(fills, moves / steps, seen)
        square = np.maximum((moves / steps) ** 2 - NOISE, 0.0)
        more = np.array(
            [np.bincount(fills.instrument, gap, 1), np.bincount(fills.instrument, square * (gap > 0), 1)]
        )
        self.distance = grown(self.distance * factor, more.shape) + grown(more, self.distance.shape)
        for number in ids.tolist():
            self._set_tier(number)

    def _gaps(self, fills: Fills, steps: Weights, seen: NDArray[np.bool_]) -> Weights:
        """Fills of the venue between each first price of a chunk and its anchor, 0 for others."""
        now = self.fills + np.arange(fills.total)
        more = int(fills.instrument.max(initial=-1)) + 1 - len(self.last)
        self.last = np.append(self.last, np.full(max(more, 0), -1))
        last = self.last[fills.instrument]
        gap = np.where(~seen & (last >= 0) & (np.abs(steps) < _FAR), now - last, 0)
        self.last[fills.instrument] = now
        self.fills += fills.total
        return gap.astype(np.float64)

    def variance(self, instrument: int) -> float:
        """How much the square of its way grows with a fill, leaning on the usual while little is known."""
        gap, square = self.distance[:, instrument] if instrument < self.distance.shape[1] else (0.0, 0.0)
        return float((square + _LEAN_FILLS * TIERS[TIER_USUAL]) / (gap + _LEAN_FILLS))

    def _set_tier(self, instrument: int) -> None:
        mean = self.variance(instrument)
        tier = self.tiers.get(instrument, TIER_USUAL)
        ends = 0.0, *TIERS, float("inf")
        if not ends[tier] / TIER_MARGIN <= mean <= ends[tier + 1] * TIER_MARGIN:
            self.tiers[instrument] = int(np.searchsorted(TIERS, mean))

    def register(self, dictionaries: Dictionaries, dictionary: int, ids: list[int]) -> list[Reclass]:
        """New ids stand in the last level of their kind; the RECLASS steps that bring them there."""
        seen = self.seen[dictionary]
        seen.weight = grown(seen.weight[None], (1, max(ids, default=-1) + 1))[0]
        known = self.signs.shape[1]
        self.signs = grown(self.signs, (HABITS, len(seen.weight)))
        self.signs[1, known:] = _GUESS  # most accounts trade under a grant
        wanted = self._classes(dictionary, np.array(ids, np.int64), np.zeros(len(ids)))
        return [
            dictionaries.move(dictionary, number, target)
            for target, number in sorted(zip(wanted.tolist(), ids, strict=True))
            if number not in dictionaries.places(dictionary)
        ]

    def reclass(self, dictionaries: Dictionaries, fills: Fills, tables: Tables | None) -> list[Reclass]:
        """Bring the classes of who took part in these fills up to date; the RECLASS steps that do it.

        With tables: as it pays under these. Without: as it pays once there are some of what was seen.
        """
        found: list[Reclass] = []
        parts = (INSTRUMENTS, fills.instrument), (MAKERS, fills.maker), (TAKERS, fills.taker)
        for dictionary, column in parts:
            found += self._reclassed(dictionaries, dictionary, np.unique(column), tables)
        return found

    def _reclassed(
        self, dictionaries: Dictionaries, dictionary: int, ids: Ids, tables: Tables | None
    ) -> list[Reclass]:
        seen = self.seen[dictionary]
        share = seen.share(ids)
        wanted = self._classes(dictionary, ids, share)
        lasting = tables is None or dictionary == MAKERS
        likely = self.class_shares(dictionaries, dictionary) if lasting else shares(tables, dictionary)
        sizes = dictionaries.placed(dictionary).sizes
        places = dictionaries.places(dictionary)
        outside = 1e-2 / max(len(seen.weight), 1)
        found: list[Reclass] = []
        for number, part, target in zip(ids.tolist(), share.tolist(), wanted.tolist(), strict=True):
            source = places.get(number, (NONE, 0))[0]
            if source == target:
                continue
            now = likely[source] / max(int(sizes[source]), 1) if source != NONE else outside
            then = (likely[target] + part * lasting) / (int(sizes[target]) + 1)
            uses = part * HORIZON_FILLS
            gain = uses * float(np.log2(max(then, 1e-9) / max(now, 1e-9)))
            gain += uses * self._kind_bits(dictionary, source, target)
            if gain > STEP_BITS:
                found.append(dictionaries.move(dictionary, number, target))
        return found

    def class_shares(self, dictionaries: Dictionaries, dictionary: int) -> Weights:
        """How much of all each class has; behind them what stands in none."""
        seen, placed = self.seen[dictionary], dictionaries.placed(dictionary)
        known = np.where(placed.ids < len(seen.weight), placed.ids, 0)
        weights = np.where(placed.ids < len(seen.weight), np.append(seen.weight, 0.0)[known], 0.0)
        sums = np.concatenate(([0.0], np.cumsum(weights)))
        found = (sums[placed.starts + placed.sizes] - sums[placed.starts])[: CLASSES_MAX + 1]
        found[CLASSES_MAX] = max(seen.total - found[:CLASSES_MAX].sum(), 0.0)
        shares: Weights = found / max(seen.total, 1.0)
        return shares

    def classes(self) -> tuple[int, int, int]:
        """How many classes each dictionary needs."""
        return KIND_CLASSES * len(self.kinds), MAKER_LEVELS + len(self.single), HABITS * TAKER_LEVELS

    def _kind_bits(self, dictionary: int, one: int, other: int) -> float:
        """What a fill costs more for being in the one class's contexts and not in the other's."""
        if NONE in (one, other) or dictionary == MAKERS:
            return 0.0
        if dictionary == INSTRUMENTS:
            apart = abs(one // INSTRUMENT_LEVELS - other // INSTRUMENT_LEVELS)
            return TIER_BITS * apart if one // KIND_CLASSES == other // KIND_CLASSES else KIND_BITS
        return KIND_BITS if one // TAKER_LEVELS != other // TAKER_LEVELS else 0.0

    def _classes(self, dictionary: int, ids: Ids, share: Weights) -> Ids:
        """The classes that fit best."""
        if dictionary == INSTRUMENTS:
            level = levels(share, INSTRUMENT_RATIO, INSTRUMENT_LEVELS)
            pairs = zip(ids.tolist(), level.tolist(), strict=True)
            return np.array([self._instrument_class(number, one) for number, one in pairs], np.int64)
        if dictionary == MAKERS:
            return self._maker_classes(ids, share)
        habit: Ids = np.argmax(self.signs[:, ids], axis=0)
        return habit * TAKER_LEVELS + levels(share, TAKER_RATIO, TAKER_LEVELS)

    def _instrument_class(self, instrument: int, level: int) -> int:
        """Of an instrument's kind, tier and level; kinds beyond KINDS stand with one of the same step."""
        kind = self.kind_of(instrument)
        if kind not in self.kinds and len(self.kinds) < KINDS:
            self.kinds.append(kind)
        alike = [known for known in self.kinds if known.step_ticks == kind.step_ticks] or self.kinds
        number = self.kinds.index(kind if kind in self.kinds else alike[0])
        tier = self.tiers.get(instrument, TIER_USUAL)
        return KIND_CLASSES * number + INSTRUMENT_LEVELS * tier + level

    def _maker_classes(self, ids: Ids, share: Weights) -> Ids:
        for number in ids[np.argsort(-share, kind="stable")].tolist():
            if len(self.single) < SINGLE_MAKERS and number not in self.single:
                self.single[number] = MAKER_LEVELS + len(self.single)
        level = levels(share, MAKER_RATIO, MAKER_LEVELS)
        pairs = zip(ids.tolist(), level.tolist(), strict=True)
        return np.array([self.single.get(number, rest) for number, rest in pairs], np.int64)


def shares(tables: Tables | None, dictionary: int) -> Weights:
    """How likely instrument or taker classes are under some tables."""
    found = np.zeros(CLASSES_MAX + 1)
    if tables:
        row = tables.rows[tables.first_row[INSTRUMENT_ROW if dictionary == INSTRUMENTS else TAKER_ROW]]
        found[: tables.shape[dictionary]] = np.diff(row)[: tables.shape[dictionary]] / TOTAL
    return found


def fading(fills: Fills, memory_fills: float = MEMORY_FILLS) -> float:
    """What older counts weigh once these fills are counted."""
    return float(np.exp(-fills.total / memory_fills))


def habits(classes: Ids) -> Ids:
    """Authorisation classes as groups of accounts: 0 signed, 1 grant, 2 anything else."""
    return np.select([classes == 1, classes == 2], [0, 1], 2).astype(np.int64)


def levels(share: Weights, ratio: float, most: int) -> Ids:
    """Which level each share stands in: 0 the busiest."""
    depth = np.log(TOP_SHARE / np.maximum(share, 1e-12)) / np.log(ratio)
    found: Ids = np.clip(np.ceil(depth), 0, most - 1).astype(np.int64)
    return found


def counted(matrix: Weights, rows: Ids, columns: Ids) -> Weights:
    """A matrix grown to hold these rows and columns, with one more at each (row, column)."""
    height = max(matrix.shape[0], int(rows.max(initial=-1)) + 1)
    width = max(matrix.shape[1], int(columns.max(initial=-1)) + 1)
    more = np.bincount(rows * width + columns, minlength=height * width).astype(np.float64)
    return more.reshape(height, width) + grown(matrix, (height, width))


def grown(matrix: Weights, shape: tuple[int, ...]) -> Weights:
    """With zeros behind, until it is at least of this shape."""
    found = np.zeros((max(matrix.shape[0], shape[0]), max(matrix.shape[1], shape[1])))
    found[: matrix.shape[0], : matrix.shape[1]] = matrix
    return found
