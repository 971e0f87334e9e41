"""What the venue hands to the attestor: each commit batch whole, none twice, and never waiting for it."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.app.attesting import link as links
from exchange.app.attesting.handing import HandingJournal
from exchange.app.attesting.link import AttestorLink
from exchange.app.attesting.talk import DECODER, Answer, Ask, Durable, Look, Message
from exchange.app.config import Config
from exchange.app.framing import Ear, packed
from exchange.domain import commands as c
from exchange.gateway.receipts import Proof
from exchange.gateway.sequencer import Sequencer
from exchange.journal import EventReader, JournalWriter, MemoryStorage, WrittenCommands
from tests.unit.attest.test_chain import event


class Engine:
    """Two events a command."""

    now_ms = 1 << 60
    due_count = untriggered_count = 0
    next_seq = 1

    def apply(self, batch: bytes) -> bytes:
        first, self.next_seq = self.next_seq, self.next_seq + len(batch) // 64
        return b"".join(event(seq) + event(seq, 1, 3) for seq in range(first, self.next_seq))

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()


class Disk:
    """A committer whose sync is over when it is told."""

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        work()
        self.done = done

    def close(self) -> None:
        """Nothing is open."""


def test_each_commit_batch_is_handed_over_as_the_journal_has_it() -> None:
    engine, disk, storage, handed = Engine(), Disk(), MemoryStorage(), list[Durable]()
    writer = JournalWriter(storage)
    journal = HandingJournal(writer, handed.append, lambda: 7)
    clock: Any = type("Clock", (), {"now_ms": staticmethod(lambda: 0)})
    loop: Any = engine
    sequencer = Sequencer(engine, journal, disk, loop, clock)
    journal.attach(sequencer)
    command = c.cancel(64, 1)
    sequencer.submit(command)
    for size in (3, 1, 150):
        sequencer.submit_run(command * size, size)
        disk.done(None)
    disk.done(None)
    sequencer.finish_lag()
    written = list(WrittenCommands(storage))
    assert [(each.first_seq, each.count) for each in handed] == [
        (frame.first_seq, frame.command_count) for frame in written
    ]
    assert [each.commands for each in handed] == [frame.payload for frame in written]
    told = b"".join(frame.payload for frame in EventReader(storage))
    assert b"".join(each.events for each in handed) == told
    assert all(len(each.events) % each.count == 0 for each in handed)


class Rig:
    """A link whose other end is in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def started(_command: Any, pass_fds: tuple[int, ...], **_: Any) -> Any:
            self.far = socket.socket(fileno=os.dup(pass_fds[0]))
            self.far.setblocking(False)
            ended: dict[str, Any] = {"terminate": lambda _: None, "wait": lambda _, timeout: 0}
            return type("Child", (), ended)()

        monkeypatch.setattr("subprocess.Popen", started)
        self.link = AttestorLink(Config(folder), asyncio.get_running_loop())
        self.link.start()
        self.ear = Ear(DECODER)

    async def heard(self, until: Callable[[list[Message]], bool]) -> list[Message]:
        """What the attestor hears, up to something."""
        found: list[Message] = []
        while not until(found):
            await asyncio.sleep(0)
            try:
                found += self.ear.hear(self.far.recv(1 << 20))
            except BlockingIOError:
                continue
        return found

    def stop(self) -> None:
        self.link.stop()
        self.far.close()


async def test_what_does_not_fit_is_left_to_the_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "BACKLOG_BYTES_MAX", 1 << 20)
    rig = Rig(tmp_path, monkeypatch)
    big = Durable(1, 1, b"c" * 32, b"e" * (1 << 18), 0)
    for _ in range(20):
        rig.link.hand_over(big)
    assert len(rig.link._out) < 2 << 20
    rig.link.ask(7, lambda _: None)  # a question is never left out
    heard = await rig.heard(lambda found: Look() in found)
    assert set(map(type, heard)) == {Durable, Ask, Look}
    assert 4 <= sum(isinstance(each, Durable) for each in heard) < 16
    assert heard[-1] == Look()
    rig.link.hand_over(big)
    assert await rig.heard(bool) == [big]
    rig.stop()


async def test_whoever_asked_is_told_also_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, monkeypatch)
    told: list[tuple[int, Proof | None]] = []

    def tell(seq: int, proof: Proof | None) -> None:
        told.append((seq, proof))

    for seq in (5, 6, 7):
        rig.link.ask(seq, functools.partial(tell, seq))
    asks = await rig.heard(lambda found: len(found) == 3)
    numbers = {ask.seq: ask.number for ask in asks if isinstance(ask, Ask)}
    rig.far.send(packed(Answer(numbers[6], b"r", b"c", b"e")) + packed(Answer(numbers[5])))
    while len(told) < 2:
        await asyncio.sleep(0)
    assert told == [(6, Proof(b"r", b"c", b"e")), (5, None)]
    rig.far.close()
    while len(told) < 3:
        await asyncio.sleep(0)
    assert told[2] == (7, None)
    rig.link.hand_over(Durable(1, 1, b"", b"", 0))  # to nobody
    rig.link.stop()
