"""An operator posts a batch that is wrong: the watchtower sees it, proves it on the chain, and is paid."""

from __future__ import annotations

import pytest

from settlement.contracts import evm
from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.header import Header
from settlement.stf.steps import Step
from settlement.trees import binary
from tests.e2e.lies.operator import ALICE, E6, SETTINGS, WATCHER, Lie, Operator, Town
from tests.e2e.lies.watching import Watch
from tests.unit.settlement.stf import every_kind as day


def begun(town: Town) -> Operator:
    """Two honest batches."""
    operator = Operator(town)
    operator.open()
    operator.post(day.TRADING[:5])
    return operator


def must_be_punished(town: Town, watch: Watch, before: int) -> None:
    """The bond is gone, half of it is the watcher's."""
    assert town.rollup.inbox(town.rollup.ethereum.head()).bond_micro == 0
    assert town.tokens(WATCHER.address) == before + SETTINGS.bond_least // 2


def wrong_root(header: Header, trace: list[bytes]) -> Header:
    """A state out of nowhere, also in the trace: what an operator posts who has invented balances."""
    trace[-1] = keccak(b"invented")
    return header._replace(new_root=trace[-1], trace_root=binary.root(trace))


def new_root_alone(header: Header, trace: list[bytes]) -> Header:
    return header._replace(new_root=keccak(b"invented"))


def passed_over(header: Header, trace: list[bytes]) -> Header:
    return header._replace(deposits_through=header.deposits_through - 1)


@pytest.mark.parametrize(
    ("lie", "code"), [(wrong_root, "trace"), (new_root_alone, "new_root"), (passed_over, "counts")]
)
def test_a_header_that_lies_about_the_state_costs_the_bond(town: Town, lie: Lie, code: str) -> None:
    operator = begun(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post([*day.TRADING[5:9], day.account(70)], lie=lie)
    watch.until_void(3)
    assert code in watch.codes
    must_be_punished(town, watch, before)


LIES = {
    "a fill of an account that does not exist": day.fill(day.CALL, day.ALICE, 9_999, 500, 1, 20),
    "a fill that was booked before": day.TRADING[0],
    "a liquidation of somebody who is not in liquidation": day.fill(
        day.CALL, day.ALICE, day.BOB, 500, 1, 20, 0, 0x23
    ),
    "a block of one side's word": day.fill(day.CALL, day.ALICE, day.BOB, 500, 1, 20, 0, 0x25),
    "a block within a family": day.fill(day.CALL, day.ALICE, day.EVE, 500, 1, 20, 0, 0x55),
    "money for everybody's fund": Step(s.TRANSFER, first=day.ALICE, second=day.BOB, ident=1, p=5),
    "a withdrawal of what is not there": Step(s.HELD, first=day.DORA, ident=1, p=10**15),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_a_step_that_no_rule_allows_costs_the_bond(town: Town, lie: str) -> None:
    operator = begun(town)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post(day.TRADING[5:8], [LIES[lie]])
    watch.until_void(3)
    assert "not_allowed" in watch.codes
    must_be_punished(town, watch, before)


def test_a_deposit_credited_to_somebody_else_costs_the_bond(town: Town) -> None:
    operator = begun(town)
    for call in town.rollup.deposit(day.BOB, 7 * E6):
        town.do(ALICE.address, call)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post([day.deposit(day.ALICE, 4, 7 * E6)])
    watch.until_void(3)
    assert "deposit" in watch.codes
    must_be_punished(town, watch, before)


def test_a_deposit_passed_over_costs_the_bond(town: Town) -> None:
    operator = begun(town)
    for account in (day.BOB, day.ALICE):
        for call in town.rollup.deposit(account, 7 * E6):
            town.do(ALICE.address, call)
    watch, before = Watch(town), town.tokens(WATCHER.address)
    operator.post([day.deposit(day.ALICE, 5, 7 * E6)])
    watch.until_void(3)
    assert "deposit" in watch.codes
    must_be_punished(town, watch, before)


def test_a_batch_posted_twice_is_refused(town: Town) -> None:
    operator = begun(town)
    last = operator.posted[-1]
    with pytest.raises(evm.Reverted, match="BATCH"):
        operator.send(last.header, last.payload)
    again = last.header._replace(batch_id=3, previous_root=operator.root, closed_ms=town.chain.now() * 1000)
    with pytest.raises(evm.Reverted, match="RANGE"):
        operator.send(again, last.payload)


def test_right_batches_go_on_behind_a_wrong_one(town: Town) -> None:
    """The operator comes back to the truth: what he posts then is taken."""
    operator = begun(town)
    honest = operator.kept()
    watch = Watch(town)
    operator.post(day.TRADING[5:8], lie=wrong_root)
    operator.post([day.account(70)])
    watch.until_void(3)
    for call in town.rollup.add_bond(SETTINGS.bond_least):
        town.do(ALICE.address, call)
    honest.post(day.TRADING[5:8])
    honest.post([day.account(70)])
    watch.turns(lambda: watch.tower.replica.batch_id == 4)
    assert watch.tower.replica.following.derivation.root == honest.root
