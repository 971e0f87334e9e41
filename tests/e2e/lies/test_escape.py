"""An operator passes over a deposit, ignores a forced withdrawal or falls silent: everybody gets out."""

from __future__ import annotations

import pytest

from settlement.contracts import evm
from settlement.l1.blobs import shared_kzg
from settlement.l1.feed import Feed
from settlement.l1.keys import Key
from settlement.stf import steps as s
from settlement.stf.steps import Step
from settlement.watch.leaver import Leaver, NotPossible
from settlement.watch.replica import Replica
from settlement.watch.standing import final_state
from settlement.watch.store import WatchStore
from tests.e2e.lies.operator import ALICE, BOB, E6, SETTINGS, Operator, Town
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.stf import every_kind as day
from tests.unit.settlement.streams import TIME_MS

MARKS = [
    Step(s.MARK, instrument=number, ident=TIME_MS, p=90 * E6) for number in (day.CALL, day.PUT, day.SWAP)
]


def begun(town: Town) -> Operator:
    operator = Operator(town)
    operator.open()
    operator.post([*day.TRADING[:2], *MARKS])
    return operator


def make_final(town: Town) -> None:
    town.later(SETTINGS.challenge_s + 1)
    town.do(ALICE.address, town.rollup.finalise())


def leaver(town: Town, key: Key) -> Leaver:
    """The way out of somebody who has nothing but a node."""
    where = town.rollup.addresses
    store = WatchStore(":memory:", where.chain_id, where.inbox)
    replica = Replica(town.rollup, store, lambda marks: Feed(town.rollup, shared_kzg(), marks=marks))
    final = final_state(replica, town.rollup.ethereum.head())
    return Leaver(town.leaving, final, key.address)


def move(town: Town, key: Key, **more: bool) -> str:
    """Make the next move of the escape; its text."""
    found = leaver(town, key).escape(town.rollup.ethereum.head(), **more)
    for call in found.calls:
        town.do(key.address, call)
    return found.text


def moves(town: Town, key: Key, **more: bool) -> list[str]:
    """All moves that can be made now; the last text is what is waited for."""
    found = [move(town, key, **more)]
    while len(found) < 2 or found[-1] != found[-2]:
        found.append(move(town, key, **more))
    return found


def test_an_ignored_withdrawal_ends_in_the_escape(town: Town) -> None:
    operator = begun(town)
    make_final(town)
    watch = Watch(town)
    watch.tower.turn()
    with pytest.raises(NotPossible, match="belongs to"):
        leaver(town, ALICE).force(day.BOB, E6)
    (call,) = leaver(town, BOB).force(day.BOB, 100 * E6).calls
    town.do(BOB.address, call)
    operator.post([day.account(70)])  # within the bound he may leave it for later
    town.later(SETTINGS.forced_s + 1)
    watch.tower.turn()
    assert "request_overdue" in watch.codes
    with pytest.raises(evm.Reverted, match="FORCED"):
        operator.post([day.account(71)])
    out_by_the_escape(town, watch)


def test_a_skipped_deposit_ends_in_the_escape_and_goes_back(town: Town) -> None:
    operator = begun(town)
    make_final(town)
    watch = Watch(town)
    for call in town.rollup.deposit(day.BOB, 33 * E6):
        town.do(BOB.address, call)
    operator.post([day.account(70)])
    town.later(SETTINGS.deposit_s + 1)
    watch.tower.turn()
    assert "deposit_overdue" in watch.codes
    with pytest.raises(evm.Reverted, match="DEPOSITS"):
        operator.post([day.account(71)])
    out_by_the_escape(town, watch)
    assert any("deposit 4 back" in text for text in moves(town, BOB))


def out_by_the_escape(town: Town, watch: Watch) -> None:
    """Nothing is posted any more: after the silence users open the escape, claim and are paid."""
    assert move(town, ALICE).startswith("the operator is not silent")
    town.later(SETTINGS.silence_s + SETTINGS.challenge_s)
    town.do(ALICE.address, town.rollup.finalise())
    town.later(SETTINGS.silence_s)
    watch.tower.turn()
    assert "silence" in watch.codes
    before = town.tokens(ALICE.address), town.tokens(BOB.address)
    told = moves(town, ALICE, everybody=True)
    assert told[0].startswith("opening the escape")
    assert moves(town, BOB)[0].startswith("all that is yours is counted")
    watch.tower.turn()
    assert "frozen" in watch.codes
    town.later(SETTINGS.claim_s + 1)
    assert moves(town, ALICE)[0].startswith("taking the funds over")
    claims = [town.leaving.claim_micro(key.address, town.rollup.ethereum.head()) for key in (ALICE, BOB)]
    assert town.tokens(ALICE.address) - before[0] == claims[0] > 0
    (call, *_) = leaver(town, BOB).escape(town.rollup.ethereum.head()).calls
    town.do(BOB.address, call)
    assert town.tokens(BOB.address) - before[1] == claims[1] > 0


def test_a_withdrawal_is_paid_when_its_batch_is_final(town: Town) -> None:
    operator = begun(town)
    operator.post([
        Step(s.HELD, first=day.BOB, ident=1, p=20 * E6),
        Step(s.RESOLVED, first=day.BOB, second=0, ident=1, p=20 * E6),
    ])  # fmt: skip
    head = town.rollup.ethereum.head()
    assert leaver(town, BOB).withdraw(head).calls == ()
    make_final(town)
    before = town.tokens(BOB.address)
    (call,) = leaver(town, BOB).withdraw(town.rollup.ethereum.head()).calls
    town.do(ALICE.address, call)  # anyone may send it
    assert town.tokens(BOB.address) == before + 20 * E6
    assert leaver(town, BOB).withdraw(town.rollup.ethereum.head()).calls == ()


def test_a_forced_withdrawal_is_taken_in_and_paid(town: Town) -> None:
    operator = begun(town)
    make_final(town)
    (call,) = leaver(town, ALICE).force(day.ALICE, 7 * E6).calls
    town.do(ALICE.address, call)
    operator.post([Step(s.FORCED, first=day.ALICE, ident=1, p=7 * E6, q=7 * E6)])
    make_final(town)
    before = town.tokens(ALICE.address)
    (call,) = leaver(town, ALICE).withdraw(town.rollup.ethereum.head()).calls
    town.do(ALICE.address, call)
    assert town.tokens(ALICE.address) == before + 7 * E6
