"""Margin models that would breach: who has positions that the other model does not cover."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.domain import records as r
from tests.reference import margin
from tests.reference.accounts import Account
from tests.reference.lines import lines_of
from tests.reference.world import World


def breaching(world: World, accounts: Iterable[Account]) -> list[tuple[Account, int]]:
    """(account, model) of those that could change it, orders apart, had they enough for their positions."""
    found = []
    for account in accounts:
        held = [seat.instrument for seat in account.seats.values() if seat.size_lots]
        is_bound = account.locked or account.liquidation
        if held and not is_bound and all(world.underlying_of(each).risk is not None for each in held):
            model = r.MODEL_STANDARD if account.model == r.MODEL_PORTFOLIO else r.MODEL_PORTFOLIO
            worth = margin.worth(account, model)
            if worth.equity < 0 or margin.initial(world, model, lines_of(account)) > worth.balance:
                found.append((account, model))
    return found
