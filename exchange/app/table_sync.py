"""Sequences marks and scenario tables, and keeps what is believed of the core's tables true.

Tables are sent as differences to what the core holds (:mod:`exchange.oracle.table_feed`). After a start, a
refused block or changed parameters they are read back from the core, behind everything sequenced before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from exchange.app.venue_port import VenuePort
from exchange.core import risk_queries
from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.rejects import REJECT_NAMES
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.table_feed import TableFeed
from exchange.wire.session import RpcError

Tables = dict[int, list[int]]
_EMPTY_BLOCK_BYTES: Final = 64
_log = logging.getLogger(__name__)


class TableSync:
    """Between the mark loop and the sequencer, for all underlyings."""

    def __init__(self, marks: Sequence[UnderlyingMarks]) -> None:
        self._marks = {one.underlying_id: one for one in marks}
        self._loading: dict[int, None] = {}
        self._told: dict[int, str] = {}
        self.refused: Counter[str] = Counter()
        """Blocks the core refused, by reason."""
        self.has_marked = False
        """Whether a block with instruments was sequenced."""

    def forget(self, underlying: int) -> None:
        """The core's tables of an underlying are in doubt."""
        marks = self._marks.get(underlying)
        if marks is not None and marks.tables is not None:
            marks.tables.forget()

    def load(self, venue: VenuePort) -> None:
        """Ask the core for the tables of underlyings nothing is known of."""
        for number, marks in self._marks.items():
            tables = marks.tables
            if tables is None or not tables.must_load or number in self._loading:
                continue
            if number < len(venue.registry.members) and self._fits(venue, number, tables):
                self._loading[number] = None
                venue.read(partial(_tables_of, venue, number), partial(self._loaded, number, tables))

    def _fits(self, venue: VenuePort, number: int, tables: TableFeed) -> bool:
        """Whether the parameters in force are those of the grid the tables are made with."""
        found = risk_queries.risk_parameters(venue.engine, number)
        grid = tables.grid
        shape = (len(grid.scenarios), grid.quantum_micro)
        return found is not None and (found.scenarios, found.quantum_micro) == shape

    def _loaded(self, number: int, tables: TableFeed, found: Tables | None) -> None:
        self._loading.pop(number, None)
        if found is not None:
            tables.load(found)

    def submit(self, venue: VenuePort, command: bytes) -> None:
        """Sequence a block. One the queue has no room for is dropped: the next is as good."""
        marks = self._marks[int.from_bytes(command[12:16], "little")]
        tables = marks.tables if command[0] == r.RISK_SNAPSHOT else None
        try:
            venue.submit(command, partial(self._answered, marks, tables))
        except RpcError as refused:
            _log.warning("marks were not taken: %s", refused)
            if tables is not None:
                tables.withdraw()
            return
        self.has_marked = self.has_marked or len(command) > _EMPTY_BLOCK_BYTES

    def _answered(self, marks: UnderlyingMarks, tables: TableFeed | None, packed: bytes) -> None:
        if packed and packed[0] == r.EV_MARKED:
            self._told.pop(marks.underlying_id, None)
            if tables is not None:
                tables.confirm()
            return
        if tables is not None:
            tables.forget()
        if not packed:
            return
        event = events.read_event(packed)
        number = event.reason if isinstance(event, events.Rejected) else 0
        reason = REJECT_NAMES.get(number, "unknown")
        self.refused[reason] += 1
        if self._told.get(marks.underlying_id) != reason:  # once, not ten times a second
            self._told[marks.underlying_id] = reason
            _log.error("marks of %s were refused: %s", marks.symbol, reason)


def _tables_of(venue: VenuePort, underlying: int) -> Tables:
    """The tables the core holds of an underlying's living instruments."""
    found: Tables = {}
    for view in venue.registry.members[underlying]:
        if view.state < r.STATE_DELISTED:
            table = risk_queries.table(venue.engine, view.instrument)
            if table is not None:
                found[view.instrument] = table
    return found
