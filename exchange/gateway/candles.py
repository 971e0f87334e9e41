"""Trades since a command, as bars and candles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from exchange.gateway.history_ring import Fill, NotRemembered, counter_of
from exchange.gateway.market import RECENT_TRADES, InstrumentMarket
from exchange.gateway.read_records import read_trade
from exchange.history import bars as b
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.objects import JsonObject

RESOLUTIONS_S: Final = {
    **{str(minutes): 60 * minutes for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)},
    "1D": b.DAY_S,
}


def market_trades_since(market: InstrumentMarket, counter: int, known_from: int) -> list[Fill]:
    """An instrument's trades of commands from `counter` on, oldest first.

    Raises:
        NotRemembered: there may have been more than are remembered.
    """
    found: list[Fill] = []
    for fill in reversed(market.trades):
        if counter_of(fill.trade) < counter:
            break
        found.append(fill)
    is_cut = len(found) == RECENT_TRADES and counter_of(found[-1].trade) > counter
    if counter and (is_cut or known_from > counter):
        raise NotRemembered
    return found[::-1]


def bars_of(fills: Iterable[Fill], step_s: int) -> list[b.Bar]:
    """Trades, oldest first, as bars."""
    found = b.Bars()
    for fill in fills:
        trade = read_trade(fill.trade)
        found.add(
            b.TRADES, 0, (step_s,), trade.time_ms, trade.price_ticks, trade.size_lots, trade.value_micro
        )
    return list(found.found.values())


def candle(view: InstrumentView, bar: b.Bar, tick: str = "ticks") -> JsonObject:
    """One candle; the name of its time differs between method and channel."""
    return {
        tick: bar.start_s * 1_000,
        "open": view.price(bar.open),
        "high": view.price(bar.high),
        "low": view.price(bar.low),
        "close": view.price(bar.close),
        "volume": view.amount(bar.volume),
        "cost": usdc(bar.value),
    }
