"""The generator of the gateway's benchmark: what it sends can be read, what it counts is there."""

from __future__ import annotations

import socket

import msgspec
import pytest

from clients import fast_lane
from exchange.domain import lane
from exchange.gateway.sockets.websocket import WebSocketStream, join_frames
from exchange.wire import packed
from exchange.wire.jsonrpc import decode_request
from loadtest import gateway_flow as flow
from loadtest import gateway_schema as schema
from loadtest.gateway_client import Flow, LaneFlow, whole_replies
from loadtest.gateway_flow import Market
from loadtest.gateway_world import World, setup_commands

MARKET = Market([f"t{n}" for n in range(8)], [f"X{n}" for n in range(12)])


def test_orders_are_requests_of_both_sides_and_of_all_accounts() -> None:
    found = [
        decode_request(payload, 0)
        for connection in range(2)
        for payload in flow.order_payloads(MARKET, connection, 2, 4 * flow.TURN, 1)
    ]
    assert {request.method for request in found} == {"private/buy", "private/sell"}
    assert len({request.id for request in found}) == len(found)
    assert {request.params.get("access_token") for request in found} == {None, *MARKET.tokens}
    crossing = sum("time_in_force" in request.params for request in found) / len(found)
    assert 0.2 < crossing < 0.4


def test_frames_are_what_a_server_reads() -> None:
    payloads = flow.quote_payloads(MARKET, 0, 2, 3, 1)
    stream = WebSocketStream()
    assert stream.receive(b"".join(flow.frames(payloads))) == payloads


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def test_replies_are_counted_however_they_are_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    one = b'{"jsonrpc":"2.0","id":7,"result":{}}'
    wire = join_frames([one, b'{"jsonrpc":"2.0","id":8,"error":{"code":1}}', one])
    for cut in range(1, len(wire)):
        counting = Flow(pair[0], ())
        assert counting.received(wire[:cut]) + counting.received(wire[cut:]) == 3
        assert counting.commands == 3
    assert len(whole_replies(wire)) == 3
    assert len(whole_replies(wire[:-1])) == 2
    for sock in pair:
        sock.close()


def test_runs_of_the_lane_are_numbered_and_their_answers_counted(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    runs = flow.lane_runs(MARKET, 0, 2, 1, sell=False)
    hellos = flow.lane_hellos(MARKET, 0, 2)
    counting = LaneFlow(pair[0], runs, hellos, 3)
    counting.push(5)
    stream = WebSocketStream(binary=True)
    messages: list[bytes | None] = []
    while len(messages) < 5:
        messages += stream.receive(pair[1].recv(1 << 16))
    heads = [packed.header(message or b"") for message in messages]
    hello, run = lane.HELLO, lane.COMMANDS
    told = [(head.type, head.sequence) for head in heads]
    assert told == [(hello, 0), (run, 1), (run, 2), (hello, 0), (run, 3)]
    answers = join_frames(
        [packed.welcome(64, 1, 0), packed.acks(1, 2, bytes(128), 0, (1, 2)), packed.error(1, "no", 2, 3)],
        binary=True,
    )
    assert sum(counting.received(answers[at : at + 9]) for at in range(0, len(answers), 9)) == 3
    assert (counting.commands, counting.errors) == (2, 1)
    for sock in pair:
        sock.close()


def test_a_reply_without_a_field_is_found() -> None:
    with pytest.raises(schema.SchemaBroken):
        schema.check([msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": {}})], schema.PLACED)
    assert schema.check([b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}'], schema.PLACED) == 0


def test_the_world_lists_funds_and_quotes() -> None:
    found = setup_commands(World(4, 10, 1_700_000_000_000))
    assert len(found) == len(set(found))
    assert fast_lane.SUBPROTOCOL == "strikebook.v1"
