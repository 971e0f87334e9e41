"""The public channels of what anybody can check: signed heads, batches, fills by what authorised them.

`tick` runs every 100 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.gateway.class_rates import ClassRates
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.receipts import Receipts, block_object
from exchange.gateway.settlement import SettlementView
from exchange.wire.objects import JsonObject
from exchange.wire.session import Session

TICKS_PER_SECOND: Final = 10
_REMEMBERED: Final = 64
_OURS: Final = ("signed_heads", "batches", "authorisation")


class SettlementFeeds:
    """Writer of these topics."""

    def __init__(
        self,
        settlement: SettlementView,
        receipts: Receipts,
        fanout: Fanout,
        now_ms: Callable[[], int],
    ) -> None:
        self.rates = ClassRates(now_ms())
        self._settlement = settlement
        self._receipts = receipts
        self._now_ms = now_ms
        self._topics: dict[str, Topic] = {}
        self._head = 0  # the number of the last block that was told
        self._states: dict[int, object] = {}  # of batches, as they were told
        self._ticks = 0
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family in _OURS:
            self._topics[topic.channel.family] = topic

    def _on_closed(self, topic: Topic) -> None:
        self._topics.pop(topic.channel.family, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        """A newcomer is told the newest there is."""
        family = topic.channel.family
        newest: JsonObject | None = None
        if family == "signed_heads":
            blocks = self._receipts.blocks
            newest = block_object(blocks[-1]) if blocks else None
        elif family == "batches":
            newest = next(iter(self._settlement.recent()), None)
        elif family == "authorisation":
            newest = self.rates.figures(self._now_ms())
        if newest is not None:
            topic.publish_to(session, newest)

    def tick(self) -> None:
        """100 ms have passed."""
        self._tell_heads()
        self._tell_batches()
        self._ticks += 1
        if self._ticks % TICKS_PER_SECOND == 0:
            now_ms = self._now_ms()
            self.rates.sample(now_ms)
            topic = self._topics.get("authorisation")
            if topic is not None:
                topic.publish(self.rates.figures(now_ms))

    def _tell_heads(self) -> None:
        """The blocks made since the last tick, in order; those before this venue's first tick are old."""
        blocks = self._receipts.blocks
        newest = blocks[-1].number if blocks else 0
        if newest == self._head:
            return
        topic, told = self._topics.get("signed_heads"), self._head
        self._head = newest
        if topic is not None:
            for block in blocks:
                if block.number > told:
                    topic.publish(block_object(block))

    def _tell_batches(self) -> None:
        """Batches that are new or whose state has changed, the oldest first."""
        topic, states = self._topics.get("batches"), self._states
        for batch in reversed(self._settlement.recent()):
            number = int(str(batch["id"]))
            if states.get(number) == batch["state"]:
                continue
            states[number] = batch["state"]
            if topic is not None:
                topic.publish(batch)
        while len(states) > _REMEMBERED:
            del states[min(states)]
