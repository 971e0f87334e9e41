"""A whole attack: the positions it begins with, what is done, and what may have come of it at the end.

At marks that stand still nothing the attacker does leaves an account owing, costs the insurance fund
anything or leaves the attacker with more, after each action as at the end. Where marks jump the fund pays
what the jump left owing and no more, and what the attacker has gained is at most what the fund has paid.
Nothing is left half-done: books, seats, triggers, links and queues are whole, and cash adds up to zero.
"""

from __future__ import annotations

from typing import NamedTuple

from exchange.core import invariants, invariants_extras
from exchange.core.risk_queries import total_cash
from tests.property.attack_market import ATTACKERS, FRIEND, MAIN, PPM, SUB, SYBIL
from tests.property.attack_world import AttackWorld
from tests.property.attacks import CLOSING, JUMPING, LIQUIDATING, OTHER, Action, Choice
from tests.property.attacks_3 import EXTENDING, MEETING, MOVING, RESTING
from tests.unit.core.harness import USDC

POOR = (MAIN, SUB, SYBIL)
RULES = (2, 3)
MODELS = (0, 1)
MONEY = (1_000, 5_000, 30_000)
BIDDERS = (SYBIL, FRIEND, MAIN)


class Actions(NamedTuple):
    """What may be done, and how much of it."""

    still: tuple[Choice, ...]
    """At marks that stand still: liquidations too."""
    before: tuple[Choice, ...]
    """A jump."""
    jumping: tuple[Choice, ...]
    after: tuple[Choice, ...]
    still_most: int
    around_most: int
    """Of `before`, and of `after`."""
    tight: tuple[bool, ...]
    """Whether all that may be withdrawn has been, before anything is done."""


ACTING = (*CLOSING, *OTHER)
ACTIONS = {
    2: Actions(
        still=(*CLOSING, *ACTING, *LIQUIDATING),
        before=ACTING,
        jumping=JUMPING,
        after=ACTING,
        still_most=9,
        around_most=3,
        tight=(True, True, True, False),
    ),
    3: Actions(
        still=(*ACTING, *LIQUIDATING, *RESTING, *EXTENDING, *MEETING, *MEETING),
        before=(*ACTING, *RESTING * 4, *EXTENDING),
        jumping=(*JUMPING, *MOVING),
        after=(*ACTING, *EXTENDING, *MEETING * 5),
        still_most=14,
        around_most=6,
        tight=(True, False),
    ),
}


class Setting(NamedTuple):
    """Who is margined how, with how much money, in what position, with how much of it left."""

    models: tuple[int, ...]
    money_usdc: int
    portfolio: list[Action]
    tight: bool


def stage(setting: Setting, rules: int) -> AttackWorld:
    """The attacker with positions on hardly more than their initial margin."""
    world = AttackWorld(setting.models, rules=rules)
    for account in POOR:
        world.deposit(account, setting.money_usdc * USDC)
    for action, given_to in setting.portfolio:
        action(world, *given_to)
    if setting.tight:
        for account in POOR:
            world.withdraw_all(account)
    return world


def owed(world: AttackWorld) -> int:
    """What the attacker's accounts owe together: equity below zero, each by itself."""
    return sum(max(0, -world.margins(account).equity_micro) for account in ATTACKERS)


def stand_still(world: AttackWorld, actions: list[Action]) -> None:
    """The attacker acts and is liquidated, marks as they are: neither the fund nor honest traders pay."""
    fund, wealth = world.fund, world.wealth
    for action, given_to in actions:
        rooms = [min(0, world.room(account)) for account in ATTACKERS]
        action(world, *given_to)
        for account, room in zip(ATTACKERS, rooms, strict=True):
            missing = room - world.room(account)
            assert missing <= world.delivery(account), f"{action.__name__} left an account below maintenance"
        assert owed(world) == 0, f"{action.__name__} left an account owing"
        invariants_extras.check(world.engine.world)
        assert world.fund >= fund
        assert world.wealth <= wealth, f"the attacker gained by {action.__name__}"
    world.settle(BIDDERS, (300_000, PPM))
    assert world.fund >= fund, "the insurance fund paid"
    assert owed(world) == 0
    assert world.wealth <= wealth, "the attacker gained"
    sound(world)


def jump_about(world: AttackWorld, before: list[Action], moves: Action, after: list[Action]) -> None:
    """The attacker acts, marks jump, it acts before the sweep comes, and is liquidated."""
    for action, given_to in before:
        action(world, *given_to)
        assert owed(world) == 0, f"{action.__name__} left an account owing"
        invariants_extras.check(world.engine.world)
    moves[0](world, *moves[1])
    for action, given_to in after:
        least, fees = owed(world), world.fees
        action(world, *given_to)
        # Who owes may still close at the mark, and owes the venue its fee then.
        assert owed(world) <= least + world.fees - fees, f"{action.__name__} made an account owe more"
    fund, wealth, least = world.fund, world.wealth, owed(world)
    world.settle(BIDDERS, (300_000, 2_000, PPM))
    paid = fund - world.fund
    assert paid <= 2 * least + sum(map(world.slice_most, world.closed)), "the fund paid too much"
    assert world.wealth - wealth <= max(0, paid), "the attacker gained more than the fund paid"
    sound(world)


def sound(world: AttackWorld) -> None:
    """Books are whole, nothing was made or lost."""
    assert total_cash(world.engine) == 0
    invariants.check(world.engine)
