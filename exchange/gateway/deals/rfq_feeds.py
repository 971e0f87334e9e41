"""The channels of requests for quotes, and of blocks that wait for an approval.

A taker is told of its requests, and of what is quoted once its makers have had their time; those who were
asked are told that a request began and how it ended, each of its own quotes only; everybody of what was
traded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from exchange.gateway.deals.block_approvals import Approval
from exchange.gateway.deals.rfq import OPEN, Quote, Rfq
from exchange.gateway.deals.rfq_objects import RfqWriter
from exchange.gateway.families import Families
from exchange.gateway.fanout import PUBLIC, Fanout, Topic
from exchange.gateway.registry import Registry
from exchange.wire.objects import JsonObject

TAKER: Final = "block_rfq_taker"
MAKER: Final = "block_rfq_maker"
QUOTES: Final = "block_rfq_quotes"
TRADES: Final = "block_rfq_trades"
CONFIRMATIONS: Final = "block_confirmations"
_FAMILIES: Final = frozenset({TAKER, MAKER, QUOTES, TRADES, CONFIRMATIONS})


class RfqFeeds:
    """Writer of these channels."""

    def __init__(
        self,
        fanout: Fanout,
        registry: Registry,
        families: Families,
        writer: RfqWriter,
        now_ms: Callable[[], int],
        grace_ms: int,
    ) -> None:
        self._registry = registry
        self._families = families
        self._writer = writer
        self._now_ms = now_ms
        self._grace_ms = grace_ms
        self._topics: dict[str, dict[int, list[Topic]]] = {family: {} for family in _FAMILIES}
        self._graces: dict[int, Rfq] = {}  # whose taker sees nothing yet
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family in _FAMILIES:
            self._topics[topic.channel.family].setdefault(topic.account, []).append(topic)

    def _on_closed(self, topic: Topic) -> None:
        of_family = self._topics.get(topic.channel.family, {})
        topics = of_family.get(topic.account, [])
        if topic in topics:
            topics.remove(topic)
            if not topics:
                del of_family[topic.account]

    @property
    def listeners(self) -> set[int]:
        """Accounts that listen for requests: they may be asked."""
        return set(self._topics[MAKER])

    def may_see(self, rfq: Rfq, account: int) -> bool:
        """Whether a request is for an account: it was asked, and is not of the taker's family."""
        return rfq.is_for(account) and not self._families.related(rfq.taker, account)

    def _matching(self, family: str, account: int, instruments: list[int]) -> Iterator[Topic]:
        for topic in self._topics[family].get(account, ()):
            registry, currency = self._registry, topic.channel.currency
            if any(registry.covers(currency, 0, registry.instruments[each]) for each in instruments):
                yield topic

    # --- what is told ------------------------------------------------------------------------------------

    def on_changed(self, rfq: Rfq, quotes: list[Quote], is_news: bool) -> None:
        """A request or quotes of it changed."""
        legs = [leg.instrument for leg in rfq.legs]
        in_grace = rfq.state == OPEN and self._now_ms() < rfq.created_ms + self._grace_ms
        if is_news or not in_grace:
            self._tell_taker(rfq, legs)
        if is_news:
            (self._graces.pop(rfq.id, None) if rfq.state != OPEN else self._graces.update({rfq.id: rfq}))
            for account in self._topics[MAKER]:
                if self.may_see(rfq, account):
                    told: JsonObject | None = None
                    for topic in self._matching(MAKER, account, legs):
                        told = told or self._writer.of_maker(rfq, account)
                        topic.publish(told)
        for maker in dict.fromkeys(quote.maker for quote in quotes):
            mine = [self._writer.quote(rfq, quote) for quote in quotes if quote.maker == maker]
            for topic in self._matching(QUOTES, maker, legs):
                topic.publish(mine)

    def _tell_taker(self, rfq: Rfq, legs: list[int]) -> None:
        told: JsonObject | None = None
        for topic in self._matching(TAKER, rfq.taker, legs):
            told = told or self._writer.of_taker(rfq, self._now_ms(), self._grace_ms)
            topic.publish(told)

    def on_traded(self, rfq: Rfq) -> None:
        """A request was filled."""
        told: JsonObject | None = None
        for topic in self._matching(TRADES, PUBLIC, [leg.instrument for leg in rfq.legs]):
            told = told or self._writer.public(rfq)
            topic.publish(told)

    def on_approval(self, request: Approval, told: JsonObject) -> None:
        """A block that needs an approval has another state."""
        instruments = [term.instrument for term in request.terms]
        for topic in self._matching(CONFIRMATIONS, request.side.account, instruments):
            topic.publish(told)

    def tick(self) -> None:
        """Show takers what was quoted while they had to wait."""
        now_ms = self._now_ms()
        for rfq in [rfq for rfq in self._graces.values() if now_ms >= rfq.created_ms + self._grace_ms]:
            del self._graces[rfq.id]
            if rfq.quotes:
                self._tell_taker(rfq, [leg.instrument for leg in rfq.legs])
