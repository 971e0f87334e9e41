"""Account settings and announcements: small things with an effect at the edge alone."""

from __future__ import annotations

import re
from typing import Final

from exchange.gateway.dispatch import Handler, account_of, must_be_main
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.accounts import PRODUCTS_KNOWN
from exchange.wire.errors import error, invalid_param
from exchange.wire.params import boolean, choice, has, integer, text, text_list, timestamp_ms
from exchange.wire.session import Request, Session

LANGUAGES: Final = ("en", "ko", "zh", "ja", "ru")
ANNOUNCEMENTS_MAX: Final = 50
_ANNOUNCEMENTS: Final = 5
_EMAIL_BYTES_MAX: Final = 254
_EMAIL: Final = re.compile(r"[^\s@<>]{1,64}@[A-Za-z0-9.-]{1,188}", re.ASCII)


# --- announcements ---------------------------------------------------------------------------------


def get_announcements(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_announcements {start_timestamp?, count?}`: those up to a time, the newest first."""
    until_ms = timestamp_ms(request.params, "start_timestamp", 1 << 52)
    count = integer(request.params, "count", _ANNOUNCEMENTS, minimum=1, maximum=ANNOUNCEMENTS_MAX)
    found = [item for item in venue.announcements.published() if item.publication_timestamp <= until_ms]
    session.reply(request, [item.json() for item in found[:count]])


def get_new_announcements(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_new_announcements`: those the account has not marked as read."""
    found = venue.announcements.unread(account_of(session))
    session.reply(request, [item.json() for item in found])


def set_announcement_as_read(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_announcement_as_read {announcement_id}`.

    Raises:
        RpcError: 13020 there is no such announcement.
    """
    account = account_of(session)
    wanted = integer(request.params, "announcement_id")
    if not any(item.id == wanted for item in venue.announcements.published()):
        raise error(errors.NOT_FOUND, param="announcement_id", reason="no such announcement")
    venue.settings.mark_read(account, wanted)
    session.reply(request, "ok")


# --- settings --------------------------------------------------------------------------------------


def get_email_language(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_email_language`."""
    session.reply(request, venue.settings.of(account_of(session)).language)


def set_email_language(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_email_language {language}`."""
    account = account_of(session)
    venue.settings.change(account, language=choice(request.params, "language", LANGUAGES))
    session.reply(request, "ok")


def set_email_for_subaccount(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_email_for_subaccount {sid, email}`: shown with the subaccount."""
    account = _subaccount(venue, session, request, "sid")
    email = text(request.params, "email", bytes_max=_EMAIL_BYTES_MAX)
    if _EMAIL.fullmatch(email) is None:
        raise invalid_param("email", "must be an e-mail address")
    venue.settings.change(account, email=email)
    if venue.has_authenticator:
        venue.authenticator.credentials.sign_ins.note(account, session.remote, "changed_email")
    session.reply(request, "ok")


def toggle_notifications_from_subaccount(venue: Venue, session: Session, request: Request) -> None:
    """`private/toggle_notifications_from_subaccount {sid, state}`: whether the main account wants them."""
    account = _subaccount(venue, session, request, "sid")
    if not has(request.params, "state"):
        raise invalid_param("state", "value required")
    venue.settings.change(account, notifications=boolean(request.params, "state"))
    session.reply(request, "ok")


def set_disabled_trading_products(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_disabled_trading_products {user_id, trading_products}`: what a subaccount may no longer
    trade. The list replaces the one before; orders that rest stay and can only be cancelled.
    """
    account = _subaccount(venue, session, request, "user_id")
    wanted = text_list(request.params, "trading_products", len(PRODUCTS_KNOWN))
    for product in wanted:
        if product not in PRODUCTS_KNOWN:
            raise invalid_param("trading_products", "must be of: " + ", ".join(PRODUCTS_KNOWN))
    venue.settings.change(account, disabled_products=tuple(dict.fromkeys(wanted)))
    session.reply(request, "ok")


def _subaccount(venue: Venue, session: Session, request: Request, name: str) -> int:
    """The subaccount of the session's main account that a request names.

    Raises:
        RpcError: 13012, 13021 as `must_be_main`; 13021 it is none of this account's.
    """
    main = must_be_main(venue, session)
    account = integer(request.params, name)
    if account not in venue.views.families.subaccounts(main) or venue.is_removed(account):
        raise error(errors.FORBIDDEN, param=name, reason="is no subaccount of this account")
    return account


METHODS: Final[dict[str, Handler]] = {
    "public/get_announcements": get_announcements,
    "private/get_new_announcements": get_new_announcements,
    "private/set_announcement_as_read": set_announcement_as_read,
    "private/get_email_language": get_email_language,
    "private/set_email_language": set_email_language,
    "private/set_email_for_subaccount": set_email_for_subaccount,
    "private/toggle_notifications_from_subaccount": toggle_notifications_from_subaccount,
    "private/set_disabled_trading_products": set_disabled_trading_products,
}
