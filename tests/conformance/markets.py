"""Choices the ccxt suites share: which market to trade, and prices on its grid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

PERPETUAL = "ETH/USDC:USDC"
BASE = "ETH"


def on_tick(market: dict[str, Any], price: float, *, up: bool = False) -> float:
    """The valid price next below (or above) `price`; ccxt itself knows only the finest tick."""
    info = market["info"]
    value = Decimal(str(price))
    tick = Decimal(str(info["tick_size"]))
    for step in info.get("tick_size_steps") or []:
        if value >= Decimal(str(step["above_price"])):
            tick = Decimal(str(step["tick_size"]))
    steps = value // tick + (1 if up and value % tick else 0)
    return float(steps * tick)


def smallest(market: dict[str, Any], multiple: int = 1) -> float:
    """That many minimum amounts."""
    return float(Decimal(str(market["info"]["min_trade_amount"])) * multiple)


def near_the_money(markets: dict[str, Any], index: float, after_ms: int) -> dict[str, Any]:
    """The call nearest to the money of the first expiry that is at least two days away."""
    calls = [
        market
        for market in markets.values()
        if market["option"]
        and market["base"] == BASE
        and market["optionType"] == "call"
        and market["expiry"] > after_ms + 2 * 86_400_000
    ]
    first = min(market["expiry"] for market in calls)
    return min(
        (market for market in calls if market["expiry"] == first),
        key=lambda market: abs(market["strike"] - index),
    )
