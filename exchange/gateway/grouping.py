"""Grouped books: levels summed into price steps of a whole number of USDC."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.gateway.book import Book, Level
from exchange.wire.instruments import InstrumentView

_MICRO = 1_000_000


def grouped(book: Book, view: InstrumentView, group: str, depth: int) -> tuple[list[Level], list[Level]]:
    """The best `depth` levels a side, bids rounded down and asks up to multiples of `group` USDC.

    `none`, and a group finer than the instrument's tick, leave the levels as they are.
    """
    step = 1 if group == "none" else max(1, int(group) * _MICRO // view.terms.tick_micro)
    if step == 1:
        return book.bids(depth), book.asks(depth)
    bids = _sum(((price - price % step, lots) for price, lots in book.bids()), depth)
    asks = _sum(((price + -price % step, lots) for price, lots in book.asks()), depth)
    return bids, asks


def _sum(levels: Iterable[Level], depth: int) -> list[Level]:
    found: list[Level] = []
    for price, lots in levels:
        if found and found[-1][0] == price:
            found[-1] = (price, found[-1][1] + lots)
        elif len(found) == depth:
            break
        else:
            found.append((price, lots))
    return found
