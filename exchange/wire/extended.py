"""What an order has beyond price and size, as clients read it: trigger, links, volatility.

The core tells it in EXTENDED events, which precede the ORDER they belong to (docs/rules-3.md). A trigger
order keeps its id when it fires: from then on it is shown as the limit or market order it has become, with
`triggered` and `trigger_order_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exchange.domain import events
from exchange.domain import records as r
from exchange.domain.events_orders import Extended
from exchange.wire.instruments import usdc
from exchange.wire.params import Params, has

SOURCES: Final = {
    "index_price": r.SOURCE_INDEX,
    "mark_price": r.SOURCE_MARK,
    "last_price": r.SOURCE_LAST,
}
SOURCE_NAMES: Final = {number: name for name, number in SOURCES.items()}
LINKS: Final = {
    "one_cancels_other": r.LINK_OCO,
    "one_triggers_other": r.LINK_OTO,
    "one_triggers_one_cancels_other": r.LINK_OTOCO,
}
CONDITIONS: Final = {
    "first_hit": r.FILL_FIRST_HIT,
    "complete_fill": r.FILL_COMPLETE,
    "incremental": r.FILL_INCREMENTAL,
}
_CONDITION_NAMES: Final = {number: name for name, number in CONDITIONS.items()}
# Type to kind of trigger. What it is once it has fired the rest of the name says (a trailing stop's price).
TRIGGER_TYPES: Final = {
    "stop_limit": r.TRIGGER_STOP,
    "stop_market": r.TRIGGER_STOP,
    "take_limit": r.TRIGGER_TAKE,
    "take_market": r.TRIGGER_TAKE,
    "trailing_stop": r.TRIGGER_TRAILING,
}
_KIND_NAMES: Final = {r.TRIGGER_STOP: "stop", r.TRIGGER_TAKE: "take"}
_PARAMETERS: Final = (
    "linked_order_type",
    "otoco_config",
    "advanced",
    "trigger",
    "trigger_price",
    "trigger_offset",
)
VOLATILITY_PER_PERCENT: Final = 10_000
"""volatility_e6 of one percent."""
_TRIGGERED_LINKS: Final = (r.LINK_OTO, r.LINK_OTOCO)


def is_extended(params: Params) -> bool:
    """Whether a new order's parameters ask for a trigger, linked orders or a price in volatility."""
    kind = params.get("type")
    return (isinstance(kind, str) and kind in TRIGGER_TYPES) or any(has(params, name) for name in _PARAMETERS)


@dataclass(slots=True)
class OrderExtra:
    """What is known of one order's trigger, links and volatility; prices in micro-USDC."""

    order_id: int
    instrument: int = 0
    account: int = 0
    trigger: int = r.TRIGGER_NONE
    source: int = r.SOURCE_NONE
    link: int = r.LINK_NONE
    condition: int = r.FILL_FIRST_HIT
    members: int = 0
    trigger_micro: int = 0
    offset_micro: int = 0
    first_micro: int = 0
    """Of a trailing stop: where its trigger stood when it was first told,"""
    first_offset_micro: int = 0
    """and its offset then."""
    volatility_e6: int = 0
    other_order_id: int = 0
    """The other order of its pair, as far as it ever was known."""
    primary_order_id: int = 0
    """Of an order that another one triggers: that one."""
    fired: bool = False
    """Whether its trigger has fired."""
    in_book: bool = False

    def take(self, event: Extended) -> None:
        """An EXTENDED of this order. A link that has ended is still shown."""
        self.instrument = event.head.instrument
        self.account = event.head.account
        self.trigger, self.source = event.trigger, event.source
        self.link, self.condition, self.members = event.link, event.condition, event.members
        self.trigger_micro, self.offset_micro = event.trigger_micro, event.offset_micro
        if not self.first_micro and event.trigger == r.TRIGGER_TRAILING:
            self.first_micro, self.first_offset_micro = event.trigger_micro, event.offset_micro
        self.volatility_e6 = event.volatility_e6
        if self.is_secondary and not self.primary_order_id:
            self.primary_order_id = event.other_order_id  # the first that is told of a member names it
        self.other_order_id = event.other_order_id or self.other_order_id

    @property
    def is_secondary(self) -> bool:
        """Whether another order triggers it."""
        return self.link in _TRIGGERED_LINKS and self.members == 0

    def is_triggered(self, order: events.Order) -> bool:
        """Whether the order is what its trigger has made of it."""
        if self.trigger == r.TRIGGER_NONE:
            return False
        done = order.state in (r.ORDER_STATE_OPEN, r.ORDER_STATE_FILLED)
        return self.fired or done or order.filled_lots > 0


