"""One JSON-RPC call over HTTP to a venue, for the commands."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any, Final

from clients.rpc import ProtocolError, Reply, RpcPeer

TIMEOUT_S: Final = 15.0


class HttpCallError(Exception):
    """There is no answer; the message says why. `code` is stable: ``bad_url``, ``venue_unreachable``,
    ``not_a_venue``, ``venue_refused``; `refusal` is the venue's own code then."""

    def __init__(self, code: str, message: str, refusal: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.refusal = refusal


def call(url: str, method: str, params: dict[str, Any], token: str = "") -> Any:
    """The result of a method of the venue at `url`; `token` says who asks. Raises HttpCallError."""
    if not url.startswith(("http://", "https://")):
        raise HttpCallError("bad_url", f"{url} is no address of an exchange; write http://host:port")
    peer = RpcPeer()
    _, body = peer.request(method, params)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{url.rstrip('/')}/api/v2", body, headers)
    try:
        reply = peer.receive(posted(request))
    except (ProtocolError, ValueError, http.client.HTTPException):
        reply = None
    except OSError as error:
        why = getattr(error, "reason", error)
        message = f"no exchange answers at {url} ({why}); start one with: strikebook run"
        raise HttpCallError("venue_unreachable", message) from None
    if not isinstance(reply, Reply):
        raise HttpCallError("not_a_venue", f"what answers at {url} is no exchange; write http://host:port")
    if reply.error is not None:
        raise HttpCallError("venue_refused", f"{url} refuses: {reply.error}", reply.error.code)
    return reply.result


def posted(request: urllib.request.Request) -> bytes:
    """The body of the response, whatever its status: it says what is wrong. Raises OSError."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())
