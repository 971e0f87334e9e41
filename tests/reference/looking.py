"""The look of a fill-or-kill order and of a slice (rules 2: Bounded matching, Losing makers)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.accounts import Account, Order
from tests.reference.arithmetic import ceil_div
from tests.reference.branches import MODELS, note
from tests.reference.losing import is_losing, overdraw, overdraw_cause, slack
from tests.reference.world import World


def is_acceptable(taker: Order, price_ticks: int) -> bool:
    """Is this price of the opposite side the order's own or better?"""
    return price_ticks >= taker.price_ticks if taker.is_sell else price_ticks <= taker.price_ticks


def offered_lots(world: World, taker: Order) -> int:
    """What the opposite side surely offers at the order's price or better.

    Under rules 2 no more than an order can meet: a level that may take too many meetings counts only what
    it shows, from its head on, and ends the look. Of an order that loses against the mark, what its account
    can bear.
    """
    return _Look(world, taker).offered_lots()


class _Look:
    """One look: meetings left, and what each account seen so far may still lose."""

    def __init__(self, world: World, taker: Order) -> None:
        self.world = world
        self.taker = taker
        self.left = limits.MEETINGS_MOST
        self.slack: dict[Account, int] = {}

    def offered_lots(self) -> int:
        taker, offered = self.taker, 0
        for price, queue in taker.instrument.book.side(not taker.is_sell).in_order():
            if not is_acceptable(taker, price):
                break
            makers = list(queue.values())
            own_at = next((i for i, maker in enumerate(makers) if self._is_own(maker)), None)
            if own_at is not None and not taker.account.cancels_maker:
                return offered + self._by_parts(makers[:own_at])
            needed = sum(self._meetings_of(maker) for maker in makers)
            if needed > self.left and self.world.has_risk_rules:
                offered += self._by_parts(makers)
                whose = "slice" if taker.flags & r.FLAG_LIQUIDATION else "fill-or-kill"
                found = "too little" if offered < taker.open_lots else "enough"
                note(self.world, f"look: ended at its most meetings, {whose}, {found}")
                return offered
            self.left -= needed
            offered += sum(self._counted(maker, maker.open_lots) for maker in makers)
        return offered

    def _by_parts(self, makers: list[Order]) -> int:
        """What these makers show, as far as they fit into the meetings left (rules 2)."""
        shown = 0
        for maker in makers:
            needed = 2 if maker.reduce_only else 1
            if needed > self.left and self.world.has_risk_rules:
                what = "one meeting left, two needed" if self.left else "no meeting left"
                note(self.world, f"look: {what}")
                break
            self.left -= needed
            shown += self._counted(maker, maker.shown_lots)
        return shown

    def _is_own(self, maker: Order) -> bool:
        return maker.account is self.taker.account

    def _meetings_of(self, maker: Order) -> int:
        """How often an order may be met: for each part it shows; reduce-only, once more to be cancelled."""
        hidden = maker.open_lots - maker.shown_lots
        parts = 1 if not hidden or self._is_own(maker) else 1 + ceil_div(hidden, maker.display_lots)
        return parts + maker.reduce_only

    def _counted(self, maker: Order, lots: int) -> int:
        """Pass an order: what the look counts of it, if it counts `lots` of one that loses nothing."""
        world = self.world
        if maker.instrument.is_combo:
            return self._counted_of_combo(maker, lots)
        if self._is_own(maker):
            if world.has_risk_rules and overdraw(world, maker):
                note(world, "look: an own order takes nothing")
            return 0
        if world.has_risk_rules:
            self._take(maker)
        if maker.reduce_only:
            return 0
        if not is_losing(world, maker):
            return lots
        if self.slack[maker.account] < 0:
            note(world, f"look: losing, not counted, {self._why_not(maker)}, {MODELS[maker.account.model]}")
            return 0
        note(world, f"look: losing, counted, {MODELS[maker.account.model]}")
        if lots > maker.shown_lots:
            note(world, "look: losing, hidden lots not counted")
        return min(lots, maker.shown_lots)

    def _counted_of_combo(self, maker: Order, lots: int) -> int:
        """In a combo's book nothing is counted of what loses (rules 4)."""
        if self._is_own(maker):
            return 0
        if is_losing(self.world, maker):
            note(self.world, "look: of a combo, losing, not counted")
            return 0
        return lots

    def _take(self, maker: Order) -> None:
        """Take an order's overdraw from its account's slack (rules 2)."""
        world, account = self.world, maker.account
        if account not in self.slack:
            self.slack[account] = slack(world, account)
        taken = overdraw(world, maker)
        self.slack[account] -= taken
        if taken:
            note(world, f"look: overdraw by {overdraw_cause(world, maker)}, {MODELS[account.model]}")
            whose = "losing" if is_losing(world, maker) else "not losing"
            note(world, f"look: overdraw of one {'reduce-only' if maker.reduce_only else whose}")

    def _why_not(self, maker: Order) -> str:
        """What an account cannot bear: its positions and holds; this order by itself; those passed before."""
        before = slack(self.world, maker.account)
        if before < 0:
            return "no slack"
        return "for itself" if before < overdraw(self.world, maker) else "for those before"
