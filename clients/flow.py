"""What a taker does next: seeded, random, bounded. Pure; the bot around it only carries messages."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from clients.instruments import MICRO, Instrument, to_number

LABEL: Final = "taker"


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """The mix of actions (relative weights) and their bounds."""

    weights: Mapping[str, float] = field(
        default_factory=lambda: {"market": 2.0, "ioc": 4.0, "limit": 4.0, "amend": 1.5, "cancel": 2.5}
    )
    max_multiple: int = 8
    """Largest order, in minimum amounts."""
    position_limit_multiple: int = 150
    """Net position, in minimum amounts, at which only the reducing side is traded."""
    max_open_orders: int = 60
    perpetual_share: float = 0.25
    """How often a perpetual is chosen instead of an option."""
    near_share: float = 0.15
    """Options within this distance of the money (|K/F - 1|) are three times as likely."""

    def __post_init__(self) -> None:
        if self.max_multiple < 1 or self.position_limit_multiple < 1 or self.max_open_orders < 1:
            raise ValueError("multiples and order counts are at least 1")
        if not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise ValueError("action weights are not negative and not all zero")
        unknown = set(self.weights) - {"market", "ioc", "limit", "amend", "cancel"}
        if unknown:
            raise ValueError(f"unknown action(s): {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True)
class Prices:
    """What the taker last saw of one instrument, in micro-USDC; 0 where there was nothing."""

    bid_micro: int = 0
    ask_micro: int = 0
    mark_micro: int = 0
    forward_micro: int = 0


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A resting order of ours."""

    order_id: str
    instrument: Instrument
    is_buy: bool
    price_micro: int
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Action:
    """One request. `order_id` names the open order it changes, "" for a new one."""

    kind: str
    method: str
    params: dict[str, Any]
    instrument: Instrument
    order_id: str = ""


class Flow:
    """The strategy: the bot tells it the market, :meth:`next_action` draws what to do."""

    def __init__(self, config: FlowConfig, rng: random.Random) -> None:
        self.config = config
        self.prices: dict[str, Prices] = {}
        self.position_micro: dict[str, int] = {}
        self.open_orders: dict[str, OpenOrder] = {}
        self._rng = rng
        self._perpetuals: list[Instrument] = []
        self._options: list[Instrument] = []
        self._option_weights: list[float] = []

    def set_market(self, instruments: Sequence[Instrument], prices: dict[str, Prices]) -> None:
        """What is listed and what it costs; instruments without a mark are not traded."""
        self.prices = prices
        marked = [i for i in instruments if i.name in prices and prices[i.name].mark_micro > 0]
        self._perpetuals = [i for i in marked if not i.is_option]
        self._options = [i for i in marked if i.is_option]
        # Cumulative, as the drawing function wants them: a draw is a bisection then.
        self._option_weights = list(accumulate(self._weight(i) for i in self._options))

    def next_action(self) -> Action | None:
        """Draw the next request; None if nothing drawn can be done now (no prices, nothing to amend)."""
        rng = self._rng
        config = self.config
        kind = rng.choices(list(config.weights), list(config.weights.values()))[0]
        if len(self.open_orders) >= config.max_open_orders and kind == "limit":
            kind = "cancel"
        if kind in ("amend", "cancel"):
            return self._change(kind)
        instrument = self._pick_instrument()
        if instrument is None:
            return None
        return self._new_order(kind, instrument)

    def _pick_instrument(self) -> Instrument | None:
        rng = self._rng
        if self._perpetuals and (not self._options or rng.random() < self.config.perpetual_share):
            return rng.choice(self._perpetuals)
        if not self._options:
            return None
        return rng.choices(self._options, cum_weights=self._option_weights)[0]

    def _weight(self, instrument: Instrument) -> float:
        forward = self.prices[instrument.name].forward_micro / MICRO
        if forward <= 0.0:
            return 1.0
        return 3.0 if abs(instrument.strike / forward - 1.0) <= self.config.near_share else 1.0

    def _new_order(self, kind: str, instrument: Instrument) -> Action | None:
        is_buy = self._draw_side(instrument)
        amount = instrument.min_amount_micro * self._rng.randint(1, self.config.max_multiple)
        params: dict[str, Any] = {
            "instrument_name": instrument.name,
            "amount": to_number(amount),
            "type": "market" if kind == "market" else "limit",
            "label": LABEL,
        }
        if kind != "market":
            price = self._touch(instrument, is_buy) if kind == "ioc" else self._passive(instrument, is_buy)
            if price <= 0:
                return None
            params["price"] = to_number(price)
            params["time_in_force"] = "immediate_or_cancel" if kind == "ioc" else "good_til_cancelled"
        return Action(kind, "private/buy" if is_buy else "private/sell", params, instrument)

    def _draw_side(self, instrument: Instrument) -> bool:
        """Buy or sell, the more likely to reduce the larger the position; at the limit certainly."""
        limit = instrument.min_amount_micro * self.config.position_limit_multiple
        filled_share = self.position_micro.get(instrument.name, 0) / limit
        return self._rng.random() < 0.5 - 0.5 * max(-1.0, min(1.0, filled_share))

    def _touch(self, instrument: Instrument, is_buy: bool) -> int:
        """The best opposite price; the mark where there is none."""
        seen = self.prices[instrument.name]
        price = (seen.ask_micro if is_buy else seen.bid_micro) or seen.mark_micro
        return instrument.grid.ceil(price) if is_buy else instrument.grid.floor(price)

    def _passive(self, instrument: Instrument, is_buy: bool) -> int:
        """Up to 3 % (options: 30 %) away from the mark on the own side, sometimes inside the spread."""
        seen = self.prices[instrument.name]
        reach = 0.3 if instrument.is_option else 0.03
        share = self._rng.random() ** 2 * reach
        if is_buy:
            return instrument.grid.floor(int(seen.mark_micro * (1.0 - share)))
        return instrument.grid.ceil(int(seen.mark_micro * (1.0 + share)))

    def _change(self, kind: str) -> Action | None:
        if not self.open_orders:
            return None
        order = self.open_orders[self._rng.choice(sorted(self.open_orders))]
        if kind == "cancel":
            params: dict[str, Any] = {"order_id": order.order_id}
            return Action(kind, "private/cancel", params, order.instrument, order.order_id)
        if order.instrument.name not in self.prices:
            return None
        smallest = order.instrument.min_amount_micro
        amount = max(smallest, order.amount_micro + smallest * self._rng.choice((-2, -1, 1, 2)))
        price = self._passive(order.instrument, order.is_buy)
        if self._rng.random() < 0.5 or price <= 0:
            price = order.price_micro
        params = {"order_id": order.order_id, "amount": to_number(amount), "price": to_number(price)}
        return Action(kind, "private/edit", params, order.instrument, order.order_id)


def read_prices(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Prices]:
    """Prices by instrument from ``get_book_summary_by_currency`` entries; absent figures become 0."""
    return {
        str(summary["instrument_name"]): Prices(
            bid_micro=_micro(summary.get("bid_price")),
            ask_micro=_micro(summary.get("ask_price")),
            mark_micro=_micro(summary.get("mark_price")),
            forward_micro=_micro(summary.get("underlying_price")),
        )
        for summary in summaries
    }


def _micro(value: object) -> int:
    """A shown figure in millionths, rounded: marks may be finer than a tick."""
    return round(value * MICRO) if isinstance(value, (int, float)) and value > 0 else 0
