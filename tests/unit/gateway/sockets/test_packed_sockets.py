"""The fast lane over real sockets: who asks for the subprotocol gets it, all others get JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from websockets.frames import Frame, Opcode

from clients import fast_lane
from clients.fast_lane import Acks, Fills, Refused, Welcome, new_order
from exchange.wire import errors
from exchange.wire.limits import FRAME_BYTES_MAX
from tests.unit.gateway.live import Live
from tests.unit.gateway.loopback import HANDSHAKE, RawClient, wait_until

OFFERS = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %b\r\n"


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    live = Live()
    await live.start()
    yield live
    await live.stop()


async def upgraded(live: Live, offered: bytes) -> tuple[RawClient, bytes]:
    """A WebSocket that offered subprotocols, and the response to its upgrade."""
    client = await RawClient.connect(live.port)
    client.write(HANDSHAKE.replace(b"Sec-WebSocket-Version: 13\r\n", OFFERS % offered))
    return client, await client.reader.readuntil(b"\r\n\r\n")


async def answer(client: RawClient) -> fast_lane.Answer:
    frame = await client.frame()
    assert frame.opcode is Opcode.BINARY
    return fast_lane.read(bytes(frame.data))


async def token(live: Live) -> str:
    key = await live.account()
    peer = await live.socket()
    found = await peer.call(
        "public/auth",
        grant_type="client_credentials",
        client_id=key.client_id,
        client_secret=key.secret,
    )
    text: str = found["access_token"]
    return text


async def test_a_run_goes_in_and_its_acks_come_out_in_one_frame_each(live: Live) -> None:
    client, response = await upgraded(live, b"chat, strikebook.v1")
    assert b"Sec-WebSocket-Protocol: strikebook.v1\r\n" in response
    client.send_frame(Opcode.BINARY, fast_lane.hello(await token(live), cancel_on_disconnect=True))
    assert isinstance(await answer(client), Welcome)
    numbers = fast_lane.Lane()
    records = [new_order(0, sell=False, price_ticks=900 + n, size_lots=1) for n in range(100)]
    wire = b"".join(
        Frame(Opcode.BINARY, numbers.commands(run)).serialize(mask=True) for run in (records, records[:1])
    )
    for at in range(0, len(wire), 1_000):
        client.write(wire[at : at + 1_000])
    first, second = await answer(client), await answer(client)
    assert isinstance(first, Acks)
    assert isinstance(second, Acks)
    assert [len(first.acks), len(second.acks)] == [100, 1]
    assert all(ack.accepted for ack in first.acks)
    assert first.budget == second.budget == 20_000 - 101
    await client.close()
    await wait_until(lambda: live.engine.open_order_count == 0)


async def test_fills_come_to_the_maker_too(live: Live) -> None:
    peers = []
    for sell in (True, False):
        client, _ = await upgraded(live, b"strikebook.v1")
        client.send_frame(Opcode.BINARY, fast_lane.hello(await token(live)))
        assert isinstance(await answer(client), Welcome)
        order = new_order(0, sell=sell, price_ticks=1_000, size_lots=5)
        client.send_frame(Opcode.BINARY, fast_lane.Lane().commands([order]))
        peers.append(client)
        assert isinstance(await answer(client), Acks)
    for client in peers:
        found = await answer(client)
        assert isinstance(found, Fills)
        assert [(fill.price_ticks, fill.size_lots) for fill in found.fills] == [(1_000, 5)]
        await client.close()


async def test_text_and_what_is_too_long_are_answered_and_the_connection_stays(live: Live) -> None:
    client, _ = await upgraded(live, b"strikebook.v1")
    client.send_frame(Opcode.TEXT, b'{"jsonrpc":"2.0","id":1,"method":"public/test"}')
    client.send_frame(Opcode.BINARY, bytes(FRAME_BYTES_MAX + 32))
    for code in (errors.INVALID_CONTENT_TYPE, errors.TOO_LARGE):
        found = await answer(client)
        assert isinstance(found, Refused)
        assert found.code == code
    client.send_frame(Opcode.PING, b"still there")
    assert (await client.frame()).opcode is Opcode.PONG
    await client.close()


@pytest.mark.parametrize("offered", [b"chat", b"strikebook.v2", b"Strikebook.v1"])
async def test_other_subprotocols_get_json(live: Live, offered: bytes) -> None:
    client, response = await upgraded(live, offered)
    assert b"Sec-WebSocket-Protocol" not in response
    client.call(1, "public/test")
    assert (await client.reply())["id"] == 1
    await client.close()
