"""Liquidations, the insurance fund and shared losses (docs/protocol.md, Liquidation, Shared losses)."""

from __future__ import annotations

from exchange.domain.limits import ACCOUNT_INSURANCE
from settlement.stf.cash import no_loss_is_shared
from settlement.stf.errors import need
from settlement.stf.fills import fee_micro, per_lot_micro
from settlement.stf.sections import Sharing, Slice
from settlement.stf.state import Account, State
from settlement.stf.steps import Step

_DEFICIT_END = 1 << 64
BEGUN = 1
COLLECTING = 2


def liquidation(state: State, step: Step) -> None:
    """LIQUIDATION."""
    need(step.flags in (0, 1), f"liquidation {step.flags}")
    state.user(step.first).in_liquidation = step.flags
    state.touched_accounts.add(step.first)


def liquidation_fee(state: State, step: Step) -> None:
    """LIQUIDATION_FEE: of the fills just before it."""
    told, number = state.parameters.slice, step.first
    same = (told.account, told.instrument, told.lots) == (number, step.instrument, step.q)
    need(same and number != 0, f"a liquidation fee of account {number} without its fills")
    terms = state.instrument(step.instrument).terms
    underlying = state.parameters.underlyings.of(terms.underlying)
    per_lot = per_lot_micro(terms, underlying.index_micro)
    most = fee_micro(terms, per_lot, underlying.liquidation_fee_ppm, abs(step.q), told.value_micro)
    need(0 <= step.p <= most, f"a liquidation fee of {step.p}, at most {most} is due")
    state.pay(number, state.user(number), -step.p)
    state.pay(ACCOUNT_INSURANCE, state.account(ACCOUNT_INSURANCE), step.p)
    state.parameters.slice = Slice()


def deficit_micro(account: Account) -> int:
    """What an account without lots is missing. Raises TransitionError while it holds some."""
    need(account.open_positions == 0, f"the account still holds {account.open_positions} positions")
    return max(0, account.perpetual_entry_micro - account.cash_micro)


def fund_cover(state: State, step: Step) -> None:
    """FUND_COVER."""
    account, fund = state.user(step.first), state.account(ACCOUNT_INSURANCE)
    paid = min(deficit_micro(account), max(0, fund.cash_micro))
    state.pay(step.first, account, paid)
    state.pay(ACCOUNT_INSURANCE, fund, -paid)


# --- shared losses ----------------------------------------------------------------------------------------


def loss(state: State, step: Step) -> None:
    """LOSS."""
    account = state.user(step.first)
    no_loss_is_shared(state, f"the loss of account {step.first}")
    need(account.in_liquidation == 1, f"account {step.first} is not in liquidation")
    state.parameters.sharing = Sharing(step.first, BEGUN)


def deficit(state: State, step: Step) -> None:
    """DEFICIT."""
    sharing, account = state.parameters.sharing, state.user(step.first)
    need((sharing.account, sharing.phase) == (step.first, BEGUN), "a deficit of another account")
    missing = deficit_micro(account)
    need(missing < _DEFICIT_END, f"a deficit of {missing}")
    sharing.deficit_micro = sharing.remaining_micro = missing
    sharing.phase = COLLECTING


def share(state: State, step: Step) -> None:
    """SHARE."""
    sharing, payer = state.parameters.sharing, state.user(step.first)
    need((sharing.account, sharing.phase) == (step.second, COLLECTING), "a share in another loss")
    need(step.first != step.second and not payer.in_liquidation, f"account {step.first} has no part in it")
    need(step.first > sharing.last_payer, f"payer {step.first} behind {sharing.last_payer}")
    most = min(sharing.remaining_micro, payer.cash_micro)
    need(0 < step.p <= most, f"account {step.first} pays {step.p}, at most {most}")
    sharing.last_payer = step.first
    sharing.remaining_micro -= step.p
    state.pay(step.first, payer, -step.p)
    state.pay(step.second, state.user(step.second), step.p)


def loss_ended(state: State, step: Step) -> None:
    """LOSS_ENDED."""
    sharing, account = state.parameters.sharing, state.user(step.first)
    need((sharing.account, sharing.phase) == (step.first, COLLECTING), "the end of another loss")
    if sharing.remaining_micro == 0:
        account.in_liquidation = 0
        state.touched_accounts.add(step.first)
    state.parameters.sharing = Sharing()
