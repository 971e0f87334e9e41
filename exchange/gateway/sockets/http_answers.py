"""What HTTP requests get that are no calls of the API: files, and what else there is to say."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final

from exchange.gateway.sockets import http

_PLAIN: Final = "text/plain; charset=utf-8"
_FILE_HEADERS: Final = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache"))
Answer = tuple[int, str, bytes, tuple[tuple[str, str], ...]]
Page = Callable[[http.HttpRequest], tuple[int, str, bytes] | None]


def _is_api(request: http.HttpRequest, files: Container[str]) -> bool:
    path = request.path
    return (path == http.API_ROOT or path.startswith(http.API_ROOT + "/")) and path not in files


def is_call(request: http.HttpRequest, files: Container[str]) -> bool:
    """Whether a request is a call of the API; `files` are the paths that are none."""
    return _is_api(request, files) and request.verb in ("GET", "POST")


def plain_answer(request: http.HttpRequest, files: Container[str], page: Page) -> Answer:
    """Status, content type, body and further headers for a request that is no call."""
    if _is_api(request, files):
        return 405, _PLAIN, b"GET or POST\n", (("Allow", "GET, POST"),)
    if request.path == http.WEBSOCKET_PATH:
        return 426, _PLAIN, b"a WebSocket endpoint\n", (("Upgrade", "websocket"),)
    if request.verb not in ("GET", "HEAD"):
        return 405, _PLAIN, b"GET\n", (("Allow", "GET, HEAD"),)
    found = page(request)
    return (404, _PLAIN, b"not found\n", ()) if found is None else (*found, _FILE_HEADERS)
