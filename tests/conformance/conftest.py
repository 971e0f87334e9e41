"""One real venue for the whole folder, and accounts on it, reached only as any client would."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

START_LIMIT_S = 120.0  # a busy machine starts slowly
READY_LIMIT_S = 60.0


@dataclass(frozen=True)
class Key:
    """An API key of one account."""

    client_id: str
    secret: str


@dataclass(frozen=True)
class RunningVenue:
    """Where the venue listens and two funded accounts on it."""

    url: str
    maker: Key
    taker: Key

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/api/v2"

    def ccxt_config(self, key: Key | None = None) -> dict[str, Any]:
        """What an unmodified ccxt needs: the address, and a key for private calls. Nothing else."""
        config: dict[str, Any] = {
            "urls": {"api": {"rest": self.url, "ws": self.ws_url}},
            "enableRateLimit": False,
        }
        if key is not None:
            config |= {"apiKey": key.client_id, "secret": key.secret}
        return config


def rpc(url: str, method: str, params: dict[str, Any] | None = None, token: str = "") -> Any:
    """One call over plain HTTP, without any client library."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{url}/api/v2", body, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["result"]


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = READY_LIMIT_S) -> None:
    """Poll a condition that another process makes true."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.05)


def _lines(stream: IO[str]) -> queue.Queue[str]:
    """The stream's lines as they come; "" at its end. A thread reads, so that the pipe never fills."""
    lines: queue.Queue[str] = queue.Queue()

    def pump() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=pump, daemon=True).start()
    return lines


def _address(lines: queue.Queue[str], log: Path) -> str:
    end_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            line = lines.get(timeout=max(0.01, end_s - time.monotonic()))
        except queue.Empty:
            line = ""
        if not line:
            raise AssertionError(f"the venue did not start:\n{log.read_text()[-4000:]}")
        if line.startswith("listening on "):
            return line.split()[2].rstrip("/")


def _sign_up(url: str, name: str) -> Key:
    account = rpc(url, "public/strikebook_sign_up", {"name": name})
    key = Key(account["client_id"], account["client_secret"])
    grant = {"grant_type": "client_credentials", "client_id": key.client_id, "client_secret": key.secret}
    token = rpc(url, "public/auth", grant)["access_token"]

    def funded() -> bool:
        summary = rpc(url, "private/get_account_summary", {"currency": "USDC"}, token)
        return bool(summary["available_funds"] > 0)

    wait_until(funded, f"the faucet deposit of {name}")
    return key


def _marked(url: str) -> bool:
    """Every instrument has a mark, so orders are accepted."""
    summaries = rpc(url, "public/get_book_summary_by_currency", {"currency": "USDC"})
    return bool(summaries) and all(summary["mark_price"] is not None for summary in summaries)


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVenue]:
    """A venue process on a free port with its simulated feed, and two accounts with faucet deposits."""
    folder = tmp_path_factory.mktemp("venue")
    log = folder / "stderr.log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    options = ["--port", "0", "--data", str(folder / "data"), "--settlement", "1"]
    command = [sys.executable, "-m", "exchange.app.cli", "serve", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment, cwd=Path.cwd()
        )
    assert process.stdout is not None
    try:
        url = _address(_lines(process.stdout), log)
        wait_until(lambda: _marked(url), "marks for every instrument")
        yield RunningVenue(url, _sign_up(url, "maker"), _sign_up(url, "taker"))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the venue did not stop on SIGTERM") from None
        finally:
            process.stdout.close()
    assert process.returncode == 0, log.read_text()[-4000:]
