"""Positions passing from one account to another: takeovers, and moves in a family (docs/protocol.md)."""

from __future__ import annotations

from exchange.domain.limits import ACCOUNT_INSURANCE, PPM
from settlement.stf.cash import no_loss_is_shared, one_family
from settlement.stf.errors import need
from settlement.stf.fills import LOTS_END, ceil_div
from settlement.stf.sections import MOVING, PART_MOVED, PART_OTHER, TAKEOVER, Passage
from settlement.stf.state import State
from settlement.stf.steps import Step


def takeover(state: State, step: Step) -> None:
    """TAKEOVER."""
    bidder, target = state.user(step.first), state.user(step.second)
    need(1 <= step.p <= PPM, f"a takeover of {step.p} ppm")
    need(target.in_liquidation == 1, f"account {step.second} is not in liquidation")
    of_one = one_family(step.first, bidder, step.second, target)
    need(not of_one, f"accounts {step.first} and {step.second} are of one family")
    state.parameters.passage = Passage(TAKEOVER, step.second, step.first, step.p, target.open_positions)


def moving(state: State, step: Step) -> None:
    """MOVING."""
    source, destination = state.user(step.first), state.user(step.second)
    of_one = step.first != step.second and one_family(step.first, source, step.second, destination)
    need(of_one, f"accounts {step.first} and {step.second} are not of one family")
    need(not source.in_liquidation and not destination.in_liquidation, "an account in liquidation moves")
    no_loss_is_shared(state, "positions move")
    state.parameters.passage = Passage(MOVING, step.first, step.second)


def part_lots(size_lots: int, fraction_ppm: int, *, is_option: bool) -> int:
    """The part of a position a takeover moves: of an option held long rounded down, else away from zero."""
    if size_lots > 0 and is_option:
        return size_lots * fraction_ppm // PPM
    part = ceil_div(abs(size_lots) * fraction_ppm, PPM)
    return part if size_lots > 0 else -part


def moved(state: State, step: Step) -> None:
    """MOVED: one part."""
    passage, lots, value = state.parameters.passage, step.q, step.p
    need((step.first, step.second) == (passage.source, passage.destination), "a part of another passage")
    instrument = state.open_instrument(step.instrument)
    is_option = instrument.terms.is_option
    source, destination = state.user(step.first), state.user(step.second)
    need(abs(lots) < LOTS_END, f"a part of {lots} lots")
    # A part is worth its lots at one price, a mark, which is not negative.
    need(value % lots == 0 and value // lots >= 0 if lots else value == 0, f"{lots} lots for {value}")
    size = source.position(step.instrument)[0]
    if passage.kind == TAKEOVER:
        need(step.instrument >= passage.next_instrument, "parts out of order")
        need(size != 0 and passage.left > 0, f"a part of nothing in instrument {step.instrument}")
        of_size = part_lots(size, passage.fraction_ppm, is_option=is_option)
        need(lots == of_size, f"{lots} of {size} lots of instrument {step.instrument} were taken over")
        passage.next_instrument = step.instrument + 1
        passage.left -= 1
    else:
        need(lots * size > 0 and abs(lots) <= abs(size), f"{lots} of {size} lots move")
    if lots == 0:
        return
    state.move(step.first, source, step.instrument, instrument, -lots, -value)
    state.move(step.second, destination, step.instrument, instrument, lots, value)
    passage.flags |= PART_MOVED
    passage.worth_micro += value if is_option else 0
    if is_option and lots > 0:
        passage.most_micro += value // 2
    else:
        passage.flags |= PART_OTHER


def topped(state: State, step: Step) -> None:
    """TOPPED: the insurance fund's part of a takeover."""
    passage, fund = state.parameters.passage, state.account(ACCOUNT_INSURANCE)
    need(passage.fraction_ppm == PPM and passage.topped_micro == 0, "the fund's part of a takeover")
    need(0 < step.p <= fund.cash_micro, f"the fund gives {step.p}")
    state.pay(ACCOUNT_INSURANCE, fund, -step.p)
    passage.topped_micro = step.p


def taken(state: State, step: Step) -> None:
    """TAKEN."""
    passage, given = state.parameters.passage, step.p
    need((step.first, step.second) == (passage.destination, passage.source), "the end of another takeover")
    need(passage.left == 0 and passage.flags & PART_MOVED != 0, "a takeover without its parts")
    gain = given + passage.topped_micro
    need(given >= 0 and (not given or not passage.topped_micro), f"a discount of {given} and of the fund's")
    need(passage.flags & PART_OTHER != 0 or gain <= passage.most_micro, f"a discount of {gain}")
    state.pay(step.second, state.user(step.second), passage.worth_micro - given)
    state.pay(step.first, state.user(step.first), gain - passage.worth_micro)
    state.parameters.passage = Passage()


def moving_ended(state: State, step: Step) -> None:
    """MOVING_ENDED."""
    passage = state.parameters.passage
    need((step.first, step.second) == (passage.source, passage.destination), "the end of another move")
    need(passage.flags & PART_MOVED != 0, "a move without its parts")
    state.pay(step.first, state.user(step.first), passage.worth_micro)
    state.pay(step.second, state.user(step.second), -passage.worth_micro)
    state.parameters.passage = Passage()
