"""The chain of a running exchange, over its public API alone."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any, Final

from clients.rpc import ProtocolError, Reply, RpcPeer
from clients.surface_view.quotes import Market, SurfaceViewError, market

TIMEOUT_S: Final = 15.0
QUOTE_CURRENCY: Final = "USDC"


def read(url: str, underlying: str) -> Market:
    """Every option of `underlying` as the venue's book summaries show it now.

    SurfaceViewError: ``bad_url``, ``venue_unreachable``, ``not_a_venue``, ``venue_refused``, ``empty``.
    """
    if not url.startswith(("http://", "https://")):
        raise SurfaceViewError("bad_url", f"{url} is no address of an exchange; write http://host:port")
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
    """One JSON-RPC call over HTTP."""
    peer = RpcPeer()
    _, body = peer.request(method, params)
    request = urllib.request.Request(
        f"{url.rstrip('/')}/api/v2", body, {"Content-Type": "application/json"}
    )
    try:
        reply = peer.receive(_post(request))
    except (ProtocolError, ValueError, http.client.HTTPException):
        reply = None
    except OSError as error:
        why = getattr(error, "reason", error)
        message = f"no exchange answers at {url} ({why}); start one with: strikebook run"
        raise SurfaceViewError("venue_unreachable", message) from None
    if not isinstance(reply, Reply):
        raise SurfaceViewError("not_a_venue", f"what answers at {url} is no exchange; write http://host:port")
    if reply.error is not None:
        raise SurfaceViewError("venue_refused", f"{url} refuses: {reply.error}")
    return reply.result


def _post(request: urllib.request.Request) -> bytes:
    """The body of the response, whatever its status: the venue says in it what is wrong."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())
