"""Mass quotes (rules: Mass quotes)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import following, matching, placing, protection
from tests.reference.accounts import Account, Order
from tests.reference.branches import note
from tests.reference.instruments import Instrument
from tests.reference.outcome import Reject, require
from tests.reference.placing import Looks, QuoteDraft
from tests.reference.resting import cancel, count_open, leave, tell
from tests.reference.world import Head, World

_UNIT = struct.Struct("<IIqqII")


class QuoteSide(NamedTuple):
    """One side of an entry; `at` is entry · 2 + side."""

    is_sell: bool
    price_ticks: int
    word: int
    at: int

    @property
    def present(self) -> bool:
        return bool(self.word & r.QUOTE_PRESENT)

    @property
    def lots(self) -> int:
        return self.word & r.QUOTE_SIZE_MASK

    @property
    def flags(self) -> int:
        found = r.FLAG_QUOTE | (r.FLAG_SELL if self.is_sell else 0)
        if self.word & r.QUOTE_POST_ONLY:
            found |= r.FLAG_POST_ONLY
        if self.word & r.QUOTE_REJECT_POST_ONLY:
            found |= r.FLAG_REJECT_POST_ONLY
        return found


def entries(units: bytes) -> Iterator[tuple[int, QuoteSide, QuoteSide]]:
    """(instrument, bid, ask) of each quote unit."""
    for n, (instrument, _, bid_price, ask_price, bid, ask) in enumerate(_UNIT.iter_unpack(units)):
        yield (
            instrument,
            QuoteSide(False, bid_price, bid, n * 2),
            QuoteSide(True, ask_price, ask, n * 2 + 1),
        )


def well_formed(units: bytes) -> bool:
    """Bit 31 of each side is zero."""
    return not any(bid.word >> 31 or ask.word >> 31 for _, bid, ask in entries(units))


def mass_quote(world: World, head: Head, words: tuple[int, ...], units: bytes) -> None:
    """MASS_QUOTE."""
    group_word, valid_until_ms = words[:2]
    account = world.user(head.account)
    world.check_free(account)
    until = account.quotes_frozen_until_ms
    require(world.now_ms >= until, why.QUOTES_FROZEN, until)
    require(not world.due, why.TRIGGERS_DUE)
    world.check_venue_open()
    world.check_valid_until(valid_until_ms)
    require(group_word == 0 or world.has_order_rules, why.BAD_FLAGS)
    effective = 0
    looks = Looks()
    for instrument_id, bid, ask in entries(units):
        present = [side for side in (bid, ask) if side.present]
        try:
            instrument = world.instrument(instrument_id)
            world.check_instrument_open(instrument)
        except Reject as rejected:
            for side in present:
                world.events.rejected(head, instrument_id, 0, rejected.reason, 0, side.at)
            continue
        entry = Entry(head, account, instrument, group_word, looks)
        effective += _quote_entry(world, entry, present)
    world.events.done(head, effective, world.now_ms)


class Entry(NamedTuple):
    """What the sides of an entry share; `group_word` is a protection group's number + 1, or 0."""

    head: Head
    account: Account
    instrument: Instrument
    group_word: int
    looks: Looks

    def resting(self, is_sell: bool) -> Order | None:
        """The account's quote of that side, instrument and group."""
        seat = self.account.seat_of(self.instrument)
        return seat.quote(is_sell, self.group_word) if seat else None

    def has_other(self, is_sell: bool) -> bool:
        """Has the account a quote of that side and instrument in any group?"""
        seat = self.account.seat_of(self.instrument)
        return seat is not None and any(sells == is_sell for sells, _ in seat.quotes)


def _quote_entry(world: World, entry: Entry, present: list[QuoteSide]) -> int:
    """Both sides of an entry in the order that keeps the maker from crossing itself; how many took effect."""
    crossed = (
        len(present) == 2
        and present[0].lots > 0
        and present[1].lots > 0
        and present[0].price_ticks >= present[1].price_ticks
    )
    ask_quote = entry.resting(is_sell=True)
    bid_first = not crossed and len(present) == 2 and present[0].lots > 0
    if bid_first and ask_quote is not None and present[0].price_ticks >= ask_quote.price_ticks:
        present = present[::-1]
    effective = 0
    for side in present:
        try:
            require(not crossed, why.QUOTE_CROSSED)
            effective += _quote_side(world, entry, side)
        except Reject as rejected:
            world.events.rejected(
                entry.head, entry.instrument.id, 0, rejected.reason, rejected.detail, side.at
            )
            failed = entry.resting(side.is_sell)
            if failed is not None:
                cancel(world, failed, r.CANCEL_QUOTE_FAILED)
        following.carry_out(world)
    return effective


def _quote_side(world: World, entry: Entry, side: QuoteSide) -> int:
    """1 if the side took effect."""
    require(not entry.instrument.is_combo or entry.group_word == 0, why.BAD_FLAGS)
    group = protection.group_for(world, entry.account, entry.instrument, entry.group_word)
    resting = entry.resting(side.is_sell)
    if side.lots == 0:
        if resting is None:
            return 0
        cancel(world, resting, r.CANCEL_USER)
        return 1
    protection.check_frozen(world, group)
    if not resting and entry.has_other(side.is_sell):
        note(world, "group: a quote beside another group's")
    flags = side.flags | (r.FLAG_MMP if group else 0)
    draft = QuoteDraft(
        entry.account,
        entry.instrument,
        flags,
        side.price_ticks,
        side.lots,
        0,
        replaces=resting,
        looks=entry.looks,
        group=group,
    )
    head = entry.head
    if resting is None:
        placing.check(world, draft)
        order = placing.accept(world, draft, head, label=head.aux)
        matching.run(world, order, r.ORDER_PLACED, trades=True)
    elif resting.price_ticks == side.price_ticks and resting.open_lots > side.lots:
        placing.check_flags(draft)
        placing.check_size(world, draft)
        _shrink(world, head, resting, draft)
    else:
        placing.check(world, draft)
        _replace(world, head, resting, draft)
    return 1


def _renew(order: Order, head: Head, flags: int, lots: int) -> None:
    """What a resting quote takes from the new command."""
    order.flags = flags
    order.client_order_id, order.label, order.grant = head.client_order_id, head.aux, head.grant
    order.size_lots = order.filled_lots + lots
    order.open_lots = lots


def _shrink(world: World, head: Head, order: Order, draft: QuoteDraft) -> None:
    count_open(order, draft.size_lots - order.open_lots)
    _renew(order, head, draft.flags, draft.size_lots)
    order.shown_lots = min(order.shown_lots, order.open_lots)
    tell(world, order, r.ORDER_AMENDED)


def _replace(world: World, head: Head, order: Order, draft: QuoteDraft) -> None:
    old_price = order.price_ticks
    leave(world, order)
    _renew(order, head, draft.flags, draft.size_lots)
    order.price_ticks, order.hold_per_lot = draft.price_ticks, draft.hold_per_lot
    moved = old_price if old_price != order.price_ticks else None
    matching.run(world, order, r.ORDER_AMENDED, trades=True, old_price_ticks=moved)
