"""A command whose bookings do not add up halts the venue: nothing of it is kept or answered, reads go on."""

from __future__ import annotations

from exchange.core import queries
from exchange.core.engine import Engine, InvariantError
from exchange.core.ledger import move_cash
from exchange.domain import commands as c
from exchange.gateway.sequencer import HALTED, Sequencer
from tests.unit.gateway.fakes import ListJournal, ManualClock, ManualCommitter, ManualLoop


def test_value_from_nowhere_halts_the_venue() -> None:
    engine, journal, loop, committer = Engine(), ListJournal(), ManualLoop(), ManualCommitter()
    sequencer = Sequencer(engine, journal, committer, loop, ManualClock(0))
    answers: list[bytes] = []
    sequencer.submit(c.create_account(64))
    sequencer.submit(c.deposit(64, 500, 1), answers.append)
    loop.run()
    committer.finish()
    kept = list(journal.appended)
    move_cash(engine.world, 64, 7)  # the fault: one side only
    sequencer.submit(c.configure_account(64, cancel_maker=True), answers.append)
    loop.run()
    assert [bool(answer) for answer in answers] == [True, False]
    assert sequencer.mode == HALTED
    assert isinstance(sequencer.halt_reason, InvariantError)
    assert journal.appended == kept, "the journal never sees it"
    read: list[queries.AccountFigures | None] = []
    sequencer.read(lambda: queries.account_figures(engine, 64), read.append)
    assert read[0] is not None
    assert read[0].cash_micro == 507
