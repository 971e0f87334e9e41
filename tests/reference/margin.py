"""An account's margin figures under rules 2, of either model (rules 2: Margin). Micro-USDC."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.domain import records as r
from tests.reference import funds, portfolio, standard
from tests.reference.accounts import Account
from tests.reference.lines import Line, lines_of
from tests.reference.world import World


def initial(world: World, model: int, lines: list[Line]) -> int:
    """IM of these seats."""
    if model == r.MODEL_PORTFOLIO:
        return portfolio.initial(world, lines)
    return standard.initial(world, lines)


def initial_plain(world: World, model: int, lines: list[Line]) -> int:
    """IM of these seats by plain sums: the standard model's without relief."""
    if model == r.MODEL_PORTFOLIO:
        return portfolio.initial(world, lines)
    return standard.initial_isolated(world, lines)


def maintenance(world: World, model: int, lines: list[Line]) -> int:
    """MM of these seats."""
    if model == r.MODEL_PORTFOLIO:
        return portfolio.maintenance(world, lines)
    return standard.maintenance(world, lines)


def maintenance_with_orders(world: World, model: int, lines: list[Line]) -> int:
    """MM° of these seats: maintenance with open orders counted as IM counts them."""
    if model == r.MODEL_PORTFOLIO:
        return portfolio.maintenance_with_orders(world, lines)
    return standard.maintenance_with_orders(world, lines)


@dataclass(frozen=True, slots=True)
class Worth:
    """What an account has: `balance` is what its model holds its margins against."""

    funds: int
    equity: int
    balance: int


def worth(account: Account, model: int | None = None) -> Worth:
    """Funds, equity and balance; of another model than the account's if one is given."""
    cash = equity = account.cash_micro
    for seat in account.seats.values():
        value = funds.seat_value(seat)
        equity += value
        if not seat.instrument.is_option:
            cash += value
    model = account.model if model is None else model
    return Worth(cash, equity, equity if model == r.MODEL_PORTFOLIO else cash)


def initial_now(world: World, account: Account) -> int:
    """IM of the account as it is."""
    return initial(world, account.model, lines_of(account))


def maintenance_now(world: World, account: Account) -> int:
    """MM of the account as it is."""
    return maintenance(world, account.model, lines_of(account))


def free_micro(world: World, account: Account) -> int:
    """What may be withdrawn or transferred; nothing with negative equity."""
    now = worth(account)
    if now.equity < 0:
        return 0
    return min(account.cash_micro, now.balance) - initial_now(world, account)
