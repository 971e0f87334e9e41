"""What a perpetual's book says of its mark: the prices at which a given size could be traded.

The impact price of a side is the worst price of that size, the one its last lot would trade at, not the
average: whoever wants a side to show a price has to stand there, or better, with the whole size himself, and
small orders in front of it change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from exchange.gateway.book import Book, Level
from exchange.oracle.perpetual import PerpetualMark
from exchange.wire.instruments import InstrumentView


def tell(mark: PerpetualMark, view: InstrumentView, book: Book, index: float, now_ms: int) -> None:
    """Tell `mark` the impact prices of `book` as of now."""
    levels, notional = mark.rules.levels, mark.rules.impact_notional
    mark.tell(
        impact_price(view, book.bids(levels), index, notional),
        impact_price(view, book.asks(levels), index, notional),
        index,
        now_ms,
    )


def impact_price(
    view: InstrumentView, levels: Iterable[Level], index: float, notional: float
) -> float | None:
    """The price of the last lot of `notional` (USDC at the index), best level first; None if it is short."""
    needed = notional / index
    for ticks, lots in levels:
        needed -= view.amount(lots)
        if needed <= 0.0:
            return view.price(ticks)
    return None
