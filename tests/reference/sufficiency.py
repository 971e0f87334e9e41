"""Check 16 under rules 2: may this order be open? (rules 2: Margin, Check 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import funds, margin
from tests.reference.branches import MODELS, note
from tests.reference.lines import Line, line_of, lines_of
from tests.reference.losing import loss_at_mark
from tests.reference.outcome import require
from tests.reference.toward_mark import first_price, last_price
from tests.reference.world import World

if TYPE_CHECKING:
    from tests.reference.placing import Draft


class Price(NamedTuple):
    """What filling the whole order at a price comes to: its cost, and what it loses against the mark."""

    cost: int
    lost: int


@dataclass(frozen=True, slots=True)
class Footing:
    """What a cost is held against: balance and equity now; MM° before and as filled, and MM (`n0`, `n1`)."""

    balance: int
    equity: int
    m0: int
    m1: int
    n0: int
    n1: int

    def judge(self, price: Price) -> tuple[bool, str]:
        """Is the cost borne, and how; or why not."""
        cost = price.cost
        met = self.m1 + cost <= self.balance
        if met and (cost >= 0 or self._needs_no_receipts()):
            return True, "maintenance met"
        if self.balance < 0:
            return False, "balance negative"
        if self.balance >= self.n0:
            return False, "met by receipts" if met else "maintenance was met"
        if price.lost > max(0, self.equity):
            return False, "loses more than there is"
        with_orders = self._is_no_worse(cost, self.m0, self.m1)
        if with_orders and self._is_no_worse(cost, self.n0, self.n1):
            return True, "no further below" if cost <= 0 else "no larger a part given up"
        how = "further below" if cost <= 0 else "too large a part given up"
        return False, f"{how} by positions alone" if with_orders else how

    def _needs_no_receipts(self) -> bool:
        """What is received, perhaps in parts or never, pays for no more maintenance than there was."""
        return self.m1 <= max(self.m0, self.balance) and self.n1 <= max(self.n0, self.balance)

    def _is_no_worse(self, cost: int, before: int, filled: int) -> bool:
        """No further below maintenance, and no larger a part of the balance given up than of that."""
        if cost <= 0:
            return filled + cost <= before
        return cost * before <= self.balance * (before - filled)


def check(world: World, draft: Draft, open_lots: int) -> None:
    """Pass an order that is covered, or that closes or reduces risk at a cost that is borne; else refuse it.

    Of a mass quote some sides are judged so; the others pass by their plain sums or not at all.
    """
    if draft.looks is None:
        passes = _passes(world, draft, open_lots)
    elif _is_plain(world, draft, open_lots):
        note(world, f"quote: plain, {MODELS[draft.account.model]}")
        passes = True
    else:
        passes = _looked_at(world, draft, open_lots)
    if not passes:
        require(margin.worth(draft.account).equity >= 0, why.NEGATIVE_EQUITY)
        require(False, why.INSUFFICIENT_FUNDS)


def _is_plain(world: World, draft: Draft, open_lots: int) -> bool:
    """Is a side of a mass quote covered by the plain sums?"""
    account = draft.account
    now = margin.worth(account)
    opened = lines_of(account, *_opened(draft, open_lots))
    return now.equity >= 0 and margin.initial_plain(world, account.model, opened) <= now.balance


def _looked_at(world: World, draft: Draft, open_lots: int) -> bool:
    """Judge a side of a mass quote that is not plain, unless its looks are used up."""
    assert draft.looks is not None
    model = MODELS[draft.account.model]
    if draft.looks.take():
        passes = _passes(world, draft, open_lots)
        note(world, f"quote: looked at, {'passed' if passes else 'refused'}, {model}")
        return passes
    taken = world.taken.copy()
    would = _passes(world, draft, open_lots)  # for who asks for branches; nothing comes of it
    world.taken = taken
    note(world, f"quote: looks used up, would {'have passed' if would else 'not have passed'}, {model}")
    return False


def _passes(world: World, draft: Draft, open_lots: int) -> bool:
    """Steps 1 to 3. A closing market order may be clipped to a better price than the band's edge on the way.
    """
    account = draft.account
    model = MODELS[account.model]
    now = margin.worth(account)
    if now.equity >= 0 and _needed(world, draft, open_lots) <= now.balance:
        note(world, "check 16: covered")
        return True
    before, filled = lines_of(account), lines_of(account, *_filled(draft, open_lots))
    footing = Footing(
        now.balance,
        now.equity,
        margin.maintenance_with_orders(world, account.model, before),
        margin.maintenance_with_orders(world, account.model, filled),
        margin.maintenance(world, account.model, before),
        margin.maintenance(world, account.model, filled),
    )
    closing = draft.is_closing(open_lots)
    reduced = margin.initial(world, account.model, filled) + open_lots * draft.hold_per_lot
    if closing or reduced <= margin.initial(world, account.model, before):
        assert draft.use_price is not None
        borne, how = footing.judge(_price(world, draft, open_lots, draft.use_price))
        of = "closing" if closing else "reducing"
        if borne:
            note(world, f"check 16: {of}, {how}, {model}")
            return True
        note(world, f"check 16: closing, not borne, {how}, {model}" if closing
             else f"check 16: reducing, not borne, {model}")  # fmt: skip
    else:
        note(world, "check 16: neither closing nor reducing")
    if draft.type == r.TYPE_MARKET and not draft.instrument.is_combo:
        if not closing:
            note(world, "market order: refused, not closing")
        else:
            return _clip(world, draft, open_lots, footing)
    return False


def _needed(world: World, draft: Draft, open_lots: int) -> int:
    """What step 1 holds against the balance: IM with the order open; of a combo's fill-or-kill, filled."""
    account = draft.account
    opened = margin.initial(world, account.model, lines_of(account, *_opened(draft, open_lots)))
    if not draft.instrument.is_combo or draft.time_in_force != r.TIF_FOK:
        return opened
    filled = lines_of(account, *_filled(draft, open_lots))
    needed = margin.initial(world, account.model, filled) + open_lots * draft.hold_per_lot
    now = margin.worth(account).balance
    if needed <= now < opened:
        note(world, f"combo: fill-or-kill covered as filled alone, {MODELS[account.model]}")
    elif opened <= now < needed:
        note(world, f"combo: fill-or-kill covered as open alone, {MODELS[account.model]}")
    return needed


