"""The surface process seen from the venue: answers, deaths, silence, nonsense, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from exchange.app.fitter import PAUSE_MS, ChildFitter
from exchange.oracle.refit_job import RefitReply
from pricing.simulated_surface import simulated_surface
from tests.unit.oracle.books import NOW_MS, book, request

ECHO = """
import sys
from exchange.app.surfacer import serve
sys.exit(serve(sys.stdin.buffer, sys.stdout.buffer, bytes.upper))
"""
Start = Callable[..., ChildFitter]


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[ChildFitter] = []

    def begin(program: str = ECHO, deadline_ms: int = 20_000) -> ChildFitter:
        made.append(ChildFitter((sys.executable, "-c", program), deadline_ms))
        return made[-1]

    yield begin
    for fitter in made:
        fitter.stop()


def wait_reply(fitter: ChildFitter, now_ms: int = 0, limit_s: float = 60.0) -> bytes | None:
    """The reply, or None once the worker has been given up."""
    end_s, failures = time.monotonic() + limit_s, fitter.failures
    while time.monotonic() < end_s:
        reply = fitter.poll(now_ms)
        if reply is not None or fitter.failures > failures:
            return reply
        time.sleep(0.002)
    raise TimeoutError("no reply")


def wait_gone(pid: int, limit_s: float = 30.0) -> None:
    end_s = time.monotonic() + limit_s
    while os.path.exists(f"/proc/{pid}"):
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                return
        assert time.monotonic() < end_s, "still there"
        time.sleep(0.01)


def test_requests_larger_than_a_pipe_are_answered_one_at_a_time(start: Start) -> None:
    fitter = start()
    assert fitter.poll(0) is None
    for size in (3, 400_000, 0):
        assert fitter.submit(b"x" * size, 0)
        assert not fitter.submit(b"y", 0)
        assert wait_reply(fitter) == b"X" * size
    assert not fitter.submit(b"x" * 2_000_000, 0)
    assert fitter.failures == 0


def test_a_dead_worker_is_replaced_after_a_pause(start: Start) -> None:
    fitter = start()
    first = fitter.pid
    os.kill(first, signal.SIGKILL)
    wait_gone(first)
    assert fitter.submit(b"a", 1_000) is False or wait_reply(fitter, 1_000) is None
    assert (fitter.failures, fitter.pid) == (1, 0)
    assert not fitter.submit(b"a", 1_000 + PAUSE_MS - 1)
    assert fitter.submit(b"a", 1_000 + PAUSE_MS)
    assert wait_reply(fitter, 1_000 + PAUSE_MS) == b"A"
    assert fitter.pid not in (0, first)


def test_silence_and_nonsense_end_the_worker(start: Start) -> None:
    silent = start("import time; time.sleep(60)", deadline_ms=500)
    pid = silent.pid
    assert silent.submit(b"a", 0)
    assert silent.poll(500) is None
    assert silent.failures == 0
    assert silent.poll(501) is None
    assert (silent.failures, silent.pid) == (1, 0)
    wait_gone(pid)
    babbling = start("import os, sys; os.write(1, b'\\xff' * 64); sys.stdin.read()")
    assert babbling.submit(b"a", 0)
    assert wait_reply(babbling) is None
    assert babbling.failures == 1


def test_pauses_grow_while_it_keeps_failing(start: Start) -> None:
    fitter = start("")
    now_ms = 0
    for pause_ms in (PAUSE_MS, 2 * PAUSE_MS, 4 * PAUSE_MS):
        failures = fitter.failures
        if fitter.submit(b"a", now_ms):
            assert wait_reply(fitter, now_ms) is None
        assert fitter.failures == failures + 1
        assert not fitter.submit(b"a", now_ms + pause_ms - 1)
        now_ms += pause_ms


def test_a_program_that_is_not_there_does_no_harm() -> None:
    fitter = ChildFitter(("/nowhere/to/be/found",))
    assert not fitter.submit(b"a", 0)
    assert not fitter.submit(b"a", 1)
    assert fitter.poll(0) is None
    fitter.stop()


def test_the_worker_itself_answers_and_ends_with_whoever_started_it() -> None:
    program = (
        "import sys, time\n"
        "from exchange.app.fitter import ChildFitter\n"
        "fitter = ChildFitter()\n"
        "print(fitter.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    fitter = ChildFitter()
    try:
        assert fitter.submit(request(book(simulated_surface("BTC"))), NOW_MS)
        reply = wait_reply(fitter, NOW_MS)
        assert reply is not None
        assert RefitReply.decode(reply).expiry_ms.size == 3
        assert os.getpriority(os.PRIO_PROCESS, fitter.pid) >= 10
        mine = fitter.pid
    finally:
        fitter.stop()
    wait_gone(mine)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_gone(pid)
