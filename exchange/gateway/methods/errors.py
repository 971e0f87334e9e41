"""The error registry, as the API itself serves it."""

from __future__ import annotations

from typing import Final

from exchange.gateway.dispatch import Handler
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.error_registry import CLOSE_CODES, EDGE_REASONS, ENTRIES, REASONS, ErrorEntry, Reason
from exchange.wire.errors import CANCEL_CODES, CANCEL_NAMES, REJECT_CODES, error
from exchange.wire.objects import JsonObject
from exchange.wire.params import has, integer
from exchange.wire.session import Request, Session


def get_errors(_venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_get_errors {code?}`: every code with its name, whether to try again, the parameter
    and the limit at fault; the reasons under a code; why connections are closed.

    Raises:
        RpcError: 13020 for a code that is never answered.
    """
    wanted: list[ErrorEntry] = list(ENTRIES)
    if has(request.params, "code"):
        code = integer(request.params, "code", minimum=-(1 << 31))
        wanted = [entry for entry in ENTRIES if entry.code == code]
        if not wanted:
            raise error(errors.NOT_FOUND, param="code", reason="is never answered")
    codes = {entry.code for entry in wanted}
    found: JsonObject = {
        "errors": [entry._asdict() for entry in wanted],
        "reasons": [item for item in _reasons() if item["code"] in codes],
        "ends": [
            {"name": CANCEL_NAMES[number], "code": code}
            for number, code in CANCEL_CODES.items()
            if code in codes
        ],
        "close_codes": [closing._asdict() for closing in CLOSE_CODES],
    }
    session.reply(request, found)


def _reasons() -> list[JsonObject]:
    """What `data.reason` can say of a refused command, with the code it stands under."""
    of_core = [_reason(reason, REJECT_CODES[number]) for number, reason in REASONS.items()]
    return [*of_core, *(_reason(reason, errors.OTHER_REJECT) for reason in EDGE_REASONS)]


def _reason(reason: Reason, code: int) -> JsonObject:
    return {"code": code, **reason._asdict()}


METHODS: Final[dict[str, Handler]] = {"public/strikebook_get_errors": get_errors}
