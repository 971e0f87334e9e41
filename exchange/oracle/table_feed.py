"""Which scenario tables to send, and when: differences to what the core holds.

The core keeps a table per instrument and takes differences to it, so the sender must know what is there. That
is settled by three rules: what was sent counts only once the core has said that it took the block; while a
block is under way no other carries tables; and where anything is in doubt (a start, a refused block, changed
parameters) the tables are forgotten here and read back from the core, see :meth:`TableFeed.load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exchange.oracle.scenario_tables import Grid, Valuer
from exchange.oracle.tables_codec import pack_tables
from pricing.chain import Chain

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """When marks carry tables: the index has moved by this fraction since the last, or they are this old."""

    move: float = 0.0025
    interval_ms: int = 1_000

    def __post_init__(self) -> None:
        if not (self.move > 0.0 and self.interval_ms >= 1):
            raise ValueError("snapshots need a positive move and an interval of at least a millisecond")


class TableFeed:
    """The tables of one underlying as the core has them, and what brings them up to date."""

    def __init__(self, grid: Grid, rules: SnapshotRules | None = None) -> None:
        self.grid = grid
        self._rules = rules or SnapshotRules()
        self._ids: Integers = np.zeros(0, dtype=np.int64)
        self._order: Integers = self._ids
        self._base: Integers | None = None
        self._known: dict[int, Integers] | None = None
        self._valuer: Valuer | None = None
        self._sent: tuple[int, Integers, Integers, Integers] | None = None
        self._listing = 0
        self._last: tuple[float, int] | None = None
        self.sent_count = 0
        """Blocks with tables that were made."""
        self.sent_bytes = 0
        """Bytes of their streams."""

    # --- what the core holds -------------------------------------------------------------------------

    @property
    def must_load(self) -> bool:
        """Whether nothing is known of the core's tables, so that none can be sent."""
        return self._known is None

    @property
    def capped_count(self) -> int:
        """See :class:`exchange.oracle.scenario_tables.Valuer`; since the last listing."""
        return self._valuer.capped_count if self._valuer is not None else 0

    def load(self, tables: Mapping[int, Sequence[int]]) -> None:
        """These are the core's tables, in quanta by instrument; instruments not named have none.

        They must be as of a point of the sequence behind everything that was sent before.
        """
        self._known = {number: np.array(row, dtype=np.int64) for number, row in tables.items()}
        self._base = None
        self._sent = None
        self._last = None
        self._lay_out()

    def forget(self) -> None:
        """What the core holds is in doubt; nothing is sent until :meth:`load`."""
        self._known = None
        self._base = None
        self._sent = None

    def confirm(self) -> None:
        """The core took the block under way."""
        if self._sent is None or self._known is None:
            return
        listing, ids, at, rows = self._sent
        self._sent = None
        if listing == self._listing and self._base is not None:
            self._base[at] = rows
        else:  # listed anew meanwhile
            self._known.update(zip(ids.tolist(), rows, strict=True))
            self._lay_out()

    def withdraw(self) -> None:
        """The block under way was never sequenced: the core holds what it held."""
        self._sent = None
        self._last = None

    # --- what is listed ------------------------------------------------------------------------------

    def list_instruments(
        self, chain: Chain, ids: Sequence[int], lot_e8: Sequence[int], position_limit_lots: Sequence[int]
    ) -> None:
        """Value exactly these from now on: the options of `chain`, in its order, then the perpetuals."""
        if self._known is not None:
            if self._base is not None:
                self._known.update(zip(self._ids.tolist(), self._base, strict=True))
            listed = set(ids)
            self._known = {number: row for number, row in self._known.items() if number in listed}
        self._ids = np.array(ids, dtype=np.int64)
        self._order = np.argsort(self._ids, kind="stable")
        self._valuer = Valuer(self.grid, chain, lot_e8, position_limit_lots)
        self._listing += 1
        self._last = None
        self._lay_out()

    def _lay_out(self) -> None:
        """What is known, in the order of the listing; an instrument nothing is known of has no table."""
        if self._known is None:
            return
        self._base = np.zeros((self._ids.size, len(self.grid.scenarios)), dtype=np.int64)
        for at, number in enumerate(self._ids.tolist()):
            row = self._known.get(number)
            if row is not None:
                self._base[at] = row

    # --- what to send --------------------------------------------------------------------------------

    def stream(
        self, index: float, perpetual_mark: float, now_ms: int, expired: int = 0
    ) -> tuple[int, bytes] | None:
        """Count and stream of the tables that have changed, if it is time; None: plain marks will do.

        The first `expired` options are left out. What is returned is under way until :meth:`confirm`,
        :meth:`withdraw` or :meth:`forget`. :class:`pricing.quantize.QuantizeError` where a price is no
        number.
        """
        if self._base is None or self._valuer is None or self._sent is not None:
            return None
        if not self._is_due(index, now_ms):
            return None
        rows = self._valuer.tables(perpetual_mark, now_ms)
        differences = rows - self._base
        changed: NDArray[np.bool_] = np.asarray(differences.any(axis=1))
        changed[:expired] = False
        chosen = self._order[changed[self._order]]
        self._last = (index, now_ms)
        if not chosen.size:
            return None
        stream = pack_tables(self._ids[chosen], differences[chosen])
        self._sent = (self._listing, self._ids[chosen], chosen, rows[chosen])
        self.sent_count += 1
        self.sent_bytes += len(stream)
        return int(chosen.size), stream

    def _is_due(self, index: float, now_ms: int) -> bool:
        if self._last is None:
            return True
        moved_from, at_ms = self._last
        # A clock that steps back must not put the tables off.
        if not 0 <= now_ms - at_ms < self._rules.interval_ms:
            return True
        return abs(index - moved_from) >= self._rules.move * moved_from
