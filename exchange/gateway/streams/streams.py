"""`user.stream`: every event of one account, numbered without gaps, and told again to who comes back.

The numbers are those of :mod:`exchange.gateway.streams.numbers`. While nobody listens an event costs one
addition. A frame is written once for all subscribers of an account. Who names the last number it has
(`resume_from`) is sent what came since, a slice per turn of the loop, then goes live; the two never
overlap because each session has one place, the last number it was sent, and everything is sent from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Raw

from exchange.edge.released import Counts
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.history_ring import Fill
from exchange.gateway.ports import Loop
from exchange.gateway.slices import Slices
from exchange.gateway.streams.events import Item, StreamWriter
from exchange.gateway.streams.log import EventLog, Found, Tail
from exchange.wire import errors
from exchange.wire.envelope import notification_frame
from exchange.wire.errors import error
from exchange.wire.objects import JsonObject
from exchange.wire.session import RpcError, Session

RESUME_MAX: Final = 20_000
EVENTS_PER_FRAME: Final = 64
CLOSE_TOO_SLOW: Final = 1008
WAIT_S: Final = 0.02
TOO_OLD: Final = "resume_too_old"
FAMILY: Final = "user_stream"

Take = Callable[[int, Callable[[JsonObject | None, int], None]], None]
Granted = Callable[[], None]
Refused = Callable[[RpcError], None]


class _Follower:
    """Where one session stands; `is_live` once it gets frames as they are made."""

    __slots__ = ("is_live", "last", "waiting")

    def __init__(self, last: int) -> None:
        self.last = last
        self.waiting: deque[Item] = deque()  # read back and not yet sent
        self.is_live = False


class Streams:
    """Counts the events of all accounts and writes the streams of those that are listened to."""

    def __init__(
        self, fanout: Fanout, writer: StreamWriter, log: EventLog, slices: Slices, loop: Loop, next_seq: int
    ) -> None:
        self.numbers = Counts()
        """Of each account's last event."""
        self.followed: dict[int, Topic] = {}
        """Accounts somebody listens to."""
        self.tail = Tail(next_seq)
        self._writer = writer
        self._log = log
        self._slices = slices
        self._loop = loop
        self._news: dict[int, list[tuple[int, bytes | Fill]]] = {}
        self._followers: dict[tuple[int, Session], _Follower] = {}
        self._starts: dict[tuple[int, Session], _Follower] = {}  # granted, and not yet subscribed
        self._snapshot: Take | None = None
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)
        fanout.left.append(self._on_left)

    def load(self, counts: Sequence[int], accounts: int) -> None:
        """Go on from these counts; `accounts` there are (start)."""
        self.numbers.load(list(counts), accounts)

    @property
    def counts(self) -> list[int]:
        """By account: how many events it has had."""
        return self.numbers.listed()

    def connect(self, snapshot: Take) -> None:
        """`snapshot(account, done)` gives the state of an account, and the number it is as of."""
        self._snapshot = snapshot

    # --- what the views tell -----------------------------------------------------------------------

    def count(self, account: int, what: bytes | Fill) -> None:
        """An event of an account that is none of the order path's (those are counted there)."""
        number = self.numbers.add(account)
        if account in self.followed:
            self.take(account, number, what)

    def take(self, account: int, number: int, what: bytes | Fill) -> None:
        """The event with this number among the account's, to which somebody listens."""
        self._news.setdefault(account, []).append((number, what))

    def number_of(self, account: int) -> int:
        """The number of an account's last released event; 0 before the first."""
        return self.numbers.of(account)

    # --- topics come and go ------------------------------------------------------------------------

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family == FAMILY:
            self.followed[topic.account] = topic

    def _on_closed(self, topic: Topic) -> None:
        if topic.channel.family == FAMILY:
            del self.followed[topic.account]
            self._news.pop(topic.account, None)

    def _on_left(self, topic: Topic, session: Session) -> None:
        self._followers.pop((topic.account, session), None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        if topic.channel.family != FAMILY:
            return
        key = (topic.account, session)
        follower = self._starts.pop(key, None)
        if follower is not None:
            self._followers[key] = follower
            self._go_on(topic, session, follower)
        elif self._snapshot is not None:
            self._begin(topic, session, self._snapshot)

    def _begin(self, topic: Topic, session: Session, snapshot: Take) -> None:
        """A newcomer's first frame is the state; its place is where that was taken."""

        def deliver(data: JsonObject | None, number: int) -> None:
            if session not in topic.sessions or data is None:
                return
            follower = self._followers[topic.account, session] = _Follower(number)
            session.send(notification_frame(topic.channel.name, data))
            follower.is_live = True

        snapshot(topic.account, deliver)

    # --- coming back -------------------------------------------------------------------------------

    def resume(
        self, session: Session, account: int, last: int, granted: Granted, refused: Refused
    ) -> None:
        """See to it that `session`, which has the account's events up to number `last`, can go on from there:
        `granted()` before it is to be subscribed, or `refused(error)`."""
        now = self.number_of(account)
        if last > now:
            refused(error(errors.INVALID_ARGUMENTS, reason="resume_from is ahead", account_seq=now))
            return
        if now - last > RESUME_MAX:
            refused(_too_old(now))
            return
        follower = _Follower(last)

        def read(complete: bool) -> None:
            if session.closed:
                return
            if not complete:
                refused(error(errors.TEMPORARILY_UNAVAILABLE, reason="history is catching up"))
            elif len(follower.waiting) < now - last:
                refused(_too_old(self.number_of(account)))
            else:
                self._starts[account, session] = follower
                granted()

        self._read_back(account, now - last, follower, read)

    def _read_back(
        self, account: int, count: int, follower: _Follower, done: Callable[[bool], None]
    ) -> None:
        """Fetch the last `count` events; `done(False)` if the journal is not written far enough yet."""
        recent = self.tail.find(account, count)
        if len(recent) >= count:
            follower.waiting.extend(recent)
            done(True)
            return

        def deliver(found: Found | None) -> None:
            if found is None or not found.complete:
                done(False)
                return
            follower.waiting.extend(found.items)
            follower.waiting.extend(recent)
            done(True)

        self._log.find(account, count - len(recent), self.tail.first_seq, deliver)

    def _go_on(self, topic: Topic, session: Session, follower: _Follower) -> None:
        """Send what was read back, slice by slice; then what came meanwhile; then it is live."""

        def again() -> None:
            self._slices.add(some)

        def some() -> bool:
            if self._followers.get((topic.account, session)) is not follower:
                return False  # it has left
            if session.is_slow:
                self._loop.call_later(WAIT_S, again)
                return False
            if follower.waiting:
                self._send_back(topic, session, follower)
                return True
            behind = self.number_of(topic.account) - follower.last
            if behind:
                self._read_on(topic.account, session, follower, behind, again)
            else:
                follower.is_live = True
            return False

        if some():
            again()

    def _read_on(
        self, account: int, session: Session, follower: _Follower, behind: int, again: Callable[[], None]
    ) -> None:
        """Fetch what came while it was told the rest; cut off who is told slower than it happens."""

        def done(complete: bool) -> None:
            if complete and len(follower.waiting) < behind:
                session.close(CLOSE_TOO_SLOW, "connection_too_slow")
            elif complete:
                again()
            else:
                self._loop.call_later(WAIT_S, again)

        if behind > RESUME_MAX:
            session.close(CLOSE_TOO_SLOW, "connection_too_slow")
        else:
            self._read_back(account, behind, follower, done)

    def _send_back(self, topic: Topic, session: Session, follower: _Follower) -> None:
        waiting = follower.waiting
        numbered = [
            (follower.last + 1 + at, waiting.popleft().what)
            for at in range(min(EVENTS_PER_FRAME, len(waiting)))
        ]
        session.send(self._frame(topic, numbered))
        follower.last = numbered[-1][0]

    # --- writing -----------------------------------------------------------------------------------

    def on_batch(self, first_seq: int, count: int, events: bytes) -> None:
        """Keep a released batch (a listener of the sequencer, behind the views)."""
        self.tail.add(first_seq, count, events)

    def flush(self) -> None:
        """Tell what the batches just released brought."""
        if not self._news:
            return
        news, self._news = self._news, {}
        for account, events in news.items():
            topic = self.followed.get(account)
            if topic is not None:
                self._tell(topic, events)

    def _tell(self, topic: Topic, events: list[tuple[int, bytes | Fill]]) -> None:
        written: dict[int, list[bytes]] = {}  # frames by the number before the first event
        end = events[-1][0]
        for session in topic.sessions:
            follower = self._followers.get((topic.account, session))
            if follower is None or not follower.is_live or follower.last >= end:
                continue
            last = follower.last
            frames = written.get(last)
            if frames is None:
                since = [each for each in events if each[0] > last]
                frames = written[last] = [
                    self._frame(topic, some) for some in _parts(since, EVENTS_PER_FRAME)
                ]
            for frame in frames:
                session.send(frame)
            follower.last = end

    def _frame(self, topic: Topic, numbered: list[tuple[int, bytes | Fill]]) -> bytes:
        write, account = self._writer.write, topic.account
        data = b'{"type":"events","prev_account_seq":%d,"account_seq":%d,"events":[%b]}' % (
            numbered[0][0] - 1,
            numbered[-1][0],
            b",".join([write(account, number, what) for number, what in numbered]),
        )
        return notification_frame(topic.channel.name, Raw(data))


def _too_old(now: int) -> RpcError:
    return error(errors.RESUME_TOO_OLD, reason=TOO_OLD, account_seq=now)


def _parts(
    events: list[tuple[int, bytes | Fill]], size: int
) -> Iterator[list[tuple[int, bytes | Fill]]]:
    for at in range(0, len(events), size):
        yield events[at : at + size]
