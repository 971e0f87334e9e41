"""All requests for quotes of the venue: those that are open, and of those that have ended the newest.

Open requests live in memory alone: a restart cancels them (`venue_restart`) and shows them so; what was
traded is in the store of blocks. A quote that is over is forgotten once it was told.
"""

from __future__ import annotations

import bisect
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final

from exchange.gateway.deals.block_limits import BlockLimits
from exchange.gateway.deals.block_store import RFQS_KEPT, BlockStore
from exchange.gateway.deals.rfq import CANCELLED, FILLED, OPEN, Quote, Rfq, decoded, encoded
from exchange.wire import errors
from exchange.wire.errors import MESSAGES, error
from exchange.wire.session import RpcError

RATED_MAX: Final = 100
"""Of a taker's requests that count, the newest that its rating is made of."""
_MINUTE_MS: Final = 60_000


class RfqBook:
    """The requests, by id, and the open quotes of each maker."""

    def __init__(self, store: BlockStore, limits: BlockLimits, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._limits = limits
        self._now_ms = now_ms
        self._ids = store.ids("rfqs")
        self._quote_ids = store.ids("quotes")
        self.open: dict[int, Rfq] = {}
        self._ended: OrderedDict[int, Rfq] = OrderedDict()  # by id, in the order they ended
        self._numbers: list[int] = []  # of all of them, growing
        self._filled: list[int] = []  # of those that were filled, growing
        self._open_of: Counter[int] = Counter()  # by taker
        self._created: dict[int, deque[int]] = {}
        self._rated: dict[int, deque[bool]] = {}  # of a taker's that count, whether they traded
        self._quotes: dict[int, dict[int, Rfq]] = {}  # by maker and quote
        for body in store.rfqs():
            rfq = decoded(body)
            if rfq.state == OPEN:
                rfq.close(CANCELLED, now_ms(), "venue_restart")
                store.save_rfq(rfq.id, encoded(rfq))
            self._numbers.append(rfq.id)
            self._keep(rfq)

    # --- requests --------------------------------------------------------------------------------------

    def new_id(self, taker: int) -> int:
        """The id of a new request.

        Raises:
            RpcError: 13907 too_many_open_block_rfqs, of the taker or in all; 10028 too many within a minute.
        """
        most = self._limits.rfqs_open_max
        if self._open_of[taker] >= most or len(self.open) >= self._limits.rfqs_all_max:
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
        self._open_of[rfq.taker] += 1
        self._numbers.append(rfq.id)
        self._store.save_rfq(rfq.id, encoded(rfq))

    def ended(self, rfq: Rfq) -> None:
        """A request has been closed; of its quotes those stay that traded."""
        traded = {fill.quote for fill in rfq.fills}
        for quote in list(rfq.quotes.values()):
            self.drop_quote(rfq, quote, keep=quote.id in traded)
        del self.open[rfq.id]
        self._open_of[rfq.taker] -= 1
        if not self._open_of[rfq.taker]:
            del self._open_of[rfq.taker]
        self._keep(rfq)
        self._store.save_rfq(rfq.id, encoded(rfq))

    def _keep(self, rfq: Rfq) -> None:
        self._ended[rfq.id] = rfq
        if rfq.state == FILLED:
            bisect.insort(self._filled, rfq.id)
        if rfq.included:
            self._rated.setdefault(rfq.taker, deque(maxlen=RATED_MAX)).append(rfq.state == FILLED)
        while len(self._ended) > RFQS_KEPT:
            gone, _ = self._ended.popitem(last=False)
            for numbers in (self._numbers, self._filled):
                at = bisect.bisect_left(numbers, gone)
                if at < len(numbers) and numbers[at] == gone:
                    del numbers[at]

    def find(self, number: int) -> Rfq | None:
        """A request by its id."""
        return self.open.get(number) or self._ended.get(number)

    def newest(self, before: int = 0, *, filled: bool = False) -> Iterator[Rfq]:
        """All requests (or those that were filled) with a lower id than `before` (0: all), newest first."""
        numbers = self._filled if filled else self._numbers
        at = bisect.bisect_left(numbers, before) if before else len(numbers)
        for number in reversed(numbers[:at]):
            rfq = self.find(number)
            if rfq is not None:
                yield rfq

    def rating(self, taker: int) -> float | None:
        """Tenths of a taker's quoted requests that it traded, of its newest; None before the first."""
        rated = self._rated.get(taker)
        return sum(rated) * 10 / len(rated) if rated else None

    # --- quotes ----------------------------------------------------------------------------------------

    def new_quote_id(self) -> int:
        """The id of a quote. Raises as `IdSeries.take`."""
        return self._quote_ids.take()

    def put_quote(self, rfq: Rfq, quote: Quote) -> None:
        """A quote stands."""
        rfq.quotes[quote.id] = quote
        self._quotes.setdefault(quote.maker, {})[quote.id] = rfq

    def drop_quote(self, rfq: Rfq, quote: Quote, *, keep: bool = False) -> None:
        """A quote is over; with `keep` its request still shows it."""
        mine = self._quotes.get(quote.maker, {})
        mine.pop(quote.id, None)
        if not mine:
            self._quotes.pop(quote.maker, None)
        if not keep:
            rfq.quotes.pop(quote.id, None)

    def quotes_of(self, maker: int) -> list[tuple[Rfq, Quote]]:
        """A maker's open quotes, the oldest first."""
        return [(rfq, rfq.quotes[number]) for number, rfq in self._quotes.get(maker, {}).items()]


def rating_text(rating: float | None) -> str:
    """The range a rating is in, as makers read it; "" without one."""
    if rating is None:
        return ""
    low = min(int(rating), 9)
    return f"{low}-{low + 1}"
