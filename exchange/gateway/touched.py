"""What released events have touched since the feeds last looked."""

from __future__ import annotations

from collections.abc import Collection

from exchange.domain import events as ev
from exchange.edge.released import Shown
from exchange.gateway.history_ring import Fill, fill_of
from exchange.wire.instruments import InstrumentView
from exchange.wire.objects import JsonObject


class Touched:
    """What changed since the feeds last looked; they clear it."""

    __slots__ = ("_fills", "_shown", "created", "instruments", "notices", "states", "underlyings")

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._fills: list[tuple[int, Fill]] = []
        self.instruments: set[int] = set()
        self.underlyings: dict[int, ev.Marked] = {}
        self.created: list[InstrumentView] = []
        self.states: dict[int, InstrumentView] = {}
        self.notices: list[JsonObject] = []

    @property
    def books(self) -> Collection[int]:
        """Instruments whose displayed levels changed."""
        return self._shown.books

    @property
    def fills(self) -> list[tuple[int, Fill]]:
        """(instrument, fill) of each trade, in order; built for the first who asks."""
        places = self._shown.trades
        for at in range(2 * len(self._fills), len(places), 2):
            self._fills.append((places[at], fill_of(self._shown.past, places[at + 1])))
        return self._fills

    def clear(self) -> None:
        """Start over."""
        self._shown.books.clear()
        self._shown.trades.clear()
        self._fills = []
        self.instruments.clear()
        self.underlyings.clear()
        self.created.clear()
        self.states.clear()
        self.notices.clear()
