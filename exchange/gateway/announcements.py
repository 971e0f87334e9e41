"""What the operator has to say to everybody: a list the application reads from a file, its channel.

An announcement that appears in the list is told as `new`, one that is taken out of it as `deleted`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from exchange.gateway.account_settings import MemorySettings
from exchange.gateway.fanout import Fanout, Topic
from exchange.wire.objects import JsonObject

TICKS_PER_LOOK: Final = 10


class Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One announcement, as the operator writes it. Times in milliseconds since the epoch."""

    id: int
    title: str
    body: str
    publication_timestamp: int
    important: bool = False
    confirmation: bool = False

    def json(self) -> JsonObject:
        """As the dialect writes it."""
        return msgspec.structs.asdict(self)


class AnnouncementSource(Protocol):
    """Where announcements come from."""

    def read(self) -> Sequence[Announcement]:
        """All there are, in any order."""


class NoAnnouncements:
    """The operator has nothing to say."""

    def read(self) -> Sequence[Announcement]:
        """None."""
        return ()


class Announcements:
    """The board: what has been published, and the writer of the channel `announcements`."""

    def __init__(
        self,
        source: AnnouncementSource,
        settings: MemorySettings,
        fanout: Fanout,
        now_ms: Callable[[], int],
    ) -> None:
        self._source = source
        self._settings = settings
        self._now_ms = now_ms
        self._topics: list[Topic] = []
        self._ticks = 0
        self._told = {item.id: item for item in self.published()}
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)

    def published(self) -> list[Announcement]:
        """Those whose time has come, the newest first."""
        now_ms = self._now_ms()
        found = [item for item in self._source.read() if item.publication_timestamp <= now_ms]
        return sorted(found, key=lambda item: (item.publication_timestamp, item.id), reverse=True)

    def unread(self, account: int) -> list[Announcement]:
        """Those an account has not marked as read."""
        return [item for item in self.published() if not self._settings.has_read(account, item.id)]

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family == "announcements":
            self._topics.append(topic)

    def _on_closed(self, topic: Topic) -> None:
        if topic in self._topics:
            self._topics.remove(topic)

    def tick(self) -> None:
        """100 ms have passed: once a second, tell what is new and what is gone."""
        self._ticks += 1
        if self._ticks % TICKS_PER_LOOK:
            return
        now = {item.id: item for item in self.published()}
        if now == self._told:
            return
        told, self._told = self._told, now
        new = [item for ident, item in now.items() if told.get(ident) != item]
        gone = [item for ident, item in told.items() if ident not in now]
        for topic in self._topics:
            for item in reversed(new):
                topic.publish({**item.json(), "action": "new"})
            for item in gone:
                topic.publish({**item.json(), "action": "deleted"})
