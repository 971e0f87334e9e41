"""Subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.streams.streams import FAMILY as STREAM
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.auth import may_listen
from exchange.wire.channels import STREAM_CHANNEL, Channel, parse_channel
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import CHANNEL_CHARS_MAX, CHANNELS_MAX
from exchange.wire.objects import JsonObject
from exchange.wire.params import has, integer, text, text_list
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import must_be_websocket

# Channels one session may hold, over all its calls.
CHANNELS_PER_SESSION: Final = 10_000


def public_subscribe(venue: Venue, session: Session, request: Request) -> None:
    """`public/subscribe {channels}`: the channels the session listens to of those it named.

    A name that is no channel, an instrument that is not listed, and private channels are left out. Raw
    market data asks for an authenticated session (13778).
    """
    _subscribe(venue, session, request, private_too=False)


def private_subscribe(venue: Venue, session: Session, request: Request) -> None:
    """`private/subscribe {channels, resume_from?}`: as `public/subscribe`, private channels included.

    `resume_from` is the last `account_seq` of `user.stream` the client has: the stream goes on behind it.
    Errors: 11029 it is ahead of the account; 11052 `resume_too_old`; 13028 the journal lags.
    """
    _subscribe(venue, session, request, private_too=True)


def _subscribe(venue: Venue, session: Session, request: Request, *, private_too: bool) -> None:
    must_be_websocket(session)
    wanted: list[Channel] = []
    for name in text_list(request.params, "channels", CHANNELS_MAX, CHANNEL_CHARS_MAX):
        channel = parse_channel(name)
        if channel is None or (channel.private and not private_too):
            continue
        if channel.needs_authorization and not session.authenticated:
            raise error(errors.RAW_NEEDS_AUTHORIZATION)
        if channel.private and not may_listen(name, session.scopes):
            raise error(errors.FORBIDDEN, reason=f"the scope of this session does not cover {name}")
        if channel.instrument and channel.instrument not in venue.registry.by_name:
            continue
        wanted.append(channel)
    if len(session.subscriptions) + len(wanted) > CHANNELS_PER_SESSION:
        raise error(errors.INVALID_ARGUMENTS, reason=f"at most {CHANNELS_PER_SESSION} channels a session")

    def subscribe() -> None:
        session.reply(request, list(dict.fromkeys(channel.name for channel in wanted)))
        for channel in wanted:
            venue.fanout.subscribe(session, channel)

    if has(request.params, "resume_from") and any(channel.family == STREAM for channel in wanted):
        _resume(venue, session, request, subscribe)
    else:
        subscribe()


def _resume(venue: Venue, session: Session, request: Request, subscribe: Callable[[], None]) -> None:
    """Subscribe once it is known that the account's stream goes on from where the client was."""
    last = integer(request.params, "resume_from")
    account = account_of(session)

    def granted() -> None:
        if session.closed or session.account != account:
            return
        venue.fanout.unsubscribe(session, STREAM_CHANNEL)
        subscribe()

    venue.streams.resume(
        session, account, last, granted, lambda refused: session.fail(request, refused)
    )


def unsubscribe(venue: Venue, session: Session, request: Request) -> None:
    """`…/unsubscribe {channels}`: those it did listen to."""
    must_be_websocket(session)
    names = text_list(request.params, "channels", CHANNELS_MAX, CHANNEL_CHARS_MAX)
    session.reply(request, [name for name in names if venue.fanout.unsubscribe(session, name)])


def unsubscribe_all(venue: Venue, session: Session, request: Request) -> None:
    """`…/unsubscribe_all`."""
    must_be_websocket(session)
    venue.fanout.drop(session)
    session.reply(request, "ok")


def book_snapshot(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_book_snapshot {channel}`: the next message of this subscription to a `book` channel
    is a snapshot; the reply comes before it."""
    must_be_websocket(session)
    name = text(request.params, "channel", bytes_max=CHANNEL_CHARS_MAX)
    topic = venue.fanout.topic_of(session, name)
    if topic is None:
        raise invalid_param("channel", "this connection does not listen to it")
    if topic.channel.family != "book":
        raise invalid_param("channel", "is no book with a change_id")
    session.reply(request, {"channel": name})
    venue.feeds.send_snapshot(topic, session)


def get_snapshot(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_snapshot`: open orders, positions and portfolio, and the `account_seq` of
    `user.stream` they are as of."""
    account = account_of(session)
    if not may_listen(STREAM_CHANNEL, session.scopes):
        raise error(errors.FORBIDDEN, reason="scopes trade:read and account:read required")

    def reply(found: JsonObject | None, _number: int) -> None:
        if found is None:
            session.fail(request, venue.halt_error())
        else:
            session.reply(request, found)

    venue.snapshots.take(account, reply)


METHODS: Final[dict[str, Handler]] = {
    "public/subscribe": public_subscribe,
    "private/subscribe": private_subscribe,
    "public/unsubscribe": unsubscribe,
    "private/unsubscribe": unsubscribe,
    "public/unsubscribe_all": unsubscribe_all,
    "private/unsubscribe_all": unsubscribe_all,
    "public/strikebook_book_snapshot": book_snapshot,
    "private/strikebook_get_snapshot": get_snapshot,
}