def _clip(world: World, draft: Draft, lots: int, footing: Footing) -> bool:
    """Give the order the first price toward the mark at which its cost is borne, if there is one."""
    instrument, model = draft.instrument, MODELS[draft.account.model]
    assert draft.use_price is not None

    def is_borne(price_ticks: int) -> bool:
        return footing.judge(_price(world, draft, lots, price_ticks))[0]

    found = first_price(instrument, draft.use_price, is_sell=draft.is_sell, will_do=is_borne)
    if found is None:
        note(world, f"market order: refused at the mark, {model}")
        return False
    where = "to the mark" if found == last_price(instrument, is_sell=draft.is_sell) else "on the way"
    note(world, f"market order: clipped {where}, {'sell' if draft.is_sell else 'buy'}, {model}")
    draft.use_price = found
    draft.hold_per_lot = funds.hold_per_lot(world, draft.account, instrument, draft.is_sell, found)
    return True


def _price(world: World, draft: Draft, lots: int, price_ticks: int) -> Price:
    lost = max(0, loss_at_mark(draft.instrument, price_ticks, is_sell=draft.is_sell))
    return Price(_cost(world, draft, lots, price_ticks), lots * lost)


def _cost(world: World, draft: Draft, lots: int, price_ticks: int) -> int:
    """What the fill costs: negative where a sold option's premium is more than its fee."""
    instrument = draft.instrument
    if instrument.is_combo:
        if draft.account.model == r.MODEL_PORTFOLIO:
            return lots * draft.hold_per_lot
        paid = funds.combo_cost(draft.account, instrument, draft.is_sell, price_ticks)
        fees = funds.combo_fees(world, draft.account, instrument, is_sell=draft.is_sell)
        return lots * (fees + paid)
    if draft.account.model == r.MODEL_STANDARD and instrument.is_option and draft.is_sell:
        fee = funds.fee_hold(world, instrument, price_ticks)
        return lots * (fee - price_ticks * instrument.multiplier_micro)
    return lots * funds.hold_per_lot(world, draft.account, instrument, draft.is_sell, price_ticks)


def _without_replaced(draft: Draft) -> list[Line]:
    """The seats of the draft's legs without the order it replaces; the hold is in the first."""
    found = []
    for leg in draft.instrument.legs:
        seat = draft.seat_in(leg)
        line = line_of(seat) if seat else Line(leg.instrument)
        buys, sells = draft.others_open(leg, is_sell=False), draft.others_open(leg, is_sell=True)
        found.append(line._replace(open_buy=buys, open_sell=sells))
    if draft.replaces:
        hold = found[0].hold - draft.replaces.open_lots * draft.replaces.hold_per_lot
        found[0] = found[0]._replace(hold=hold)
    return found


def _filled(draft: Draft, lots: int) -> list[Line]:
    found = []
    for leg, line in zip(draft.instrument.legs, _without_replaced(draft), strict=True):
        filled = lots * leg.times * (-1 if draft.sells(leg) else 1)
        found.append(line._replace(size=line.size + filled))
    return found


def _opened(draft: Draft, lots: int) -> list[Line]:
    found = []
    for leg, line in zip(draft.instrument.legs, _without_replaced(draft), strict=True):
        opened = lots * leg.times
        if draft.sells(leg):
            found.append(line._replace(open_sell=line.open_sell + opened))
        else:
            found.append(line._replace(open_buy=line.open_buy + opened))
    found[0] = found[0]._replace(hold=found[0].hold + lots * draft.hold_per_lot)
    return found
