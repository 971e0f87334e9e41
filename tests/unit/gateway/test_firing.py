"""Triggered orders that one command could not fire go before anything else that waits."""

from __future__ import annotations

from exchange.domain import commands
from exchange.domain import records as r
from exchange.gateway.firing import FIRES_AT_ONCE, fires, up_to_marks
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.sequencer import Sequencer
from tests.unit.gateway.fakes import CountingEngine, ListJournal, ManualClock, ManualCommitter, ManualLoop

ORDER = commands.cancel_many(64)
MARKS = commands.marks(0, 1_000_000, 1, [])


class TriggerEngine(CountingEngine):
    """Marks make 130 orders due; a FIRE fires 64."""

    def __init__(self) -> None:
        super().__init__()
        self.untriggered_count = 130

    def apply(self, batch: bytes) -> bytes:
        for command in commands.split(batch):
            if command[0] == r.MARKS:
                self.due_count = 130
            elif command[0] == r.FIRE:
                self.due_count = max(0, self.due_count - 64)
        return super().apply(batch)

    def kinds(self) -> list[list[int]]:
        """The types of the commands of each batch."""
        return [[command[0] for command in commands.split(batch)] for batch in self.batches]


def rig(engine: CountingEngine) -> tuple[Sequencer, ManualLoop, ManualCommitter]:
    loop, committer = ManualLoop(), ManualCommitter()
    return Sequencer(engine, ListJournal(), committer, loop, ManualClock()), loop, committer


def test_as_many_commands_as_it_takes_some_at_a_time() -> None:
    assert [len(fires(due)) for due in (1, 64, 65, 1_024, 5_000)] == [1, 1, 2, 16, FIRES_AT_ONCE]


def test_a_batch_ends_behind_prices() -> None:
    assert up_to_marks([ORDER, ORDER]) == 2
    assert up_to_marks([ORDER, MARKS, ORDER, MARKS]) == 2
    assert up_to_marks([]) == 0


def test_what_is_due_goes_before_what_waits() -> None:
    engine = TriggerEngine()
    sequencer, loop, committer = rig(engine)
    answered: list[str] = []


    def heard(name: str) -> OnEvents:
        return lambda _: answered.append(name)

    for name, command in (("before", ORDER), ("marks", MARKS), ("behind", ORDER)):
        sequencer.submit(command, heard(name))
    loop.turn()
    fire = [r.FIRE] * 3
    assert engine.kinds() == [[r.CANCEL_MANY, r.MARKS], fire, [r.CANCEL_MANY]]
    committer.finish()
    loop.run()
    assert answered == ["before", "marks", "behind"]


def test_without_triggers_marks_are_like_any_command() -> None:
    engine = CountingEngine()
    sequencer, loop, _ = rig(engine)
    for command in (ORDER, MARKS, ORDER):
        sequencer.submit(command)
    loop.turn()
    assert len(engine.batches) == 1


def test_what_a_start_finds_due_fires_with_the_first_command() -> None:
    engine = TriggerEngine()
    engine.due_count = 65
    sequencer, loop, _ = rig(engine)
    sequencer.submit(ORDER)
    loop.turn()
    assert engine.kinds() == [[r.FIRE, r.FIRE], [r.CANCEL_MANY]]
