"""The bus: trades, tickers and batch states for consumers outside the venue.

The port takes what the venue releases and must never block it. The Redis implementation queues packed
entries, bounded, and a thread of its own writes them to Redis Streams in pipelines; when Redis is slow
or gone the oldest entries are dropped and counted, and the venue does not notice.

Streams (prefix `strikebook:`): `trades` (one entry a match, field `data`: JSON of the public trade),
`tickers` (one entry an instrument and change, `data`: JSON of the quote), `batches` (one entry a
settlement batch state, `data`: JSON). Every entry has `seq`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from exchange.gateway.deals.block_index import BlockIndex
from exchange.gateway.read_records import read_trade
from exchange.gateway.views import Views
from exchange.wire.envelope import encode_json
from exchange.wire.objects import public_trade_object, quote_data

TRADES: Final = "strikebook:trades"
TICKERS: Final = "strikebook:tickers"
BATCHES: Final = "strikebook:batches"
QUEUE_MAX: Final = 20_000
STREAM_MAX: Final = 100_000
_PIPELINE: Final = 500
_RETRY_S: Final = 0.5

_log = logging.getLogger(__name__)
Entry = tuple[str, dict[str, bytes]]


class Bus(Protocol):
    """Where releases are published."""

    def on_release(self, views: Views, blocks: BlockIndex | None = None) -> None:
        """A group of batches was released; `views.touched` says what is new."""

    def on_batch_state(self, state: Mapping[str, object]) -> None:
        """A settlement batch was posted or confirmed."""

    def close(self) -> None:
        """Give what is queued a last chance, and stop."""


class NoBus:
    """Publishes nothing."""

    def on_release(self, views: Views, blocks: BlockIndex | None = None) -> None:
        """Nothing."""

    def on_batch_state(self, state: Mapping[str, object]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class QueuedBus:
    """Turns releases into stream entries in a bounded queue that a writer drains."""

    def __init__(self, queue_max: int = QUEUE_MAX) -> None:
        self._queue: deque[Entry] = deque()
        self._queue_max = queue_max
        self._seq = 0
        self.dropped = 0
        """Entries given up because the queue was full."""

    def on_release(self, views: Views, blocks: BlockIndex | None = None) -> None:
        """Queue the new trades and the best prices of touched books."""
        self._seq = views.seq
        instruments = views.registry.instruments
        for instrument, fill in views.touched.fills:
            match = read_trade(fill.trade)
            trade = public_trade_object(match, instruments[instrument], tick_direction=fill.tick_direction)
            self._put(TRADES, trade if blocks is None else blocks.add_public(trade, match))
        for instrument in views.touched.books:
            book = views.markets[instrument].book
            ticker = quote_data(instruments[instrument], book.best_bid(), book.best_ask(), views.time_ms)
            self._put(TICKERS, ticker)
        self._wake()

    def on_batch_state(self, state: Mapping[str, object]) -> None:
        """Queue a batch state."""
        self._put(BATCHES, state)
        self._wake()

    def _put(self, stream: str, data: object) -> None:
        if len(self._queue) >= self._queue_max:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append((stream, {"seq": b"%d" % self._seq, "data": encode_json(data)}))

    def take(self, limit: int) -> list[Entry]:
        """Up to `limit` entries, oldest first."""
        found: list[Entry] = []
        try:
            while len(found) < limit:
                found.append(self._queue.popleft())
        except IndexError:
            pass
        return found

    def _wake(self) -> None:
        """Something was queued."""

    def close(self) -> None:
        """Nothing runs."""


class RedisBus(QueuedBus):
    """Publishes to Redis Streams from a thread of its own.

    `connect` gives a `redis.Redis` client; it is called again after every failure.
    """

    def __init__(
        self, connect: Callable[[], Any], *, queue_max: int = QUEUE_MAX, stream_max: int = STREAM_MAX
    ) -> None:
        super().__init__(queue_max)
        self._connect = connect
        self._stream_max = stream_max
        self._news = threading.Event()
        self._stopping = threading.Event()
        self.published = 0
        """Entries Redis has taken."""
        self.failures = 0
        """Pipelines Redis did not take; their entries are dropped, not repeated."""
        self._thread = threading.Thread(target=self._run, name="strikebook-redis", daemon=True)
        self._thread.start()

    def _wake(self) -> None:
        self._news.set()

    def close(self) -> None:
        """Publish what is queued, if Redis takes it at once, and join the thread."""
        self._stopping.set()
        self._news.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        client: Any = None
        while True:
            self._news.wait()
            self._news.clear()
            while entries := self.take(_PIPELINE):
                try:
                    client = client or self._connect()
                    self._publish(client, entries)
                except Exception as failed:  # redis-py raises its own and socket errors alike
                    client = None
                    self.failures += 1
                    self.dropped += len(entries)
                    _log.warning("redis did not take %d entries: %s", len(entries), failed)
                    if self._stopping.wait(_RETRY_S):
                        return
            if self._stopping.is_set():
                return

    def _publish(self, client: Any, entries: list[Entry]) -> None:
        pipeline = client.pipeline(transaction=False)
        for stream, fields in entries:
            pipeline.xadd(stream, fields, maxlen=self._stream_max, approximate=True)
        pipeline.execute()
        self.published += len(entries)


def redis_bus(url: str) -> RedisBus:
    """A bus to the Redis server at `url`; connects when there is something to publish."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    def connect() -> Any:
        once = Retry(NoBackoff(), 0)  # trying again is ours to do, with what is new by then
        return redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0, retry=once)

    return RedisBus(connect)
