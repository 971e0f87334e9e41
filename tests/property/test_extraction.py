"""Nobody draws money out of the venue by trading with himself: one attacker, four accounts, two models.

The attacker knows the rules and controls both sides of every trade. What it may do is in `attacks` and
`attacks_3`, what may come of it in `attack_plays`, what each step of a liquidation, each takeover and each
command is held to in `attack_world`; worked examples of single attacks are in `test_extraction_examples`. All
of it under rules 2 and under rules 3; larger counts: `make attack-campaign`.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.property.attack_campaign import campaign, main
from tests.property.attack_market import ATTACKERS
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
from tests.property.attacks import OPENING, Action, Choice


def one(choices: tuple[Choice, ...]) -> st.SearchStrategy[Action]:
    """One of these actions, with arguments of its own."""
    return st.one_of(
        [st.tuples(st.just(what), st.tuples(*map(st.sampled_from, given_to))) for what, given_to in choices]
    )


def some(choices: tuple[Choice, ...], least: int, most: int) -> st.SearchStrategy[list[Action]]:
    return st.lists(one(choices), min_size=least, max_size=most)


SETTINGS = st.builds(
    Setting,
    models=st.tuples(*[st.sampled_from(MODELS)] * len(ATTACKERS)),
    money_usdc=st.sampled_from(MONEY),
    portfolio=some(OPENING, 1, 5),
    tight=st.booleans(),
)
STILL = {rules: some(actions.still, 2, actions.still_most) for rules, actions in ACTIONS.items()}
BEFORE = {rules: some(actions.before, 0, actions.around_most) for rules, actions in ACTIONS.items()}
JUMP = {rules: one(actions.jumping) for rules, actions in ACTIONS.items()}
AFTER = {rules: some(actions.after, 0, actions.around_most) for rules, actions in ACTIONS.items()}
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def note(world: AttackWorld) -> None:
    """Into the statistics of Hypothesis (--hypothesis-show-statistics) with what was reached."""
    for name in sorted(world.seen) or ["nothing"]:
        event(f"reached: {name}")


@pytest.mark.parametrize("rules", RULES)
@QUICK
@given(setting=SETTINGS, data=st.data())
def test_nothing_is_gained_at_marks_that_stand_still(
    rules: int, setting: Setting, data: st.DataObject
) -> None:
    actions = data.draw(STILL[rules])
    world = stage(setting, rules)
    stand_still(world, actions)
    note(world)


@pytest.mark.parametrize("rules", RULES)
@QUICK
@given(setting=SETTINGS, data=st.data())
def test_a_jump_costs_the_fund_what_it_left_owing(rules: int, setting: Setting, data: st.DataObject) -> None:
    before, moves, after = data.draw(BEFORE[rules]), data.draw(JUMP[rules]), data.draw(AFTER[rules])
    world = stage(setting, rules)
    jump_about(world, before, moves, after)
    note(world)


# --- the same by seed: how much of it is reached ------------------------------------------------------

# In how many of 300 worlds, at least.
LEAST = {
    "perpetual_slice": 4,
    "option_slice": 12,
    "auction_started": 5,
    "taken_over": 5,
    "covered_by_insurance_fund": 4,
    "covered_by_family": 1,
    "ended": 15,
}
LEAST_3 = {
    "order_fired": 30,
    "fired_order_refused": 20,
    "other_of_a_pair_cancelled": 12,
    "member_woken_or_trigger_moved": 8,
    "losing_maker_cancelled": 1,
    "fill_or_kill_filled": 30,
    "block_trade": 5,
}


@pytest.mark.parametrize("rules", RULES)
def test_attacks_reach_liquidations_auctions_and_the_fund(rules: int) -> None:
    found = campaign(1, 300, rules)
    wanted = LEAST | LEAST_3 if rules == 3 else LEAST
    assert all(found[name] >= least for name, least in wanted.items()), found


def test_a_campaign_runs_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--worlds", "3", "--rules", "3"]) == 0
    assert "3 worlds under rules 3: nobody drew anything out" in capsys.readouterr().out
