"""Steps that move cash alone (docs/protocol.md, Cash)."""

from __future__ import annotations

from exchange.domain import records as r
from exchange.domain.limits import (
    ACCOUNT_BRIDGE,
    ACCOUNT_INSURANCE,
    ACCOUNT_WITHDRAWALS,
    FIRST_USER_ACCOUNT,
)
from settlement.stf.errors import need
from settlement.stf.state import (
    NO_OWNER,
    WITHDRAWAL_FORCED,
    WITHDRAWAL_HELD,
    WITHDRAWAL_PAID,
    Account,
    State,
    Withdrawal,
)
from settlement.stf.steps import Step


def one_family(first: int, first_account: Account, second: int, second_account: Account) -> bool:
    """Whether both have the same main account; a main account is its own."""
    return (first_account.main or first) == (second_account.main or second)


def no_loss_is_shared(state: State, what: str) -> None:
    """Raises TransitionError while a loss is shared: no cash leaves its payers meanwhile."""
    need(not state.parameters.sharing.account, f"{what} while a loss is being shared")


def deposit(state: State, step: Step) -> None:
    """DEPOSIT, or one given back because nobody is there to have it."""
    number, money = step.first, state.parameters.money
    need(step.p > 0 and step.ident > money.last_deposit_id, f"deposit {step.ident} of {step.p}")
    need(step.flags <= 1, f"a deposit with flags {step.flags}")
    may_have = number == ACCOUNT_INSURANCE or number >= FIRST_USER_ACCOUNT
    account = state.find_account(number) if may_have else None
    money.last_deposit_id = step.ident
    money.deposited_micro += step.p
    if step.flags:
        need(account is None and not any(step.word[20:]), f"deposit {step.ident} is given back")
        money.withdrawn_micro += step.p
        depositor = step.word[:20] or NO_OWNER
        state.add_withdrawal(Withdrawal(step.ident, number, WITHDRAWAL_FORCED, step.p, depositor))
        return
    need(not step.word, f"deposit {step.ident} with an owner")
    if account is None:
        need(False, f"account {number} can have no deposit")
        return
    state.pay(number, account, step.p)
    state.pay(ACCOUNT_BRIDGE, state.account(ACCOUNT_BRIDGE), -step.p)


def held(state: State, step: Step) -> None:
    """HELD."""
    account, money = state.user(step.first), state.parameters.money
    no_loss_is_shared(state, f"withdrawal {step.ident}")
    last = money.last_withdrawal_id
    need(step.ident == 0 or step.ident > last, f"withdrawal {step.ident} after {last}")
    need(0 < step.p <= account.cash_micro, f"account {step.first} can not withdraw {step.p}")
    money.last_withdrawal_id = max(last, step.ident)
    state.pay(step.first, account, -step.p)
    state.pay(ACCOUNT_WITHDRAWALS, state.account(ACCOUNT_WITHDRAWALS), step.p)
    account.nonce += 1
    state.add_withdrawal(Withdrawal(step.ident, step.first, WITHDRAWAL_HELD, step.p, account.owner))


def resolved(state: State, step: Step) -> None:
    """RESOLVED."""
    found = state.withdrawal(step.second)
    wanted = (step.ident, step.first, WITHDRAWAL_HELD, step.p)
    if found is None or found[:4] != wanted:
        need(False, f"withdrawal {step.ident} is not held at {step.second}")
        return
    need(step.flags in (r.WITHDRAWAL_PAID, r.WITHDRAWAL_CANCELLED), f"outcome {step.flags}")
    state.pay(ACCOUNT_WITHDRAWALS, state.account(ACCOUNT_WITHDRAWALS), -step.p)
    if step.flags == r.WITHDRAWAL_PAID:
        state.pay(ACCOUNT_BRIDGE, state.account(ACCOUNT_BRIDGE), step.p)
        state.parameters.money.withdrawn_micro += step.p
        state.set_withdrawal(step.second, found._replace(status=WITHDRAWAL_PAID))
    else:
        state.pay(step.first, state.user(step.first), step.p)
        state.set_withdrawal(step.second, None)


def transfer(state: State, step: Step) -> None:
    """TRANSFER."""
    source, destination = state.user(step.first), state.user(step.second)
    of_one = step.first != step.second and one_family(step.first, source, step.second, destination)
    need(of_one, f"accounts {step.first} and {step.second} are not of one family")
    need(0 < step.p <= source.cash_micro, f"account {step.first} can not transfer {step.p}")
    if step.ident or not destination.in_liquidation:  # else what a family pays of a deficit
        no_loss_is_shared(state, f"transfer {step.ident}")
    state.pay(step.first, source, -step.p)
    state.pay(step.second, destination, step.p)


def forced(state: State, step: Step) -> None:
    """FORCED: a request of the L1's queue, paid as far as it must be or may be."""
    account, money = state.user(step.first), state.parameters.money
    need(step.ident == money.forced_through + 1, f"request {step.ident} after {money.forced_through}")
    most = min(step.p, max(0, account.cash_micro))
    need(step.p > 0 and 0 <= step.q <= most, f"request {step.ident}: {step.q} of {step.p}, at most {most}")
    free = not (account.page_count or account.in_liquidation or state.parameters.sharing.account)
    need(not free or step.q == most, f"request {step.ident} is paid {step.q}, not {most}")
    money.forced_through = step.ident
    account.nonce += 1
    state.touched_accounts.add(step.first)
    if step.q:
        state.pay(step.first, account, -step.q)
        state.pay(ACCOUNT_BRIDGE, state.account(ACCOUNT_BRIDGE), step.q)
        money.withdrawn_micro += step.q
        state.add_withdrawal(Withdrawal(step.ident, step.first, WITHDRAWAL_FORCED, step.q, account.owner))
