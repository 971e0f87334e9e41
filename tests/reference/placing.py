"""New orders: the sixteen checks and what follows (rules: New orders). Quotes pass here too."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import funds, matching, protection, remembered, resting, sufficiency, triggers
from tests.reference.accounts import Account, Order, Seat
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.branches import note
from tests.reference.groups import Group
from tests.reference.instruments import Instrument, Leg
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World


@dataclass(slots=True)
class Looks:
    """How many more sides of a mass quote are judged by more than their plain sums."""

    left: int = limits.QUOTE_LOOKS

    def take(self) -> bool:
        """The next look, if there is one left."""
        self.left -= 1
        return self.left >= 0


@dataclass(slots=True)
class Draft:
    """An order not yet accepted; the checks may cut its size and slide its price.

    `replaces` is a resting order whose own lots and hold do not count (quotes and amends); `looks` are those
    of the mass quote it is of, None of any other order.
    """

    account: Account
    instrument: Instrument
    flags: int
    price_ticks: int
    size_lots: int
    display_lots: int
    replaces: Order | None = None
    use_price: int | None = None  # the price it trades at; None: a market-limit that finds none
    hold_per_lot: int = 0
    looks: Looks | None = None
    group: Group | None = None  # rules 3: protects it

    @property
    def is_sell(self) -> bool:
        return bool(self.flags & r.FLAG_SELL)

    @property
    def type(self) -> int:
        return self.flags >> r.TYPE_SHIFT & r.TYPE_MASK

    @property
    def time_in_force(self) -> int:
        return self.flags >> r.TIF_SHIFT & r.TIF_MASK

    @property
    def seat(self) -> Seat | None:
        """Of an order that is none of a combo: its instrument's."""
        return self.account.seats.get(self.instrument.id)

    def seat_in(self, leg: Leg) -> Seat | None:
        return self.account.seats.get(leg.instrument.id)

    def sells(self, leg: Leg) -> bool:
        return leg.sells(is_sell=self.is_sell)

    def others_open(self, leg: Leg, is_sell: bool) -> int:
        """Open lots of a leg's seat on a side, without the replaced order's."""
        seat = self.seat_in(leg)
        lots = seat.open_lots(is_sell) if seat else 0
        if self.replaces and leg.sells(is_sell=self.replaces.is_sell) == is_sell:
            lots -= self.replaces.open_lots * leg.times
        return lots

    def capacity(self, leg: Leg | None = None) -> int:
        """Lots an order of this side may have in a leg (in its instrument) and still only reduce."""
        leg = leg or self.instrument.legs[0]
        seat, is_sell = self.seat_in(leg), self.sells(leg)
        opposite = seat.opposite_lots(is_sell) if seat else 0
        return opposite - self.others_open(leg, is_sell)

    def is_closing(self, lots: int) -> bool:
        """Do so many lots only reduce, in every leg?"""
        return all(lots * leg.times <= self.capacity(leg) for leg in self.instrument.legs)


def new_order(world: World, head: Head, words: tuple[int, ...]) -> None:
    """NEW_ORDER."""
    account = world.user(head.account)
    remembered.once(world, head, account, lambda: _place(world, head, account, words))


def _place(world: World, head: Head, account: Account, words: tuple[int, ...]) -> int:
    """All that comes behind check 1; the order_id."""
    price_ticks, size_lots, display_lots, valid_until_ms = words
    world.check_free(account)
    instrument = world.instrument(head.instrument)
    triggers.check_none_due(world, instrument)
    world.check_venue_open()
    world.check_instrument_open(instrument)
    world.check_valid_until(valid_until_ms)
    draft = Draft(account, instrument, head.flags, price_ticks, size_lots, display_lots)
    if world.has_order_rules and head.flags & r.FLAG_MMP:
        draft.group = protection.group_for(world, account, instrument, group_word=1)
        protection.check_frozen(world, draft.group)
    check(world, draft)
    order = accept(world, draft, head, label=head.aux)
    if draft.use_price is None:
        order.open_lots = 0
        resting.tell(world, order, r.ORDER_PLACED, r.CANCEL_NO_LIQUIDITY, priced=False)
    else:
        matching.run(world, order, r.ORDER_PLACED, trades=True)
    return order.id


def accept(world: World, draft: Draft, head: Head, *, label: int, order_id: int = 0) -> Order:
    """The order of a draft that passed: the seat is made, the next order_id taken unless one is given."""
    return Order(
        order_id or world.take_order_id(),
        draft.account,
        draft.account.take_seat(draft.instrument),
        flags=draft.flags,
        price_ticks=draft.use_price or 0,
        size_lots=draft.size_lots,
        open_lots=draft.size_lots,
        display_lots=draft.display_lots,
        hold_per_lot=draft.hold_per_lot,
        client_order_id=head.client_order_id,
        label=label,
        grant=head.grant,
        created_ms=world.now_ms,
        group=draft.group,
    )


