"""Deposits on their way from the L1 into the sequence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exchange.app.bridge import RETRY_S, L1Bridge
from exchange.domain import commands, commands_bridge
from exchange.wire.errors import QUEUE_FULL, error
from settlement.l1.mock import MockL1
from settlement.l1.port import Deposit, Request
from tests.unit.gateway.fakes import ManualLoop


class Loop(ManualLoop):
    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> None:
        self.call_soon(callback)


class Queue:
    """Takes commands while it has room."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.full = False

    def submit(self, command: bytes) -> None:
        if self.full:
            raise error(QUEUE_FULL)
        self.taken.append(command)


def deposits(*ids: int) -> list[Deposit]:
    return [Deposit(number, 64, bytes(20), 1_000 * number, number) for number in ids]


def packed(*ids: int) -> list[bytes]:
    return [commands.deposit(64, 1_000 * number, number) for number in ids]


def bridge(loop: Loop, queue: Queue) -> L1Bridge:
    def no_l1() -> MockL1:
        raise AssertionError("the thread is not started here")

    return L1Bridge(no_l1, loop, queue.submit, 0)


def test_deposits_are_sequenced_in_order() -> None:
    loop, queue = Loop(), Queue()
    bridge(loop, queue)._credit(deposits(1, 2, 3))
    assert queue.taken == packed(1, 2, 3)


def test_a_deposit_the_queue_has_no_room_for_waits_and_later_ones_behind_it() -> None:
    loop, queue = Loop(), Queue()
    waiting = bridge(loop, queue)
    queue.full = True
    waiting._credit(deposits(1))
    waiting._credit(deposits(2, 3))
    queue.full = False
    waiting._credit(deposits(4))
    assert queue.taken == [], "nothing overtakes"
    loop.advance(RETRY_S)
    assert queue.taken == packed(1, 2, 3, 4)


class AskingL1(MockL1):
    """A mock with a queue of forced requests."""

    asked: list[Request]

    def requests(self, after_id: int) -> list[Request]:
        return [one for one in self.asked if one.request_id > after_id]


def test_requests_forced_on_the_l1_are_sequenced_once_the_rules_know_of_them(tmp_path: Path) -> None:
    loop, queue = Loop(), Queue()
    rules: list[int | None] = [None]
    waiting = L1Bridge(lambda: l1, loop, queue.submit, 0, forced_through=lambda: rules[0])
    l1 = AskingL1(tmp_path / "l1.sqlite", lambda: 1_790_000_000_000)
    l1.asked = [Request(number, 64, 500 * number) for number in (1, 2, 3)]
    waiting._fetch(l1)
    loop.advance(0)
    assert queue.taken == [], "rules before 6 would refuse them"
    rules[0] = 1
    waiting._look()
    waiting._fetch(l1)
    waiting._credit(deposits(1))
    loop.advance(0)
    forced = [commands_bridge.forced_withdrawal(64, 500 * number, number) for number in (2, 3)]
    assert queue.taken == [*packed(1), *forced], "the first was answered before"
    waiting._fetch(l1)
    loop.advance(0)
    assert len(queue.taken) == 3
    l1.close()


def test_a_faucet_that_refuses_does_not_hold_up_the_others(tmp_path: Path) -> None:
    waiting = bridge(Loop(), Queue())
    l1 = MockL1(tmp_path / "l1.sqlite", lambda: 1_790_000_000_000)
    for account in (5, 64):
        waiting.faucet(bytes(20), account, 1_000)
    waiting._send(l1)
    l1.tick()
    assert [one.account for one in l1.deposits(0)] == [64]
    l1.close()
