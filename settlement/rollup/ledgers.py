"""The ledger's account of a state: all it keeps is in the state of format 2, but for a loss half shared."""

from __future__ import annotations

from exchange.domain.commands_risk import FeeTier
from exchange.domain.events import unpack_terms
from settlement.state import Account, Instrument, Sharing
from settlement.state import State as LedgerState
from settlement.stf.state import WITHDRAWAL_HELD, State
from settlement.stf.terms import events_terms


def ledger_of(state: State, sharing: Sharing) -> LedgerState:
    """The ledger's state at a batch's end; `sharing` is what it knows of the loss being shared."""
    ledger, parameters, money = LedgerState(), state.parameters, state.parameters.money
    for number, one in parameters.underlyings.by_id.items():
        ledger.underlyings[number] = one.symbol
        if one.liquidation_fee_ppm:
            ledger.liquidation_fee_ppm[number] = one.liquidation_fee_ppm
    for number, instrument in state.instruments.items():
        terms = unpack_terms(events_terms(instrument.terms.words), 0)
        ledger.instruments[number] = Instrument(terms, instrument.state)
    for number, ours in state.accounts.items():
        positions = {n: at for page in ours.pages.values() for n, at in page.items()}
        family = (ours.main, ours.tier, ours.in_liquidation)
        account = Account(ours.owner, ours.flags, ours.cash_micro, dict(sorted(positions.items())), *family)
        ledger.adopt(number, account)
    ledger.last_deposit_id, ledger.last_withdrawal_id = money.last_deposit_id, money.last_withdrawal_id
    ledger.forced_through = money.forced_through
    ledger.deposited_micro, ledger.withdrawn_micro = money.deposited_micro, money.withdrawn_micro
    ledger.withdrawals = {
        one.ident: (one.account, one.amount_micro)
        for one in state.withdrawals.values()
        if one.status == WITHDRAWAL_HELD
    }
    ledger.tiers = tuple(FeeTier(*tier) for tier in parameters.fees.tiers)
    ledger.combo_discount_permille = parameters.fees.combo_discount_permille
    ledger.sharing = sharing
    return ledger
