"""The sequencer's side: chunks, tables when they pay, classes for the next batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from settlement.coding.anchors import Anchors
from settlement.coding.dictionary import Dictionaries, Reclass
from settlement.coding.fills import FILL, Fills
from settlement.coding.learner import Kind, Learner
from settlement.coding.modelling import Model
from settlement.coding.plain import Extent, Setting
from settlement.coding.tables import Tables
from settlement.coding.writer import Symbols, symbols_of


class Coded(NamedTuple):
    """A batch's fill chunks."""

    chunks: list[bytes]
    tables: Tables | None
    renewed: bool
    """Whether the tables differ from the previous batch's."""
    reclassed: list[Reclass]
    """For the end of the batch; the dictionaries have them already."""


class Sequencer:
    """Codes batch after batch. `dictionaries` are those of the state behind the last batch."""

    def __init__(self, kind_of: Callable[[int], Kind]) -> None:
        self.learner = Learner(kind_of)
        self.model = Model(self.learner)
        self.dictionaries = Dictionaries()
        self.tables: Tables | None = None
        self.regret_bits = 0.0
        """What fresh tables would have saved since the last ones; they are posted when it pays for them,"""
        self.renewing = False
        """in the batch behind this one, so that classes can be put in order for them."""

    def code(self, steps: Fills, extents: Sequence[Extent], anchors: Anchors) -> Coded:
        """One batch's fill chunks: all their steps, their extents, anchors before the batch."""
        if not extents:
            return Coded([], self.tables, False, [])
        fills = Fills._make(column[steps.kind == FILL] for column in steps)
        self.learner.meet(fills)
        symbols, tables = self._symbols(steps, extents, fills, anchors)
        chunks = symbols.emit(tables)
        renewed = tables is not self.tables
        self.tables = tables
        under = None if self.renewing else tables
        return Coded(chunks, tables, renewed, self.learner.reclass(self.dictionaries, fills, under))

    def _symbols(
        self, steps: Fills, extents: Sequence[Extent], fills: Fills, anchors: Anchors
    ) -> tuple[Symbols, Tables]:
        """The symbols, and the tables of the last batch or new ones, whichever pays."""
        known = self.tables or self.model.tables(self.dictionaries)
        try:
            symbols = symbols_of(steps, extents, Setting(known, self.dictionaries, anchors))
        except ValueError:
            known = self.model.tables(self.dictionaries)
            symbols = symbols_of(steps, extents, Setting(known, self.dictionaries, anchors))
        histogram = symbols.histogram(known)
        self.learner.learn(fills, symbols.moves, symbols.seen)
        self.model.learn(fills, histogram, known)
        fresh = self.model.tables(self.dictionaries)
        again = symbols_of(steps, extents, Setting(fresh, self.dictionaries, anchors))
        gain = symbols.total_bits(known, histogram) - again.total_bits(fresh, again.histogram(fresh))
        due = self.renewing or known is not self.tables
        self.regret_bits = 0.0 if due else self.regret_bits + gain
        self.renewing = self.tables is None or self.regret_bits > 8 * len(fresh.data)
        return (again, fresh) if due else (symbols, known)
