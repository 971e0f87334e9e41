"""The public API through a real socket, answered by a venue of a few lines."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from clients.surface_view.quotes import SurfaceViewError
from clients.surface_view.venue import read
from tests.unit.clients.surface_view.chains import summaries

CURRENCIES = [{"currency": "USDC"}, {"currency": "BTC"}, {"currency": "ETH"}]


@contextmanager
def venue(answers: dict[str, Any], status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, and the requests it got. An answer that is bytes is sent as it is."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append(request)
            answer = answers[request["method"]]
            if not isinstance(answer, bytes):
                answer = json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


def answers(summaries: object) -> dict[str, Any]:
    return {
        "public/get_currencies": {"result": CURRENCIES},
        "public/get_book_summary_by_currency": {"result": summaries},
    }


def test_the_chain_of_one_underlying() -> None:
    with venue(answers(summaries())) as (url, requests):
        found = read(url + "/", "btc")
    assert (found.underlying, len(found.smiles), found.options_count) == ("BTC", 2, 36)
    assert requests[1]["params"] == {"currency": "BTC", "kind": "option"}


@pytest.mark.parametrize(
    ("replies", "status", "underlying", "code", "words"),
    [
        (answers([]), 200, "DOGE", "no_underlying", "no options on DOGE; it has: BTC, ETH"),
        (answers([]), 200, "BTC", "empty", "lists no options on BTC"),
        (answers("nothing"), 200, "BTC", "not_a_venue", "does not answer like an exchange"),
        ({"public/get_currencies": b"<html>"}, 404, "BTC", "not_a_venue", "is no exchange"),
        (
            {"public/get_currencies": {"error": {"code": 10028, "message": "too_many_requests"}}},
            429,
            "BTC",
            "venue_refused",
            r"refuses: .*too_many_requests \(10028\)",
        ),
    ],
)
def test_what_is_wrong_with_a_venue_is_said(
    replies: dict[str, Any], status: int, underlying: str, code: str, words: str
) -> None:
    with venue(replies, status) as (url, _), pytest.raises(SurfaceViewError, match=words) as refused:
        read(url, underlying)
    assert refused.value.code == code


def test_no_venue_at_all() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        with pytest.raises(SurfaceViewError, match="start one with: strikebook run") as refused:
            read(f"http://127.0.0.1:{taken.getsockname()[1]}", "BTC")
    assert refused.value.code == "venue_unreachable"


def test_no_address() -> None:
    with pytest.raises(SurfaceViewError, match="write http://host:port") as refused:
        read("localhost:8080", "BTC")
    assert refused.value.code == "bad_url"
