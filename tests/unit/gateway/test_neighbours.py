"""A client that misbehaves harms nobody else: measured by what a neighbour gets done, not by clocks."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from exchange.app.tls import TlsError, tls_context
from exchange.gateway.fanout import Fanout
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.server import Server
from exchange.wire.channels import parse_channel
from exchange.wire.credits import CreditPolicy
from exchange.wire.session import Request, Session
from tests.unit.gateway.loopback import (
    PING,
    FakeVenue,
    ManualClock,
    RawClient,
    never_reading,
    running,
    wait_until,
)

STEP_US = 100
SLOWEST_S = 1.0  # of an answer, beside whatever others do


class WorkClock(ManualClock):
    """Time that passes with each request that is handled."""


class CountingVenue(FakeVenue):
    """Counts requests by session; each takes a tenth of a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[int] = []

    def __call__(self, session: Session, request: Request) -> None:
        self.clock.at_us += STEP_US
        self.order.append(session.session_id)
        super().__call__(session, request)


def frames(count: int) -> bytes:
    return Frame(Opcode.TEXT, json.dumps(PING).encode()).serialize(mask=True) * count


async def answered(neighbour: RawClient, times: int) -> int:
    """How many requests of a well-behaved neighbour were answered in time; alone, one takes a millisecond."""
    clock, found = asyncio.get_running_loop().time, 0
    for _ in range(times):
        sent = clock()
        neighbour.send(PING)
        assert "result" in await neighbour.reply()
        found += clock() - sent <= SLOWEST_S
    return found


@pytest.mark.parametrize("limits", ["off", "field"])
async def test_a_client_beyond_its_budget_leaves_a_neighbour_its_turns(limits: str) -> None:
    """Between two replies of a neighbour a flood gets a bounded number of requests handled."""
    venue = CountingVenue()
    policy = None if limits == "off" else CreditPolicy.of_the_field()._replace(terminate=False)
    async with running(venue, ServerConfig(credits=policy, close_timeout_s=0.3)) as (_, port):
        flooder, neighbour = await RawClient.websocket(port), await RawClient.websocket(port)
        neighbour.call(0, "public/echo")
        await neighbour.reply()
        mine = venue.sessions[-1].session_id
        if policy is not None:  # the neighbour is another address, with a budget of its own
            venue.sessions[-1].remote = "10.0.0.9"
            venue.sessions[-1].credits = None
        flooder.write(frames(5_000))
        assert await answered(neighbour, 20) == 20
        turns = [at for at, who in enumerate(venue.order) if who == mine]
        gaps = [later - earlier for earlier, later in pairwise(turns)]
        assert max(gaps) <= 200, gaps  # of 5,000: a few turns of 3 ms at a tenth of a millisecond each
        for client in (flooder, neighbour):
            await client.close()


async def test_who_never_reads_is_cut_off_and_a_neighbour_goes_on() -> None:
    venue = CountingVenue()
    config = ServerConfig(write_buffer_bytes_max=100_000, close_timeout_s=0.3)
    async with running(venue, config) as (_, port):
        deaf = never_reading(port)
        neighbour = await RawClient.websocket(port)
        assert await answered(neighbour, 50) == 50
        await wait_until(lambda: len(venue.closed) == 1)
        assert await answered(neighbour, 10) == 10
        deaf.close()
        await neighbour.close()


async def test_who_reads_again_is_told_why_it_was_cut_off() -> None:
    venue = CountingVenue()
    config = ServerConfig(write_buffer_bytes_max=100_000, close_timeout_s=5)
    async with running(venue, config) as (_, port):
        slow = await RawClient.websocket(port)
        slow.call(1, "public/flood")
        await wait_until(lambda: len(venue.closed) == 1)
        assert await slow.close_code() == (1008, "connection_too_slow")
        await slow.close()


