"""A whole venue on real sockets: the rig's engine behind a server, on the test's own loop."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.express import Express
from exchange.gateway.methods.table import METHODS
from exchange.gateway.packed_lane import FastLane
from exchange.gateway.ports import InlineCommitter
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.server import Server
from exchange.gateway.venue import Venue
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import Credentials
from exchange.keys.key_table import Key
from tests.unit.gateway.fakes import ListJournal
from tests.unit.gateway.loopback import ManualClock, RawClient, wait_until
from tests.unit.gateway.rig import NOW_MS
from tests.unit.gateway.risk_rig import SEALING_KEY, Entropy, prepared


class Live:
    """The venue, its port, and accounts with keys."""

    def __init__(self, **ports: Any) -> None:
        self.clock: ManualClock = ports.pop("clock", None) or ManualClock()
        self.clock.at_us = NOW_MS * 1_000
        self.engine: Engine = ports.pop("engine", None) or prepared()[0]
        self.peers: list[Peer] = []
        self.credentials = ports.pop("credentials", None) or Credentials(
            ":memory:", Entropy(), self.clock, SEALING_KEY
        )
        self.config: ServerConfig = ports.pop("config", None) or ServerConfig(close_timeout_s=0.3)
        self.ports = ports
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        committer = self.ports.pop("committer", None) or InlineCommitter(loop)
        authenticator = CredentialAuthenticator(self.credentials, self.clock)
        self.venue = Venue(
            self.engine,
            ListJournal(),
            committer,
            loop,
            self.clock,
            authenticator=authenticator,
            sign_up_enabled=True,
            **self.ports,
        )
        self.server = Server(
            Dispatcher(self.venue, METHODS),
            self.clock,
            self.config,
            authenticator=authenticator,
            on_close=self.venue.on_close,
            express=Express(self.venue),
            lane=FastLane(self.venue),
        )
        self.port = await self.server.start("127.0.0.1", 0)
        self.venue.start()
        await wait_until(lambda: self.venue.phase == "open")

    async def stop(self) -> None:
        for peer in self.peers:
            await peer.close()
        await self.server.stop()
        await wait_until(lambda: self.venue.sequencer.idle)
        self.venue.stop()

    async def account(self, usdc: int = 10_000_000, main: int = 0) -> Key:
        """The key of a new account with money."""
        owner = self.venue.owner_of(main) if main else bytes(20)
        pending = self.credentials.begin_account("someone", owner)
        made: list[int] = []
        self.venue.create_account(owner, made.append, main)
        await wait_until(lambda: bool(made))
        self.credentials.confirm(pending.row, made[0])
        if usdc:
            deposit = self.engine.last_deposit_id + 1
            self.venue.submit(commands.deposit(made[0], usdc * 1_000_000, deposit))
            await wait_until(lambda: self.venue.sequencer.idle)
        (key,) = self.credentials.keys_of(made[0])
        return key

    async def socket(self, key: Key | None = None, **more: str) -> Peer:
        """A WebSocket, authenticated if a key is given."""
        peer = Peer(await RawClient.websocket(self.port))
        self.peers.append(peer)
        if key is not None:
            await peer.call("public/auth", **grant(key), **more)
        return peer

    async def http(self, wire: bytes) -> tuple[int, Any]:
        """One request on a connection of its own: status and JSON."""
        client = await RawClient.connect(self.port)
        client.write(wire)
        found = await client.json_response()
        await client.close()
        return found

    def signed(
        self, key: Key, method: str, params: dict[str, object] | None = None, nonce: str = "n"
    ) -> bytes:
        """A signed GET of a method."""
        target = f"/api/v2/{method}" + (f"?{urlencode(params)}" if params else "")
        return signed_request(key, self.clock.now_ms(), "GET", target, b"", nonce)


class Refused(Exception):
    """The venue answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"], error["message"], error.get("data"))
        self.code: int = error["code"]
        self.data: dict[str, Any] = error.get("data") or {}


class Peer:
    """A WebSocket client that keeps replies and pushes apart."""

    def __init__(self, raw: RawClient) -> None:
        self.raw = raw
        self.pushes: list[tuple[str, Any]] = []
        self.last: Any = None
        self._next_id = 0

    def send(self, method: str, **params: object) -> int:
        self._next_id += 1
        self.raw.call(self._next_id, method, **params)
        return self._next_id

    async def envelope(self, request_id: int) -> Any:
        """The whole reply to a request."""
        while True:
            message = await self.raw.reply()
            if "method" in message:
                self.pushes.append((message["params"].get("channel", message["method"]), message["params"]))
            elif message["id"] == request_id:
                self.last = message
                return message

    async def call(self, method: str, **params: object) -> Any:
        """The result of a call. Raises Refused."""
        message = await self.envelope(self.send(method, **params))
        if "error" in message:
            raise Refused(message["error"])
        return message["result"]

    async def close(self) -> None:
        await self.raw.close()


def grant(key: Key) -> dict[str, str]:
    """`public/auth` parameters of a key."""
    return {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}


def signed_request(
    key: Key, ts_ms: int, verb: str, target: str, body: bytes = b"", nonce: str = "n", *, order: str = "itsn"
) -> bytes:
    """The bytes of a signed HTTP request; `order` is that of the header's fields."""
    text = f"{ts_ms}\n{nonce}\n{verb}\n{target}\n".encode() + body + b"\n"
    signature = hmac.new(key.secret.encode(), text, hashlib.sha256).hexdigest()
    fields = {"i": f"id={key.client_id}", "t": f"ts={ts_ms}", "s": f"sig={signature}", "n": f"nonce={nonce}"}
    header = "deri-hmac-sha256 " + ",".join(fields[letter] for letter in order)
    return request(verb, target, body, f"Authorization: {header}")


def request(verb: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of an HTTP request."""
    lines = [f"{verb} {target} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def rpc(method: str, **params: object) -> bytes:
    """A JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


@asynccontextmanager
async def live(**ports: Any) -> AsyncIterator[Live]:
    """A started venue."""
    made = Live(**ports)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
