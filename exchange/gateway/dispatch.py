"""The method table: a name, a handler. Access and credits are checked by the shell before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.gateway.order_params import instrument_named
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import KIND_FILTERS, KINDS_KNOWN, QUOTE_CURRENCY
from exchange.wire.params import Params, choice, has, integer, text
from exchange.wire.session import Request, RpcError, Session
from exchange.wire.unavailable import refusal

Handler = Callable[[Venue, Session, Request], None]
_log: Final = logging.getLogger(__name__)


class Dispatcher:
    """Calls the handler of each request's method.

    A handler replies at once or later; an RpcError it raises becomes the reply (here or in the shell).
    """

    def __init__(self, venue: Venue, methods: Mapping[str, Handler]) -> None:
        self._venue = venue
        self._methods = dict(methods)

    def __call__(self, session: Session, request: Request) -> None:
        """Handle one request.

        Raises:
            RpcError: -32601 for an unknown method, the code of `wire.unavailable` for one of the dialect's
                that is not served, and whatever the handler refuses.
        """
        handler = self._methods.get(request.method)
        if handler is None:
            raise refusal(request.method) or error(errors.METHOD_NOT_FOUND, method=request.method)
        handler(self._venue, session, request)


# --- what handlers share ---------------------------------------------------------------------------


def account_of(session: Session) -> int:
    """The session's account.

    Raises:
        RpcError: 13009 if there is none.
    """
    account = session.account
    if account is None or account < FIRST_USER_ACCOUNT:
        raise error(errors.UNAUTHORIZED, reason="authentication_required")
    return account


def account_asked(venue: Venue, session: Session, params: Params, name: str = "subaccount_id") -> int:
    """The session's account, or the subaccount of it that a request names.

    Raises:
        RpcError: 13009 without an account; 13012 from a subaccount, 13021 without the scope `mainaccount`
            or for an account that is no subaccount of it.
    """
    account = account_of(session)
    if not has(params, name):
        return account
    wanted = integer(params, name)
    if wanted != account:
        must_be_main(venue, session)
        if not venue.account_exists(wanted) or venue.views.families.main_of(wanted) != account:
            raise error(errors.FORBIDDEN, param=name, reason="is no subaccount of this account")
    return wanted


def must_be_main(venue: Venue, session: Session) -> int:
    """The session's account, a main account under its full scope.

    Raises:
        RpcError: 13009 without an account; 13012 from a subaccount; 13021 without the scope `mainaccount`.
    """
    account = account_of(session)
    if not venue.views.families.is_main(account):
        raise error(errors.UNAVAILABLE_IN_SUBACCOUNT)
    if "mainaccount" not in session.scopes:
        raise error(errors.FORBIDDEN, reason="scope mainaccount required")
    return account


def settlement_currency(params: Params, name: str = "currency") -> bool:
    """Whether the required currency is the one that money is in here; the others' answers are empty."""
    return currency_of(params, None, name) == QUOTE_CURRENCY


def instrument_of(venue: Venue, params: Params) -> InstrumentView:
    """The instrument a request names. Raises RpcError as `order_params.instrument_named`."""
    return instrument_named(params, venue.registry)


def kind_of(params: Params, name: str = "kind") -> int | None:
    """The kind filter: 0 any, a kind, or None for a kind the venue lists nothing of."""
    if not has(params, name):
        return 0
    return KIND_FILTERS.get(choice(params, name, KINDS_KNOWN))


def currency_of(params: Params, default: str | None = "any", name: str = "currency") -> str:
    """The currency filter in upper case, or `any`. Required if `default` is None."""
    wanted = text(params, name, default, bytes_max=16) if has(params, name) else default
    if wanted is None:
        raise invalid_param(name, "value required")
    return wanted if wanted == "any" else wanted.upper()


def guarded(
    session: Session, request: Request, finish: Callable[[bytes], None], venue: Venue
) -> Callable[[bytes], None]:
    """`finish(events)` for `Venue.submit`: a halt and errors it raises become the reply."""

    def done(packed: bytes) -> None:
        if session.closed:
            return
        if not packed:
            session.fail(request, venue.halt_error())
            return
        try:
            finish(packed)
        except RpcError as refused:
            session.fail(request, refused)
        except Exception:
            _log.exception("the reply to %s failed", request.method)
            session.fail(request, error(errors.INTERNAL_ERROR))

    return done


def answer_read(
    venue: Venue, session: Session, request: Request, compute: Callable[[], object]
) -> None:
    """Reply with `compute()`, taken behind every command submitted so far and once it is durable."""

    def guarded_compute() -> tuple[object, RpcError | None]:
        try:
            return compute(), None
        except RpcError as refused:
            return None, refused
        except Exception:
            _log.exception("%s failed", request.method)
            return None, error(errors.INTERNAL_ERROR)

    def deliver(found: tuple[object, RpcError | None] | None) -> None:
        if found is None:
            session.fail(request, venue.halt_error())
        elif found[1] is not None:
            session.fail(request, found[1])
        else:
            session.reply(request, found[0])

    venue.read(guarded_compute, deliver)
