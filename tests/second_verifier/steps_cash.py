"""Money in, out and within (protocol.md: Cash)."""

from __future__ import annotations

from tests.second_verifier.state import BRIDGE, FIRST_USER, FUND, WITHDRAWALS, State, need
from tests.second_verifier.step import Step

HELD, PAID, FORCED = 1, 2, 3


def deposit(state: State, step: Step) -> None:
    need(step.p > 0 and step.ident > state.last_deposit and step.flags <= 1, "a deposit")
    state.last_deposit = step.ident
    state.deposited += step.p
    known = step.first == FUND or (step.first >= FIRST_USER and step.first in state.accounts)
    need(known == (step.flags == 0), "whose deposit")
    if step.flags:
        state.withdrawn += step.p
        state.withdrawal(step.ident, step.first, FORCED, step.p, step.word[:20])
    else:
        state.pay(step.first, step.p)
        state.pay(BRIDGE, -step.p)


def held(state: State, step: Step) -> None:
    one = state.user(step.first)
    need(not state.sharing.account, "a loss is shared")
    need(step.ident == 0 or step.ident > state.last_withdrawal, "order of withdrawals")
    state.last_withdrawal = max(state.last_withdrawal, step.ident)
    need(0 < step.p <= one.cash, "more than there is")
    state.pay(step.first, -step.p)
    state.pay(WITHDRAWALS, step.p)
    one.nonce += 1
    state.withdrawal(step.ident, step.first, HELD, step.p, one.owner)


def resolved(state: State, step: Step) -> None:
    one = state.withdrawals.get(step.second)
    need(one is not None and step.flags <= 1, "no withdrawal there")
    assert one is not None
    asked = (step.ident, step.first, HELD, step.p)
    need((one.ident, one.account, one.status, one.amount) == asked, "another withdrawal")
    state.pay(WITHDRAWALS, -step.p)
    if step.flags == 0:
        state.pay(BRIDGE, step.p)
        state.withdrawn += step.p
        one.status = PAID
    else:
        state.pay(step.first, step.p)
        del state.withdrawals[step.second]


def transfer(state: State, step: Step) -> None:
    source, destination = state.user(step.first), state.user(step.second)
    need(source is not destination, "one account")
    need(state.family(step.first) == state.family(step.second), "two families")
    need(0 < step.p <= source.cash, "more than there is")
    rescue = step.ident == 0 and destination.in_liquidation
    need(not state.sharing.account or rescue, "a loss is shared")
    state.pay(step.first, -step.p)
    state.pay(step.second, step.p)


def forced(state: State, step: Step) -> None:
    one = state.user(step.first)
    need(step.ident == state.forced_through + 1, "order of requests")
    state.forced_through = step.ident
    most = min(step.p, max(0, one.cash))
    need(step.p > 0 and 0 <= step.q <= most, "an answer")
    if not one.positions and not one.in_liquidation and not state.sharing.account:
        need(step.q == most, "less than is owed")
    one.nonce += 1
    if step.q:
        state.pay(step.first, -step.q)
        state.pay(BRIDGE, step.q)
        state.withdrawn += step.q
        state.withdrawal(step.ident, step.first, FORCED, step.q, one.owner)
