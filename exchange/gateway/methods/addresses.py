"""Where coins come from and go to on the L1: each account has one address, its owner's."""

from __future__ import annotations

from typing import Final

from exchange.core import account_queries
from exchange.gateway.dispatch import Handler, account_of, settlement_currency
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.session import Request, Session

_TYPE: Final = "deposit"


def deposit_address(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_current_deposit_address {currency}` and `private/create_deposit_address {currency}`: the
    owner of the account, which is made with it and stays.

    Raises:
        RpcError: 11097 for a currency that nothing is deposited in.
    """
    account = account_of(session)
    if not settlement_currency(request.params):
        raise error(errors.NO_DEPOSIT_ADDRESS, param="currency", reason="only USDC is deposited here")
    _, created_ms = venue.profile_of(account)
    session.reply(
        request,
        {
            "address": "0x" + venue.owner_of(account).hex(),
            "creation_timestamp": created_ms or account_queries.created_ms(venue.engine, account),
            "currency": QUOTE_CURRENCY,
            "type": _TYPE,
        },
    )


METHODS: Final[dict[str, Handler]] = {
    "private/get_current_deposit_address": deposit_address,
    "private/create_deposit_address": deposit_address,
}
