"""Implied volatilities of best bids and asks, computed once a price and snapshot, a whole chain at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from exchange.gateway.ports import OracleView
from exchange.gateway.views import Views
from exchange.wire.instruments import InstrumentView


class Volatilities(NamedTuple):
    """Of a best bid and ask, in percent, valid for those prices and that snapshot."""

    at_ms: int
    bid_ticks: int
    ask_ticks: int
    bid_iv: float | None
    ask_iv: float | None


class BestVolatilities:
    """What was computed last for each option."""

    def __init__(self, views: Views, oracle: OracleView) -> None:
        self._views = views
        self._oracle = oracle
        self._known: dict[int, Volatilities] = {}

    def of(self, instrument: int) -> Volatilities | None:
        """As of the last `refresh`; None before the first."""
        return self._known.get(instrument)

    def refresh_all(self, chosen: Iterable[InstrumentView]) -> None:
        """`refresh` the options among many instruments, each underlying's at once."""
        options: dict[int, list[InstrumentView]] = {}
        for view in chosen:
            if view.is_option:
                options.setdefault(view.terms.underlying, []).append(view)
        for underlying, members in options.items():
            self.refresh(underlying, members)

    def refresh(self, underlying: int, members: Iterable[InstrumentView]) -> None:
        """Recompute what is of another price or snapshot, in one call."""
        chain = self._oracle.chain(underlying)
        if chain is None:
            return
        at_ms = chain.at_ms
        stale: list[tuple[InstrumentView, int, int]] = []
        for view in members:
            book = self._views.markets[view.instrument].book
            bid, ask = book.best_bid(), book.best_ask()
            bid_ticks, ask_ticks = (bid[0] if bid else 0), (ask[0] if ask else 0)
            known = self._known.get(view.instrument)
            if known is None or known[:3] != (at_ms, bid_ticks, ask_ticks):
                stale.append((view, bid_ticks, ask_ticks))
        if not stale:
            return
        ids = [view.instrument for view, _, _ in stale for _ in range(2)]
        prices = [
            view.price(ticks) if ticks else math.nan for view, bid, ask in stale for ticks in (bid, ask)
        ]
        found = [None if math.isnan(iv) else iv for iv in chain.iv_percent(ids, prices).tolist()]
        for row, (view, bid_ticks, ask_ticks) in enumerate(stale):
            bid_iv, ask_iv = found[2 * row], found[2 * row + 1]
            self._known[view.instrument] = Volatilities(at_ms, bid_ticks, ask_ticks, bid_iv, ask_iv)
