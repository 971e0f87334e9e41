"""The state transition: figures worked by hand, and what the state does not allow."""

from __future__ import annotations

import pytest

from exchange.domain import records as r
from settlement import operations as op
from settlement import transition as tr
from settlement.state import State
from settlement.transition import TransitionError
from tests.unit.settlement.streams import OPTION, PERPETUAL
from tests.unit.settlement.test_commitment import small_state


def test_a_fee_is_rounded_up_at_each_step() -> None:
    # 1 lot is 0.01 BTC: index 1,000.000001 USDC a lot rounds up; 300 ppm of it, up; to micro-USDC, up.
    assert tr.trade_fee_micro(PERPETUAL, 300, 100_000_000_001, 1, 0) == 300_001
    assert tr.trade_fee_micro(PERPETUAL, 300, 100_000_000_000, 3, 0) == 900_000
    assert tr.trade_fee_micro(PERPETUAL, 0, 100_000_000_000, 3, 0) == 0


def test_an_option_fee_is_capped_rounding_down() -> None:
    assert tr.trade_fee_micro(OPTION, 300, 100_000_000_000, 1, 1_000_007) == 125_000
    uncapped = OPTION._replace(fee_cap_permille=0)
    assert tr.trade_fee_micro(uncapped, 300, 100_000_000_000, 1, 1_000_007) == 300_000


def test_delivery_pays_inside_value_less_its_fee() -> None:
    # 1,000 USDC inside, 0.01 BTC a lot: 10 USDC a lot; 150 ppm of 1,010 USDC is 0.1515 USDC a lot.
    assert tr.delivery_micro(OPTION, 101_000_000_000, 2) == (20_000_000, 303_000)
    assert tr.delivery_micro(OPTION, 101_000_000_000, -2) == (-20_000_000, 303_000)
    assert tr.delivery_micro(OPTION, 99_000_000_000, 2) == (0, 0)
    put = OPTION._replace(option_type=r.OPTION_PUT)
    assert tr.delivery_micro(put, 99_999_999_999, 5) == (0, 0)  # a hundredth of a micro-USDC rounds down
    assert tr.delivery_micro(put, 99_000_000_000, 1)[0] == 10_000_000


def test_an_option_fill_moves_premium_and_a_perpetual_does_not() -> None:
    state = small_state()
    fee = tr.trade_fee_micro(PERPETUAL, 300, 100_000_000_000, 2, 0)
    assert state.accounts[64].cash_micro == 10**9 - fee
    assert state.position(64, 1) == (-2, -2_000_000_000)
    assert state.position(65, 1) == (2, 2_000_000_000)
    before = state.accounts[65].cash_micro
    tr.apply(state, op.Fill(0, 64, 65, True, 500, 3, 2))
    taker_fee = min(3 * 500_000, 15_000_000 * 125 // 1000)
    assert state.accounts[65].cash_micro == before + 15_000_000 - taker_fee
    assert state.position(65, 0) == (-3, -15_000_000)
    assert not list(state.conservation_faults())


def test_perpetual_settlement_and_funding_move_cash() -> None:
    state = small_state()
    cash = {n: state.accounts[n].cash_micro for n in (64, 65)}
    tr.apply(state, op.Settlement(1, r.SETTLED_PERPETUAL, 100_010))
    assert state.accounts[65].cash_micro == cash[65] + 200_000
    assert state.position(64, 1) == (-2, -2_000_200_000)
    tr.apply(state, op.Settlement(1, r.SETTLED_FUNDING, 7))
    assert state.accounts[65].cash_micro == cash[65] + 200_000 - 14
    assert state.accounts[64].cash_micro == cash[64] - 200_000 + 14


def test_delivery_ends_positions_and_delisting_drops_flat_option_entries() -> None:
    state = small_state()
    tr.apply(state, op.Fill(0, 64, 65, False, 500, 3, 2))
    tr.apply(state, op.Fill(0, 64, 65, True, 400, 3, 3))
    assert state.position(65, 0) == (0, 3_000_000)
    tr.apply(state, op.StateSet(0, r.STATE_DELISTED))
    assert state.position(65, 0) == (0, 0)
    assert not list(state.conservation_faults())


REFUSED: list[op.Operation] = [
    op.Fill(0, 64, 64, False, 100, 1, 2),
    op.Fill(0, 64, 65, False, 100, 0, 2),
    op.Fill(0, 64, 66, False, 100, 1, 2),
    op.Fill(0, 1, 65, False, 100, 1, 2),
    op.Fill(2, 64, 65, False, 100, 1, 2),
    op.Deposit(64, 5, 2),
    op.Deposit(64, 0, 3),
    op.Deposit(3, 5, 3),
    op.Deposit(99, 5, 3),
    op.Withdrawal(64, 10**10, 1),
    op.Withdrawal(64, 0, 1),
    op.Settlement(1, r.SETTLED_DELIVERY, 5),
    op.Settlement(0, r.SETTLED_FUNDING, 5),
    op.Settlement(0, 9, 5),
    op.Settlement(1, 9, 5),
    op.Settlement(7, r.SETTLED_FUNDING, 5),
    op.StateSet(1, r.STATE_DELISTED),
    op.StateSet(7, 0),
    op.AccountSet(5, 0, bytes(20)),
    op.Listing(0, 0, OPTION),
    op.Listing(2, 0, OPTION._replace(underlying=4)),
    op.IndexSet(4, 1),
    op.IndexSet(0, 0),
]


@pytest.mark.parametrize("operation", REFUSED)
def test_what_the_state_does_not_allow_is_refused(operation: op.Operation) -> None:
    with pytest.raises(TransitionError):
        tr.apply(small_state(), operation)


def test_a_fill_needs_its_batchs_index() -> None:
    state = small_state()
    state.begin_batch()
    with pytest.raises(TransitionError, match="no index"):
        tr.apply(state, op.Fill(0, 64, 65, False, 100, 1, 2))


def test_an_ended_instrument_does_not_come_back() -> None:
    state = small_state()
    tr.apply(state, op.StateSet(0, r.STATE_DELIVERED))
    for operation in (op.StateSet(0, r.STATE_OPEN), op.Fill(0, 64, 65, False, 100, 1, 2)):
        with pytest.raises(TransitionError, match="has ended"):
            tr.apply(state, operation)


def test_unequal_books_are_found() -> None:
    state = State()
    state.pay(64, state.accounts.setdefault(64, small_state().accounts[64]), 5)
    state.move(64, state.accounts[64], 1, 2, 3)
    assert len(list(state.conservation_faults())) == 2
