"""Positions that pass: takeovers, moves in a family (protocol.md: Takeovers, Moves in a family)."""

from __future__ import annotations

from tests.second_verifier.state import FUND, OPTION, Passage, State, fits, need
from tests.second_verifier.step import Step
from tests.second_verifier.steps_fill import MOST_LOTS, up

TAKEOVER, MOVE = 1, 2
WHOLE = 10**6
SOME_MOVED, OTHER_MOVED = 1, 2


def takeover(state: State, step: Step) -> None:
    bidder, target = step.first, step.second
    state.user(bidder)
    need(state.user(target).in_liquidation and 1 <= step.p <= WHOLE, "a takeover")
    need(state.family(bidder) != state.family(target), "one family")
    left = state.open_positions(state.accounts[target])
    state.passage = Passage(TAKEOVER, target, bidder, step.p, left)


def moved(state: State, step: Step) -> None:
    passage = state.passage
    need(
        passage.kind != 0 and (passage.source, passage.destination) == (step.first, step.second), "not of it"
    )
    one, lots, value = state.open(step.instrument), step.q, step.p
    if lots == 0:
        need(value == 0, "a value of nothing")
    else:
        need(value % lots == 0 and value // lots >= 0 and abs(lots) < MOST_LOTS, "a value")
    held = state.accounts[step.first].positions.get(step.instrument)
    size = held.size if held else 0
    if passage.kind == TAKEOVER:
        need(step.instrument >= passage.next_instrument and size != 0, "order of instruments")
        passage.next_instrument = step.instrument + 1
        passage.left -= 1
        part = up(abs(size) * passage.fraction, WHOLE)
        if one.kind == OPTION and size > 0:
            part = size * passage.fraction // WHOLE
        need(lots == (part if size > 0 else -part), "another part")
    else:
        need(lots * size > 0 and abs(lots) <= abs(size), "lots that are not there")
    if lots == 0:
        return
    state.move(step.first, step.instrument, -lots, -value)
    state.move(step.second, step.instrument, lots, value)
    passage.flags |= SOME_MOVED
    if one.kind == OPTION:
        passage.worth += value
    if one.kind == OPTION and lots > 0:
        passage.most += value // 2
    else:
        passage.flags |= OTHER_MOVED
    need(fits(passage.worth, 128, signed=True) and fits(passage.most, 128), "a passage's figure")


def topped(state: State, step: Step) -> None:
    passage = state.passage
    need(passage.kind == TAKEOVER and passage.fraction == WHOLE and passage.topped == 0, "a top-up")
    need(0 < step.p <= state.accounts[FUND].cash, "more than there is")
    state.pay(FUND, -step.p)
    passage.topped = step.p


def taken(state: State, step: Step) -> None:
    passage, given = state.passage, step.p
    need(passage.kind == TAKEOVER, "no takeover")
    need((passage.destination, passage.source) == (step.first, step.second), "not of it")
    need(passage.left == 0 and passage.flags & SOME_MOVED != 0, "not all moved")
    need(given >= 0 and not (given > 0 and passage.topped > 0), "given")
    bounded = given + passage.topped <= passage.most
    need(bounded or passage.flags & OTHER_MOVED != 0, "too much given")
    state.pay(step.second, passage.worth - given)
    state.pay(step.first, given + passage.topped - passage.worth)
    state.passage = Passage()


def moving(state: State, step: Step) -> None:
    one, other = state.user(step.first), state.user(step.second)
    need(one is not other and state.family(step.first) == state.family(step.second), "a family")
    need(not one.in_liquidation and not other.in_liquidation and not state.sharing.account, "need")
    state.passage = Passage(MOVE, step.first, step.second)


def moving_ended(state: State, step: Step) -> None:
    passage = state.passage
    need(
        passage.kind == MOVE and (passage.source, passage.destination) == (step.first, step.second),
        "not of it",
    )
    need(passage.flags & SOME_MOVED != 0, "nothing moved")
    state.pay(step.first, passage.worth)
    state.pay(step.second, -passage.worth)
    state.passage = Passage()
