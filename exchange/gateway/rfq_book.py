"""All requests for quotes of the venue: those that are open, and of those that have ended the newest.

Open requests live in memory alone: a restart cancels them (`venue_restart`) and shows them so; what was
traded is in the store of blocks.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final

from exchange.gateway.block_limits import BlockLimits
from exchange.gateway.block_store import RFQS_KEPT, BlockStore
from exchange.gateway.rfq import CANCELLED, FILLED, OPEN, Quote, Rfq, decoded, encoded
from exchange.wire import errors
from exchange.wire.errors import MESSAGES, error
from exchange.wire.session import RpcError

RATED_MAX: Final = 100
"""Of a taker's requests that count, the newest that its rating is made of."""
_MINUTE_MS: Final = 60_000


class RfqBook:
    """The requests, by id."""

    def __init__(self, store: BlockStore, limits: BlockLimits, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._limits = limits
        self._now_ms = now_ms
        self._ids = store.ids("rfqs")
        self._quote_ids = store.ids("quotes")
        self.open: dict[int, Rfq] = {}
        self._ended: OrderedDict[int, Rfq] = OrderedDict()  # by id, in the order they ended
        self._created: dict[int, deque[int]] = {}
        for body in store.rfqs():
            rfq = decoded(body)
            if rfq.state == OPEN:
                rfq.close(CANCELLED, now_ms(), "venue_restart")
                store.save_rfq(rfq.id, encoded(rfq))
            self._ended[rfq.id] = rfq

    def new_quote_id(self) -> int:
        """The id of a quote. Raises as `IdSeries.take`."""
        return self._quote_ids.take()

    def new_id(self, taker: int) -> int:
        """The id of a new request.

        Raises:
            RpcError: 13907 too_many_open_block_rfqs; 10028 too many within a minute.
        """
        most = self._limits.rfqs_open_max
        if sum(rfq.taker == taker for rfq in self.open.values()) >= most:
            reason = "too_many_open_block_rfqs"
            code = errors.NOT_FULLY_FILLED  # the dialect gives both this number
            raise RpcError(code, f"{MESSAGES[code]}: {reason}", {"reason": reason, "limit": most})
        lately = self._created.setdefault(taker, deque())
        while lately and lately[0] <= self._now_ms() - _MINUTE_MS:
            lately.popleft()
        if len(lately) >= self._limits.rfqs_a_minute:
            raise error(
                errors.TOO_MANY_REQUESTS, reason="requests within a minute", limit=self._limits.rfqs_a_minute
            )
        lately.append(self._now_ms())
        return self._ids.take()

    def add(self, rfq: Rfq) -> None:
        """A request begins."""
        self.open[rfq.id] = rfq
        self._store.save_rfq(rfq.id, encoded(rfq))

    def ended(self, rfq: Rfq) -> None:
        """A request has been closed."""
        self.open.pop(rfq.id, None)
        self._ended[rfq.id] = rfq
        while len(self._ended) > RFQS_KEPT:
            self._ended.popitem(last=False)
        self._store.save_rfq(rfq.id, encoded(rfq))

    def find(self, number: int) -> Rfq | None:
        """A request by its id."""
        return self.open.get(number) or self._ended.get(number)

    def newest(self, before: int = 0) -> Iterator[Rfq]:
        """All requests with a lower id than `before` (0: all), the newest first."""
        numbers = sorted({*self.open, *self._ended}, reverse=True)
        for number in numbers:
            rfq = self.find(number)
            if rfq is not None and (not before or number < before):
                yield rfq

    def quote(self, number: int) -> tuple[Rfq, Quote] | None:
        """A quote of an open request by its id."""
        for rfq in self.open.values():
            found = rfq.quotes.get(number)
            if found is not None:
                return rfq, found
        return None

    def rating(self, taker: int) -> float | None:
        """Tenths of a taker's quoted requests that it traded, of its newest; None before the first."""
        counted = traded = 0
        for rfq in reversed(self._ended.values()):
            if rfq.taker == taker and rfq.included:
                counted += 1
                traded += rfq.state == FILLED
                if counted == RATED_MAX:
                    break
        return traded * 10 / counted if counted else None


def rating_text(rating: float | None) -> str:
    """The range a rating is in, as makers read it; "" without one."""
    if rating is None:
        return ""
    low = min(int(rating), 9)
    return f"{low}-{low + 1}"