async def test_a_thousand_connections_are_refused_and_a_neighbour_goes_on() -> None:
    venue = CountingVenue()
    config = ServerConfig(connections_of_loopback_max=40, close_timeout_s=0.3)
    async with running(venue, config) as (server, port):
        neighbour = await RawClient.websocket(port)
        refused = done = 0
        for _ in range(10):
            batch = [await RawClient.connect(port) for _ in range(100)]
            for client in batch:
                client.write(b"GET /api/v2/public/test HTTP/1.1\r\nHost: x\r\n\r\n")
            done += await answered(neighbour, 5)
            for client in batch:
                status, _ = await client.json_response()
                refused += status == 429
                await client.close()
            await wait_until(lambda: len(server.connections) == 1)
        assert (refused, done) == (10 * (100 - 39), 50)
        await neighbour.close()


# --- slow consumers --------------------------------------------------------------------------------


def listener() -> Session:
    return Session(1, is_websocket=True, now_us=lambda: 0, wake=lambda: None)


@pytest.mark.parametrize(
    ("name", "conflated"),
    [
        ("ticker.BTC_USDC-PERPETUAL.100ms", True),
        ("book.BTC_USDC-PERPETUAL.none.10.100ms", True),
        ("quote.BTC_USDC-PERPETUAL", True),
        ("user.portfolio.USDC", True),
        ("book.BTC_USDC-PERPETUAL.raw", False),
        ("trades.BTC_USDC-PERPETUAL.raw", False),
        ("user.orders.any.any.raw", False),
    ],
)
def test_a_slow_client_gets_the_newest_state_where_a_frame_says_all(name: str, conflated: bool) -> None:
    fanout, slow, quick = Fanout(), listener(), listener()
    channel = parse_channel(name)
    assert channel is not None
    for session in (slow, quick):
        fanout.subscribe(session, channel)
    (topic,) = fanout._topics.values()
    slow.is_slow = True
    for n in range(5):
        topic.publish(n)
    assert len(quick.take()) == 5
    waiting = slow.take()
    missed = slow.take_missed()
    assert (len(waiting), len(missed)) == ((0, 1) if conflated else (5, 0))
    assert b'"data":4' in (missed or waiting)[-1]
    topic.publish(5)
    fanout.unsubscribe(slow, name)
    assert slow.take_missed() == []


async def test_a_client_that_reads_again_gets_the_newest_state() -> None:
    venue = FakeVenue()
    async with running(venue, ServerConfig(slow_bytes=10_000, close_timeout_s=0.3)) as (server, port):
        client = await RawClient.websocket(port)
        client.send(PING)
        await client.reply()
        session = venue.sessions[0]
        await wait_until(lambda: not session.is_slow)
        while not session.is_slow:
            session.send(b'"' + b"x" * 60_000 + b'"')
            server.outgoing.flush()
        for n in range(100):
            session.send_newest("topic", b'"newest %d"' % n)
        found = await client.reply()
        while not found.startswith("newest"):
            found = await client.reply()
        assert found == "newest 99"
        await client.close()


# --- TLS -------------------------------------------------------------------------------------------


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "strikebook")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(cert.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_path, key_path


async def test_the_same_port_speaks_https_and_wss(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    venue = FakeVenue()
    server = Server(venue, venue.clock, ServerConfig(close_timeout_s=0.3), on_close=venue.on_close)
    port = await server.start("127.0.0.1", 0, tls_context(cert, key))
    trusting = ssl.create_default_context(cafile=str(cert))
    try:
        async with connect(f"wss://127.0.0.1:{port}/ws/api/v2", ssl=trusting, proxy=None) as ws:
            await ws.send(json.dumps(PING))
            assert json.loads(await ws.recv())["result"]["version"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        client = RawClient(reader, writer)
        client.write(b"GET /api/v2/public/test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status, reply = await client.json_response()
        assert (status, reply["result"]["version"]) == (200, "1.2.26")
        await client.close()
        plain = await RawClient.connect(port)
        plain.write(b"GET /api/v2/public/test HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await plain.at_eof()
        await plain.close()
        await wait_until(lambda: not server.connections)
    finally:
        await server.stop()


def test_half_a_certificate_or_none_at_all(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    assert tls_context(None, None) is None
    with pytest.raises(TlsError, match="go together"):
        tls_context(cert, None)
    with pytest.raises(TlsError, match="make no certificate chain"):
        tls_context(key, cert)
    with pytest.raises(TlsError, match="make no certificate chain"):
        tls_context(cert, tmp_path / "none.pem")
