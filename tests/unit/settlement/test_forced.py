"""Withdrawals forced on the L1: settlement books what the core told, and finds what is wrong in it."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_bridge import forced_withdrawal
from settlement import operations as op
from settlement.batch import BatchBuilder, Frame, Limits
from settlement.guards import TransitionError
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import Account, State
from settlement.transition import apply
from tests.unit.settlement.test_ledger import bumped

ALICE, BOB = 64, 65


def story() -> tuple[bytes, bytes]:
    """(all before, the events of a forced withdrawal) as the core tells them."""
    engine = Engine()
    rules = b"".join(c.set_rules(version) for version in range(2, 7))
    opening = c.create_account(ALICE) + c.create_account(BOB) + c.deposit(ALICE, 900, 1)
    before = engine.apply(rules + opening)
    return before, engine.apply(forced_withdrawal(ALICE, 500, 1))


def test_it_is_one_operation() -> None:
    before, told = story()
    ledger = Ledger(State())
    ledger.read(before)
    assert ledger.read(told) == [op.ForcedWithdrawal(ALICE, 1, 500, 500)]
    state = ledger.state
    assert (state.accounts[ALICE].cash_micro, state.withdrawn_micro, state.forced_through) == (400, 500, 1)
    assert not list(state.conservation_faults())


PLACES = [*((0, n) for n in (2, 3, 4, 5, 6, 8)), *((1, n) for n in (2, 3, 4, 5))]


@pytest.mark.parametrize(("event", "word"), PLACES)
def test_a_wrong_figure_is_found(event: int, word: int) -> None:
    before, told = story()
    ledger = Ledger(State())
    ledger.read(before)
    with pytest.raises(LedgerMismatch):
        ledger.read(bumped(told, event * 12 + word, 1))


@pytest.mark.parametrize("number", [0, 1])
def test_an_event_that_is_missing_is_found(number: int) -> None:
    before, told = story()
    ledger = Ledger(State())
    ledger.read(before)
    (first, _) = ev.read_events(told)
    cut = first.head.units * r.UNIT_BYTES
    with pytest.raises(LedgerMismatch):
        ledger.read(told[cut:] if number == 0 else told[:cut])


def held(cash_micro: int, in_liquidation: int = 0) -> State:
    state = State()
    state.accounts[ALICE] = Account(cash_micro=cash_micro, in_liquidation=in_liquidation)
    state.accounts[3] = Account()
    return state


@pytest.mark.parametrize("asked", [1, 7, 8])
@pytest.mark.parametrize("cash", [-5, 0, 7])
def test_who_has_no_position_gets_all_it_may(asked: int, cash: int) -> None:
    due = min(asked, max(0, cash))
    for paid in range(-1, 10):
        forced = op.ForcedWithdrawal(ALICE, 1, asked, paid)
        if paid == due:
            apply(held(cash), forced)
            continue
        with pytest.raises(TransitionError, match="forced withdrawal 1"):
            apply(held(cash), forced)


def test_marks_decide_beside_positions() -> None:
    for paid, fits in ((-1, False), (0, True), (3, True), (7, True), (8, False)):
        state = held(7)
        state.accounts[ALICE].positions[0] = (1, 5)
        if fits:
            apply(state, op.ForcedWithdrawal(ALICE, 1, 9, paid))
            continue
        with pytest.raises(TransitionError):
            apply(state, op.ForcedWithdrawal(ALICE, 1, 9, paid))


def test_nothing_is_paid_in_liquidation_or_while_a_loss_is_shared() -> None:
    for state in (held(7, in_liquidation=1), held(7)):
        state.sharing.account = 0 if state.accounts[ALICE].in_liquidation else BOB
        apply(state, op.ForcedWithdrawal(ALICE, 1, 9, 0))
        with pytest.raises(TransitionError, match="1 paid"):
            apply(state, op.ForcedWithdrawal(ALICE, 2, 9, 1))


@pytest.mark.parametrize(
    "forced", [(ALICE, 2, 7, 7), (ALICE, 0, 7, 7), (ALICE, 1, 0, 0), (3, 1, 7, 0), (99, 1, 7, 0)]
)
def test_what_can_not_be(forced: tuple[int, int, int, int]) -> None:
    with pytest.raises(TransitionError):
        apply(held(7), op.ForcedWithdrawal(*forced))


def test_batches_of_format_1_refuse_it() -> None:
    before, told = story()
    builder = BatchBuilder(State(), Limits())
    builder.add(Frame(1, 8, before), 1)
    with pytest.raises(LedgerMismatch, match="no forced queue"):
        builder.add(Frame(9, 9, told), 1)


def test_a_locked_account_is_paid_too() -> None:
    engine, ledger = Engine(), Ledger(State())
    rules = b"".join(c.set_rules(version) for version in range(2, 7))
    locked = c.create_account(ALICE) + c.deposit(ALICE, 900, 1) + cr.set_lock(ALICE, True)
    ledger.read(engine.apply(rules + locked + forced_withdrawal(ALICE, 1_000, 1)))
    assert ledger.state.accounts[ALICE].cash_micro == 0
