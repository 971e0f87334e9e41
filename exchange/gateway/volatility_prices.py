"""Prices of orders that are given as volatilities: the oracle's model, put on the instrument's ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from exchange.gateway.ports import OracleView
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.extended import VOLATILITY_PER_PERCENT
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import step_ticks

_MICRO: Final = 1_000_000


def prices_ticks(oracle: OracleView, wanted: Sequence[tuple[InstrumentView, int, bool]]) -> list[int | None]:
    """The price in ticks of each (option, volatility_e6, whether it sells), all of one underlying.

    Buys are rounded down and sells up to a price of the instrument, at least its lowest and at most its
    highest. None where the model has no price: nothing marked yet, or the option is over.
    """
    if not wanted:
        return []
    chain = oracle.chain(wanted[0][0].terms.underlying)
    if chain is None:
        return [None] * len(wanted)
    ids = [view.instrument for view, _, _ in wanted]
    percent = [volatility / VOLATILITY_PER_PERCENT for _, volatility, _ in wanted]
    prices = chain.price_at(ids, percent).tolist()
    return [
        None if math.isnan(price) else on_tick(view, price, sell=sell)
        for (view, _, sell), price in zip(wanted, prices, strict=True)
    ]


def on_tick(view: InstrumentView, price: float, *, sell: bool) -> int:
    """A price in USDC as ticks of the instrument: a sell's rounded up, a buy's down."""
    terms = view.terms
    exact = price * _MICRO / terms.tick_micro
    ticks = math.ceil(exact) if sell else math.floor(exact)
    step = step_ticks(terms, max(ticks, 1))
    ticks = -(-ticks // step) * step if sell else ticks // step * step
    highest = terms.price_limit_ticks
    return min(max(ticks, step), highest - highest % step_ticks(terms, highest))


def price_ticks_of(oracle: OracleView, view: InstrumentView, volatility_e6: int, sell: bool) -> int:
    """The price in ticks of one order.

    Raises:
        RpcError: 10040 the model has no price for it now.
    """
    (ticks,) = prices_ticks(oracle, [(view, volatility_e6, sell)])
    if ticks is None:
        raise error(errors.RETRY, param="price", reason="the option has no model price now")
    return ticks
