"""What takers and makers do with requests for quotes, and what becomes of it.

An acceptance is one block with all the quotes it takes (`rfq_matching`): it happens whole or not at all. A
quote whose maker cannot bear it when it comes to trading is withdrawn, and the rest looked at again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from exchange.domain import rejects as rej
from exchange.gateway.deals.block_desk import BlockDesk, Deal, Outcome, Refused
from exchange.gateway.deals.block_limits import UNITS_MOST, BlockLimits
from exchange.gateway.deals.block_store import Part
from exchange.gateway.deals.rfq import (
    CANCELLED,
    EXPIRED,
    FILLED,
    OPEN,
    TRIGGERED,
    UNTRIGGERED,
    Fill,
    Quote,
    Rfq,
    Trigger,
)
from exchange.gateway.deals.rfq_book import RfqBook
from exchange.gateway.deals.rfq_deal import deal_of
from exchange.gateway.deals.rfq_matching import Taken, Want, plan
from exchange.gateway.deals.rfq_protection import RfqProtection, Tripped
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error, other_reject
from exchange.wire.session import RpcError

PROTECTED: Final = "mmp_trigger"
_ITS_OWN: Final = frozenset({rej.ACCOUNT_LOCKED, rej.UNKNOWN_ACCOUNT, rej.WRONG_FAMILY})
_ITS_PRICE: Final = frozenset({rej.PRICE_TOO_HIGH, rej.PRICE_TOO_LOW, rej.BAD_PRICE, rej.PRICE_OFF_TICK})


class Accepted(NamedTuple):
    """What came of an acceptance: the block trades it made, or the trigger that waits."""

    parts: list[Part]
    trigger: Trigger | None


OnAccepted = Callable[[Accepted | tuple[Deal, Refused] | RpcError], None]


class RfqDesk:
    """Keeps requests going. `changed(rfq, quotes, is_news)` is told of a request and of its quotes that
    changed, and whether it is news to those who were asked: it began or ended; `traded(rfq)` of one that was
    filled."""

    def __init__(
        self,
        book: RfqBook,
        desk: BlockDesk,
        registry: Registry,
        limits: BlockLimits,
        now_ms: Callable[[], int],
        mark_micro: Callable[[Rfq], int | None],
        index_micro: Callable[[Rfq], dict[str, int]],
        protection: RfqProtection,
    ) -> None:
        self.book = book
        self._desk = desk
        self._registry = registry
        self._limits = limits
        self._now_ms = now_ms
        self._mark_micro = mark_micro
        self._index_micro = index_micro
        self._protection = protection
        protection.tripped.append(self._on_tripped)
        self._due: list[tuple[int, int, int]] = []  # when, request, quote (0: the request itself), a heap
        self.changed: list[Callable[[Rfq, list[Quote], bool], None]] = []
        self.traded: list[Callable[[Rfq], None]] = []

    # --- requests --------------------------------------------------------------------------------------

    def create(self, rfq: Rfq) -> None:
        """A request begins."""
        self.book.add(rfq)
        heapq.heappush(self._due, (rfq.expires_ms, rfq.id, 0))
        self._tell(rfq, [], is_news=True)

    def close(self, rfq: Rfq, state: str, reason: str = "", changed: Sequence[Quote] = ()) -> None:
        """End a request and all its open quotes; `changed` are others to tell of."""
        now_ms = self._now_ms()
        rfq.mark_micro = self._mark_micro(rfq)
        rfq.close(state, now_ms, reason)
        gone = list(changed)
        for quote in rfq.quotes.values():
            quote.busy = False
            if quote.state == OPEN:
                quote.state, quote.updated_ms, quote.reason = CANCELLED, now_ms, f"rfq_{state}"
                gone.append(quote)
        self.book.ended(rfq)
        self._tell(rfq, gone, is_news=True)

    def must_be_open(self, rfq: Rfq) -> None:
        """Refuse what is over. Raises RpcError 11030 block_rfq_closed."""
        if rfq.state != OPEN or (rfq.expires_ms <= self._now_ms() and not rfq.busy):
            raise other_reject("block_rfq_closed", param="block_rfq_id")

    def must_be_idle(self, rfq: Rfq) -> None:
        """Refuse to disturb an execution. Raises RpcError 10040."""
        if rfq.busy:
            raise error(errors.RETRY, reason="the request is being traded")

    def tick(self) -> None:
        """End what has expired."""
        now_ms = self._now_ms()
        while self._due and self._due[0][0] <= now_ms:
            _, number, quote_number = heapq.heappop(self._due)
            rfq = self.book.open.get(number)
            if rfq is None:
                continue
            quote = rfq.quotes.get(quote_number)
            if rfq.busy:  # it is looked at again when that is over
                heapq.heappush(self._due, (now_ms + 1, number, quote_number))
            elif quote is not None:
                quote.state, quote.updated_ms, quote.reason = EXPIRED, now_ms, "expires_at"
                self.book.drop_quote(rfq, quote)
                self._tell(rfq, [quote])
            elif not quote_number:
                self.close(rfq, EXPIRED)

    def _tell(self, rfq: Rfq, quotes: list[Quote], *, is_news: bool = False) -> None:
        for told in self.changed:
            told(rfq, quotes, is_news)

    # --- quotes ----------------------------------------------------------------------------------------

    def must_take(
        self, rfq: Rfq, maker: int, sells: bool, price_micro: int, amount_e8: int, replaced: Quote | None
    ) -> None:
        """Refuse a quote that a maker may not have beside its others.

        Raises:
            RpcError: 13030, 11030 mmp_quantity the maker's protection; 13905, 13906 too many; 13910 it
                crosses the maker's own.
        """
        self._protection.must_allow(rfq, maker, sells, amount_e8, replaced)
        mine = [quote for quote in rfq.quotes_of(maker) if quote is not replaced]
        limits = self._limits
        if replaced is None:
            if len(mine) >= limits.quotes_max:
                raise error(errors.TOO_MANY_RFQ_QUOTES, limit=limits.quotes_max)
            if len([quote for quote in rfq.quotes.values() if quote.state == OPEN]) >= limits.quotes_all_max:
                raise error(errors.TOO_MANY_RFQ_QUOTES, limit=limits.quotes_all_max)
            if sum(quote.sells == sells for quote in mine) >= limits.quotes_side_max:
                raise error(errors.TOO_MANY_RFQ_SIDE_QUOTES, limit=limits.quotes_side_max)
        for quote in mine:
            bid, ask = (quote.price_micro, price_micro) if sells else (price_micro, quote.price_micro)
            if quote.sells != sells and bid >= ask:
                raise error(errors.QUOTE_CROSSED, param="price", block_rfq_quote_id=quote.id)

    def put(self, rfq: Rfq, quote: Quote) -> None:
        """A new quote, or one with new terms; what waits for it trades."""
        self.book.put_quote(rfq, quote)
        if quote.expires_ms and not quote.replaced:
            heapq.heappush(self._due, (quote.expires_ms, rfq.id, quote.id))
        self._desk.store.add_maker(quote.maker)
        self._tell(rfq, [quote])
        self._try_trigger(rfq)

    def withdraw(self, rfq: Rfq, quotes: Sequence[Quote], reason: str) -> None:
        """Quotes are over."""
        gone = [quote for quote in quotes if quote.state == OPEN]
        for quote in gone:
            quote.state, quote.updated_ms, quote.reason = CANCELLED, self._now_ms(), reason
            quote.busy = False
            self.book.drop_quote(rfq, quote)
        if gone:
            self._tell(rfq, gone)

    # --- acceptances -----------------------------------------------------------------------------------

    def must_be_past_grace(self, rfq: Rfq) -> None:
        """Refuse a taker who does not wait for its makers. Raises RpcError 11030 block_rfq_grace."""
        until_ms = rfq.created_ms + self._limits.grace_ms
        if self._now_ms() < until_ms:
            raise other_reject("block_rfq_grace", param="block_rfq_id", until=until_ms)

    def accept(self, rfq: Rfq, trigger: Trigger, *, waits: bool, done: OnAccepted) -> None:
        """Trade at the trigger's price or better now; where the amount is not there and it `waits`, it waits
        in place of the one before.

        Raises:
            RpcError: 11030 too early, or the request is over; 10040 it is being traded; 13907 too little is
                quoted.
        """
        self.must_be_open(rfq)
        self.must_be_past_grace(rfq)
        self.must_be_idle(rfq)
        taken = self._plan(rfq, trigger)
        if taken:
            if waits:
                rfq.trigger = trigger
            self._execute(rfq, trigger, taken, waits, done)
        elif waits:
            rfq.trigger = trigger
            self._tell(rfq, [])
            done(Accepted([], trigger))
        else:
            raise error(errors.NOT_FULLY_FILLED, reason="the quotes at this price are not enough")

    def cancel_trigger(self, rfq: Rfq, reason: str) -> None:
        """An acceptance waits no longer."""
        if rfq.trigger is not None:
            rfq.trigger.state, rfq.trigger.reason = CANCELLED, reason
            self._tell(rfq, [])

    def _plan(self, rfq: Rfq, trigger: Trigger) -> list[Taken]:
        most = UNITS_MOST // rfq.units - max(0, len(rfq.allocations) - 1)  # each may part a quote
        want = Want(trigger.sells, trigger.amount_e8, trigger.price_micro, rfq.least_e8, most)
        makers = {quote.maker for quote in rfq.quotes.values()}
        may = {maker for maker in makers if self._protection.may_trade(rfq, maker)}
        return plan([quote for quote in rfq.quotes.values() if quote.maker in may], want, self._now_ms())

    def _try_trigger(self, rfq: Rfq) -> None:
        trigger = rfq.trigger
        if rfq.busy or rfq.state != OPEN or trigger is None or trigger.state != UNTRIGGERED:
            return
        taken = self._plan(rfq, trigger)
        if taken:
            try:
                self._execute(rfq, trigger, taken, True, lambda _outcome: None)
            except RpcError as refused:
                self.cancel_trigger(rfq, refused.message)

    def _execute(self, rfq: Rfq, trigger: Trigger, taken: list[Taken], waits: bool, done: OnAccepted) -> None:
        deal, fills = deal_of(rfq, trigger, taken, self._registry)

        def finish(outcome: Outcome) -> None:
            self._occupy(rfq, taken, is_busy=False)
            if isinstance(outcome, list):
                trigger.state = TRIGGERED
                self._filled(rfq, fills)
                self._protection.end(counted, outcome[-1].seq)
                done(Accepted(outcome, None))
                return
            self._protection.end(counted)
            self._pull_frozen(rfq, taken)
            if isinstance(outcome, Refused) and self._withdrawn(rfq, deal, outcome):
                self._again(rfq, trigger, waits, done)
            else:
                if waits:
                    self.cancel_trigger(rfq, "refused")
                done((deal, outcome) if isinstance(outcome, Refused) else outcome)
            for maker in {key[0] for key, _ in counted}:  # what would have frozen its quotes did not happen
                for other, _ in self.book.quotes_of(maker):
                    self._try_trigger(other)

        self._occupy(rfq, taken, is_busy=True)
        counted = self._protection.begin(deal)
        try:
            self._desk.execute(deal, finish)
        except RpcError:
            self._occupy(rfq, taken, is_busy=False)
            self._protection.end(counted)
            raise

    def _occupy(self, rfq: Rfq, taken: list[Taken], *, is_busy: bool) -> None:
        """A block of the request with these quotes is being executed, or no longer."""
        rfq.busy = is_busy
        for quote, _ in taken:
            quote.busy = is_busy

    # --- protection ------------------------------------------------------------------------------------

    def _on_tripped(self, tripped: Tripped) -> None:
        """A maker's quotes are frozen: those that stand are over, but for what is being executed."""
        gone: dict[int, tuple[Rfq, list[Quote]]] = {}
        for rfq, quote in self.book.quotes_of(tripped.account):
            if not quote.busy and self._protection.concerns(rfq, tripped.underlying):
                gone.setdefault(rfq.id, (rfq, []))[1].append(quote)
        for rfq, quotes in gone.values():
            self.withdraw(rfq, quotes, PROTECTED)

    def _pull_frozen(self, rfq: Rfq, taken: list[Taken]) -> None:
        """Behind a block that did not happen: quotes that were frozen meanwhile are over too."""
        frozen = [quote for quote, _ in taken if self._protection.is_frozen(rfq, quote.maker)]
        self.withdraw(rfq, frozen, PROTECTED)

    def _again(self, rfq: Rfq, trigger: Trigger, waits: bool, done: OnAccepted) -> None:
        """Behind a quote that was withdrawn: what is left may still do."""
        taken = self._plan(rfq, trigger) if rfq.expires_ms > self._now_ms() else []
        try:
            if taken:
                self._execute(rfq, trigger, taken, waits, done)
            elif waits:
                done(Accepted([], trigger))
            else:
                raise error(errors.NOT_FULLY_FILLED, reason="what is left of the quotes is not enough")
        except RpcError as refused:
            if waits:
                self.cancel_trigger(rfq, refused.message)
            done(refused)

    def _withdrawn(self, rfq: Rfq, deal: Deal, refused: Refused) -> bool:
        """Whether it was a maker who could not, and has lost its quotes for it."""
        reason = rej.REJECT_NAMES.get(refused.event.reason, "refused")
        part = deal.parts[refused.part] if refused.part >= 0 else None
        at_fault: list[Quote] = []
        if refused.account and refused.account not in deal.takers:
            at_fault = rfq.quotes_of(refused.account)
        elif part is not None and refused.event.reason in _ITS_OWN and not self._desk.is_bound(part.taker):
            at_fault = rfq.quotes_of(part.maker)
        elif part is not None and refused.event.reason in _ITS_PRICE and self._is_quoted(rfq, refused):
            at_fault = [rfq.quotes[part.quote]]
        self.withdraw(rfq, at_fault, reason)
        return bool(at_fault)

    @staticmethod
    def _is_quoted(rfq: Rfq, refused: Refused) -> bool:
        """Whether a price was the maker's, not the hedge's."""
        instrument = refused.leg.instrument if refused.leg is not None else -1
        return rfq.hedge is None or instrument != rfq.hedge.instrument

    def _filled(self, rfq: Rfq, fills: list[Fill]) -> None:
        """The block happened: the request is filled, its other quotes are over."""
        now_ms = self._now_ms()
        rfq.fills = fills
        rfq.index_micro = self._index_micro(rfq)
        changed = []
        for fill in fills:
            quote = rfq.quotes[fill.quote]
            quote.filled_e8 = fill.amount_e8
            quote.state, quote.updated_ms, quote.reason = FILLED, now_ms, ""
            changed.append(quote)
        self.close(rfq, FILLED, changed=changed)
        for told in self.traded:
            told(rfq)