def check(world: World, draft: Draft) -> None:
    """Checks 5 to 16, in order."""
    check_flags(draft)
    check_size(world, draft)
    check_protected(draft, draft.size_lots)
    check_price(draft)
    check_live(world, draft)


def check_live(world: World, draft: Draft) -> None:
    """Checks 8 to 16: what an order in the book needs besides its own shape."""
    world.check_marked(draft.instrument)
    if draft.type == r.TYPE_LIMIT:
        check_band(draft)
    check_counts(world, draft)
    if draft.flags & r.FLAG_REDUCE_ONLY:
        capacity = draft.capacity()
        require(capacity > 0, why.REDUCE_ONLY)
        draft.size_lots = min(draft.size_lots, capacity)
        draft.display_lots = min(draft.display_lots, draft.size_lots)
    if draft.flags & r.FLAG_POST_ONLY:
        draft.price_ticks = passive_price(draft)
    seats = draft.account.seats
    missing = sum(draft.seat_in(leg) is None for leg in draft.instrument.legs)
    require(not missing or len(seats) + missing <= draft.account.seat_cap, why.TOO_MANY_SEATS)
    check_position(draft, draft.size_lots)
    choose_price(draft)
    check_accumulation(draft)
    check_funds(world, draft, draft.size_lots)


def check_flags(draft: Draft) -> None:
    """5: combinations of type, time in force, post-only and display."""
    flags, kind = draft.flags, draft.type
    tif = flags >> r.TIF_SHIFT & r.TIF_MASK
    rests = tif in (r.TIF_GTC, r.TIF_GTD)
    defined = r.NEW_FLAGS_ALLOWED | (r.FLAG_QUOTE if _is_quote(draft) else 0)
    if draft.group or isinstance(draft, ExtendedDraft):
        defined |= r.FLAG_MMP
    good = not flags & ~defined and kind <= r.TYPE_MARKET_LIMIT
    if flags & r.FLAG_POST_ONLY:
        good = good and kind == r.TYPE_LIMIT and rests
    if flags & r.FLAG_REJECT_POST_ONLY:
        good = good and bool(flags & r.FLAG_POST_ONLY)
    if kind == r.TYPE_MARKET_LIMIT:
        good = good and rests
    if kind == r.TYPE_MARKET:
        good = good and tif != r.TIF_GTD
    if draft.display_lots:
        good = good and kind == r.TYPE_LIMIT and rests
    if draft.instrument.is_combo:
        good = good and not flags & (r.FLAG_REDUCE_ONLY | r.FLAG_MMP) and not draft.display_lots
    require(good, why.BAD_FLAGS)


def _is_quote(draft: Draft) -> bool:
    return isinstance(draft, QuoteDraft)


class QuoteDraft(Draft):
    """A side of a mass quote: its quote bit is set by the exchange, not by the sender."""


class ExtendedDraft(Draft):
    """An order of EXTENDED_ORDER: it may have the protection bit before its group is looked at."""


def check_size(world: World, draft: Draft) -> None:
    """6: size and display."""
    least = draft.instrument.terms.min_size_lots
    require(least <= draft.size_lots <= most_lots(draft.instrument), why.BAD_SIZE)
    check_display(world, draft.display_lots, draft.size_lots, "new")


def most_lots(instrument: Instrument) -> int:
    """Lots an order may have: as many of every leg at the most."""
    return floor_div(limits.MAX_ORDER_LOTS, max(leg.times for leg in instrument.legs))


def check_display(world: World, display_lots: int, size_lots: int, what: str) -> None:
    """All (0) or some of the size; under rules 2 not so little that matching goes on and on."""
    require(0 <= display_lots <= size_lots, why.BAD_DISPLAY)
    if not world.has_risk_rules or not display_lots:
        return
    least = ceil_div(size_lots, limits.DISPLAY_PARTS)
    if display_lots < least:
        note(world, f"display: too small, {what}")
    elif display_lots == least > 1:
        note(world, f"display: just enough, {what}")
    require(display_lots >= least, why.BAD_DISPLAY)


def check_protected(draft: Draft, open_lots: int) -> None:
    """Behind 6: not more than the draft's protection group may have open."""
    protection.check_quantity(
        draft.instrument, draft.group, open_lots, is_sell=draft.is_sell, replaces=draft.replaces
    )


def check_price(draft: Draft) -> None:
    """7: a limit price within the limit and on tick; no price on other orders."""
    if draft.type != r.TYPE_LIMIT:
        require(draft.price_ticks == 0, why.BAD_PRICE)
    else:
        check_limit_price(draft.instrument, draft.price_ticks)


