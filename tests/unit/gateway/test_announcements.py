"""What the operator says: listed, told on its channel, and read by each account for itself."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.gateway.announcements import Announcement
from tests.unit.gateway.rig import NOW_MS, CallFailed, Client, Rig


class Board:
    """The operator's list."""

    def __init__(self) -> None:
        self.said: list[Announcement] = []

    def read(self) -> list[Announcement]:
        return self.said

    def say(self, number: int, at_ms: int = NOW_MS, **more: Any) -> Announcement:
        made = Announcement(number, f"title {number}", "body", at_ms, **more)
        self.said = [*self.said, made]
        return made


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def rig(board: Board) -> Rig:
    board.say(1, NOW_MS - 1_000)
    board.say(2, NOW_MS - 500, important=True)
    return Rig(announcements=board).open()


def ids(client: Client, method: str = "public/get_announcements", **params: Any) -> list[int]:
    return [item["id"] for item in client.call(method, **params)]


def test_the_newest_first_up_to_a_time_and_a_count(rig: Rig, board: Board) -> None:
    client = rig.connect()
    assert ids(client) == [2, 1]
    assert ids(client, count=1) == [2]
    assert ids(client, start_timestamp=NOW_MS - 600) == [1]
    assert client.call("public/get_announcements")[0] == {
        "id": 2,
        "title": "title 2",
        "body": "body",
        "publication_timestamp": NOW_MS - 500,
        "important": True,
        "confirmation": False,
    }
    board.say(3, NOW_MS + 60_000)
    assert ids(client) == [2, 1]  # its time has not come
    rig.clock.ms += 60_000
    assert ids(client) == [3, 2, 1]
    with pytest.raises(CallFailed) as failed:
        client.call("public/get_announcements", count=51)
    assert failed.value.code == -32602


def test_each_account_reads_for_itself(rig: Rig) -> None:
    alice, bob = rig.client(), rig.client()
    alice.call("private/set_announcement_as_read", announcement_id=1)
    assert ids(alice, "private/get_new_announcements") == [2]
    assert ids(bob, "private/get_new_announcements") == [2, 1]
    assert ids(alice) == [2, 1]
    with pytest.raises(CallFailed) as failed:
        alice.call("private/set_announcement_as_read", announcement_id=9)
    assert failed.value.code == 13020


def test_the_channel_tells_what_is_new_and_what_is_gone(rig: Rig, board: Board) -> None:
    client = rig.connect()
    assert client.call("public/subscribe", channels=["announcements"]) == ["announcements"]
    rig.tick(1.0)
    assert client.taken("announcements") == []
    board.say(3)
    board.said.pop(0)
    rig.tick(1.0)
    told = [(item["action"], item["id"]) for item in client.taken("announcements")]
    assert told == [("new", 3), ("deleted", 1)]
    client.call("public/unsubscribe", channels=["announcements"])
    board.say(4)
    rig.tick(1.0)
    assert client.taken("announcements") == []
