"""Reads the best quotes of a chain out of the venue's books, a few options a step.

A whole chain at once would hold the loop for milliseconds; a slice of it every step of the mark loop does
not show. Each option is taken with the forward of its own moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from exchange.gateway.market import InstrumentMarket
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.refit_job import COLUMNS, RefitRequest
from exchange.wire.instruments import InstrumentView

SLICE: Final = 48
_ROW: Final = {name: row for row, name in enumerate(COLUMNS)}
_FORWARD, _BID, _ASK, _LAST, _BID_SIZE, _ASK_SIZE, _AT = (_ROW[name] for name in (*COLUMNS[3:],))
_NOTHING: Final = (float("nan"), 0.0)


class BookSweep:
    """One pass over the books of the options of one underlying."""

    def __init__(self, marks: UnderlyingMarks, traded: dict[int, int]) -> None:
        """`traded` holds the trade counter each option had at the last sweep; it is brought up to date."""
        chain = marks.chain
        self._marks = marks
        self._listing = marks.listing
        self._traded = traded
        self._ids: list[int] = marks.greeks.option_ids.tolist()
        self._at = 0
        self._columns = np.full((len(COLUMNS), len(chain)), np.nan)
        self._columns[_ROW["expiry_ms"]] = chain.expiry_ms[chain.expiry_of_option]
        self._columns[_ROW["strike"]] = chain.strike
        self._columns[_ROW["is_call"]] = chain.is_call

    @property
    def is_void(self) -> bool:
        """Whether the listing has changed since."""
        return self._listing != self._marks.listing

    def advance(
        self, instruments: Sequence[InstrumentView], markets: Sequence[InstrumentMarket], now_ms: int
    ) -> RefitRequest | None:
        """Read the next options; the request once all have been read."""
        end = min(self._at + SLICE, len(self._ids))
        forward = self._marks.chain.forward
        for at in range(self._at, end):
            instrument = self._ids[at]
            view, market = instruments[instrument], markets[instrument]
            bid, bid_size = _side(view, market.book.best_bid())
            ask, ask_size = _side(view, market.book.best_ask())
            last = _NOTHING[0]
            if market.trade_seq != self._traded.get(instrument, 0) and market.last_trade_ticks is not None:
                last = view.price(market.last_trade_ticks)
                self._traded[instrument] = market.trade_seq
            self._columns[_FORWARD:, at] = (forward[at], bid, ask, last, bid_size, ask_size, now_ms)
        self._at = end
        if end < len(self._ids):
            return None
        marks = self._marks
        return RefitRequest(marks.symbol, marks.underlying_id, self._listing, now_ms, self._columns)


def _side(view: InstrumentView, best: tuple[int, int] | None) -> tuple[float, float]:
    """Price and size of one side."""
    return _NOTHING if best is None else (view.price(best[0]), view.amount(best[1]))
