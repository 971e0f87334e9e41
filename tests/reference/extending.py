"""EXTENDED_ORDER: orders with a trigger, a link or a volatility (rules 3)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_orders import Trigger
from tests.reference import matching, placing, protection, remembered, resting, triggers
from tests.reference.accounts import Account, Order, Seat
from tests.reference.branches import note
from tests.reference.extras import Extra, Place
from tests.reference.groups import Group
from tests.reference.instruments import Instrument
from tests.reference.outcome import Reject, require
from tests.reference.placing import ExtendedDraft
from tests.reference.triggers import KINDS, extra_of
from tests.reference.world import Head, World

_WORD = struct.Struct("<5B3x")
_MEMBER = struct.Struct("<IIqqqBB6xqqq")
_HEAD_BYTES, _MEMBER_BYTES = 64, 64  # behind the header; of each member


class Leg(NamedTuple):
    """One order of the command: the primary, or a member."""

    flags: int
    label: int
    price_ticks: int
    size_lots: int
    display_lots: int
    trigger: Trigger

    @property
    def waits(self) -> bool:
        return self.trigger.kind != r.TRIGGER_NONE


class Asked(NamedTuple):
    """What the command asks for."""

    primary: Leg
    members: list[Leg]
    link: int
    condition: int
    volatility_e6: int

    @property
    def legs(self) -> list[Leg]:
        return [self.primary, *self.members]

    @property
    def is_plain(self) -> bool:
        """No trigger, no link, no members, no volatility."""
        return not (self.primary.waits or self.link or self.members or self.volatility_e6)

    @property
    def wakes_members(self) -> bool:
        return self.link in (r.LINK_OTO, r.LINK_OTOCO)


def well_formed(units: int, body: bytes) -> bool:
    """Do the units fit the count of members, and is zero what is not used?"""
    if len(body) < _HEAD_BYTES:
        return False
    members = body[36]
    if members > 2 or units != 3 + 2 * members or any(body[37:40]):
        return False
    for at in range(_HEAD_BYTES, len(body), _MEMBER_BYTES):
        if any(body[at + 34 : at + 40]) or any(body[at + 56 : at + 64]):
            return False
    return True


def _read(head: Head, body: bytes) -> Asked:
    price_ticks, size_lots, display_lots = struct.unpack_from("<3q", body)
    kind, source, link, condition, _ = _WORD.unpack_from(body, 32)
    trigger_micro, offset_micro, volatility_e6 = struct.unpack_from("<3q", body, 40)
    trigger = Trigger(kind, source, trigger_micro, offset_micro)
    members = []
    for flags, label, price, size, display, *of_trigger, _ in _MEMBER.iter_unpack(body[_HEAD_BYTES:]):
        members.append(Leg(flags, label, price, size, display, Trigger(*of_trigger)))
    primary = Leg(head.flags, head.aux, price_ticks, size_lots, display_lots, trigger)
    return Asked(primary, members, link, condition, volatility_e6)


def extended_order(world: World, head: Head, body: bytes) -> None:
    """EXTENDED_ORDER."""
    account = world.user(head.account)
    remembered.once(world, head, account, lambda: _place(world, head, account, body))


def _place(world: World, head: Head, account: Account, body: bytes) -> int:
    """All that comes behind check 1; the primary's order_id."""
    (valid_until_ms,) = struct.unpack_from("<q", body, 24)
    world.check_free(account)
    instrument = world.instrument(head.instrument)
    triggers.check_none_due(world, instrument)
    world.check_venue_open()
    world.check_instrument_open(instrument)
    world.check_valid_until(valid_until_ms)
    asked = _read(head, body)
    draft = _check(world, account, instrument, asked)
    ids = [world.take_order_id() for _ in asked.legs]
    primary = _place_primary(world, head, asked, draft, ids)
    for member, member_id in zip(asked.members, ids[1:], strict=True):
        if asked.wakes_members:
            _place_dormant(world, head, asked, member, member_id, primary)
        else:
            _place_beside(world, head, asked, member, member_id, primary)
    return primary.id


# --- checks --------------------------------------------------------------------------------------------


