"""Check 16 under rules 2: may this order be open? (rules 2: Margin, Check 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.lines import Line, line_of, lines_of
from tests.reference.outcome import require
from tests.reference.world import World

if TYPE_CHECKING:
    from tests.reference.placing import Draft


def check(world: World, draft: Draft, open_lots: int) -> None:
    """Pass an order that closes, that the balance covers, or that reduces risk; else refuse it."""
    account = draft.account
    now = margin.worth(account)
    before = lines_of(account)
    filled = lines_of(account, _filled(draft, open_lots))
    if open_lots <= draft.capacity():
        after = margin.maintenance(world, account.model, filled)
        if after <= now.balance or after <= margin.maintenance(world, account.model, before):
            return
    if now.equity >= 0:
        opened = lines_of(account, _opened(draft, open_lots))
        if margin.initial(world, account.model, opened) <= now.balance:
            return
    reduced = margin.initial(world, account.model, filled) + open_lots * draft.hold_per_lot
    if reduced <= margin.initial(world, account.model, before):
        return
    require(now.equity >= 0, why.NEGATIVE_EQUITY)
    require(False, why.INSUFFICIENT_FUNDS)


def _without_replaced(draft: Draft) -> Line:
    """The draft's seat without the order it replaces."""
    seat = draft.seat
    line = line_of(seat) if seat else Line(draft.instrument)
    hold = line.hold
    if draft.replaces:
        hold -= draft.replaces.open_lots * draft.replaces.hold_per_lot
    return line._replace(
        open_buy=draft.others_open(is_sell=False), open_sell=draft.others_open(is_sell=True), hold=hold
    )


def _filled(draft: Draft, lots: int) -> Line:
    line = _without_replaced(draft)
    return line._replace(size=line.size + (-lots if draft.is_sell else lots))


def _opened(draft: Draft, lots: int) -> Line:
    line = _without_replaced(draft)
    line = line._replace(hold=line.hold + lots * draft.hold_per_lot)
    if draft.is_sell:
        return line._replace(open_sell=line.open_sell + lots)
    return line._replace(open_buy=line.open_buy + lots)
