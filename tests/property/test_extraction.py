"""Nobody draws money out of the venue by trading with himself: one attacker, four accounts, two models.

The attacker knows the rules and controls both sides of every trade. At marks that stand still, nothing the
accounts do may cost the insurance fund anything, or take an account's equity below zero; where marks jump,
the fund pays what a jump left owing and no more. What each step of a liquidation and each takeover is held
to is in `attack_world`; worked examples of single attacks are in `test_extraction_examples`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from exchange.core import invariants
from exchange.core.risk_queries import total_cash
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from tests.property.attack_world import (
    ATTACKERS,
    CALL_40,
    CALL_50,
    CALL_51,
    CALL_60,
    FRIEND,
    INSTRUMENTS,
    MAIN,
    PERPETUAL,
    PUT_30,
    RISK,
    SUB,
    SYBIL,
    AttackWorld,
)
from tests.unit.core.harness import IOC, MARKET, REDUCE, SELL, USDC

POOR = (MAIN, SUB, SYBIL)
PPM = 1_000_000
LOTS = (1, 3, 10, 40, 200, 1_000)
# Where a price lies: the far edges of the band, where slices end, the mark, a tick, the highest price.
LOW, HIGH, SLICE_LOW, SLICE_HIGH, MARK, TICK, SKY = range(7)


def price(world: AttackWorld, at: int, where: int) -> int:
    """A price in ticks."""
    low, high = world.prices(at)
    width = world.index * RISK.liquidation_band_ppm // PPM
    mark = world.marks[at]
    return (low, high, max(1, mark - width), mark + width, max(1, mark), 1, 400_000)[where]


def held(world: AttackWorld, who: int, nth: int) -> int:
    """One of the instruments the account holds a position in; the perpetual if none."""
    found = [n for n in INSTRUMENTS if world.size(who, n)]
    return found[nth % len(found)] if found else PERPETUAL


# --- what the attacker does --------------------------------------------------------------------------


def give(world: AttackWorld, who: int, at: int, lots: int, sell: int) -> None:
    """A position against the friend at the mark, as large as margin allows."""
    sides = (who, FRIEND) if sell else (FRIEND, who)
    world.fitting(*sides, at, price(world, at, MARK), lots, maker=FRIEND)


def spread(world: AttackWorld, who: int, long: int, short: int, lots: int) -> None:
    """Long one option, short another of the expiry."""
    give(world, who, long, lots, 0)
    give(world, who, short, abs(world.size(who, long)) or lots, 1)


def cross(world: AttackWorld, seller: int, buyer: int, at: int, where: int, lots: int, first: bool) -> None:
    """A trade at any price inside the band."""
    world.fitting(seller, buyer, at, price(world, at, where), lots, maker=seller if first else buyer)


def close(world: AttackWorld, who: int, nth: int, part: int, how: int) -> None:
    """A position (or part of it) closed as dear as the band allows: a friend's order is there."""
    at = held(world, who, nth)
    size = world.size(who, at)
    if size == 0:
        return
    sell, lots = (SELL if size > 0 else 0), max(1, abs(size) // part)
    bound = price(world, at, LOW if sell else HIGH)
    world.order(FRIEND, at, bound, lots, SELL - sell)
    if how == MARKET:
        world.order(who, at, 0, lots, sell | MARKET | IOC)
    else:
        world.order(who, at, bound, lots, sell | IOC | how)
    world.send(c.cancel_many(FRIEND))


def rest(world: AttackWorld, who: int, at: int, where: int, lots: int, sell: bool, reduce: bool) -> None:
    """An order that stays (or matches a friend's)."""
    flags = (SELL if sell else 0) | (REDUCE if reduce else 0)
    world.order(who, at, price(world, at, where), lots, flags)


def rest_closing(world: AttackWorld, who: int, nth: int, where: int, part: int) -> None:
    """Part of a position offered, or bid for."""
    at = held(world, who, nth)
    size = world.size(who, at)
    if size:
        rest(world, who, at, where, max(1, abs(size) // part), size > 0, False)


def hit(world: AttackWorld, who: int, at: int, where: int, lots: int, sell: bool) -> None:
    """An order that takes what rests."""
    world.order(who, at, price(world, at, where), lots, IOC | (SELL if sell else 0))


def amend(world: AttackWorld, who: int, nth: int, where: int, lots: int) -> None:
    """One of the account's latest orders to another price, and size where one is given."""
    if world.placed[who]:
        ident, at = world.placed[who][-1 - nth % len(world.placed[who])]
        world.send(c.amend(who, ident, price_ticks=price(world, at, where), size_lots=lots or None))


def quote(world: AttackWorld, who: int, at: int, where: int, lots: int) -> None:
    """A two-sided quote about a price."""
    bid = price(world, at, where)
    world.send(c.mass_quote(who, [c.Quote(at, bid, lots, bid + 10, lots)]))


def cancel(world: AttackWorld, who: int) -> None:
    world.send(c.cancel_many(who))


def withdraw(world: AttackWorld, who: int, to: int) -> None:
    """All that is free, out of the venue or to another account."""
    world.withdraw_all(who, to if to != who else 0)


def change_model(world: AttackWorld, who: int, model: int) -> None:
    world.send(c.cancel_many(who), cr.set_margin_model(who, model))


def liquidate(world: AttackWorld, fraction: int) -> None:
    """A sweep, steps and takeovers in the middle of it all."""
    world.settle((SYBIL, FRIEND, MAIN), (fraction,))


def jump(world: AttackWorld, who: int, permille: int, spread: int) -> None:
    """The index moves, against an account or (negative) for it; options become dearer or cheaper."""
    long = sum(world.size(who, n) * world.deltas[n] for n in INSTRUMENTS) > 0
    index = world.index * (1_000 + (-permille if long else permille)) // 1_000
    world.mark(max(20_000, min(100_000, index)), spread)


Action = tuple[Callable[..., None], tuple[Any, ...]]
Choice = tuple[Callable[..., None], tuple[Sequence[Any], ...]]
WHO = (SUB, SUB, SUB, SUB, MAIN, SYBIL)
NTH = range(4)
WHERE = range(7)
PART = (1, 1, 2, 3, 10)
SIDES = (False, True)
OPTIONS = (CALL_40, CALL_50, CALL_51, CALL_60, PUT_30)
OPENING: tuple[Choice, ...] = (
    (give, (WHO, INSTRUMENTS, LOTS, (0, 1))),
    (spread, (WHO, OPTIONS, OPTIONS, LOTS)),
)
CLOSING: tuple[Choice, ...] = (
    (close, (WHO, NTH, PART, (0, REDUCE, MARKET))),
    (rest_closing, (WHO, NTH, WHERE, PART)),
    (cross, (WHO, (FRIEND,), INSTRUMENTS, WHERE, LOTS, SIDES)),
    (cross, ((FRIEND,), WHO, INSTRUMENTS, WHERE, LOTS, SIDES)),
)
OTHER: tuple[Choice, ...] = (
    (rest, (WHO, INSTRUMENTS, WHERE, LOTS, SIDES, SIDES)),
    (hit, (ATTACKERS, INSTRUMENTS, WHERE, LOTS, SIDES)),
    (amend, (WHO, NTH, WHERE, (0, 0, 1, 10))),
    (quote, (WHO, INSTRUMENTS, WHERE, LOTS)),
    (change_model, (WHO, (0, 1))),
    (cancel, (WHO,)),
    (withdraw, (WHO, (0, 0, MAIN, SUB))),
)
LIQUIDATING: tuple[Choice, ...] = ((liquidate, ((PPM, 500_000, 999, 100_000),)),)
JUMPING: tuple[Choice, ...] = (
    (jump, ((SUB,), (-150, 15, 35, 70, 120, 200, 300), (1_000, 2_000, 4_000, 4_000, 4_000, 6_000))),
)
STILL = (*CLOSING, *CLOSING, *OTHER, *LIQUIDATING)
ACTING = (*CLOSING, *OTHER)
MODELS = (0, 1)
MONEY = (1_000, 5_000, 30_000)
TIGHT = (True, True, True, False)


def one(choices: tuple[Choice, ...]) -> st.SearchStrategy[Action]:
    """One of these actions, with arguments of its own."""
    return st.one_of(
        [st.tuples(st.just(what), st.tuples(*map(st.sampled_from, given_to))) for what, given_to in choices]
    )


def some(choices: tuple[Choice, ...], least: int, most: int) -> st.SearchStrategy[list[Action]]:
    return st.lists(one(choices), min_size=least, max_size=most)


class Setting(NamedTuple):
    """Who is margined how, with how much money, in what position, with how much of it left."""

    models: tuple[int, ...]
    money_usdc: int
    portfolio: list[Action]
    tight: bool


SETTINGS = st.builds(
    Setting,
    models=st.tuples(*[st.sampled_from(MODELS)] * len(ATTACKERS)),
    money_usdc=st.sampled_from(MONEY),
    portfolio=some(OPENING, 1, 5),
    tight=st.sampled_from(TIGHT),
)


def stage(setting: Setting) -> AttackWorld:
    """The attacker with positions on hardly more than their initial margin."""
    world = AttackWorld(setting.models)
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
        action(world, *given_to)
        assert owed(world) == 0, f"{action.__name__} left an account owing"
        assert world.fund >= fund
    world.settle((SYBIL, FRIEND, MAIN), (300_000, PPM))
    assert world.fund >= fund, "the insurance fund paid"
    assert owed(world) == 0
    assert world.wealth <= wealth, "the attacker gained"
    sound(world)


def jump_about(world: AttackWorld, before: list[Action], moves: Action, after: list[Action]) -> None:
    """The attacker acts, marks jump, it acts before the sweep comes, and is liquidated."""
    for action, given_to in before:
        action(world, *given_to)
        assert owed(world) == 0, f"{action.__name__} left an account owing"
    moves[0](world, *moves[1])
    for action, given_to in after:
        least, fees = owed(world), world.fees
        action(world, *given_to)
        # Who owes may still close at the mark, and owes the venue its fee then.
        assert owed(world) <= least + world.fees - fees, f"{action.__name__} made an account owe more"
    fund, wealth, least = world.fund, world.wealth, owed(world)
    world.settle((SYBIL, FRIEND, MAIN), (300_000, 2_000, PPM))
    paid = fund - world.fund
    assert paid <= 2 * least + sum(map(world.slice_most, world.closed)), "the fund paid too much"
    assert world.wealth - wealth <= max(0, paid), "the attacker gained more than the fund paid"
    sound(world)


def sound(world: AttackWorld) -> None:
    """Books are whole, nothing was made or lost."""
    assert total_cash(world.engine) == 0
    invariants.check(world.engine)


def reached(world: AttackWorld) -> set[str]:
    """The kinds of LIQUIDATION that were told, by name."""
    return {r.LIQUIDATION_NAMES[told.kind] for told in world.told}


def note(world: AttackWorld) -> None:
    """Into the statistics of Hypothesis (--hypothesis-show-statistics) with what was reached."""
    for name in sorted(reached(world)) or ["nothing"]:
        event(f"reached: {name}")


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(setting=SETTINGS, actions=some(STILL, 2, 9))
def test_nothing_is_gained_at_marks_that_stand_still(setting: Setting, actions: list[Action]) -> None:
    world = stage(setting)
    stand_still(world, actions)
    note(world)


@QUICK
@given(setting=SETTINGS, before=some(ACTING, 0, 3), moves=one(JUMPING), after=some(ACTING, 0, 3))
def test_a_jump_costs_the_fund_what_it_left_owing(
    setting: Setting, before: list[Action], moves: Action, after: list[Action]
) -> None:
    world = stage(setting)
    jump_about(world, before, moves, after)
    note(world)


# --- the same by seed: how much of it is reached ------------------------------------------------------


def drawn(rng: random.Random, choices: tuple[Choice, ...], least: int, most: int) -> list[Action]:
    """Random actions."""
    picked = rng.choices(choices, k=rng.randint(least, most))
    return [(what, tuple(map(rng.choice, given_to))) for what, given_to in picked]


def campaign(seed: int, worlds: int) -> Counter[str]:
    """Random worlds, half of them with a jump; in how many each kind of LIQUIDATION was told."""
    rng, found = random.Random(seed), Counter[str]()
    for number in range(worlds):
        models = tuple(rng.choices(MODELS, k=len(ATTACKERS)))
        setting = Setting(models, rng.choice(MONEY), drawn(rng, OPENING, 1, 5), rng.choice(TIGHT))
        try:
            world = stage(setting)
            if number % 2:
                stand_still(world, steps := drawn(rng, STILL, 2, 9))
            else:
                steps = drawn(rng, ACTING, 0, 3) + drawn(rng, JUMPING, 1, 1) + drawn(rng, ACTING, 0, 3)
                at = next(n for n, (what, _) in enumerate(steps) if what is jump)
                jump_about(world, steps[:at], steps[at], steps[at + 1 :])
        except AssertionError as error:
            raise AssertionError(f"{error}: {setting}, {steps}") from error
        found.update(reached(world))
    return found


def test_attacks_reach_liquidations_auctions_and_the_fund() -> None:
    found = campaign(1, 300)
    assert all(found[r.LIQUIDATION_NAMES[kind]] >= least for kind, least in LEAST.items()), found


# In how many of 300 worlds, at least.
LEAST = {
    r.LIQ_PERPETUAL: 8,
    r.LIQ_OPTION: 15,
    r.LIQ_AUCTION: 10,
    r.LIQ_TAKEOVER: 10,
    r.LIQ_FUND: 8,
    r.LIQ_FAMILY: 3,
    r.LIQ_ENDED: 30,
}


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_attacks(seed: int) -> None:
    campaign(seed, 5_000)
