"""What events tell while an attack goes on, and what holds of every order they tell of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import of

SLICES = (r.LIQ_PERPETUAL, r.LIQ_OPTION)
# What became of orders, by kind and cancel reason of their ORDER.
FATES = {
    (r.ORDER_TRIGGERED, 0): "order_fired",
    (r.ORDER_CANCELLED, r.CANCEL_MARGIN): "losing_maker_cancelled",
    (r.ORDER_CANCELLED, r.CANCEL_TRIGGER_REFUSED): "fired_order_refused",
    (r.ORDER_CANCELLED, r.CANCEL_OCO): "other_of_a_pair_cancelled",
    (r.ORDER_CANCELLED, r.CANCEL_MMP): "quote_of_a_tripped_group_cancelled",
    (r.ORDER_CANCELLED, r.CANCEL_REPRICE_REFUSED): "repricing_refused",
}
ENDED = (r.ORDER_STATE_FILLED, r.ORDER_STATE_CANCELLED)


class Told(NamedTuple):
    """What happened to one account in liquidation, micro-USDC."""

    account: int
    kind: int
    amount_micro: int


def of_others(events: list[e.Event], account: int) -> list[e.Order]:
    """What was told of orders of other accounts."""
    return [order for order in of(events, e.Order) if order.head.account != account]


def names(events: list[e.Event]) -> Iterator[str]:
    """What a campaign counts: liquidations, fates of orders, what filled whole, who was refused by a look."""
    for told in events:
        if isinstance(told, e.Liquidation):
            yield r.LIQUIDATION_NAMES[told.kind]
        elif isinstance(told, e.Order):
            if (told.kind, told.reason) in FATES:
                yield FATES[told.kind, told.reason]
            if told.state == r.ORDER_STATE_FILLED and tif(told) == r.TIF_FOK:
                yield "fill_or_kill_filled"
            if told.kind == r.ORDER_AMENDED and told.state == r.ORDER_STATE_UNTRIGGERED:
                yield "member_woken_or_trigger_moved"
        elif isinstance(told, e.Trade) and not told.maker_order_id:
            yield "block_trade"


def tif(order: e.Order) -> int:
    """An order's time in force."""
    return order.flags >> r.TIF_SHIFT & r.TIF_MASK


def filled_as_found(order: e.Order) -> None:
    """What its look finds is filled: fill-or-kill fills whole or not at all, and so does a slice, which finds
    nothing only where it is of one lot."""
    is_slice = order.flags & r.FLAG_LIQUIDATION != 0
    fill_or_kill = tif(order) == r.TIF_FOK
    if order.state not in ENDED or order.filled_lots == order.size_lots or not (is_slice or fill_or_kill):
        return
    assert order.filled_lots == 0, "what a look found was not filled"
    assert fill_or_kill or order.size_lots == 1, "a slice found nothing"
