"""What triggers, links and volatilities keep true after every command (rules 3)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.accounts import Order
from tests.reference.extras import NOTHING_SEEN, Extra, Place
from tests.reference.outcome import must
from tests.reference.world import World


def check(world: World) -> None:
    """Check them all. Raises BrokenInvariant, naming the first that fails."""
    must(not world.followed, "what follows from links was left undone")
    untriggered = [order for order in world.orders.values() if order.untriggered]
    must(len(untriggered) <= limits.MAX_TRIGGERS, "too many untriggered orders")
    queued = [order for order in untriggered if order.place is Place.DUE]
    must({order.id for order in world.due} == {order.id for order in queued}, "the queue has other orders")
    must(len(world.due) == len(queued), "an order is due twice")
    if not world.has_order_rules:
        must(not untriggered, "a trigger before rules 3")
    for order in world.orders.values():
        if order.untriggered:
            _check_untriggered(order)
        if order.extra is not None:
            _check_links(world, order, order.extra)


def _check_untriggered(order: Order) -> None:
    where, extra = f"untriggered order {order.id}", order.extra
    if extra is None:
        must(False, f"{where} has no trigger or link")
        return
    must(order.seat is not order.account.seats.get(order.instrument.id), f"{where} has a seat")
    must(order.group is None and not order.is_quote, f"{where} is protected or a quote")
    must(order.hold_per_lot == order.shown_lots == 0, f"{where} holds or shows something")
    must(order.open_lots == order.size_lots - order.filled_lots, f"{where} lots")
    must(order.type == r.TYPE_LIMIT or order.price_ticks == 0, f"{where} is a market order with a price")
    must(extra.fired == (order.filled_lots > 0), f"{where} fired or did not")
    if order.place is Place.WAITS:
        must(extra.has_trigger and not extra.fired, f"{where} waits for nothing")
    if order.place is Place.SPENT:
        must(extra.fired and extra.primary is not None, f"{where} is spent for good")
    if order.place is Place.DORMANT:
        must(extra.primary is not None and extra.best_micro == NOTHING_SEEN, f"{where} sleeps alone")


def _check_links(world: World, order: Order, extra: Extra) -> None:
    where, other, primary = f"order {order.id}", extra.other, extra.primary
    if other is not None:
        must(world.lives(other), f"{where} is paired with one that ended")
        must(other.extra is not None and other.extra.other is order, f"{where} is paired one way")
        must(order.filled_lots == 0, f"{where} was filled and is still paired")
        must(order.place in (Place.BOOK, Place.WAITS, Place.DUE), f"{where} is paired and asleep")
    if primary is not None:
        must(world.lives(primary), f"{where} has a primary that ended")
        must(primary.extra is not None and order in primary.extra.members, f"{where} is no member")
        must(extra.is_incremental or order.place is Place.DORMANT, f"{where} woke and knows its primary")
        must(extra.woken_lots <= min(extra.sent_lots, primary.filled_lots), f"{where} woke too much")
    for member in extra.members:
        must(world.lives(member), f"{where} has a member that ended")
        must(member.extra is not None and member.extra.primary is order, f"{where} has a strange member")
    if extra.volatility_e6:
        good = order.instrument.is_option and not order.untriggered
        must(good and not order.flags & r.FLAG_POST_ONLY, f"{where} is priced in volatility")
