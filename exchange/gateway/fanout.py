"""Subscriptions: who listens to what, and one encoding of each push for all of them.

A *topic* is a channel name, for private channels of one account. Its frame is encoded once; every
subscriber's session queues the same bytes, and the shell writes each session's queue once per wake-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.gateway.book import Tracker
from exchange.wire.channels import Channel
from exchange.wire.envelope import notification_frame
from exchange.wire.session import Session

PUBLIC: Final = 0
# Every frame says all there is: of those a slow client has not read, only the newest matters.
WHOLE_STATE: Final = frozenset(
    {
        "ticker",
        "grouped_book",
        "quote",
        "price_index",
        "estimated_price",
        "perpetual",
        "user_portfolio",
        "chain",
        "authorisation",
    }
)
Key = tuple[int, str]


class Topic:
    """One channel with subscribers.

    `pending` is what a conflated topic still has to tell, `dirty` that it has anything to tell at all;
    both belong to the feed that writes the topic.
    """

    __slots__ = ("account", "channel", "dirty", "instrument", "last", "pending", "sessions", "tracker")

    def __init__(self, channel: Channel, account: int) -> None:
        self.channel = channel
        self.account = account
        self.instrument = -1
        self.sessions: dict[Session, None] = {}
        self.pending: list[object] = []
        self.dirty = False
        self.tracker: Tracker | None = None
        self.last: object = None

    def publish(self, data: object) -> None:
        """Send a notification to every subscriber."""
        frame = notification_frame(self.channel.name, data)
        if self.channel.family in WHOLE_STATE:
            for session in self.sessions:
                session.send_newest(self, frame)
            return
        for session in self.sessions:
            outbox = session.outbox
            if outbox and not session.close_code and not session.closed:
                outbox.append(frame)  # what `send` would do: a call less for each of thousands
            else:
                session.send(frame)

    def publish_to(self, session: Session, data: object) -> None:
        """Send a notification to one subscriber (first snapshots)."""
        session.send(notification_frame(self.channel.name, data))


class Fanout:
    """All topics of one gateway.

    `opened(topic)` is called when a topic gets its first subscriber, `closed(topic)` when it lost its
    last, `joined(topic, session)` for every subscriber after it was added, `left(topic, session)` after it
    was removed.
    """

    def __init__(self) -> None:
        self._topics: dict[Key, Topic] = {}
        self._of_session: dict[Session, dict[Key, Topic]] = {}
        self.opened: list[Callable[[Topic], None]] = []
        self.closed: list[Callable[[Topic], None]] = []
        self.joined: list[Callable[[Topic, Session], None]] = []
        self.left: list[Callable[[Topic, Session], None]] = []

    def subscribe(self, session: Session, channel: Channel) -> None:
        """Add a subscriber; a session that already listens gets nothing new."""
        account = (session.account or PUBLIC) if channel.private else PUBLIC
        key = (account, channel.name)
        mine = self._of_session.setdefault(session, {})
        if key in mine:
            return
        topic = self._topics.get(key)
        is_new = topic is None
        if topic is None:
            topic = self._topics[key] = Topic(channel, account)
        mine[key] = topic
        session.subscriptions.add(channel.name)
        if is_new:
            for callback in self.opened:
                callback(topic)
        topic.sessions[session] = None
        for join in self.joined:
            join(topic, session)

    def topic_of(self, session: Session, name: str) -> Topic | None:
        """The topic a session listens to under a channel's name."""
        mine = self._of_session.get(session, {})
        return next((topic for key, topic in mine.items() if key[1] == name), None)

    def unsubscribe(self, session: Session, name: str) -> bool:
        """Remove a subscriber; False if it did not listen."""
        mine = self._of_session.get(session)
        if not mine:
            return False
        keys = [key for key in mine if key[1] == name]
        for key in keys:
            self._leave(session, key, mine.pop(key))
        session.subscriptions.discard(name)
        return bool(keys)

    def drop(self, session: Session) -> None:
        """The session is gone, or unsubscribes from everything."""
        for key, topic in self._of_session.pop(session, {}).items():
            self._leave(session, key, topic)
        session.subscriptions.clear()

    def _leave(self, session: Session, key: Key, topic: Topic) -> None:
        del topic.sessions[session]
        session.missed.pop(topic, None)
        for callback in self.left:
            callback(topic, session)
        if not topic.sessions:
            del self._topics[key]
            for close in self.closed:
                close(topic)
