"""Rules 2 in the transition: figures worked by hand, and what the state does not allow."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from exchange.domain.commands_risk import FeeTier
from settlement import fees
from settlement import operations as op
from settlement import protection as pr
from settlement import transition as tr
from settlement.guards import TransitionError
from settlement.state import State
from tests.unit.settlement.streams import OPTION, PERPETUAL
from tests.unit.settlement.test_commitment import small_state

INDEX = 100_000_000_000  # a lot is 0.01 BTC: 1,000 USDC
USDC = 1_000_000


def family() -> State:
    """`small_state` (64 short, 65 long two lots of the perpetual), a subaccount 66 and a stranger 67."""
    state = small_state()
    done(state, op.AccountSet(66, 0, b"\x11" * 20), op.FamilySet(66, 64, 0), op.AccountSet(67, 0, bytes(20)))
    return state


def done(state: State, *operations: op.Operation) -> State:
    for operation in operations:
        tr.apply(state, operation)
    return state


def cash(state: State, *numbers: int) -> list[int]:
    return [account.cash_micro if (account := state.account(n)) else 0 for n in numbers]


# --- fees ---------------------------------------------------------------------------------------------


def test_rates_are_the_tiers_and_the_last_ones_beyond_them() -> None:
    state = done(family(), op.FeesSet((FeeTier(1, 2, 3, 4), FeeTier(-5, 6, -7, 8))), op.FamilySet(65, 0, 7))
    first, last = state.accounts[64], state.accounts[65]
    assert fees.rates_ppm(state, first, OPTION) == (1, 2)
    assert fees.rates_ppm(state, first, PERPETUAL) == (3, 4)
    assert fees.rates_ppm(state, last, OPTION) == (-5, 6)
    assert fees.rates_ppm(State(), first, OPTION) == (OPTION.maker_fee_ppm, OPTION.taker_fee_ppm)


def test_a_rebate_is_rounded_down_and_never_above_the_takers_fee() -> None:
    # 100 ppm of 1,000 USDC a lot is 0.1 USDC; of an index a hundred-millionth higher a lot's is 1,000.000001.
    assert fees.rebate_micro(PERPETUAL, -100, INDEX + 1, 3, 10**9) == 300_000
    assert fees.rebate_micro(PERPETUAL, -1, 99, 1, 10**9) == 0
    assert fees.rebate_micro(PERPETUAL, -100, INDEX, 3, 299_999) == 299_999
    state = done(family(), op.FeesSet((FeeTier(0, 0, -100, 300),)))
    before = cash(state, 64, 65, 1)
    done(state, op.Fill(1, 64, 65, False, 100_000, 1, 2))
    assert cash(state, 64, 65, 1) == [before[0] + 100_000, before[1] - 300_000, before[2] + 200_000]
    assert not list(state.conservation_faults())


# --- withdrawals and transfers -------------------------------------------------------------------------


def test_a_withdrawal_is_held_then_paid() -> None:
    state = family()
    before = cash(state, 64)[0]
    done(state, op.WithdrawalHeld(64, 700, 5))
    assert cash(state, 64, 4) == [before - 700, 700]
    assert (state.withdrawals, state.withdrawn_micro) == ({5: (64, 700)}, 0)
    bridge = cash(state, 3)[0]
    done(state, op.WithdrawalResolved(5, r.WITHDRAWAL_PAID))
    assert cash(state, 64, 4, 3) == [before - 700, 0, bridge + 700]
    assert (state.withdrawals, state.withdrawn_micro, state.last_withdrawal_id) == ({}, 700, 5)
    assert not list(state.conservation_faults())


def test_a_cancelled_withdrawal_comes_back() -> None:
    state = family()
    before = cash(state, 64, 3)
    done(state, op.WithdrawalHeld(64, 700, 5), op.WithdrawalResolved(5, r.WITHDRAWAL_CANCELLED))
    assert cash(state, 64, 3) == before
    assert (cash(state, 4), state.withdrawn_micro) == ([0], 0)


def test_a_transfer_stays_in_the_family() -> None:
    state = family()
    before = cash(state, 64)[0]
    done(state, op.Transfer(64, 66, 500, 1), op.Transfer(66, 64, 200, 2))
    assert cash(state, 64, 66) == [before - 300, 300]


# --- liquidation ----------------------------------------------------------------------------------------


def slice_state() -> State:
    """65 has just sold its two lots in liquidation; 1,000 ppm are due."""
    state = done(family(), op.RiskSet(0, 1_000), op.LiquidationSet(65, 1))
    return done(state, op.Fill(1, 64, 65, True, 99_000, 2, 2))


def test_a_liquidation_fee_goes_to_the_fund() -> None:
    state = slice_state()
    # 1,000 ppm of 1,000 USDC a lot, two lots.
    assert pr.liquidation_fee_most(state, op.LiquidationFee(65, 1, -2, 0)) == 2 * USDC
    before = cash(state, 65)[0]
    done(state, op.LiquidationFee(65, 1, -2, 1_999_999))  # cut to the account's funds
    assert cash(state, 65, 2) == [before - 1_999_999, 1_999_999]


def test_an_options_liquidation_fee_is_capped() -> None:
    fills = op.Fill(0, 64, 65, True, 5, 1, 2), op.Fill(0, 66, 65, True, 10, 1, 3)
    state = done(family(), op.RiskSet(0, 1_000), *fills)
    # Values 50,000 and 100,000: an eighth of the last fill's, or of both, is far below 1,000 USDC · 0.001.
    assert pr.liquidation_fee_most(state, op.LiquidationFee(65, 0, -1, 0)) == 12_500
    assert pr.liquidation_fee_most(state, op.LiquidationFee(65, 0, -2, 0)) == 18_750


def test_the_fund_covers_what_it_has() -> None:
    state = done(family(), op.Deposit(2, 100, 3))
    state.accounts[67].cash_micro = -250
    assert pr.cover_micro(state, 67) == 100
    done(state, op.FundCover(67))
    assert cash(state, 67, 2) == [-150, 0]
    assert pr.cover_micro(state, 67) == 0
    assert pr.cover_micro(state, 66) == 0  # nothing is missing


def test_a_deficit_counts_the_unsettled_loss_of_a_closed_perpetual() -> None:
    state = done(family(), op.Fill(1, 64, 65, True, 99_000, 2, 2), op.Deposit(2, 10**12, 3))
    # 65 bought two lots at 1,000 and sold them at 990 USDC: 20 USDC are still to be paid.
    assert state.position(65, 1) == (0, 20 * USDC)
    state.accounts[65].cash_micro = 5 * USDC
    assert pr.cover_micro(state, 65) == 15 * USDC


# --- takeovers ------------------------------------------------------------------------------------------


def auction() -> State:
    """65 in liquidation, long 3 calls and long 2 perpetuals; 66 bids."""
    state = done(family(), op.Fill(0, 64, 65, False, 500, 3, 2))
    return done(state, op.LiquidationSet(65, 1), op.Deposit(2, 50, 3))


def test_a_takeover_moves_the_fraction_and_its_price() -> None:
    state = auction()
    before = cash(state, 65, 66, 2)
    parts = [op.Moved(0, 65, 66, 1, 4_000_000), op.Moved(1, 65, 66, 1, 999_000_000)]
    done(state, *parts, op.Takeover(66, 65, 500_000, 300, 0))  # half of 3 is 1, of 2 is 1
    assert state.position(66, 0) == (1, 4_000_000)
    assert state.position(66, 1) == (1, 999_000_000)
    assert state.position(65, 0)[0] == 2
    # The call is paid for, the perpetual passes at its mark; the discount is the target's.
    assert cash(state, 65, 66, 2) == [before[0] + 3_999_700, before[1] - 3_999_700, before[2]]
    assert not list(state.conservation_faults())


def test_the_fund_tops_up_who_takes_all_that_is_left() -> None:
    state = auction()
    before = cash(state, 65, 66, 2)
    parts = [op.Moved(0, 65, 66, 3, 12_000_000), op.Moved(1, 65, 66, 2, 1_998_000_000)]
    done(state, *parts, op.Takeover(66, 65, 1_000_000, 0, 20))
    assert [state.position(65, n)[0] for n in (0, 1)] == [0, 0]
    assert cash(state, 65, 66, 2) == [before[0] + 12_000_000, before[1] - 11_999_980, before[2] - 20]


def test_parts_never_take_cover_away_from_what_stays() -> None:
    """Of options held long rounded down; of what they cover, and of perpetuals, up."""
    sizes = (3, -3, 1, -1, 0)
    assert [pr.part_lots(size, 500_000, is_option=True) for size in sizes] == [1, -2, 0, -1, 0]
    assert [pr.part_lots(size, 500_000, is_option=False) for size in sizes] == [2, -2, 1, -1, 0]
    assert pr.part_lots(-7, 1_000_000, is_option=True) == -7


def test_options_held_long_cost_half_their_worth_at_least() -> None:
    """Three calls of 3 each for 9: a discount of 4 at most, whoever gives it."""
    for given, topped in ((4, 0), (0, 4)):
        done(longs(), op.Moved(0, 65, 66, 3, 9), op.Takeover(66, 65, 1_000_000, given, topped))
    for given, topped in ((5, 0), (0, 5)):
        with pytest.raises(TransitionError, match="at most 4"):
            done(longs(), op.Moved(0, 65, 66, 3, 9), op.Takeover(66, 65, 1_000_000, given, topped))


def longs() -> State:
    """65 in liquidation, long 3 calls and nothing else."""
    return done(auction(), op.Fill(1, 64, 65, True, 100_000, 2, 3))


TAKEOVERS: list[list[op.Operation]] = [
    [op.Moved(0, 65, 66, 2, 8), op.Moved(1, 65, 66, 1, 9), op.Takeover(66, 65, 500_000, 0, 0)],  # too much
    [op.Moved(0, 65, 66, 1, 8), op.Takeover(66, 65, 500_000, 0, 0)],  # a part is missing
    [op.Moved(1, 65, 66, 1, 9), op.Moved(0, 65, 66, 1, 8), op.Takeover(66, 65, 500_000, 0, 0)],  # order
    [op.Moved(0, 65, 67, 1, 8), op.Moved(1, 65, 66, 1, 9), op.Takeover(66, 65, 500_000, 0, 0)],  # to another
    [op.Moved(0, 65, 66, 3, 10)],  # not at one price
    [op.Moved(0, 65, 66, 3, -9)],  # at a negative one
    [op.Moved(0, 65, 66, 0, 0)],
    [op.Moved(0, 65, 65, 1, 1)],
    [op.Moved(0, 65, 66, 1, 1), op.FundCover(66)],  # no takeover follows
    [op.Takeover(66, 65, 500_000, 0, 0)],
    [op.Moved(0, 65, 66, 1, 8), op.Moved(1, 65, 66, 1, 9), op.Takeover(66, 65, 500_000, 0, 51)],  # the fund
    [op.Moved(0, 65, 66, 1, 8), op.Moved(1, 65, 66, 1, 9), op.Takeover(66, 65, 500_000, -1, 0)],
    [op.Moved(0, 65, 66, 1, 8), op.Moved(1, 65, 66, 1, 9), op.Takeover(66, 65, 500_000, 0, 1)],  # of a part
    [op.Moved(0, 65, 66, 3, 9), op.Moved(1, 65, 66, 2, 8), op.Takeover(66, 65, 1_000_000, 1, 1)],  # of both
    [op.Moved(1, 64, 66, -2, -9), op.Moved(0, 64, 66, -3, -9), op.Takeover(66, 64, 1_000_000, 0, 0)],
]


def test_a_family_may_not_take_over_its_own() -> None:
    state = done(auction(), op.FamilySet(67, 65, 0))
    with pytest.raises(TransitionError, match="of one family"):
        done(state, op.Moved(0, 65, 67, 1, 8), op.Moved(1, 65, 67, 1, 9), op.Takeover(67, 65, 500_000, 0, 0))


@pytest.mark.parametrize("operations", TAKEOVERS)
def test_a_takeover_that_is_none_is_refused(operations: list[op.Operation]) -> None:
    with pytest.raises(TransitionError):
        done(auction(), *operations)


def test_a_batch_may_not_end_inside_a_takeover() -> None:
    state = done(auction(), op.Moved(0, 65, 66, 1, 8))
    assert any("nothing pays for them" in fault for fault in state.conservation_faults())


# --- positions within a family ------------------------------------------------------------------------------


def relatives() -> State:
    """64 and its subaccount 66: 64 is short 3 calls, and 2 perpetuals sold at 1,000 USDC a lot."""
    return done(family(), op.Fill(0, 64, 65, False, 500, 3, 2), op.Deposit(66, 10**10, 3))


def test_positions_pass_within_a_family_and_options_are_paid_for() -> None:
    state = relatives()
    before = cash(state, 64, 66, 1)
    parts = [op.Moved(0, 64, 66, -2, -8_000_000), op.Moved(1, 64, 66, -1, -900_000_000)]
    entries = [state.position(64, number)[1] for number in (0, 1)]
    held = [state.position(64, number)[0] for number in (0, 1)]
    done(state, *parts, op.PositionsMoved(64, 66))
    assert state.position(66, 0) == (-2, -8_000_000)
    assert state.position(66, 1) == (-1, -900_000_000)
    assert state.position(64, 0) == (held[0] + 2, entries[0] + 8_000_000)
    assert state.position(64, 1) == (held[1] + 1, entries[1] + 900_000_000)
    assert cash(state, 64, 66, 1) == [before[0] - 8_000_000, before[1] + 8_000_000, before[2]]
    assert not list(state.conservation_faults())


MOVES: list[list[op.Operation]] = [
    [op.PositionsMoved(64, 66)],  # nothing was moved
    [op.Moved(0, 64, 66, -1, -4), op.PositionsMoved(66, 64)],
    [op.Moved(0, 64, 66, -1, -4), op.Moved(0, 64, 65, -1, -4), op.PositionsMoved(64, 66)],
    [op.Moved(0, 64, 65, -1, -4), op.PositionsMoved(64, 65)],  # of another family
    [op.Moved(0, 64, 66, 1, 4), op.PositionsMoved(64, 66)],  # 64 is short
    [op.Moved(0, 64, 66, -9, -9), op.PositionsMoved(64, 66)],  # more than it has
    [op.Moved(0, 64, 66, -9, -9), op.Moved(0, 64, 66, 8, 8), op.PositionsMoved(64, 66)],
    [op.Moved(0, 64, 66, -1, -4), op.Transfer(64, 66, 1, 1), op.PositionsMoved(64, 66)],
    [op.LiquidationSet(64, 1), op.Moved(0, 64, 66, -1, -4), op.PositionsMoved(64, 66)],
    [op.LiquidationSet(66, 1), op.Moved(0, 64, 66, -1, -4), op.PositionsMoved(64, 66)],
]


@pytest.mark.parametrize("operations", MOVES)
def test_a_move_that_is_none_is_refused(operations: list[op.Operation]) -> None:
    with pytest.raises(TransitionError):
        done(relatives(), *operations)


REFUSED: list[op.Operation] = [
    op.FeesSet(()),
    op.FamilySet(66, 65, 0),  # it has a family
    op.FamilySet(67, 66, 0),  # of a subaccount
    op.FamilySet(67, 67, 0),
    op.FamilySet(67, 99, 0),
    op.FamilySet(67, 0, 8),
    op.RiskSet(9, 1),
    op.RiskSet(0, -1),
    op.WithdrawalHeld(64, 0, 9),
    op.WithdrawalHeld(64, 10**10, 9),
    op.WithdrawalHeld(64, 1, 8),
    op.WithdrawalHeld(2, 1, 9),
    op.WithdrawalResolved(7, 0),
    op.WithdrawalResolved(8, 2),
    op.Transfer(64, 65, 1, 1),
    op.Transfer(64, 64, 1, 1),
    op.Transfer(64, 66, 0, 1),
    op.Transfer(64, 66, 10**10, 1),
    op.Transfer(64, 2, 1, 1),
    op.LiquidationSet(64, 2),
    op.LiquidationSet(99, 1),
    op.LiquidationFee(64, 1, -2, 0),  # was not the taker
    op.LiquidationFee(65, 1, 1, 0),
    op.LiquidationFee(65, 1, -1, 0),
    op.LiquidationFee(65, 1, -3, 0),
    op.LiquidationFee(65, 1, 0, 0),
    op.LiquidationFee(65, 0, -2, 0),
    op.LiquidationFee(65, 1, -2, -1),
    op.LiquidationFee(65, 1, -2, 2 * USDC + 1),
    op.LossShare(64, 5),  # not in liquidation
    op.LossShare(65, -1),
    op.LossStep(64, 4, ()),  # not in liquidation
    op.LossStep(65, -1, ()),
]


@pytest.mark.parametrize("operation", REFUSED)
def test_what_the_state_does_not_allow_is_refused(operation: op.Operation) -> None:
    state = done(slice_state(), op.WithdrawalHeld(64, 1, 8))
    with pytest.raises(TransitionError):
        tr.apply(state, operation)


def test_neither_fund_nor_losses_are_for_accounts_that_hold_lots() -> None:
    for operation in (op.FundCover(64), op.LossShare(64, 100), op.LossStep(64, 4, ())):
        state = done(family(), op.LiquidationSet(64, 1))
        with pytest.raises(TransitionError, match="still holds"):
            tr.apply(state, operation)