def _check(world: World, account: Account, instrument: Instrument, asked: Asked) -> ExtendedDraft:
    """All checks from 5 on; the primary's draft, ready to trade unless it waits."""
    primary, live = asked.primary, not asked.primary.waits
    group = _group(world, account, instrument, primary) if live else None
    draft = _draft(account, instrument, primary, group)
    _check_leg(world, draft, before=0, plain=asked.is_plain)
    triggers.check_trigger(primary.trigger)
    if not live:
        triggers.check_room(world, instrument, [primary.trigger])
    _check_link(asked)
    _check_volatility(instrument, asked)
    untriggered = [] if live else [primary.trigger]
    for n, member in enumerate(asked.members):
        try:
            _check_leg(world, _draft(account, instrument, member, None), before=n + 1)
            triggers.check_trigger(member.trigger)
            if member.waits or asked.wakes_members:
                untriggered.append(member.trigger)
                triggers.check_room(world, instrument, untriggered)
        except Reject as rejected:
            raise Reject(rejected.reason, -1 - n) from None
    if live:
        placing.check_protected(draft, draft.size_lots)
        placing.check_live(world, draft)
    return draft


def _draft(account: Account, instrument: Instrument, leg: Leg, group: Group | None) -> ExtendedDraft:
    return ExtendedDraft(
        account, instrument, leg.flags, leg.price_ticks, leg.size_lots, leg.display_lots, group=group
    )


def _group(world: World, account: Account, instrument: Instrument, leg: Leg) -> Group | None:
    """The protection group of an order that goes into the book; it is not frozen."""
    if not leg.flags & r.FLAG_MMP:
        return None
    group = protection.group_for(world, account, instrument, group_word=1)
    protection.check_frozen(world, group)
    return group


def _check_leg(world: World, draft: ExtendedDraft, *, before: int, plain: bool = False) -> None:
    """5, 6, 7 and 10, so many orders of the same command counted. Of a combo it must be `plain`."""
    placing.check_flags(draft)
    require(not draft.instrument.is_combo or plain, why.BAD_FLAGS)
    require(draft.type in (r.TYPE_LIMIT, r.TYPE_MARKET), why.BAD_FLAGS)
    placing.check_size(world, draft)
    placing.check_price(draft)
    require(len(draft.account.orders) + before < draft.account.order_cap, why.TOO_MANY_ORDERS)
    require(len(world.orders) + before < limits.MAX_OPEN_ORDERS, why.TOO_MANY_ORDERS)


def _check_link(asked: Asked) -> None:
    good = asked.link in r.LINK_MEMBERS and asked.condition <= r.FILL_INCREMENTAL
    good = good and (asked.wakes_members or asked.condition == 0)
    require(good and len(asked.members) == r.LINK_MEMBERS[asked.link], why.BAD_LINK)


def _check_volatility(instrument: Instrument, asked: Asked) -> None:
    require(0 <= asked.volatility_e6 <= limits.MAX_VOLATILITY_E6, why.BAD_VALUE)
    if not asked.volatility_e6:
        return
    flags = asked.primary.flags
    good = (
        instrument.is_option
        and flags >> r.TYPE_SHIFT & r.TYPE_MASK == r.TYPE_LIMIT
        and flags >> r.TIF_SHIFT & r.TIF_MASK in (r.TIF_GTC, r.TIF_GTD)
        and not flags & r.FLAG_POST_ONLY
        and not asked.primary.waits
        and asked.link == r.LINK_NONE
    )
    require(good, why.BAD_FLAGS)


# --- placing -------------------------------------------------------------------------------------------


def _tell_placed(world: World, order: Order) -> None:
    """EXTENDED and ORDER of an order that is not in the book."""
    world.events.extended(order, world.now_ms)
    resting.tell(world, order, r.ORDER_PLACED)


