"""The fast way of `private/mass_quote`: what most frames of a market maker are.

A usual frame is read by compiled code (`exchange.edge.quotes`); from there on it goes the way of all
(`methods.quotes.send`). Whatever is unusual is left to the general way, which alone refuses. A test holds the
replies of both equal.
"""

from __future__ import annotations

import logging
from typing import Final

from exchange.domain import records as r
from exchange.edge.quotes import QuoteReader
from exchange.gateway.dispatch import account_of
from exchange.gateway.methods.quotes import Parsed, mass_quote, send
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.auth import check_access
from exchange.wire.credits import CreditMeter
from exchange.wire.errors import error
from exchange.wire.jsonrpc import decode_request
from exchange.wire.limits import FRAME_BYTES_MAX, LABEL_CHARS_MAX
from exchange.wire.session import Request, RpcError, Session

METHOD: Final = "private/mass_quote"
_log: Final = logging.getLogger(__name__)


class QuoteExpress:
    """The fast way of quotes into one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._reader = QuoteReader(venue.registry.listed, FRAME_BYTES_MAX, LABEL_CHARS_MAX)

    def take(self, session: Session, message: bytes, received_us: int, meter: CreditMeter) -> bool:
        """Whether the message was one of these, and was handled, paid from `meter`; else nothing has
        happened."""
        reader = self._reader
        if not reader.read(message) or not meter.spend(METHOD, received_us):
            return False
        venue = self._venue
        params: dict[str, object] = {"detailed": reader.detailed}
        request = Request(int(reader.request_id), METHOD, params, received_us)
        try:
            if reader.token and venue.has_authenticator:
                venue.authenticator.by_token(session, reader.token.decode())
            check_access(METHOD, session.authenticated, session.scopes, params)
            account = account_of(session)
            if account in venue.settings.restricted:
                mass_quote(venue, session, decode_request(message, received_us))
            else:
                valid_until_ms, detailed = reader.valid_until_ms, reader.detailed
                quotes = (reader.quote_id.decode(), 0, "", valid_until_ms, detailed)
                send(venue, session, request, self._parsed(account), *quotes)
        except RpcError as refused:
            session.fail(request, refused)
        except Exception:
            _log.exception("a mass quote failed")
            session.fail(request, error(errors.INTERNAL_ERROR))
        return True

    def _parsed(self, account: int) -> Parsed:
        packed, listed = self._reader.quote_units(), self._venue.registry.instruments
        parsed = Parsed(account, is_protected=False)
        found = parsed.set_of("")
        found.instruments = [listed[instrument] for instrument in self._reader.instruments]
        found.units = [packed[at : at + r.UNIT_BYTES] for at in range(0, len(packed), r.UNIT_BYTES)]
        return parsed
