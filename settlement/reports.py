"""An account as whoever rebuilt it from the L1's data tells it, of either format."""

from __future__ import annotations

import msgspec


class PositionReport(msgspec.Struct, frozen=True):
    """A position; `entry_value_micro` is the signed sum of its fills' values."""

    instrument: int
    name: str
    size_lots: int
    entry_value_micro: int


class AccountReport(msgspec.Struct, frozen=True):
    """An account as the L1's data make it."""

    account: int
    owner: str
    cash_micro: int
    positions: list[PositionReport]