def check_limit_price(instrument: Instrument, price_ticks: int) -> None:
    if instrument.is_combo:
        lowest, highest = instrument.lowest_price, instrument.highest_price
    else:
        lowest, highest = 1, instrument.terms.price_limit_ticks
    require(lowest <= price_ticks <= highest, why.BAD_PRICE)
    require(instrument.on_tick(price_ticks), why.PRICE_OFF_TICK)


def check_band(draft: Draft) -> None:
    """9: not through the band on the aggressive side."""
    lowest, highest = draft.instrument.min_price, draft.instrument.max_price
    if draft.is_sell:
        require(draft.price_ticks >= lowest, why.PRICE_TOO_LOW, lowest)
    else:
        require(draft.price_ticks <= highest, why.PRICE_TOO_HIGH, highest)


def check_counts(world: World, draft: Draft) -> None:
    """10: open orders of the account, of the shard and of the protection group."""
    own = 1 if draft.replaces else 0
    require(len(draft.account.orders) - own < draft.account.order_cap, why.TOO_MANY_ORDERS)
    require(len(world.orders) - own < limits.MAX_OPEN_ORDERS, why.TOO_MANY_ORDERS)
    protection.check_count(draft.group, draft.replaces)


def passive_price(draft: Draft) -> int:
    """12: the price, or the nearest that does not cross."""
    instrument = draft.instrument
    if not instrument.book.crosses(draft.is_sell, draft.price_ticks):
        return draft.price_ticks
    best = instrument.book.side(not draft.is_sell).best_price()
    assert best is not None
    slid = instrument.valid_at_least(best + 1) if draft.is_sell else instrument.valid_at_most(best - 1)
    if draft.flags & r.FLAG_REJECT_POST_ONLY or slid is None:
        raise Reject(why.POST_ONLY_REJECT)
    return slid


def check_position(draft: Draft, open_lots: int) -> None:
    """14: the position, in each leg, if all open lots of this side were filled."""
    for leg in draft.instrument.legs:
        seat, is_sell = draft.seat_in(leg), draft.sells(leg)
        size = seat.size_lots if seat else 0
        toward = -size if is_sell else size
        reached = toward + draft.others_open(leg, is_sell) + open_lots * leg.times
        require(reached <= leg.instrument.terms.position_limit_lots, why.POSITION_LIMIT)


def choose_price(draft: Draft) -> None:
    """The price the order trades at and reserves at."""
    instrument = draft.instrument
    if draft.type == r.TYPE_LIMIT:
        draft.use_price = draft.price_ticks
    elif draft.type == r.TYPE_MARKET:
        draft.use_price = instrument.min_price if draft.is_sell else instrument.max_price
    else:
        best = instrument.book.side(not draft.is_sell).best_price()
        if best is not None and draft.is_sell and best < instrument.min_price:
            best = None
        if best is not None and not draft.is_sell and best > instrument.max_price:
            best = None
        draft.use_price = best


def check_accumulation(draft: Draft) -> None:
    """15: cash and entry value far from where 64 bits end."""
    require(abs(draft.account.cash_micro) < limits.ACCUMULATION_LIMIT, why.LIMIT_REACHED)
    for leg in draft.instrument.legs:
        seat = draft.seat_in(leg)
        require(abs(seat.entry_value_micro if seat else 0) < limits.ENTRY_LIMIT, why.LIMIT_REACHED)


def check_funds(world: World, draft: Draft, open_lots: int) -> None:
    """16: funds or margin, with the whole order counted as open."""
    if draft.use_price is None:
        return
    draft.hold_per_lot = funds.hold_per_lot(
        world, draft.account, draft.instrument, draft.is_sell, draft.use_price
    )
    check_covered(world, draft, open_lots)


def check_covered(world: World, draft: Draft, open_lots: int) -> None:
    """16, the hold being known: under rules 1 by funds, under rules 2 by margin."""
    if world.has_risk_rules:
        sufficiency.check(world, draft, open_lots)
        return
    if open_lots <= draft.capacity():
        return
    funds.check_funds(draft.account, draft.seat, requirement_with(draft, open_lots))


def requirement_with(draft: Draft, open_lots: int) -> int:
    """The seat's requirement with the draft's open lots in place of the replaced order's."""
    seat = draft.seat
    (itself,) = draft.instrument.legs
    buys, sells = draft.others_open(itself, is_sell=False), draft.others_open(itself, is_sell=True)
    hold = seat.hold_micro if seat else 0
    if draft.replaces:
        hold -= draft.replaces.open_lots * draft.replaces.hold_per_lot
    if draft.is_sell:
        sells += open_lots
    else:
        buys += open_lots
    size = seat.size_lots if seat else 0
    return funds.requirement_of(
        draft.instrument, size, buys, sells, hold + open_lots * draft.hold_per_lot
    )
