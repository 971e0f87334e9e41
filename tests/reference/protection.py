"""What market-maker protection asks of orders (rules 3: Market-maker protection)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import rejects as why
from tests.reference.accounts import Account, Order
from tests.reference.branches import note
from tests.reference.groups import Group
from tests.reference.instruments import Instrument
from tests.reference.outcome import Reject, require
from tests.reference.world import World


def group_for(world: World, account: Account, instrument: Instrument, group_word: int) -> Group | None:
    """The group an order of this instrument would belong to; a word of 0 names none."""
    if not group_word:
        return None
    group = world.groups.get((account.id, instrument.terms.underlying, group_word - 1))
    if group is None:
        raise Reject(why.UNKNOWN_MMP_GROUP)
    return group


def check_frozen(world: World, group: Group | None) -> None:
    """The group is not frozen."""
    if group is None:
        return
    until = group.frozen_until_ms
    require(not group.is_frozen(world.now_ms), why.MMP_FROZEN, until)
    if until:
        note(world, "group: a freeze has run out")


def check_quantity(
    instrument: Instrument, group: Group | None, lots: int, *, is_sell: bool, replaces: Order | None
) -> None:
    """An order's open lots beside the others of its group, instrument and side (a replaced one's not)."""
    if group is None:
        return
    beside = group.open_lots[instrument.id, is_sell] - (replaces.open_lots if replaces else 0)
    amount_e8 = (beside + lots) * instrument.terms.lot_e8
    require(amount_e8 <= group.limits.max_quote_e8, why.MMP_QUANTITY)


def check_count(group: Group | None, replaces: Order | None) -> None:
    """10, of a group: its open orders, a replaced one's not counted."""
    if group is None:
        return
    own = 1 if replaces else 0
    require(len(group.orders) - own < limits.MMP_ORDERS, why.TOO_MANY_ORDERS)
