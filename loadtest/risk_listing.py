"""Listings of the venue's own products, as many as a benchmark asks for, and their oracle."""

from __future__ import annotations

from typing import Final

from exchange.app import parameters
from exchange.app.products import PRODUCTS
from exchange.domain.commands import InstrumentTerms
from exchange.oracle.chain_spec import ChainPlan, chain_spec
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.table_feed import TableFeed
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

NOW_MS: Final = 1_795_000_000_000
_CARRY: Final = 0.05
_EXPIRIES: Final = 9  # of the plan's calendar, about


def terms_of(underlying: int, spot: float, count: int) -> list[InstrumentTerms]:
    """The perpetual and the next `count` − 1 options of an underlying, by expiry and strike.

    Raises ValueError for a count the strikes' grid has no room for.
    """
    product = PRODUCTS[underlying]
    strikes = max(1, count // (2 * _EXPIRIES))
    while strikes <= count:
        specs = chain_spec(NOW_MS, spot, ChainPlan(strikes_per_expiry=strikes))
        if len(specs) >= count - 1:
            options = [product.option(underlying, spec) for spec in specs[: count - 1]]
            return [product.perpetual(underlying), *options]
        strikes += 1 + strikes // 10
    raise ValueError(f"no {count} instruments of {product.symbol}")


def oracle(
    underlying: int, terms: list[InstrumentTerms], first_id: int, seed: int = 1
) -> tuple[UnderlyingMarks, TableFeed]:
    """Marks and tables of a listing whose ids start at `first_id`, as the venue's oracle makes them."""
    symbol = PRODUCTS[underlying].symbol
    feed = TableFeed(parameters.GRID)
    premium = PerpetualPremium(seed, NOW_MS)
    marks = UnderlyingMarks(
        underlying, symbol, simulated_surface(symbol), FlatCarry(_CARRY), premium, tables=feed
    )
    marks.set_instruments(MarkedInstrument.from_terms(first_id + n, each) for n, each in enumerate(terms))
    feed.load({})
    return marks, feed
