"""Matching and fill-or-kill: an order's way through what is offered (rules: New orders; rules 4: Implied)."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.domain import limits
from exchange.domain import records as r
from tests.reference import implied, triggers, tripping
from tests.reference.accounts import Account, Order
from tests.reference.branches import MODELS, note
from tests.reference.groups import Group
from tests.reference.implied import Offer
from tests.reference.instruments import Instrument
from tests.reference.looking import offered_lots
from tests.reference.losing import is_losing, may_trade
from tests.reference.resting import cancel, follow, rest, tell
from tests.reference.trading import trade
from tests.reference.world import World

STOPS = "stops"  # the taker, at its own order


@dataclass(slots=True)
class Way:
    """What one order's way through what is offered has come by (rules 6: Losing makers of combos)."""

    judged: int = 0  # losing makers, where combos are about
    met_implied: bool = False

    def is_bounded(self, world: World, taker: Order, offer: Offer) -> bool:
        """Are judgements of this offer's losing makers counted?"""
        among_combos = taker.instrument.is_combo or offer.kind != r.COMBO_BOOK or self.met_implied
        return world.has_forced_rules and among_combos


def _note_stopped(world: World, order: Order, kind: int) -> None:
    if order.flags & r.FLAG_LIQUIDATION:
        what = "slice"
    elif order.is_quote:
        what = "quote"
    elif kind == r.ORDER_AMENDED:
        what = "amend"
    elif order.type == r.TYPE_MARKET:
        what = "market"
    else:
        what = "IOC" if order.time_in_force == r.TIF_IOC else "GTC"
    note(world, f"meetings: stopped, {what}")


# --- an order's whole way ----------------------------------------------------------------------------


def run(world: World, order: Order, kind: int, *, trades: bool, old_price_ticks: int | None = None) -> None:
    """Match an order that is in no queue (if `trades`), then rest, fill or cancel it, and tell it."""
    reason = 0
    if trades:
        reason = _cancel_reason(world, order)
        if reason == r.CANCEL_MEETINGS:
            _note_stopped(world, order, kind)
    if reason:
        order.open_lots = 0
        follow(world, order)
    elif order.open_lots:
        rest(world, order)
    tell(world, order, kind, reason, old_price_ticks)


def _cancel_reason(world: World, order: Order) -> int:
    """Match; why what remains is cancelled, or 0."""
    looks = order.time_in_force == r.TIF_FOK
    if looks and offered_lots(world, order) < order.open_lots:
        return r.CANCEL_FOK
    filled = order.filled_lots
    stopped = match(world, order)
    assert not looks or not order.open_lots, "a look found what is not filled"
    _see_prices(world, order.instrument)
    if order.filled_lots > filled:
        follow(world, order)
    tripped = _stop_tripped(world, order)
    if order.open_lots == 0:
        return 0
    if stopped:
        if order.group in tripped:
            how = "by its own order" if stopped == r.CANCEL_SELF_TRADE else "at its most meetings"
            note(world, f"group: a taker of a tripped group stopped {how}")
        return stopped
    if order.group in tripped:
        note(world, "group: a taker's rest is cancelled")
        return r.CANCEL_MMP
    if order.type == r.TYPE_MARKET:
        return r.CANCEL_NO_LIQUIDITY
    if order.time_in_force == r.TIF_IOC:
        return r.CANCEL_IOC
    return 0


def _stop_tripped(world: World, taker: Order) -> list[Group]:
    """Freeze the groups that tripped by an order's trades and cancel what they have open."""
    tripped = tripping.take_tripped(world, taker)
    for group in tripped:
        tripping.freeze(world, group)
        found = group.in_order()
        note(world, f"group: trips with {'orders' if found else 'nothing else'} open")
        for order in found:
            cancel(world, order, r.CANCEL_MMP)
    return tripped


def _see_prices(world: World, own: Instrument) -> None:
    """The last prices that an order moved are seen: its own instrument's first, then by id."""
    moved = sorted(world.priced, key=lambda instrument: (instrument is not own, instrument.id))
    if len(moved) > 1:
        note(world, "combo: an order moved several last prices")
    for instrument in moved:
        triggers.see_last(world, instrument)
    world.priced.clear()


