"""Reads the best quotes of a chain out of the venue's books, a few options a step.

A whole chain at once would hold the loop for milliseconds; a slice of it every step of the mark loop does
not show. Each option is taken with the forward of its own moment.

Not every quote has a say in where options are marked. A side's price is the best at which a single level has
at least the least notional (smaller ones in front of it are looked past, so that they hide nothing), and it
counts only as far as the side also stood there at the look before, at least a second earlier: of the two the
lower bid and the higher ask. A quote that flashes up says nothing; makers who follow the index lose nothing
but the index's move of that time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from exchange.gateway.book import Level
from exchange.gateway.market import InstrumentMarket
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.refit_job import COLUMNS, RefitRequest
from exchange.wire.instruments import InstrumentView

SLICE: Final = 48
_ROW: Final = {name: row for row, name in enumerate(COLUMNS)}
_FORWARD, _BID, _ASK, _LAST, _BID_SIZE, _ASK_SIZE, _AT = (_ROW[name] for name in (*COLUMNS[3:],))
_NAN: Final = float("nan")
_NOTHING: Final = (_NAN, 0.0)


@dataclass(frozen=True, slots=True)
class EntryRules:
    """Which quotes are read. ValueError for senseless ones."""

    notional_min: float = 5_000.0
    """Least size of a level times the forward, in quote units."""
    age_ms_min: int = 1_000
    """A side must have stood so long."""
    look_ms_max: int = 30_000
    """A look longer ago than this proves nothing."""
    levels: int = 5
    """So many levels are looked past at most."""

    def __post_init__(self) -> None:
        if not (self.notional_min > 0.0 and 0 < self.age_ms_min <= self.look_ms_max and self.levels > 0):
            raise ValueError("entry rules need a positive notional, age and levels")


class Look(NamedTuple):
    """What an option's book showed: NaN for a side that had nothing large enough."""

    at_ms: int
    bid: float
    ask: float


@dataclass(slots=True)
class Seen:
    """What is remembered of an option from sweep to sweep."""

    traded: dict[int, int] = field(default_factory=dict)
    """The trade counter at the last sweep."""
    looks: dict[int, Look] = field(default_factory=dict)


class BookSweep:
    """One pass over the books of the options of one underlying."""

    def __init__(self, marks: UnderlyingMarks, seen: Seen, rules: EntryRules | None = None) -> None:
        """`seen` is what the sweep before left; it is brought up to date."""
        chain = marks.chain
        self._marks = marks
        self._listing = marks.listing
        self._seen = seen
        self._rules = rules or EntryRules()
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
        forwards, traded = self._marks.chain.forward, self._seen.traded
        for at in range(self._at, end):
            instrument, forward = self._ids[at], float(forwards[at])
            view, market = instruments[instrument], markets[instrument]
            bid, bid_size = self._side(view, market.book.bids(self._rules.levels), forward)
            ask, ask_size = self._side(view, market.book.asks(self._rules.levels), forward)
            last = _NAN
            if market.trade_seq != traded.get(instrument, 0) and market.last_trade_ticks is not None:
                last = view.price(market.last_trade_ticks)
                traded[instrument] = market.trade_seq
            bid, ask = self._stood(instrument, Look(now_ms, bid, ask))
            self._columns[_FORWARD:, at] = (forward, bid, ask, last, bid_size, ask_size, now_ms)
        self._at = end
        if end < len(self._ids):
            return None
        marks = self._marks
        return RefitRequest(marks.symbol, marks.underlying_id, self._listing, now_ms, self._columns)

    def _side(self, view: InstrumentView, levels: Sequence[Level], forward: float) -> tuple[float, float]:
        """Price and size of the best level that is large enough."""
        for ticks, lots in levels:
            size = view.amount(lots)
            if size * forward >= self._rules.notional_min:
                return view.price(ticks), size
        return _NOTHING

    def _stood(self, instrument: int, look: Look) -> tuple[float, float]:
        """The bid and the ask as far as they stood at the look before; NaN where they did not."""
        before = self._seen.looks.get(instrument)
        elapsed_ms = 0 if before is None else look.at_ms - before.at_ms
        if before is not None and 0 <= elapsed_ms < self._rules.age_ms_min:
            return _NAN, _NAN  # too soon to tell, and the earlier look stays for the next
        self._seen.looks[instrument] = look
        if before is None or not 0 <= elapsed_ms <= self._rules.look_ms_max:
            return _NAN, _NAN
        no_bid = math.isnan(look.bid) or math.isnan(before.bid)
        no_ask = math.isnan(look.ask) or math.isnan(before.ask)
        return (
            _NAN if no_bid else min(look.bid, before.bid),
            _NAN if no_ask else max(look.ask, before.ask),
        )
