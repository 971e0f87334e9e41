"""What comes over a WebSocket is what the venue's AsyncAPI document says: each reply, each push."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest
from websockets.asyncio.client import ClientConnection, connect

from exchange.wire.documents.schemas import identifier
from exchange.wire.messages.channels import CHANNELS
from tests.conformance.conftest import Key, RunningVenue

# What a simulated market pushes by itself within a second or two, or at once on subscribing.
FED = {
    "book.{instrument_name}.{interval}": "book.BTC_USDC-PERPETUAL.100ms",
    "book.{instrument_name}.{group}.{depth}.{interval}": "book.BTC_USDC-PERPETUAL.none.10.100ms",
    "chain.{currency}.{interval}": "chain.BTC.agg2",
    "deribit_price_index.{index_name}": "deribit_price_index.btc_usdc",
    "deribit_price_ranking.{index_name}": "deribit_price_ranking.btc_usdc",
    "deribit_price_statistics.{index_name}": "deribit_price_statistics.btc_usdc",
    "incremental_ticker.{instrument_name}": "incremental_ticker.ETH_USDC-PERPETUAL",
    "markprice.options.{index_name}": "markprice.options.btc_usdc",
    "perpetual.{instrument_name}.{interval}": "perpetual.BTC_USDC-PERPETUAL.100ms",
    "platform_state": "platform_state",
    "quote.{instrument_name}": "quote.BTC_USDC-PERPETUAL",
    "ticker.{instrument_name}.{interval}": "ticker.BTC_USDC-PERPETUAL.100ms",
    "user.orders.{kind}.{currency}.raw": "user.orders.any.any.raw",
    "user.portfolio.{currency}": "user.portfolio.usdc",
    "user.stream": "user.stream",
}


class Document:
    """The document that the venue serves, and validators of its messages."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(url + "/api/v2/asyncapi.json", timeout=10) as response:
            self.told: Any = json.load(response)
        self.schemas = {"components": {"schemas": self.told["components"]["schemas"]}}

    def wrong(self, message: str, frame: object) -> list[str]:
        """How a frame differs from a message of the document."""
        payload = self.told["components"]["messages"][message]["payload"]
        validator = jsonschema_rs.Draft202012Validator({**payload, **self.schemas})
        return [found.message for found in validator.iter_errors(frame)]


@pytest.fixture(scope="module")
def document(venue: RunningVenue) -> Document:
    return Document(venue.url)


@pytest.fixture
async def socket(venue: RunningVenue) -> AsyncIterator[ClientConnection]:
    async with connect(venue.ws_url, max_size=None) as made:
        yield made


async def asked(socket: ClientConnection, method: str, **params: object) -> Any:
    """The frame that answers; pushes before it are passed over."""
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params}))
    async with asyncio.timeout(20):
        while True:
            frame = json.loads(await socket.recv())
            if frame.get("id") == method:
                return frame


async def logged_in(socket: ClientConnection, key: Key) -> Any:
    grant = {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}
    return await asked(socket, "public/auth", **grant)


async def test_replies_are_those_of_the_document(
    venue: RunningVenue, document: Document, socket: ClientConnection
) -> None:
    assert document.wrong("public.auth.reply", await logged_in(socket, venue.taker)) == []
    order = {"instrument_name": "BTC_USDC-PERPETUAL", "amount": 0.01, "price": 20_000.0, "label": "asyncapi"}
    for method, params in (
        ("public/get_time", {}),
        ("public/ticker", {"instrument_name": "BTC_USDC-PERPETUAL"}),
        ("private/buy", order),  # as most frames are: answered from a template
        ("private/cancel_all", {"detailed": True}),
        ("public/strikebook_get_errors", {}),
        ("public/strikebook_status", {}),
    ):
        frame = await asked(socket, method, **params)
        assert document.wrong(f"{identifier(method)}.reply", frame) == [], method
        assert document.wrong("failure", frame) != [], method
    refused = await asked(socket, "private/cancel", order_id="nothing")
    assert document.wrong("failure", refused) == []
    assert document.wrong("private.cancel.reply", refused) != []


async def test_pushes_are_those_of_the_document(
    venue: RunningVenue, document: Document, socket: ClientConnection
) -> None:
    await logged_in(socket, venue.taker)
    template_of = {name: template for template, name in FED.items()}
    assert set(template_of.values()) <= set(CHANNELS)
    reply = await asked(socket, "private/subscribe", channels=list(template_of))
    assert sorted(reply["result"]) == sorted(template_of)
    order = {"instrument_name": "BTC_USDC-PERPETUAL", "amount": 0.01, "price": 20_000.0}
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "private/buy", "params": order}))
    seen: set[str] = set()
    async with asyncio.timeout(60):
        while seen != set(FED):
            frame = json.loads(await socket.recv())
            if "method" in frame:
                template = template_of[frame["params"]["channel"]]
                seen.add(template)
                assert document.wrong(identifier(template), frame) == [], template
    await asked(socket, "private/cancel_all")
