"""What an operation may lean on: accounts and instruments that are there, or a TransitionError."""

from __future__ import annotations

from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from settlement.state import Account, Instrument, State


class TransitionError(ValueError):
    """An operation that the state does not allow."""


def need(condition: bool, text: str) -> None:
    """Raises TransitionError with the text unless the condition holds."""
    if not condition:
        raise TransitionError(text)


def account_of(state: State, number: int) -> Account:
    """The account; a system account exists from the start. Raises TransitionError."""
    account = state.account(number)
    if account is None:
        raise TransitionError(f"account {number} does not exist")
    return account


def user(state: State, number: int) -> Account:
    """A user's account. Raises TransitionError."""
    if number < FIRST_USER_ACCOUNT:
        raise TransitionError(f"account {number} is not a user's")
    return account_of(state, number)


def open_instrument(state: State, number: int) -> Instrument:
    """An instrument that has not ended. Raises TransitionError."""
    instrument = state.instruments.get(number)
    if instrument is None:
        raise TransitionError(f"instrument {number} is not listed")
    if instrument.state in (r.STATE_DELISTED, r.STATE_DELIVERED):
        raise TransitionError(f"instrument {number} has ended")
    return instrument


def funds_micro(state: State, account: Account) -> int:
    """Cash and unsettled profit of an account that holds no lots; exact without any mark.

    Raises TransitionError while it holds some.
    """
    funds = account.cash_micro
    for instrument, (size, entry) in account.positions.items():
        need(size == 0, f"the account still holds {size} lots of instrument {instrument}")
        if state.instruments[instrument].terms.kind == r.KIND_PERPETUAL:
            funds -= entry
    return funds
