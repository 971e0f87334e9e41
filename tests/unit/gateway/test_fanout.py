"""Topics: opened once, one encoding for all, closed with the last subscriber; grouped books."""

from __future__ import annotations

from exchange.gateway.book import Book
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.grouping import grouped
from exchange.wire.channels import Channel, parse_channel
from exchange.wire.session import Session
from tests.unit.gateway.test_registry import listed


def session(number: int, account: int | None = None) -> Session:
    made = Session(number, is_websocket=True, now_us=lambda: 0, wake=lambda: None)
    if account is not None:
        made.authenticate(account, "key", frozenset())
    return made


def channel(name: str) -> Channel:
    found = parse_channel(name)
    assert found is not None
    return found


class Log:
    def __init__(self, fanout: Fanout) -> None:
        self.lines: list[str] = []
        self.topics: list[Topic] = []
        fanout.opened.append(self.topics.append)
        fanout.opened.append(lambda topic: self.lines.append("opened"))
        fanout.closed.append(lambda topic: self.lines.append("closed"))
        fanout.joined.append(lambda topic, _: self.lines.append("joined"))


def test_subscribers_share_the_bytes_of_one_encoding() -> None:
    fanout = Fanout()
    log = Log(fanout)
    sessions = [session(n) for n in range(3)]
    for one in sessions:
        fanout.subscribe(one, channel("quote.BTC_USDC-PERPETUAL"))
        fanout.subscribe(one, channel("quote.BTC_USDC-PERPETUAL"))
    assert log.lines == ["opened", "joined", "joined", "joined"]
    log.topics[0].publish({"x": 1})
    frames = [one.take() for one in sessions]
    assert [len(found) for found in frames] == [1, 1, 1]
    assert frames[0][0] is frames[1][0] is frames[2][0]


def test_a_topic_closes_with_its_last_subscriber() -> None:
    fanout = Fanout()
    log = Log(fanout)
    one, two = session(1), session(2)
    for each in (one, two):
        fanout.subscribe(each, channel("trades.any.any.100ms"))
    assert fanout.unsubscribe(one, "trades.any.any.100ms")
    assert not fanout.unsubscribe(one, "trades.any.any.100ms")
    assert one.subscriptions == set()
    assert "closed" not in log.lines
    fanout.drop(two)
    fanout.drop(two)
    assert log.lines[-1] == "closed"
    assert two.subscriptions == set()


def test_private_topics_belong_to_an_account() -> None:
    fanout = Fanout()
    log = Log(fanout)
    for number, account in enumerate((64, 65, 64)):
        fanout.subscribe(session(number, account), channel("user.orders.any.any.raw"))
    assert [topic.account for topic in log.topics] == [64, 65]
    assert len(log.topics[0].sessions) == 2


def test_levels_are_grouped_away_from_the_touch() -> None:
    view = listed().instruments[0]  # tick 5 USDC
    book = Book()
    book.load([(1001, 1), (1000, 2), (999, 4), (990, 8)], [(1003, 1), (1004, 2), (1010, 4)], 1)
    assert grouped(book, view, "none", 1) == ([(1001, 1)], [(1003, 1)])
    assert grouped(book, view, "5", 2) == ([(1001, 1), (1000, 2)], [(1003, 1), (1004, 2)])
    assert grouped(book, view, "10", 10) == ([(1000, 3), (998, 4), (990, 8)], [(1004, 3), (1010, 4)])
    assert grouped(book, view, "250", 2) == ([(1000, 3), (950, 12)], [(1050, 7)])
