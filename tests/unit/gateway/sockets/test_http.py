"""HTTP without a socket: parsing, limits, order of responses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.gateway.sockets import http
from exchange.wire.jsonrpc import BadRequest
from exchange.wire.session import Request, RpcError, Session

GET = b"GET /api/v2/public/test?a=1 HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes, target: bytes = b"/api/v2", extra: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (target, len(body), extra, body)


def test_requests_come_out_whole_and_in_order() -> None:
    parser = http.HttpParser()
    found = parser.receive(GET + post(b"{}") + GET)
    assert [request.verb for request in found] == ["GET", "POST", "GET"]
    assert (found[0].target, found[0].path, found[0].query) == (
        b"/api/v2/public/test?a=1",
        "/api/v2/public/test",
        "a=1",
    )
    assert (found[1].body, found[1].keep_alive) == (b"{}", True)
    assert parser.fault is None


@given(st.lists(st.integers(0, len(GET + post(b'{"a":1}'))), max_size=5))
def test_bytes_may_be_cut_anywhere(cuts: list[int]) -> None:
    wire = GET + post(b'{"a":1}')
    parser = http.HttpParser()
    found: list[http.HttpRequest] = []
    edges = sorted(cuts)
    for start, stop in zip([0, *edges], [*edges, len(wire)], strict=True):
        if start < stop:
            found += parser.receive(wire[start:stop])
    assert [request.body for request in found] == [b"", b'{"a":1}']


def test_the_raw_target_is_kept_for_signatures() -> None:
    (request,) = http.HttpParser().receive(b"GET /api/v2/x%2Fy?q=a%20b+c HTTP/1.1\r\nHost: x\r\n\r\n")
    assert request.target == b"/api/v2/x%2Fy?q=a%20b+c"
    assert request.path == "/api/v2/x/y"


def test_headers_are_lower_case_and_repeats_are_joined() -> None:
    wire = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nAuthorization: Bearer t\r\n\r\n"
    (request,) = http.HttpParser().receive(wire)
    assert (request.headers["x-a"], request.headers["authorization"]) == ("1, 2", "Bearer t")


@pytest.mark.parametrize(
    ("wire", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_keep_alive(wire: bytes, keep_alive: bool) -> None:
    (request,) = http.HttpParser().receive(wire)
    assert request.keep_alive is keep_alive


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (post(b"z" * (http.BODY_BYTES_HARD_MAX + 1)), 413),
    ],
)
def test_what_is_no_http_or_too_much_is_a_fault(wire: bytes, status: int) -> None:
    parser = http.HttpParser()
    assert len(parser.receive(GET + wire)) == 1  # what came before it is still good
    assert parser.fault is not None
    assert parser.fault.status == status


def test_a_long_body_is_read_to_its_end_and_flagged() -> None:
    parser = http.HttpParser()
    found = parser.receive(post(b"z" * 40_000) + GET)
    assert [request.too_large for request in found] == [True, False]
    with pytest.raises(BadRequest) as refused:
        http.rpc_request(found[0], 0)
    assert refused.value.code == -32600


def test_an_upgrade_leaves_the_bytes_after_it() -> None:
    parser = http.HttpParser()
    wire = b"GET /ws/api/v2?x=1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    (request,) = parser.receive(wire + b"\x81\x80")
    assert request.upgrade
    assert parser.upgraded == b"\x81\x80"


def test_expect_continue_is_noticed() -> None:
    parser = http.HttpParser()
    wire = post(b"{}", extra=b"Expect: 100-continue\r\n")
    parser.receive(wire[:-2])
    assert parser.wants_continue
    parser.receive(wire[-2:])
    assert not parser.wants_continue


@settings(deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: GET + tail))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    parser = http.HttpParser()
    for request in parser.receive(data):
        assert request.path is not None


def parsed(wire: bytes) -> http.HttpRequest:
    (request,) = http.HttpParser().receive(wire)
    return request


@pytest.mark.parametrize(
    ("wire", "method", "params"),
    [
        (GET, "public/test", {"a": "1"}),
        (post(b'{"jsonrpc":"2.0","id":1,"method":"public/test","params":{"a":1}}'), "public/test", {"a": 1}),
        (post(b'{"id":1,"method":"public/test"}', b"/api/v2/"), "public/test", {}),
        (post(b'{"params":{"a":1}}', b"/api/v2/public/test"), "public/test", {"a": 1}),
        (post(b"", b"/api/v2/public/test?a=2"), "public/test", {"a": "2"}),
    ],
)
def test_rpc_requests_come_by_path_or_body(wire: bytes, method: str, params: dict[str, object]) -> None:
    request = http.rpc_request(parsed(wire), 7)
    assert (request.method, request.params, request.received_us) == (method, params, 7)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"GET /api/v2 HTTP/1.1\r\n\r\n", -32601),
        (post(b""), -32700),
        (post(b"{}"), 11050),
        (post(b'{"id":1,"method":"b"}', b"/api/v2/a"), 11050),
    ],
)
def test_rpc_requests_that_make_no_sense(wire: bytes, code: int) -> None:
    with pytest.raises(BadRequest) as refused:
        http.rpc_request(parsed(wire), 0)
    assert refused.value.code == code


def session() -> Session:
    return Session(1, is_websocket=False, now_us=lambda: 0, wake=lambda: None)


REQUEST = Request(None, "m", {}, 0)


def test_responses_leave_in_the_order_of_requests() -> None:
    queue = http.ResponseQueue()
    sessions = [session(), session(), session()]
    for one in sessions:
        queue.add(http.Exchange(one, keep_alive=True))
    sessions[1].reply(REQUEST, "second")
    assert queue.collect() == ([], [], False)
    sessions[0].reply(REQUEST, "first")
    responses, ended, close = queue.collect()
    assert [b"first" in responses[0], b"second" in responses[1]] == [True, True]
    assert (ended, close, len(queue)) == (sessions[:2], False, 1)


def test_the_first_frame_of_a_session_is_its_response() -> None:
    queue, one = http.ResponseQueue(), session()
    queue.add(http.Exchange(one, keep_alive=False))
    one.reply(REQUEST, 1)
    one.reply(REQUEST, 2)
    responses, _, close = queue.collect()
    assert b'"result":1' in responses[0]
    assert b"Connection: close" in responses[0]
    assert close


@pytest.mark.parametrize(("code", "status"), [(10009, 400), (-32600, 413), (10028, 429), (13009, 400)])
def test_errors_have_a_status_beside_their_code(code: int, status: int) -> None:
    queue, one = http.ResponseQueue(), session()
    queue.add(http.Exchange(one, keep_alive=True))
    one.fail(REQUEST, RpcError(code, "x"))
    responses, _, _ = queue.collect()
    assert responses[0].startswith(b"HTTP/1.1 %d " % status)


def test_a_head_request_gets_no_body() -> None:
    exchange = http.Exchange(None, keep_alive=True, head_only=True)
    exchange.respond(200, "text/plain", b"12345")
    assert exchange.response is not None
    assert exchange.response.endswith(b"\r\n\r\n")
    assert b"Content-Length: 5\r\n" in exchange.response
