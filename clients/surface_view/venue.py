"""The chain of a running exchange, over its public API alone."""

from __future__ import annotations

from typing import Any, Final

from clients.http_calls import HttpCallError, call
from clients.surface_view.quotes import Market, SurfaceViewError, market

QUOTE_CURRENCY: Final = "USDC"


def read(url: str, underlying: str) -> Market:
    """Every option of `underlying` as the venue's book summaries show it now.

    SurfaceViewError: ``bad_url``, ``venue_unreachable``, ``not_a_venue``, ``venue_refused``, ``empty``.
    """
    listed = _rows(_call(url, "public/get_currencies", {}), url)
    known = [name for row in listed if (name := str(row.get("currency"))) != QUOTE_CURRENCY]
    wanted = underlying.upper()
    if wanted not in known:
        raise SurfaceViewError(
            "no_underlying", f"{url} lists no options on {wanted}; it has: {', '.join(known)}"
        )
    params = {"currency": wanted, "kind": "option"}
    summaries = _rows(_call(url, "public/get_book_summary_by_currency", params), url)
    if not summaries:
        raise SurfaceViewError("empty", f"{url} lists no options on {wanted}")
    return market(summaries, wanted, url)


def _rows(found: Any, url: str) -> list[dict[str, Any]]:
    if not (isinstance(found, list) and all(isinstance(row, dict) for row in found)):
        raise SurfaceViewError("not_a_venue", f"what answers at {url} does not answer like an exchange")
    return found


def _call(url: str, method: str, params: dict[str, Any]) -> Any:
    try:
        return call(url, method, params)
    except HttpCallError as error:
        raise SurfaceViewError(error.code, str(error)) from None
