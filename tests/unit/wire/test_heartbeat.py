"""The heartbeat state machine, moment by moment."""

from __future__ import annotations

import pytest

from exchange.wire.envelope import HEARTBEAT_FRAME, TEST_REQUEST_FRAME
from exchange.wire.heartbeat import Heartbeat

MS = 10_000


def test_nothing_is_due_before_the_interval() -> None:
    beat = Heartbeat(MS, 0)
    assert beat.poll(MS - 1) is None
    assert not beat.expired(MS - 1)


def test_a_talking_client_gets_heartbeats_only() -> None:
    beat = Heartbeat(MS, 0)
    for at in range(MS, 5 * MS, MS):
        beat.on_frame(at - 1)
        assert beat.poll(at) == HEARTBEAT_FRAME
        assert beat.poll(at + 1) is None
    assert not beat.expired(5 * MS)


def test_a_silent_client_is_asked_and_then_given_up() -> None:
    beat = Heartbeat(MS, 0)
    assert beat.poll(MS) == TEST_REQUEST_FRAME
    assert not beat.expired(2 * MS - 1)
    assert beat.expired(2 * MS)


def test_only_public_test_answers_a_test_request() -> None:
    beat = Heartbeat(MS, 0)
    beat.poll(MS)
    beat.on_frame(MS + 1)
    assert beat.expired(2 * MS)
    beat.on_test(2 * MS)
    assert not beat.expired(3 * MS)


@pytest.mark.parametrize("calls", [1, 4])
def test_an_answered_client_is_asked_again_after_another_silence(calls: int) -> None:
    beat = Heartbeat(MS, 0)
    now = 0
    for _ in range(calls):
        now += MS
        assert beat.poll(now) == TEST_REQUEST_FRAME
        beat.on_test(now + 1)
        now += 1
    assert not beat.expired(now + MS - 1)
