"""The whole chain by one call."""

from __future__ import annotations

from typing import Final

from exchange.gateway.dispatch import Handler, currency_of
from exchange.gateway.feeds.chain import underlying_of
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.session import Request, Session


def get_chain(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_chain {currency}`: marks, volatilities, Greeks and best prices of all options of
    an underlying, and the inputs that reproduce them.

    Errors: -32602 no such underlying; 10040 it has no marks yet.
    """
    underlying = underlying_of(venue.registry, currency_of(request.params, None))
    if underlying is None:
        raise invalid_param("currency", "is no underlying of options here")
    found = venue.chain_feeds.object(underlying)
    if found is None:
        raise error(errors.RETRY, reason="no marks yet")
    session.reply(request, found)


METHODS: Final[dict[str, Handler]] = {"public/strikebook_get_chain": get_chain}
