"""The sections of the canonical state that rules 3 add behind the others (state format 3)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.reference.accounts import Order
from tests.reference.extras import Place
from tests.reference.triggers import extra_of
from tests.reference.world import World

_PLACES = {Place.BOOK: 0, Place.DORMANT: 1, Place.SPENT: 1, Place.WAITS: 2, Place.DUE: 3}


def words(world: World) -> Iterator[int]:
    """8 streams of client order ids, 9 remembered ids, 10 protection groups; 11 and up: triggers, links."""
    ids = world.ids
    yield len(ids.last)
    for (account, grant), last in sorted(ids.last.items()):
        yield from (account, grant, last)
    yield len(ids.outcomes)
    for (account, grant, client_order_id), outcome in ids.outcomes.items():
        yield from (account, grant, client_order_id, *outcome)
    yield len(world.groups)
    for key, group in sorted(world.groups.items()):
        yield from (*key, *group.limits, group.frozen_until_ms, group.window_start_ms)
        yield from (group.quantity_e8, group.delta_e8, group.vega_micro)
    yield from _of_orders(world)


def _of_orders(world: World) -> Iterator[int]:
    """11 last prices, 12 untriggered orders, 13 what orders have besides, 14 the queue, 15 the last block."""
    traded = [instrument for instrument in world.instruments if instrument.last_seen_ticks]
    yield len(traded)
    for instrument in traded:
        yield from (instrument.id, instrument.last_seen_ticks)
    in_order = [order for _, order in sorted(world.orders.items())]
    untriggered = [order for order in in_order if order.untriggered]
    yield len(untriggered)
    for order in untriggered:
        yield from _untriggered(order)
    extended = [order for order in in_order if order.untriggered or _keeps_something(order)]
    yield len(extended)
    for order in extended:
        yield from _extra(order)
    yield len(world.due)
    yield from (order.id for order in world.due)
    yield world.last_block_id


def _keeps_something(order: Order) -> bool:
    return order.extra is not None and order.extra.keeps_something()


def _untriggered(order: Order) -> Iterator[int]:
    yield from (order.id, order.account.id, order.instrument.id, order.price_ticks, order.open_lots)
    yield from (order.size_lots, order.display_lots, order.filled_value, order.flags)
    yield from (order.client_order_id, order.label, order.grant, order.created_ms, order.updated_ms)


def _extra(order: Order) -> Iterator[int]:
    extra = extra_of(order)
    yield from (order.id, extra.word, extra.trigger.trigger_micro, extra.trigger.offset_micro)
    yield from (extra.best_micro, extra.volatility_e6, _id(extra.other), _id(extra.primary))
    members = [0, 0]
    for member in extra.members:
        members[extra_of(member).number] = member.id
    yield from members
    incremental = extra.is_incremental and extra.primary is not None
    yield from (extra.sent_lots, extra.woken_lots) if incremental else (0, 0)
    yield from (int(extra.fired), _PLACES[order.place])


def _id(order: Order | None) -> int:
    return order.id if order else 0
