"""Losses shared by cash alone, as batches of codec 2 have them: shares follow, and stay what they were."""

from __future__ import annotations

import pytest

from settlement import operations as op
from settlement import transition as tr
from settlement.guards import TransitionError
from settlement.state import Account, Range, Sharing, State
from tests.unit.settlement.test_losses import ANN, BOB, CEM, OWES, cash, flat, refused, short, state_of, step


def by_cash(state: State, count: int, number: int = OWES) -> State:
    tr.apply(state, op.LossShare(number, count))
    return state


def test_by_cash_rounded_up_until_it_is_covered() -> None:
    state = by_cash(flat(300, 100, 0), 100)
    assert (state.sharing.phase, state.sharing.total, state.sharing.remaining_micro) == (2, (400, 400), 100)
    by_cash(state, 100)
    assert cash(state, ANN, BOB, OWES) == [225, 75, 0]
    assert (state.sharing, state.accounts[OWES].in_liquidation) == (Sharing(), 0)


def test_by_cash_steps_of_one_account_come_to_the_same() -> None:
    state = flat(300, 100, 0)
    while state.accounts[OWES].in_liquidation:
        by_cash(state, 1)
    assert cash(state, ANN, BOB, OWES) == [225, 75, 0]


def test_by_cash_who_is_in_liquidation_or_spent_its_cash_meanwhile_pays_what_is_there() -> None:
    state = flat(300, 100, 0)
    state.accounts[BOB].in_liquidation = 1
    by_cash(state, 100)
    assert state.sharing.basis == {ANN: Range(300, 300)}
    state.accounts[ANN].cash_micro = 40
    by_cash(state, 100)
    # Not all is covered: the account stays as it is, and another round may begin.
    assert cash(state, ANN, OWES) == [0, -60]
    assert (state.accounts[OWES].in_liquidation, state.sharing) == (1, Sharing())


def test_by_cash_only_one_loss_is_shared_at_a_time() -> None:
    state = by_cash(flat(300, 100, 0), 1)
    state.accounts[CEM].in_liquidation = 1
    with pytest.raises(TransitionError, match="is being shared"):
        by_cash(state, 1, CEM)


def test_what_was_begun_by_cash_goes_on_by_worth_and_not_back() -> None:
    """A venue that was replaced in the middle: what was measured is exact."""
    state = by_cash(by_cash(state_of(short(300), Account(cash_micro=100), Account()), 100), 1)
    assert (state.sharing.phase, state.sharing.remaining_micro) == (2, 25)
    assert refused(state, 1, (BOB, 24))
    step(state, 1, (BOB, 25))
    assert cash(state, ANN, BOB, OWES) == [225, 75, 0]
    with pytest.raises(TransitionError, match="by worth"):
        by_cash(step(flat(300, 100, 0), 1), 1)


def test_cash_could_leave_while_a_loss_was_shared_by_cash() -> None:
    state = by_cash(flat(300, 100, 0), 1)
    tr.apply(state, op.WithdrawalHeld(ANN, 1, 9))
