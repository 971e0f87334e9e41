"""The pacer, on a loop whose clock the test moves."""

from __future__ import annotations

import asyncio

import pytest

from clients.pacing import Pacer


async def test_a_burst_passes_at_once_and_the_rest_at_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        nonlocal now_s
        slept.append(delay_s)
        now_s += delay_s

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s)
    monkeypatch.setattr("clients.pacing.asyncio.sleep", sleep)
    pacer = Pacer(rate_per_s=10.0, burst=3)
    for _ in range(8):
        await pacer.acquire()
    assert slept == pytest.approx([0.1] * 5)
    now_s += 60.0
    slept.clear()
    for _ in range(4):
        await pacer.acquire()
    assert slept == pytest.approx([0.1])


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_rate_that_is_none_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="pacer"):
        Pacer(rate, burst)
