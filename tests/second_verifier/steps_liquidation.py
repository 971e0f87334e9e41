"""Liquidation and losses that are shared (protocol.md: Liquidation, Shared losses)."""

from __future__ import annotations

from tests.second_verifier.state import FUND, Sharing, Slice, State, need
from tests.second_verifier.step import Step
from tests.second_verifier.steps_fill import charge


def _missing(state: State, number: int) -> int:
    one = state.accounts[number]
    return max(0, state.perpetual_entry(one) - one.cash)


def liquidation(state: State, step: Step) -> None:
    need(step.flags <= 1, "flags")
    state.user(step.first).in_liquidation = step.flags == 1


def liquidation_fee(state: State, step: Step) -> None:
    part = state.slice
    need(part.account != 0 and (part.account, part.instrument) == (step.first, step.instrument), "no slice")
    need(part.lots == step.q, "other lots")
    one = state.instruments[step.instrument]
    rate = state.underlyings[one.underlying].liquidation_fee
    need(0 <= step.p <= charge(state, one, rate, abs(step.q), part.value), "too large a fee")
    state.pay(step.first, -step.p)
    state.pay(FUND, step.p)
    state.slice = Slice()


def fund_cover(state: State, step: Step) -> None:
    one = state.user(step.first)
    need(state.open_positions(one) == 0, "positions are open")
    covered = min(_missing(state, step.first), max(0, state.accounts[FUND].cash))
    state.pay(step.first, covered)
    state.pay(FUND, -covered)


def loss(state: State, step: Step) -> None:
    need(state.user(step.first).in_liquidation and not state.sharing.account, "a loss")
    state.sharing = Sharing(account=step.first, phase=1)


def deficit(state: State, step: Step) -> None:
    sharing = state.sharing
    need(sharing.phase == 1 and sharing.account == step.first, "a deficit")
    need(state.open_positions(state.user(step.first)) == 0, "positions are open")
    sharing.phase = 2
    sharing.deficit = sharing.remaining = _missing(state, step.first)


def share(state: State, step: Step) -> None:
    sharing, payer = state.sharing, state.user(step.first)
    need(sharing.phase == 2 and sharing.account == step.second, "a share")
    need(step.first != step.second and not payer.in_liquidation, "a payer")
    need(step.first > sharing.last_payer, "order of payers")
    sharing.last_payer = step.first
    need(0 < step.p <= min(sharing.remaining, payer.cash), "a part")
    state.pay(step.first, -step.p)
    state.pay(step.second, step.p)
    sharing.remaining -= step.p


def loss_ended(state: State, step: Step) -> None:
    sharing = state.sharing
    need(sharing.phase == 2 and sharing.account == step.first, "a loss's end")
    if sharing.remaining == 0:
        state.user(step.first).in_liquidation = False
    state.sharing = Sharing()
