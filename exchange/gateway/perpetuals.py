"""What a perpetual's holder asks of a position: its leverage, and the price that would end it."""

from __future__ import annotations

from typing import Final

from exchange.core.margin_queries import MarginFigures
from exchange.wire.figures import PositionValues
from exchange.wire.instruments import InstrumentView, usdc

_E8: Final = 100_000_000


def leverage(view: InstrumentView, values: PositionValues) -> int:
    """The greatest leverage of a perpetual: its value over its own initial margin, at least 1."""
    value = abs(values.size_lots) * values.mark_micro * view.terms.lot_e8 // _E8
    return max(1, value // values.initial_micro) if values.initial_micro else 1


def liquidation_price(
    view: InstrumentView, values: PositionValues, whole: MarginFigures
) -> float | None:
    """The mark of a perpetual at which the account would reach its maintenance margin.

    Everything else is held as it is: balance moves by the position's size, maintenance by the position's
    own share of it. None for options, and where no price below or above the mark leads there.
    """
    size = view.amount(values.size_lots)
    if view.is_option or not size or not values.mark_micro:
        return None
    mark = usdc(values.mark_micro)
    room = usdc(whole.balance_micro - whole.maintenance_micro)
    rate = usdc(values.maintenance_micro) / mark
    slope = size - rate  # of balance less maintenance, per unit of price
    price = mark - room / slope if slope else -1.0
    is_losing = price < mark if size > 0 else price > mark
    return price if price > 0 and (is_losing or room <= 0) else None
