"""Market-maker protection: a group's limits, its window of fills, and what trips it (rules 3)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain.commands_orders import MmpLimits
from tests.reference.arithmetic import floor_div
from tests.reference.instruments import E8, Instrument

if TYPE_CHECKING:
    from tests.reference.accounts import Order

GroupKey = tuple[int, int, int]  # account, underlying, number
NO_WINDOW = -1


def _stopped(total: int) -> int:
    """Sums stop at ±2⁶⁰."""
    return max(-limits.MAX_MMP_SUM, min(total, limits.MAX_MMP_SUM))


@dataclass(slots=True, eq=False)
class Group:
    """What is protected together. Sums are of the fills since `window_start_ms` (`NO_WINDOW`: none runs)."""

    account: int
    underlying: int
    number: int
    limits: MmpLimits
    frozen_until_ms: int = 0  # 0: not frozen, MMP_UNTIL_RESET: until it is reset
    window_start_ms: int = NO_WINDOW
    quantity_e8: int = 0
    delta_e8: int = 0
    vega_micro: int = 0
    orders: dict[int, Order] = field(default_factory=dict)  # open ones, by order_id
    open_lots: Counter[tuple[int, bool]] = field(default_factory=Counter)  # by instrument and side (a sale?)

    @property
    def key(self) -> GroupKey:
        return self.account, self.underlying, self.number

    def is_frozen(self, now_ms: int) -> bool:
        until = self.frozen_until_ms
        return until == r.MMP_UNTIL_RESET or now_ms < until

    def in_order(self) -> list[Order]:
        """Its open orders, in order_id order."""
        return [order for _, order in sorted(self.orders.items())]

    def end_window(self) -> None:
        self.window_start_ms = NO_WINDOW
        self.quantity_e8 = self.delta_e8 = self.vega_micro = 0

    def count(self, instrument: Instrument, lots: int, *, is_sell: bool, now_ms: int) -> None:
        """Count a fill, at the marks of the moment; it begins a window where none runs any more."""
        start = self.window_start_ms
        if start == NO_WINDOW or now_ms >= start + self.limits.interval_ms:
            self.end_window()
            self.window_start_ms = now_ms
        amount_e8 = lots * instrument.terms.lot_e8
        sign = -1 if is_sell else 1
        delta = floor_div(amount_e8 * abs(instrument.delta_e9), limits.DELTA_ONE_E9)
        vega = floor_div(amount_e8 * instrument.vega_micro, E8)
        self.quantity_e8 = _stopped(self.quantity_e8 + amount_e8)
        self.delta_e8 = _stopped(self.delta_e8 + (sign if instrument.delta_e9 >= 0 else -sign) * delta)
        self.vega_micro = _stopped(self.vega_micro + sign * vega)

    def limits_passed(self) -> list[str]:
        """Which of its limits (those that are not 0) the sums have reached."""
        reached = (
            ("quantity", self.quantity_e8, self.limits.quantity_limit_e8),
            ("delta", abs(self.delta_e8), self.limits.delta_limit_e8),
            ("vega", abs(self.vega_micro), self.limits.vega_limit_micro),
        )
        return [name for name, total, limit in reached if limit and total >= limit]
