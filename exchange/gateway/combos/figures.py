"""Figures of combos, put together from those of their legs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exchange.gateway.market import InstrumentMarket
from exchange.wire.figures import Greeks
from exchange.wire.instruments import InstrumentView


def sum_greeks(legs: Iterable[tuple[int, Greeks]]) -> Greeks:
    """Greeks of (ratio, Greeks) together."""
    found = Greeks()
    for ratio, greeks in legs:
        found.delta += ratio * greeks.delta
        found.gamma += ratio * greeks.gamma
        found.rho += ratio * greeks.rho
        found.theta += ratio * greeks.theta
        found.vega += ratio * greeks.vega
    return found


def implied_best(
    markets: Sequence[InstrumentMarket], view: InstrumentView
) -> tuple[int | None, int | None]:
    """The bid and the ask in ticks that the best orders of a combo's legs make together; None where a side
    is missing, or where none are made (docs/rules-4.md, Implied orders)."""
    if len(view.legs) != 2 or any(abs(leg.ratio) != 1 for leg in view.legs):
        return None, None
    bid: int | None = 0
    ask: int | None = 0
    for ratio, leg in view.legs:
        book = markets[leg.instrument].book
        best_bid, best_ask = book.best_bid(), book.best_ask()
        buys, sells = (best_bid, best_ask) if ratio > 0 else (best_ask, best_bid)
        bid = None if bid is None or buys is None else bid + ratio * buys[0]
        ask = None if ask is None or sells is None else ask + ratio * sells[0]
    return bid, ask
