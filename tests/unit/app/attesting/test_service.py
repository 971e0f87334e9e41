"""The attestor's turns: what is handed over is signed, what is asked is answered, and it says how soon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exchange.app.attesting import service as s
from exchange.app.attesting.batches import BatchReader
from exchange.app.attesting.finding import Finder
from exchange.app.attesting.service import Service
from exchange.app.attesting.talk import Answer, Ask, Block, Durable, Hello, Message
from exchange.gateway.receipts import Proof
from exchange.journal import Cursor
from tests.unit.app.attesting.journals import SIGNER, Written, proven


class Later:
    """Work that is done when it is asked whether it is over for the second time."""

    def __init__(self) -> None:
        self.work: Callable[[], None] | None = None
        self.started = 0

    def start(self, work: Callable[[], None]) -> None:
        assert self.work is None
        self.work, self.started = work, self.started + 1

    def over(self, *, wait: bool = False) -> bool:
        del wait
        work, self.work = self.work, None
        if work is not None:
            work()
        return work is None


class Rig:
    """A service on a journal, its clock, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.written = Written(folder)
        self.attestor, self.guard = self.written.attestor()
        self.now_us = 10**6
        self.said: list[Message] = []
        self.background = Later()
        finder = Finder(self.written.storage, self.attestor)
        self.service = Service(
            self.attestor, finder, lambda: self.now_us, self.said.append, self.background
        )

    def hand_over(self, sizes: tuple[int, ...], released_us: int) -> None:
        first = self.written.writer.next_seq
        for size in sizes:
            self.written.batch(size)
        for batch in BatchReader(self.written.storage, 0, first).poll():
            self.service.hear(Durable(*batch, released_us))


def test_a_receipt_is_answered_in_the_turn_that_signs(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.service.greet(SIGNER.address)
    for number, seq in ((1, 3), (2, 1), (3, 5)):
        rig.service.hear(Ask(number, seq))
    rig.service.turn()
    rig.hand_over((1, 2), 10**6)
    rig.service.turn()
    hello, *rest = rig.said
    assert isinstance(hello, Hello)
    answers = [message for message in rest if isinstance(message, Answer)]
    assert [answer.number for answer in answers] == [2, 1]
    assert [proven(Proof(each.receipt, each.command, each.events)) for each in answers] == [1, 3]
    rig.hand_over((1, 1), 10**6)
    rig.service.turn()
    assert isinstance(rig.said[-1], Answer)
    assert rig.said[-1].number == 3


def test_it_tells_how_soon_it_signs(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.service.turn()
    for after_us in (5, 1, 3):
        rig.hand_over((2,), rig.now_us)
        rig.now_us += after_us
        rig.service.turn()
    rig.now_us += 10**6
    rig.hand_over((1,), rig.now_us)
    rig.now_us += 9
    rig.service.turn()
    blocks = [message for message in rig.said if isinstance(message, Block)]
    assert [block.signed_after_us for block in blocks] == [[5], [1, 3, 9]]


def test_files_are_made_durable_beside_the_turns(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.attestor.sync()
    rig.hand_over((3,), 0)
    turns = 0
    while rig.background.started < 2:
        rig.service.turn()
        turns += 1
        rig.now_us += s.SYNC_MS * 1_000 // 4
    assert turns < 10
    assert Cursor(rig.written.storage, "attestor").read() == 4
    rig.hand_over((1,), 0)
    rig.service.finish()
    assert Cursor(rig.written.storage, "attestor").read() == 5


def test_too_many_questions_are_answered_with_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for number in range(s.WAITING_MAX):
        rig.service.hear(Ask(number, 1))
    rig.service.hear(Ask(7, 1))
    assert rig.said == [Answer(7)]
