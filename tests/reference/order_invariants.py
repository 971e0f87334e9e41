"""What rules 3 keep true after every command: remembered ids, protection groups and their orders."""

from __future__ import annotations

from collections import Counter

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import trigger_invariants
from tests.reference.accounts import Order
from tests.reference.groups import NO_WINDOW, Group
from tests.reference.outcome import must
from tests.reference.world import World


def check(world: World) -> None:
    """Check those of rules 3. Raises BrokenInvariant, naming the first that fails."""
    _check_ids(world)
    must(not world.tripped, "a group that tripped goes on")
    of_group: dict[Group, list[Order]] = {}
    for order in world.orders.values():
        protected = bool(order.flags & r.FLAG_MMP) and not order.untriggered
        must(protected == (order.group is not None), f"order {order.id} protection bit")
        if order.group is not None:
            of_group.setdefault(order.group, []).append(order)
    for key, group in world.groups.items():
        must(key == group.key and key[0] in world.accounts, f"group {key} is misplaced")
        _check_group(world, group, of_group.pop(group, []))
    trigger_invariants.check(world)
    must(not of_group, "orders of a group that is not there")
    if not world.has_order_rules:
        must(not (world.groups or world.ids.last), "kept before rules 3")


def _check_ids(world: World) -> None:
    ids = world.ids
    counts = Counter(account for account, _, _ in ids.outcomes)
    must(+ids.counts == counts, "remembered ids are counted wrong")
    must(len(ids.outcomes) <= limits.MAX_REMEMBERED, "too many ids remembered")
    seqs = [outcome.seq for outcome in ids.outcomes.values()]
    must(seqs == sorted(set(seqs)), "ids are not remembered in order of arrival")
    newest: dict[tuple[int, int], int] = {}
    for (account, grant, client_id), outcome in ids.outcomes.items():
        must(client_id > newest.get((account, grant), 0), "ids of a stream do not grow")
        newest[account, grant] = client_id
        must(bool(outcome.order_id) != bool(outcome.reason), "an outcome both accepted and rejected")
    for stream, last in newest.items():
        must(last == ids.last.get(stream), f"stream {stream} has another last id")


def _check_group(world: World, group: Group, orders: list[Order]) -> None:
    where = f"group {group.key}"
    must({order.id: order for order in orders} == group.orders, f"{where} has other orders")
    must(len(orders) <= limits.MMP_ORDERS, f"{where} has too many orders")
    must(not (orders and group.is_frozen(world.now_ms)), f"{where} is frozen and has orders")
    amounts: Counter[tuple[int, bool]] = Counter()
    lots: Counter[tuple[int, bool]] = Counter()
    for order in orders:
        must(order.account.id == group.account, f"{where} has an order of another account")
        must(order.instrument.terms.underlying == group.underlying, f"{where} has a strange order")
        must(order.is_quote or group.number == 0, f"{where} has an order that is no quote")
        lots[order.instrument.id, order.is_sell] += order.open_lots
        amounts[order.instrument.id, order.is_sell] += order.open_lots * order.instrument.terms.lot_e8
    must(+group.open_lots == lots, f"{where} counts other open lots")
    must(all(amount <= group.limits.max_quote_e8 for amount in amounts.values()), f"{where} quotes too much")
    if group.window_start_ms == NO_WINDOW:
        must(not (group.quantity_e8 or group.delta_e8 or group.vega_micro), f"{where} sums without a window")
    else:
        must(not group.limits_passed(), f"{where} has passed a limit")
        must(abs(group.delta_e8) <= group.quantity_e8, f"{where} has more delta than it traded")
