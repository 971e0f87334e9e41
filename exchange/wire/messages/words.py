"""Words and plain values that messages share."""

from __future__ import annotations

from typing import Literal

Direction = Literal["buy", "sell"]
OrderState = Literal["open", "filled", "cancelled", "untriggered", "triggered", "rejected"]
OrderType = Literal[
    "limit",
    "market",
    "market_limit",
    "stop_limit",
    "stop_market",
    "take_limit",
    "take_market",
    "trailing_stop",
    "liquidation",
]
TimeInForce = Literal["good_til_cancelled", "good_til_day", "fill_or_kill", "immediate_or_cancel"]
Liquidity = Literal["M", "T"]
Finality = Literal["soft", "posted", "confirmed", "final"]
Kind = Literal["option", "future", "option_combo"]
TriggerSource = Literal["index_price", "mark_price", "last_price"]
FillCondition = Literal["first_hit", "complete_fill", "incremental"]
OptionType = Literal["call", "put"]
MarginModel = Literal["segregated_sm", "segregated_pm"]
BookLevel = tuple[Literal["new", "change", "delete"], float, float]
"""What became of a level, its price, its amount."""
