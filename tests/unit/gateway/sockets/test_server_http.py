"""The port over HTTP, through real sockets: methods, pipelines, files, and what is wrong."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.gateway.loopback import (
    FakeAuthenticator,
    FakeVenue,
    RawClient,
    http_get,
    http_post,
    running,
    wait_until,
)


async def test_a_method_by_path_and_by_body() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/echo?price=1.5&flag=true"))
        status, reply = await client.json_response()
        assert (status, reply["result"]) == (200, {"price": "1.5", "flag": "true"})
        client.write(http_post(b'{"jsonrpc":"2.0","id":9,"method":"public/echo","params":{"price":1.5}}'))
        status, reply = await client.json_response()
        assert (status, reply["id"], reply["result"]) == (200, 9, {"price": 1.5})
        await client.close()


async def test_pipelined_requests_are_answered_in_order_when_handlers_are_not() -> None:
    venue = FakeVenue()
    async with running(venue) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/later") * 2 + http_get("/api/v2/public/echo?n=3"))
        await wait_until(lambda: len(venue.waiting) == 2)
        venue.answer(1, "second")
        await asyncio.sleep(0)
        venue.answer(0, "first")
        results = [(await client.json_response())[1]["result"] for _ in range(3)]
        assert results == ["first", "second", {"n": "3"}]
        await wait_until(lambda: len(venue.closed) == 3)
        await client.close()


async def test_a_client_may_close_its_half_and_still_read_its_reply() -> None:
    venue = FakeVenue()
    async with running(venue) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/later"))
        client.writer.write_eof()
        await wait_until(lambda: len(venue.waiting) == 1)
        await asyncio.sleep(0.01)
        venue.answer(0, "late")
        assert (await client.json_response())[1]["result"] == "late"
        assert await client.at_eof()
        await client.close()


HTTP_ERRORS = [
    ("unknown method", http_get("/api/v2/public/nothing"), 400, -32601),
    ("no method", http_get("/api/v2"), 400, -32601),
    ("private method", http_get("/api/v2/private/echo"), 400, 13009),
    ("no JSON", http_post(b"{"), 400, -32700),
    ("no request", http_post(b"{}"), 400, 11050),
    ("wrong params", http_post(b'{"id":1,"method":"a","params":[]}'), 400, -32602),
    ("body and path differ", http_post(b'{"id":1,"method":"a"}', "/api/v2/public/test"), 400, 11050),
    ("query no UTF-8", http_get("/api/v2/public/echo?a=%ff"), 400, 11050),
    ("too large", http_post(b" " * 40_000), 413, -32600),
    ("fault in a handler", http_get("/api/v2/public/break"), 400, 11094),
]


@pytest.mark.parametrize(
    ("wire", "status", "code"), [case[1:] for case in HTTP_ERRORS], ids=[case[0] for case in HTTP_ERRORS]
)
async def test_a_bad_http_request_gets_its_code_and_the_connection_stays(
    wire: bytes, status: int, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(wire)
        found, reply = await client.json_response()
        assert (found, reply["error"]["code"]) == (status, code)
        client.write(http_get("/api/v2/public/test"))
        assert (await client.json_response())[0] == 200
        await client.close()


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (http_post(b"z" * 300_000), 413),
        (b"GET /api/v2/public/test HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
    ],
)
async def test_what_is_no_http_is_answered_and_closed(wire: bytes, status: int) -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/test") + wire)
        assert (await client.json_response())[0] == 200
        found, reply = await client.json_response()
        assert found == status
        assert status == 200 or reply["error"]["code"] in (11050, -32600)
        assert await client.at_eof()
        await client.close()


async def test_static_files_health_and_what_is_not_there() -> None:
    well: dict[str, object] = {"ok": True, "seq": 5}
    async with running(FakeVenue(), health=lambda: well) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/"))
        status, headers, body = await client.response()
        assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", b"<p>hello</p>")
        client.write(http_get("/health"))
        assert await client.json_response() == (200, well)
        well["ok"] = False
        client.write(http_get("/health"))
        assert (await client.json_response())[0] == 503
        client.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, body = await client.response(has_body=False)
        assert (status, headers["content-length"], body) == (200, "12", b"")
        for wire, expected in (
            (http_get("/nothing"), 404),
            (http_get("/../etc/passwd"), 404),
            (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            (b"PUT /api/v2/public/test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
            (http_get("/ws/api/v2"), 426),
        ):
            client.write(wire)
            assert (await client.response())[0] == expected
        await client.close()


async def test_a_request_may_wait_for_100_continue() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        body = b'{"id":1,"method":"public/test"}'
        wire = http_post(body, "/api/v2", "Expect: 100-continue")
        client.write(wire[: -len(body)])
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.write(body)
        assert (await client.json_response())[0] == 200
        await client.close()


async def test_tokens_open_private_methods() -> None:
    async with running(FakeVenue(), authenticator=FakeAuthenticator()) as (_, port):
        web, http = await RawClient.websocket(port), await RawClient.connect(port)
        web.call(1, "private/whoami", access_token="bad")
        assert (await web.reply())["error"]["code"] == 13009
        web.call(2, "private/whoami", access_token="good")
        assert (await web.reply())["result"] == 64
        web.call(3, "private/whoami")  # the connection is authenticated from then on
        assert (await web.reply())["result"] == 64
        http.write(http_get("/api/v2/private/whoami", "Authorization: Bearer good"))
        assert (await http.json_response())[1]["result"] == 64
        http.write(http_get("/api/v2/private/whoami", "Authorization: Bearer bad"))
        assert (await http.json_response())[1]["error"]["code"] == 13009
        http.write(http_get("/api/v2/private/whoami"))  # each exchange stands for itself
        assert (await http.json_response())[1]["error"]["code"] == 13009
        http.write(http_get("/api/v2/private/whoami?access_token=good"))
        assert (await http.json_response())[1]["result"] == 64
        await web.close()
        await http.close()
