"""Main accounts and subaccounts, what the venue sets of an account, transfers (rules 2: Accounts)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account
from tests.reference.branches import note
from tests.reference.lines import lines_of
from tests.reference.outcome import require
from tests.reference.world import Head, World


def check_main(world: World, main_id: int) -> None:
    """A new subaccount's main account: a main account itself, with room for one more."""
    main = world.user(main_id)
    require(main.main == 0, why.BAD_VALUE)
    subaccounts = sum(account.main == main_id for account in world.accounts.values())
    require(subaccounts < limits.MAX_SUBACCOUNTS, why.TOO_MANY_ACCOUNTS)


def set_tier(world: World, head: Head) -> None:
    """SET_TIER."""
    account = world.user(head.account)
    require(head.flags < limits.MAX_TIERS, why.BAD_FLAGS)
    account.tier = head.flags
    world.events.account(account, world.now_ms)


def set_lock(world: World, head: Head) -> None:
    """SET_LOCK."""
    account = world.user(head.account)
    require(head.flags <= 1, why.BAD_FLAGS)
    account.locked = head.flags
    world.events.account(account, world.now_ms)


def set_caps(world: World, head: Head, words: tuple[int, ...]) -> None:
    """SET_CAPS."""
    max_orders, max_positions = words[:2]
    account = world.user(head.account)
    require(0 <= max_orders <= limits.MAX_OPEN_ORDERS_PER_ACCOUNT, why.BAD_VALUE)
    require(0 <= max_positions <= limits.MAX_SEATS, why.BAD_VALUE)
    account.max_orders, account.max_positions = max_orders, max_positions
    world.events.account(account, world.now_ms)


def set_margin_model(world: World, head: Head) -> None:
    """SET_MARGIN_MODEL."""
    account, model = world.user(head.account), head.flags
    require(model <= r.MODEL_PORTFOLIO, why.BAD_FLAGS)
    world.check_free(account)
    require(not account.orders, why.NOT_EMPTY)
    for seat in account.seats.values():
        if seat.size_lots:
            require(world.underlying_of(seat.instrument).risk is not None, why.NO_RISK)
    worth = margin.worth(account, model)
    covered = margin.initial(world, model, lines_of(account)) <= worth.balance
    require(worth.equity >= 0 and covered, why.MARGIN_BREACH)
    account.model = model
    world.events.account(account, world.now_ms)


def transfer(world: World, head: Head, words: tuple[int, ...]) -> None:
    """TRANSFER between two accounts of a family."""
    amount_micro, destination_id, transfer_id = words[:3]
    source, destination = world.user(head.account), world.user(destination_id)
    require(source is not destination, why.BAD_VALUE)
    require(source.family == destination.family, why.WRONG_FAMILY)
    world.check_free(source)
    if world.sharing.account:
        note(world, "transfer: loss being shared")
    world.check_no_loss_shared()
    require(1 <= amount_micro <= limits.MAX_DEPOSIT_MICRO, why.BAD_VALUE)
    require(abs(destination.cash_micro) < limits.ACCUMULATION_LIMIT, why.LIMIT_REACHED)
    require(amount_micro <= margin.free_micro(world, source), why.INSUFFICIENT_FUNDS)
    source.cash_micro -= amount_micro
    destination.cash_micro += amount_micro
    _tell_transfer(world, source, destination, transfer_id, -amount_micro)
    _tell_transfer(world, destination, source, transfer_id, amount_micro)


def _tell_transfer(world: World, account: Account, counter: Account, transfer_id: int, delta: int) -> None:
    world.events.cash(account, transfer_id, delta, r.CASH_TRANSFER, world.now_ms, counter=counter.id)