def extra_of(event: Extended, *, fired: bool = False) -> OrderExtra:
    """What one EXTENDED tells."""
    extra = OrderExtra(event.head.id, fired=fired)
    extra.take(event)
    return extra


def order_type(extra: OrderExtra, order: events.Order, plain: str) -> str:
    """The dialect's type: `plain` (limit or market) once its trigger has fired."""
    if extra.trigger == r.TRIGGER_NONE or extra.is_triggered(order):
        return plain
    if extra.trigger == r.TRIGGER_TRAILING:
        return "trailing_stop"
    return f"{_KIND_NAMES[extra.trigger]}_{plain}"


def order_state(order: events.Order, plain: str) -> str:
    """`untriggered`; `triggered` for one that has fired, is filled as far as it may be and waits for its
    primary; `rejected` where firing was refused; else `plain`."""
    if order.state == r.ORDER_STATE_UNTRIGGERED:
        return "triggered" if order.filled_lots else "untriggered"
    if order.state == r.ORDER_STATE_CANCELLED and order.reason == r.CANCEL_TRIGGER_REFUSED:
        return "rejected"
    return plain


def extended_fields(extra: OrderExtra, order: events.Order) -> dict[str, object]:
    """The fields an order has because of its trigger, links or volatility."""
    found: dict[str, object] = {}
    if extra.trigger:
        found |= _trigger_fields(extra, order)
    if extra.link:
        found |= _link_fields(extra, order.order_id)
    if extra.volatility_e6:
        found["advanced"] = "implv"
        found["implv"] = extra.volatility_e6 / VOLATILITY_PER_PERCENT
    return found


def _trigger_fields(extra: OrderExtra, order: events.Order) -> dict[str, object]:
    triggered = extra.is_triggered(order)
    found: dict[str, object] = {
        "trigger": SOURCE_NAMES.get(extra.source, "index_price"),
        "triggered": triggered,
        "trigger_price": usdc(extra.trigger_micro),
    }
    if extra.trigger == r.TRIGGER_TRAILING:
        found["trigger_offset"] = usdc(extra.offset_micro)
        if extra.first_micro:  # it began at the price of then, less or plus its offset
            offset_micro = extra.first_offset_micro if order.is_sell else -extra.first_offset_micro
            found["trigger_reference_price"] = usdc(extra.first_micro + offset_micro)
    if triggered:
        found["trigger_order_id"] = str(order.order_id)
    return found


def _link_fields(extra: OrderExtra, order_id: int) -> dict[str, object]:
    """Members have the ids behind their primary's; a pair is named by its lower id."""
    found: dict[str, object] = {}
    if extra.link == r.LINK_OCO:
        if extra.other_order_id:
            found["oco_ref"] = f"oco-{min(order_id, extra.other_order_id)}"
        return found
    found["trigger_fill_condition"] = _CONDITION_NAMES.get(extra.condition, "first_hit")
    if extra.members:
        found["oto_order_ids"] = [str(order_id + 1 + n) for n in range(extra.members)]
        if extra.link == r.LINK_OTOCO:
            found["is_primary_otoco"] = True
        return found
    found["is_secondary_oto"] = True
    if extra.primary_order_id:
        found["primary_order_id"] = str(extra.primary_order_id)
        if extra.link == r.LINK_OTOCO:
            found["oco_ref"] = f"oco-{extra.primary_order_id + 1}"
    return found
