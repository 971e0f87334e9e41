"""Random attacks by seed: `python -m tests.property.attack_campaign --worlds 10000`.

Half of the worlds under each version of the rules are at marks that stand still, the others have a jump.
What each is held to is in `attack_plays`; an attack that comes out with something ends the campaign and is
printed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter

from tests.property.attack_market import ATTACKERS, INSTRUMENTS
from tests.property.attack_plays import (
    ACTIONS,
    MODELS,
    MONEY,
    RULES,
    Setting,
    jump_about,
    stage,
    stand_still,
)
from tests.property.attack_world import AttackWorld
from tests.property.attacks import OPENING, Action, about, drawn

SHOWN_EVERY = 100


def play(rng: random.Random, rules: int, jumps: bool) -> AttackWorld:
    """One random world, attacked and liquidated to the end.

    Raises:
        AssertionError: the attacker came out with something; tells what was done.
    """
    actions = ACTIONS[rules]
    models = tuple(rng.choices(MODELS, k=len(ATTACKERS)))
    at = rng.choice(INSTRUMENTS)
    setting = Setting(models, rng.choice(MONEY), drawn(rng, OPENING, 1, 5), rng.choice(actions.tight))
    steps: list[Action] = []
    try:
        world = stage(setting, rules)
        if jumps:
            before, (moves,), after = (
                drawn(rng, about(actions.before, at), 0, actions.around_most),
                drawn(rng, actions.jumping, 1, 1),
                drawn(rng, about(actions.after, at), 0, actions.around_most),
            )
            steps = [*before, moves, *after]
            jump_about(world, before, moves, after)
        else:
            steps = drawn(rng, about(actions.still, at), 2, actions.still_most)
            stand_still(world, steps)
    except Exception as error:
        told = [(what.__name__, given_to) for what, given_to in steps]
        raise AssertionError(f"{error!r} under rules {rules}: {setting}, {told}") from error
    return world


def campaign(seed: int, worlds: int, rules: int) -> Counter[str]:
    """Random worlds, half of them with a jump; in how many of them what was told, by name."""
    rng, found = random.Random(seed), Counter[str]()
    for number in range(worlds):
        found.update(play(rng, rules, number % 2 == 0).seen)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 0 if nobody drew anything out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--worlds", type=int, default=10_000, help="worlds under each version of the rules")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rules", type=int, choices=RULES, nargs="*", default=RULES)
    chosen = parser.parse_args(arguments)
    for rules in chosen.rules:
        found = Counter[str]()
        for number in range(-(-chosen.worlds // SHOWN_EVERY)):
            done = number * SHOWN_EVERY
            sys.stderr.write(f"\rrules {rules}: {done:,}/{chosen.worlds:,} worlds ")
            sys.stderr.flush()
            seed = chosen.first_seed + number
            try:
                found += campaign(seed, min(SHOWN_EVERY, chosen.worlds - done), rules)
            except AssertionError as error:
                print(f"\nseed {seed}: {error}")
                return 1
        sys.stderr.write("\r")
        print(f"{chosen.worlds:,} worlds under rules {rules}: nobody drew anything out")
        for name, count in sorted(found.items()):
            print(f"{count:>12,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
