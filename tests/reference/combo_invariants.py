"""What rules 4 keep true after every command: combos, their orders, and what is kept of them."""

from __future__ import annotations

from collections import Counter

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.accounts import Account, Order, Seat
from tests.reference.combos import is_open_combo
from tests.reference.outcome import must
from tests.reference.world import World


def check(world: World) -> None:
    """Check those of rules 4. Raises BrokenInvariant, naming the first that fails."""
    must(not world.priced, "a last price was moved and not seen")
    combos = [instrument for instrument in world.instruments if instrument.is_combo]
    if not world.has_combo_rules:
        must(not combos, "a combo before rules 4")
    standing = [combo for combo in combos if is_open_combo(combo)]
    must(len(standing) <= limits.MAX_COMBOS, "too many combos")
    named = Counter(part.instrument.id for combo in standing for part in combo.parts)
    must(all(count <= limits.COMBOS_OF_LEG for count in named.values()), "too many combos of a leg")
    must(len({combo.parts for combo in standing}) == len(standing), "two open combos of the same legs")
    for combo in standing:
        ended = (r.STATE_DELISTED, r.STATE_DELIVERED)
        alive = all(part.instrument.state not in ended for part in combo.parts)
        must(alive, f"combo {combo.id} has outlived a leg")
        must(combo.lowest_price <= combo.highest_price, f"combo {combo.id} has no price")
        must(not (combo.last_ticks or combo.table), f"combo {combo.id} has what no combo has")
        for order in combo.book.orders():
            _check_order(order)
    for combo in combos:
        if not is_open_combo(combo):
            must(not list(combo.book.orders()), f"combo {combo.id} has ended and has orders")


def _check_order(order: Order) -> None:
    where, combo = f"combo order {order.id}", order.instrument
    must(combo.lowest_price <= order.price_ticks <= combo.highest_price, f"{where} has no valid price")
    must(order.shown_lots == order.open_lots and not order.display_lots, f"{where} hides something")
    must(order.group is None and not order.reduce_only and not order.untriggered, f"{where} is special")
    seats = [order.account.seats.get(leg.instrument.id) for leg in combo.legs]
    must(all(seat is not None for seat in seats), f"{where} lacks a seat")


def check_desk(account: Account, desk: Seat) -> None:
    """Where the orders of a combo are counted: they, and nothing else."""
    where = f"desk ({account.id}, {desk.instrument.id})"
    mine = [order for order in account.orders.values() if order.instrument is desk.instrument]
    must(desk.instrument.is_combo and all(order.seat is desk for order in mine), f"{where} is misplaced")
    must(desk.open_buy_lots == sum(o.open_lots for o in mine if not o.is_sell), f"{where} open_buy")
    must(desk.open_sell_lots == sum(o.open_lots for o in mine if o.is_sell), f"{where} open_sell")
    must(not (desk.size_lots or desk.hold_micro or desk.entry_value_micro), f"{where} has a position")
    quotes = {(order.is_sell, order.group_word): order for order in mine if order.is_quote}
    must(desk.quotes == quotes, f"{where} quotes")
