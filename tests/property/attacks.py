"""What the attacker of `attack_world` does: one function an action, with what its arguments may be."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from tests.property.attack_market import (
    ATTACKERS,
    CALL_40,
    CALL_50,
    CALL_51,
    CALL_60,
    FRIEND,
    INSTRUMENTS,
    MAIN,
    PERPETUAL,
    PPM,
    PUT_30,
    RISK,
    SUB,
    SYBIL,
)
from tests.property.attack_world import AttackWorld
from tests.unit.core.harness import IOC, MARKET, REDUCE, SELL

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


def about(choices: tuple[Choice, ...], at: int) -> tuple[Choice, ...]:
    """The same choices, most of them about one instrument."""
    often = (*INSTRUMENTS, *[at] * len(INSTRUMENTS))
    return tuple(
        (what, tuple(often if given is INSTRUMENTS else given for given in given_to))
        for what, given_to in choices
    )


def drawn(rng: random.Random, choices: tuple[Choice, ...], least: int, most: int) -> list[Action]:
    """Random actions."""
    picked = rng.choices(choices, k=rng.randint(least, most))
    return [(what, tuple(map(rng.choice, given_to))) for what, given_to in picked]
