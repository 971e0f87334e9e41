"""Every way a client of the dialect writes a request is understood."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio

from exchange.keys.key_table import Key
from exchange.wire.jsonrpc import request_from_query
from exchange.wire.limits import CHANNELS_MAX, FRAME_BYTES_MAX
from exchange.wire.params import text_list
from tests.unit.gateway.live import Live, Refused, grant, live, request, rpc, signed_request
from tests.unit.gateway.loopback import RawClient
from tests.unit.gateway.rig import OPTION, PERPETUAL

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/api/v2/public/get_order_book"
ORDER: dict[str, object] = {"instrument_name": OPTION, "amount": "0.1", "price": "4000", "label": "a b"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def venue() -> AsyncIterator[Live]:
    async with live() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def key(venue: Live) -> Key:
    return await venue.account()


@pytest.mark.parametrize(
    "wire",
    [
        request("GET", f"/api/v2/public/get_order_book?instrument_name={OPTION}&depth=5"),
        request("GET", f"/api/v2/public/get_order_book/?instrument_name={OPTION}&depth=5"),
        request("GET", PATH, rpc("public/get_order_book", instrument_name=OPTION)),
        request("GET", PATH, json.dumps({"instrument_name": OPTION}).encode()),
        request("GET", "/api/v2", rpc("public/get_order_book", instrument_name=OPTION)),
        request("POST", "/api/v2", rpc("public/get_order_book", instrument_name=OPTION, depth=5)),
        request("POST", "/api/v2/", rpc("/public/get_order_book", instrument_name=OPTION, depth="5")),
        request("POST", PATH, rpc("public/get_order_book", instrument_name=OPTION)),
        request("POST", PATH, rpc("/public/get_order_book", instrument_name=OPTION)),
        request("POST", PATH, json.dumps({"instrument_name": OPTION}).encode()),
        request("POST", f"/api/v2/public/get_order_book?instrument_name={OPTION}"),
    ],
)
async def test_a_request_may_come_in_the_query_or_in_a_body(venue: Live, wire: bytes) -> None:
    status, reply = await venue.http(wire)
    assert (status, reply["result"]["instrument_name"]) == (200, OPTION)


async def test_numbers_and_booleans_may_be_strings(venue: Live, key: Key) -> None:
    params = {**ORDER, "post_only": "true", "reduce_only": "false", "reject_post_only": "True"}
    status, reply = await venue.http(venue.signed(key, "private/buy", params))
    assert status == 200
    order = reply["result"]["order"]
    assert (order["amount"], order["price"], order["post_only"], order["label"]) == (0.1, 4000, True, "a b")


@pytest.mark.parametrize(
    "query",
    [
        "max_scope[]=account:read&max_scope[]=trade:read",
        "max_scope=account:read&max_scope=trade:read",
        "max_scope=" + quote('["account:read","trade:read"]'),
        "max_scope%5B%5D=account%3Aread",
    ],
)
async def test_arrays_come_in_a_query(query: str) -> None:
    found = text_list(request_from_query("m", query, 0).params, "max_scope", 9)
    assert found[:1] == ["account:read"]
    assert len(found) == (1 if query.endswith("Aread") else 2)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_in_a_header(venue: Live, key: Key, scheme: str) -> None:
    _, reply = await venue.http(request("POST", "/api/v2", rpc("public/auth", **grant(key))))
    token = reply["result"]["access_token"]
    header = f"Authorization: {scheme} {token}"
    status, reply = await venue.http(request("GET", "/api/v2/private/get_open_orders", b"", header))
    assert (status, type(reply["result"])) == (200, list)


async def test_a_key_in_a_basic_header(venue: Live, key: Key) -> None:
    def basic(text: str) -> bytes:
        header = "Authorization: Basic " + base64.b64encode(text.encode()).decode()
        return request("GET", "/api/v2/private/get_open_orders", b"", header)

    assert (await venue.http(basic(f"{key.client_id}:{key.secret}")))[0] == 200
    for wrong in (f"{key.client_id}:no", key.client_id, ":", "a:b:c"):
        status, reply = await venue.http(basic(wrong))
        assert (status, reply["error"]["code"]) in ((400, 13004), (400, 13009))
    status, reply = await venue.http(
        request("GET", "/api/v2/private/get_open_orders", b"", "Authorization: Basic é=")
    )
    assert reply["error"]["code"] == 13009


@pytest.mark.parametrize("order", ["itsn", "itns", "nsti", "stni"])
async def test_signature_fields_stand_in_any_order(venue: Live, key: Key, order: str) -> None:
    target = "/api/v2/private/get_position?instrument_name=" + PERPETUAL
    wire = signed_request(key, venue.clock.now_ms(), "GET", target, order=order)
    assert (await venue.http(wire))[0] == 200


async def test_two_requests_of_one_millisecond_share_a_nonce(venue: Live, key: Key) -> None:
    for price in ("3990", "3995", "4005"):
        status, _ = await venue.http(venue.signed(key, "private/buy", {**ORDER, "price": price}))
        assert status == 200


async def test_a_signed_post_covers_its_body(venue: Live, key: Key) -> None:
    body = rpc("private/get_open_orders")
    for target in ("/api/v2", "/api/v2/private/get_open_orders"):
        wire = signed_request(key, venue.clock.now_ms(), "POST", target, body)
        assert (await venue.http(wire))[0] == 200
        forged = wire.replace(b'"id": 1', b'"id": 2')
        status, reply = await venue.http(forged)
        assert (status, reply["error"]["code"]) == (400, 13004)


async def test_an_access_token_is_a_parameter_of_a_websocket_request(venue: Live, key: Key) -> None:
    _, reply = await venue.http(request("POST", "/api/v2", rpc("public/auth", **grant(key))))
    peer = await venue.socket()
    assert await peer.call("private/get_positions", access_token=reply["result"]["access_token"]) == []
    with pytest.raises(Refused) as refused:
        await peer.call("private/get_positions", access_token="x.y")
    assert refused.value.code == 13009
    await peer.close()


async def test_ids_are_integers_or_strings(venue: Live) -> None:
    peer = await venue.socket()
    for request_id in (0, -7, 2**53, "", "a-1", "7"):
        peer.raw.call(request_id, "public/test")
        assert (await peer.raw.reply())["id"] == request_id
    await peer.close()


async def test_requests_may_be_pipelined_behind_auth(venue: Live, key: Key) -> None:
    """What is sent before auth has answered is handled after it, in order."""
    peer = await venue.socket()
    ids = [
        peer.send("public/auth", **grant(key)),
        peer.send("private/subscribe", channels=["user.orders.any.any.raw"]),
        peer.send("private/buy", **{**ORDER, "label": "first"}),
        peer.send("private/cancel_by_label", label="first"),
        peer.send("private/get_open_orders_by_currency", currency="BTC"),
    ]
    replies = [await peer.envelope(request_id) for request_id in ids]
    assert all("result" in reply for reply in replies), replies
    assert replies[3]["result"] == 1
    await peer.close()


async def test_http_requests_may_be_pipelined(venue: Live, key: Key) -> None:
    client = await RawClient.connect(venue.port)
    buy = venue.signed(key, "private/buy", {**ORDER, "label": "piped"})
    client.write(buy + venue.signed(key, "private/cancel_by_label", {"label": "piped"}))
    assert (await client.json_response())[1]["result"]["order"]["label"] == "piped"
    assert (await client.json_response())[1]["result"] == 1
    await client.close()


async def test_unknown_currencies_and_channels_are_no_error(venue: Live, key: Key) -> None:
    peer = await venue.socket(key)
    asked = ["user.portfolio.SOL", "user.portfolio.XYZ", "deribit_price_index.doge_usd", "nonsense", "a.b.c"]
    found = await peer.call("private/subscribe", channels=[*asked, "user.portfolio.USDC"])
    assert "user.portfolio.USDC" in found
    assert set(found) <= {*asked, "user.portfolio.USDC"}
    await peer.close()


async def test_a_call_names_at_most_500_channels(venue: Live) -> None:
    peer = await venue.socket()
    names = [f"ticker.X-{n}.100ms" for n in range(CHANNELS_MAX + 1)]
    assert await peer.call("public/subscribe", channels=names[1:]) == []
    with pytest.raises(Refused) as refused:
        await peer.call("public/subscribe", channels=names)
    assert refused.value.code == -32602
    await peer.close()


async def test_a_frame_of_32_kb_is_read_and_one_byte_more_is_not(venue: Live) -> None:
    peer = await venue.socket()
    frame = rpc("public/test", pad="")
    for size, code in ((FRAME_BYTES_MAX, None), (FRAME_BYTES_MAX + 1, -32600)):
        text = rpc("public/test", pad="x" * (size - len(frame)))
        assert len(text) == size
        peer.raw.send(json.loads(text))
        reply = await peer.raw.reply()
        assert reply.get("error", {}).get("code") == code
        status, reply = await venue.http(request("POST", "/api/v2", text))
        assert status == (413 if code else 200)
    await peer.close()
