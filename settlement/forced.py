"""What rules version 6 adds to the transition: withdrawals forced on the L1 (docs/rules-6.md)."""

from __future__ import annotations

from exchange.domain.limits import ACCOUNT_BRIDGE
from settlement import operations as op
from settlement.guards import account_of, need, user
from settlement.state import State


def forced_withdrawal(state: State, forced: op.ForcedWithdrawal) -> None:
    """Pay what a request was answered with.

    Who has no position gets what it asks for as far as there is cash; else marks decide, and cash bounds it.
    """
    account, ident, paid = user(state, forced.account), forced.request_id, forced.paid_micro
    need(ident == state.forced_through + 1, f"forced withdrawal {ident} after {state.forced_through}")
    need(forced.asked_micro > 0, f"forced withdrawal {ident} of {forced.asked_micro}")
    most = min(forced.asked_micro, max(0, account.cash_micro))
    if account.in_liquidation or state.sharing.account:
        most = 0
    least = 0 if account.positions else most
    need(least <= paid <= most, f"forced withdrawal {ident}: {paid} paid, not {least} to {most}")
    state.forced_through = ident
    state.withdrawn_micro += paid
    state.pay(forced.account, account, -paid)
    state.pay(ACCOUNT_BRIDGE, account_of(state, ACCOUNT_BRIDGE), paid)
