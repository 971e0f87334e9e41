"""One JSON-RPC call over HTTP, for the command line."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request


class CallError(Exception):
    """A call to the venue failed; the message says why."""


def call(url: str, method: str, params: dict[str, object]) -> dict[str, object]:
    """One JSON-RPC call over HTTP. Raises CallError."""
    if not url.startswith(("http://", "https://")):
        raise CallError(f"{url} is no address of a venue; write http://host:port")
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url.rstrip('/')}/api/v2", body, headers)
    try:
        reply = json.loads(_post(request))
    except OSError as error:
        why = getattr(error, "reason", error)
        raise CallError(f"no venue answers at {url} ({why}); start one with: strikebook serve") from None
    except (ValueError, http.client.HTTPException):
        reply = None
    if not isinstance(reply, dict) or not ("error" in reply or "result" in reply):
        raise CallError(f"what answers at {url} is no venue; write http://host:port of one, without a path")
    if "error" in reply:
        raise CallError(f"{reply['error']['message']} {reply['error'].get('data', '')}".strip())
    found: dict[str, object] = reply["result"]
    return found


def _post(request: urllib.request.Request) -> bytes:
    """The body of the response, whatever its status: the venue says in it what is wrong."""
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())
