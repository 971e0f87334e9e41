"""The channel `user.mmp_trigger.{index_name}`: protection that has tripped, of books and of requests."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.domain.events_orders import Mmp
from exchange.gateway.deals.rfq_limits import ALL as ALL_UNDERLYINGS
from exchange.gateway.deals.rfq_protection import Tripped
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.group_names import GroupNames
from exchange.gateway.registry import Registry
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject

FAMILY: Final = "user_mmp_trigger"
_ALL: Final = "all"


class MmpFeeds:
    """Tells accounts when their groups trip."""

    def __init__(self, registry: Registry, names: GroupNames, fanout: Fanout) -> None:
        self._registry = registry
        self._names = names
        self._topics: dict[int, list[Topic]] = {}
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family == FAMILY:
            self._topics.setdefault(topic.account, []).append(topic)

    def _on_closed(self, topic: Topic) -> None:
        topics = self._topics.get(topic.account, [])
        if topic in topics:
            topics.remove(topic)
            if not topics:
                del self._topics[topic.account]

    def on_mmp(self, event: Mmp) -> None:
        """A released MMP event."""
        if event.kind != r.MMP_TRIPPED:
            return
        topics = self._topics.get(event.head.account)
        if topics is None:
            return
        told = trigger_data(event, self._registry, self._names)
        for topic in topics:
            wanted = topic.channel.index_name
            if wanted == _ALL or self._registry.underlying_of_index(wanted) == event.head.instrument:
                topic.publish(told)


    def on_rfq_tripped(self, tripped: Tripped) -> None:
        """An account's quotes for requests were frozen."""
        topics = self._topics.get(tripped.account)
        if topics is None:
            return
        is_all = tripped.underlying == ALL_UNDERLYINGS
        name = _ALL if is_all else index_name(self._registry.symbols[tripped.underlying])
        told: JsonObject = {
            "frozen_until": max(0, tripped.frozen_until_ms),
            "index_name": name,
            "mmp_group": "",
            "block_rfq": True,
            "seq": tripped.seq,
        }
        for topic in topics:
            wanted = topic.channel.index_name
            if wanted == _ALL or is_all or self._registry.underlying_of_index(wanted) == tripped.underlying:
                topic.publish(told)


def trigger_data(event: Mmp, registry: Registry, names: GroupNames) -> JsonObject:
    """A frame of the channel; `frozen_until` 0: until it is reset."""
    return {
        "frozen_until": max(0, event.frozen_until_ms),
        "index_name": index_name(registry.symbols[event.head.instrument]),
        "mmp_group": names.name(event.head.account, event.head.id),
        "block_rfq": False,
        "seq": event.head.seq,
    }
