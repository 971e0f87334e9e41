"""Deposits on their way from the L1 into the sequence."""

from __future__ import annotations

from collections.abc import Callable

from exchange.app.bridge import RETRY_S, L1Bridge
from exchange.domain import commands
from exchange.wire.errors import QUEUE_FULL, error
from settlement.l1.mock import MockL1
from settlement.l1.port import Deposit
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