def _place_primary(
    world: World, head: Head, asked: Asked, draft: ExtendedDraft, ids: list[int]
) -> Order:
    """The first order of the command: it waits, or is live at once."""
    leg = asked.primary
    extra = Extra(leg.trigger, asked.link, asked.condition, len(asked.members), asked.volatility_e6)
    if leg.waits:
        order = _untriggered(world, head, leg, draft, ids[0])
        order.extra = extra
        triggers.join(world, order, Place.WAITS)
    else:
        order = placing.accept(world, draft, head, label=leg.label, order_id=ids[0])
        order.extra = extra
    note(world, f"extended: {KINDS[leg.trigger.kind]}, link {asked.link}")
    partner = ids[1] if asked.link == r.LINK_OCO else 0
    if leg.waits:
        triggers.follow_now(world, order)
    world.events.extended(order, world.now_ms, other_id=partner)
    if leg.waits:
        resting.tell(world, order, r.ORDER_PLACED)
        triggers.look(world, order)
    else:
        if asked.volatility_e6:
            note(world, "extended: volatility")
        matching.run(world, order, r.ORDER_PLACED, trades=True)
    return order


def _untriggered(world: World, head: Head, leg: Leg, draft: ExtendedDraft, order_id: int) -> Order:
    """An order as it was sent, with no seat yet. A member's sender gave it no client order id."""
    return Order(
        order_id,
        draft.account,
        Seat(draft.instrument),
        flags=leg.flags,
        price_ticks=leg.price_ticks,
        size_lots=leg.size_lots,
        open_lots=leg.size_lots,
        display_lots=leg.display_lots,
        hold_per_lot=0,
        client_order_id=head.client_order_id,
        label=leg.label,
        grant=head.grant,
        created_ms=world.now_ms,
    )


def _member(world: World, head: Head, asked: Asked, leg: Leg, order_id: int, primary: Order) -> Order:
    draft = _draft(primary.account, primary.instrument, leg, None)
    order = _untriggered(world, head._replace(client_order_id=0), leg, draft, order_id)
    order.extra = Extra(leg.trigger, asked.link, asked.condition)
    return order


def _place_dormant(world: World, head: Head, asked: Asked, leg: Leg, order_id: int, primary: Order) -> None:
    """A member that its primary's fills will wake."""
    order = _member(world, head, asked, leg, order_id, primary)
    extra = extra_of(order)
    extra.primary, extra.number = primary, len(extra_of(primary).members)
    if extra.is_incremental:
        extra.sent_lots = leg.size_lots
    extra_of(primary).members.append(order)
    triggers.join(world, order, Place.DORMANT)
    _tell_placed(world, order)


def _place_beside(world: World, head: Head, asked: Asked, leg: Leg, order_id: int, primary: Order) -> None:
    """The other order of a pair; it never lives where the primary was filled or has ended."""
    order = _member(world, head, asked, leg, order_id, primary)
    if primary.filled_lots or not world.lives(primary):
        note(world, f"pair: the primary {'filled' if primary.filled_lots else 'ended'} as it was placed")
        _stillborn(world, order, primary, r.CANCEL_OCO)
    elif leg.waits:
        _join_pair(order, primary)
        triggers.join(world, order, Place.WAITS)
        triggers.follow_now(world, order)
        _tell_placed(world, order)
        triggers.look(world, order)
    else:
        _place_live(world, head, leg, order, primary)


def _join_pair(order: Order, primary: Order) -> None:
    extra_of(order).other, extra_of(primary).other = primary, order


def _stillborn(world: World, order: Order, primary: Order, reason: int) -> None:
    """A member that takes its id and ends; it stands at no level."""
    world.events.extended(order, world.now_ms, other_id=primary.id)
    order.open_lots = 0
    order.place = Place.DORMANT
    resting.tell(world, order, r.ORDER_PLACED, reason)


def _place_live(world: World, head: Head, leg: Leg, order: Order, primary: Order) -> None:
    """A member that goes into the book; where it may not, neither does the primary stay."""
    try:
        group = _group(world, order.account, order.instrument, leg)
        draft = _draft(order.account, order.instrument, leg, group)
        placing.check_protected(draft, draft.size_lots)
        placing.check_live(world, draft)
    except Reject:
        note(world, "pair: the member refused")
        _stillborn(world, order, primary, r.CANCEL_TRIGGER_REFUSED)
        resting.cancel(world, primary, r.CANCEL_OCO)
        return
    placed = placing.accept(
        world, draft, head._replace(client_order_id=0), label=leg.label, order_id=order.id
    )
    placed.extra = order.extra
    _join_pair(placed, primary)
    note(world, "pair: both live")
    world.events.extended(placed, world.now_ms)
    matching.run(world, placed, r.ORDER_PLACED, trades=True)
