"""The whole chain of an underlying as one JSON object: a row an option, and what the rows were made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject, Level

FIELDS: Final = (
    "instrument_name",
    "strike",
    "expiration_timestamp",
    "option_type",
    "mark_price",
    "underlying_price",
    "mark_iv",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "pull",
    "best_bid_price",
    "best_bid_amount",
    "bid_iv",
    "best_ask_price",
    "best_ask_amount",
    "ask_iv",
)
"""What stands in each place of a row."""


class ChainRow(NamedTuple):
    """One option: its model values (strike, expiry, mark, forward, volatility, five Greeks, pull), its best
    prices, and their volatilities in percent."""

    view: InstrumentView
    values: Sequence[float]
    best_bid: Level | None
    best_ask: Level | None
    bid_iv: float | None
    ask_iv: float | None


def chain_object(
    symbol: str, rows: Iterable[ChainRow], model: JsonObject | None, time_ms: int, seq: int
) -> JsonObject:
    """A frame of `chain.{currency}.{interval}` and the result of `public/strikebook_get_chain`."""
    return {
        "currency": symbol,
        "index_name": index_name(symbol),
        "timestamp": time_ms,
        "seq": seq,
        "model": model,
        "fields": FIELDS,
        "options": [_row(row) for row in rows],
    }


def _row(row: ChainRow) -> list[object]:
    view = row.view
    strike, expiry_ms, *values = row.values
    kind = "call" if view.terms.option_type == r.OPTION_CALL else "put"
    found: list[object] = [view.name, strike, int(expiry_ms), kind]
    found += values
    for best, iv in ((row.best_bid, row.bid_iv), (row.best_ask, row.ask_iv)):
        found += (None, 0.0) if best is None else (view.price(best[0]), view.amount(best[1]))
        found.append(iv)
    return found