def match(world: World, taker: Order) -> int:
    """Trade while something is offered. Why the taker was stopped on the way, or 0."""
    routes = implied.routes_of(world, taker)
    meetings = 0
    way = Way()
    cancelled: set[str] = set()
    while taker.open_lots:
        offer = implied.best_offer(world, taker, routes)
        if offer is None:
            if meetings == limits.MEETINGS_MOST and world.has_risk_rules:
                note(world, "meetings: the most, and nobody left to meet")
            return 0
        if meetings + len(offer.makers) > limits.MEETINGS_MOST and world.has_risk_rules:
            _note_stop(world, offer, taker, cancelled)
            return r.CANCEL_MEETINGS
        out = _out(world, taker, offer, way)
        way.met_implied |= offer.kind != r.COMBO_BOOK
        if out == STOPS:
            return r.CANCEL_SELF_TRADE
        if out:
            meetings += 1
            cancelled.add(out)
        else:
            meetings += len(offer.makers)
            trade(world, taker, offer, _lots(taker, offer))
    if meetings == limits.MEETINGS_MOST and world.has_risk_rules:
        note(world, "meetings: the most, and filled by the last")
    return 0


def _lots(taker: Order, offer: Offer) -> int:
    """What can be traded with all makers of an offer at once."""
    lots = min(taker.open_lots, *(maker.shown_lots for maker in offer.makers))
    caps = (maker.seat.opposite_lots(maker.is_sell) for maker in offer.makers if maker.reduce_only)
    return min(lots, *caps, lots)


def _out(world: World, taker: Order, offer: Offer, way: Way) -> str:
    """Cancel the first maker that may not trade: what it is; STOPS: the taker itself may not; "": all may."""
    for maker in offer.makers:
        if maker.account is taker.account:
            if not taker.account.cancels_maker:
                _note_out(world, offer, maker, "stops its own")
                return STOPS
            _note_out(world, offer, maker, "its own")
            cancel(world, maker, r.CANCEL_SELF_TRADE)
            return "its own"
        if maker.reduce_only and not maker.seat.opposite_lots(maker.is_sell):
            _note_out(world, offer, maker, "reduce-only")
            cancel(world, maker, r.CANCEL_REDUCE_ONLY)
            return "reduce-only"
    loser = _may_not_bear(world, taker, offer, way)
    if loser is None:
        return ""
    _note_out(world, offer, loser, "losing")
    cancel(world, loser, r.CANCEL_MARGIN)
    return "losing"


def _may_not_bear(world: World, taker: Order, offer: Offer, way: Way) -> Order | None:
    """The first maker that loses and may not trade; among combos so many are judged on a way (rules 6)."""
    lots = _lots(taker, offer)
    bounded = way.is_bounded(world, taker, offer)
    passed: list[Account] = []
    for maker in offer.makers:
        if not is_losing(world, maker):
            continue
        if bounded and maker.account in passed:
            note(world, "losing maker: judged once for two of its account")
            continue
        if bounded and way.judged == limits.LOSING_JUDGED:
            _note_unjudged(world, taker, offer)
            return maker
        way.judged += bounded
        if not _passes_losing(world, maker, offer, lots):
            return maker
        passed.append(maker.account)
    return None


def _note_unjudged(world: World, taker: Order, offer: Offer) -> None:
    where = "leg behind implied"
    if offer.kind != r.COMBO_BOOK:
        where = "implied"
    elif taker.instrument.is_combo:
        where = "combo"
    note(world, f"losing maker: cancelled unjudged, {where}")


def _note_out(world: World, offer: Offer, maker: Order, what: str) -> None:
    if offer.kind != r.COMBO_BOOK:
        note(world, f"implied {offer.name}: {what}, {offer.place(maker)}")


def _note_stop(world: World, offer: Offer, taker: Order, cancelled: set[str]) -> None:
    for what in cancelled:
        note(world, f"meetings: stopped, some cancelled: {what}")
    if offer.kind != r.COMBO_BOOK:
        note(world, "meetings: stopped before an implied order")
    elif offer.makers[0].account is taker.account and not taker.account.cancels_maker:
        note(world, "meetings: stopped before its own order")


def _passes_losing(world: World, maker: Order, offer: Offer, lots: int) -> bool:
    """Judged with all that its account's makers trade at once."""
    mine = [each for each in offer.makers if each.account is maker.account]
    passes = may_trade(world, mine, lots)
    if maker.instrument.is_combo:
        kind = f"combo {'sold' if maker.is_sell else 'bought'}"
    elif maker.instrument.is_option:
        kind = f"option {'sold' if maker.is_sell else 'bought'}"
    else:
        kind = "perpetual"
    note(world, f"losing maker: {'trades' if passes else 'cancelled'}, {kind}, {MODELS[maker.account.model]}")
    if len(mine) > 1:
        note(world, "losing maker: judged with another of its account")
    return passes
