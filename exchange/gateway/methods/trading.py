"""The order path: place, edit, cancel. Packed command out, packed events back, one reply.

A reply is the last ORDER of the command's events, with the fills of the order; a reject becomes the
documented error. Everything is one dictionary lookup a step: instrument by name, label by text.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Raw

from exchange.domain import commands, commands_orders, rejects
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK, RECORD_VERSION
from exchange.gateway.dispatch import Handler, account_of, guarded
from exchange.gateway.extended_params import read_extended
from exchange.gateway.order_params import read_new_order
from exchange.gateway.outcomes import missing_order, order_reply, rejected
from exchange.gateway.products import must_be_allowed
from exchange.gateway.venue import Venue
from exchange.gateway.volatility_prices import price_ticks_of
from exchange.wire.errors import other_reject
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import order_id
from exchange.wire.session import Request, Session

# NEW_ORDER in one go (docs/formats.md): type, version and units as one word, then the fields.
NEW_ORDER_RECORD: Final = struct.Struct("<IIIIQIIqqqq")
NEW_ORDER_HEAD: Final = r.NEW_ORDER | RECORD_VERSION << 8 | 2 << 16


# --- placing ---------------------------------------------------------------------------------------


def buy(venue: Venue, session: Session, request: Request) -> None:
    """`private/buy`."""
    place(venue, session, request, sell=False)


def sell(venue: Venue, session: Session, request: Request) -> None:
    """`private/sell`."""
    place(venue, session, request, sell=True)


def place(venue: Venue, session: Session, request: Request, *, sell: bool) -> None:
    """Sequence the order of a request; reply `{order, trades}`. Raises RpcError for a mistake in it."""
    account = account_of(session)
    order = read_new_order(request.params, venue.registry)
    if order is None:
        place_extended(venue, session, request, account, sell=sell)
        return
    flags = order.flags | r.FLAG_SELL if sell else order.flags
    view = order.view
    if account in venue.settings.restricted:
        must_be_allowed(venue, account, view, reduce_only=bool(flags & r.FLAG_REDUCE_ONLY))
    packed = NEW_ORDER_RECORD.pack(
        NEW_ORDER_HEAD,
        flags,
        account,
        view.instrument,
        order.client_order_id,
        0,
        0,
        order.price_ticks,
        order.size_lots,
        order.display_lots,
        order.valid_until_ms,
    )
    packed = venue.grant_sessions.stamped(session, packed)
    done = venue.disconnects.watched(
        session, account, order_reply(venue, session, request, account, view)
    )
    if not order.label:
        venue.submit(packed, done)
        return
    venue.submit_labelled(account, order.label, lambda label: _labelled(packed, label), done)


def place_extended(venue: Venue, session: Session, request: Request, account: int, *, sell: bool) -> None:
    """Sequence the EXTENDED_ORDER a request describes; reply `{order, trades}` of the (primary) order."""

    def price_of(view: InstrumentView, volatility_e6: int, sells: bool) -> int:
        return price_ticks_of(venue.oracle, view, volatility_e6, sells)

    if session.grant:
        raise other_reject("out_of_scope", param="type")  # no grant is for these
    order = read_extended(request.params, venue.registry, price_of, sell=sell)
    view = order.view
    if account in venue.settings.restricted:
        every = (order.flags, *(each.member.flags for each in order.members))
        reduces = all(flags & r.FLAG_REDUCE_ONLY for flags in every)
        must_be_allowed(venue, account, view, reduce_only=reduces)

    def build(labels: list[int]) -> bytes:
        return commands_orders.extended_order(
            account,
            view.instrument,
            order.flags,
            order.price_ticks,
            order.size_lots,
            trigger=order.trigger,
            link=order.link,
            condition=order.condition,
            members=[
                each.member._replace(label=label)
                for each, label in zip(order.members, labels[1:], strict=True)
            ],
            volatility_e6=order.volatility_e6,
            display_lots=order.display_lots,
            valid_until_ms=order.valid_until_ms,
            client_order_id=order.client_order_id,
            label=labels[0],
        )

    reply = order_reply(venue, session, request, account, view)
    done = venue.disconnects.watched(session, account, reply)
    texts = (order.label, *(each.label for each in order.members))
    venue.trigger_caps.submit(
        account, order, done, lambda told: venue.labelling.submit(account, texts, build, told)
    )


def _labelled(packed: bytes, label: int) -> bytes:
    """The command with its label (aux) set."""
    return packed[:28] + label.to_bytes(4, "little") + packed[32:]


# --- cancelling one --------------------------------------------------------------------------------


def cancel(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel {order_id}`: the order."""
    account = account_of(session)
    wanted = order_id(request.params)

    def finish(packed: bytes) -> None:
        if packed[0] == r.EV_ORDER:
            seq = int.from_bytes(packed[8:16], "little") & COUNTER_MASK
            session.reply(request, Raw(venue.rendering.order_json(packed, 0)), seq)
            return
        event = ev.read_event(packed)
        if isinstance(event, ev.Rejected):
            missing = event.reason == rejects.ORDER_NOT_FOUND
            raise missing_order(venue, account, wanted) if missing else rejected(event, None)

    command = venue.grant_sessions.stamped(session, commands.cancel(account, wanted))
    venue.submit(command, guarded(session, request, finish, venue))


METHODS: Final[dict[str, Handler]] = {
    "private/buy": buy,
    "private/sell": sell,
    "private/cancel": cancel,
}
