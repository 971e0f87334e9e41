"""A disk that fails under a running venue process: it halts, acknowledges nothing more, and still answers."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import exchange.app.serve
from exchange.app.calls import CallError, call
from exchange.app.config import Config
from exchange.app.serve import VenueProcess
from exchange.journal import DiskStorage, StorageError

PERPETUAL = "BTC_USDC-PERPETUAL"


class FailingDisk(DiskStorage):
    """A disk whose fdatasync fails from a moment on, as the kernel reports it."""

    failing = False

    def fdatasync(self, name: str) -> None:
        if FailingDisk.failing:
            raise StorageError("fdatasync", name, os.strerror(errno.EIO), errno.EIO)
        super().fdatasync(name)


class Client:
    """Blocking calls, made from threads."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""

    async def call(self, method: str, **params: object) -> Any:
        if self.token and method.startswith("private/"):
            params["access_token"] = self.token
        return await asyncio.to_thread(call, self.url, method, params)

    async def health(self) -> tuple[int, Any]:
        def get() -> tuple[int, Any]:
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=10) as reply:
                    return reply.status, json.load(reply)
            except urllib.error.HTTPError as failed:
                with failed:
                    return failed.code, json.load(failed)

        return await asyncio.to_thread(get)

    async def sign_up(self) -> None:
        key = await self.call("public/strikebook_sign_up")
        await self.log_in(key)
        async with asyncio.timeout(20):
            while not (await self.call("private/get_account_summary", currency="USDC"))["balance"]:
                await asyncio.sleep(0.02)
            while (await self.call("public/strikebook_status"))["mode"] != "open":
                await asyncio.sleep(0.02)
        self.key = key

    async def log_in(self, key: dict[str, Any]) -> None:
        grant = {name: key[name] for name in ("client_id", "client_secret")}
        found = await self.call("public/auth", grant_type="client_credentials", **grant)
        self.token = found["access_token"]

    async def buy(self, label: str) -> Any:
        order = {"instrument_name": PERPETUAL, "amount": 0.01, "price": 1_000.0, "label": label}
        return await self.call("private/buy", **order)


@pytest.fixture
def failing_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(exchange.app.serve, "DiskStorage", FailingDisk)
    monkeypatch.setattr(FailingDisk, "failing", False)
    return FailingDisk


async def test_a_failed_fdatasync_halts_and_reads_go_on(tmp_path: Path, failing_disk: Any) -> None:
    config = Config(tmp_path / "data", port=0, children=False)
    process = VenueProcess(config)
    client = Client(await process.start())
    try:
        await client.sign_up()
        before = (await client.buy("before"))["order"]
        failing_disk.failing = True
        with pytest.raises(CallError, match="halted"):
            await client.buy("under")
        with pytest.raises(CallError, match="halted"):
            await client.buy("after")
        assert process.venue.halted
        assert (await client.call("public/strikebook_status"))["mode"] == "halted"
        status, health = await client.health()
        assert (status, health["ok"]) == (503, False)
        book = await client.call("public/get_order_book", instrument_name=PERPETUAL)
        assert book["bids"] == [[1_000.0, 0.01]], "books show what is durable, and nothing else"
        orders = await client.call("private/get_open_orders")
        assert before["order_id"] in [order["order_id"] for order in orders]
        assert (await client.call("public/get_instruments", currency="BTC"))
    finally:
        failing_disk.failing = False
        await process.stop()
    await _goes_on(config, client.key, before)


async def _goes_on(config: Config, key: dict[str, Any], before: dict[str, Any]) -> None:
    """The next process has what was acknowledged, and takes orders."""
    process = VenueProcess(config)
    client = Client(await process.start())
    try:
        await client.log_in(key)
        labels = [order["label"] for order in await client.call("private/get_open_orders")]
        assert labels[0] == before["label"]
        assert "after" not in labels
        async with asyncio.timeout(20):
            while (await client.call("public/strikebook_status"))["mode"] != "open":
                await asyncio.sleep(0.02)
        assert (await client.buy("again"))["order"]["order_state"] == "open"
    finally:
        await process.stop()
