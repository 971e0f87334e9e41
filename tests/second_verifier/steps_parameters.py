"""Steps that change parameters, listings and what accounts are (protocol.md: Parameters, Accounts)."""

from __future__ import annotations

import struct

from tests.second_verifier.state import (
    COMBO,
    FIRST_USER,
    NO_CLASS,
    OPTION,
    Account,
    Instrument,
    State,
    Underlying,
    fits,
    need,
)
from tests.second_verifier.step import Step

MOST_FEE = 100_000
MOST_STRIKE = 1 << 42


def index(state: State, step: Step) -> None:
    need(step.instrument in state.underlyings and 1 <= step.p <= 1 << 42, "index")
    state.underlyings[step.instrument].index = step.p


def underlying(state: State, step: Step) -> None:
    known = state.underlyings
    need(step.ident != 0, "no symbol")
    if step.instrument in known:
        known[step.instrument].symbol = step.ident
        return
    need(step.instrument < 1_024 and all(n < step.instrument for n in known), "order of underlyings")
    known[step.instrument] = Underlying(step.ident)


def risk(state: State, step: Step) -> None:
    need(step.instrument in state.underlyings and 0 <= step.p <= MOST_FEE, "liquidation fee")
    state.underlyings[step.instrument].liquidation_fee = step.p


def fees(state: State, step: Step) -> None:
    need(step.flags <= len(state.tiers) and step.flags < 8, "number of a tier")
    rates: tuple[int, int, int, int] = struct.unpack(">4q", step.word)
    makers, takers = rates[::2], rates[1::2]
    need(all(-MOST_FEE <= rate <= MOST_FEE for rate in makers), "a maker's rate")
    need(all(0 <= rate <= MOST_FEE for rate in takers), "a taker's rate")
    state.tiers[step.flags :] = [rates]


def discount(state: State, step: Step) -> None:
    need(0 <= step.p <= 1_000, "discount")
    state.discount = step.p


def reclass(state: State, step: Step) -> None:
    need(step.flags <= 2 and step.instrument < 1 << 16, "a dictionary")
    source, target = step.instrument >> 8, step.instrument & 255
    need(source != target, "classes")
    classes = state.dictionaries[step.flags]
    if source == NO_CLASS:
        need(step.second == 0, "a position outside")
    else:
        ids = classes.get(source, [])
        need(step.second < len(ids) and ids[step.second] == step.first, "an entry")
        last = ids.pop()
        if step.second < len(ids):
            ids[step.second] = last
    if target != NO_CLASS:
        ids = classes.setdefault(target, [])
        need(len(ids) < 65_535, "a full class")
        ids.append(step.first)


def account(state: State, step: Step) -> None:
    need(step.first >= FIRST_USER and fits(step.ident, 32), "an account's number or flags")
    if step.first not in state.accounts:
        state.accounts[step.first] = Account(owner=step.word[:20])
    need(state.accounts[step.first].owner == step.word[:20], "another owner")
    state.accounts[step.first].flags = step.ident


def family(state: State, step: Step) -> None:
    one = state.user(step.first)
    need(step.flags <= 7, "a tier")
    if step.second != one.main:
        other = state.user(step.second)
        need(one.main == other.main == 0 and step.first != step.second, "a family")
    one.main, one.tier = step.second, step.flags


def listing(state: State, step: Step) -> None:
    need(step.instrument not in state.instruments and step.flags <= 2, "a listing")
    one = Instrument(step.flags, struct.unpack(">24q", step.terms))
    terms = one.terms
    need(one.underlying in state.underlyings, "an underlying")
    option_type = terms[0] >> 8 & 255
    need(1 <= one.kind <= COMBO and option_type <= 2, "a kind")
    need((option_type != 0) == (one.kind == OPTION), "an option's type")
    need(1 <= terms[3] <= 1 << 40 and 1 <= terms[4] <= 10**10, "tick or lot")
    need(terms[3] * terms[4] % 10**8 == 0 and 0 <= terms[2] <= MOST_STRIKE, "multiplier or strike")
    need(1 <= one.price_limit <= 1 << 40 and one.price_limit * one.multiplier <= 1 << 45, "price limit")
    rates = (terms[8] & 0xFFFFFFFF, terms[8] >> 32 & 0xFFFFFFFF, terms[9] >> 32 & 0xFFFFFFFF)
    need(max(rates) <= MOST_FEE and one.fee_cap <= 1_000, "fees")
    state.instruments[step.instrument] = one


def set_state(state: State, step: Step) -> None:
    one = state.open(step.instrument)
    need(step.flags <= 4, "a state")
    need(step.flags < 3 or state.holders(step.instrument) == 0, "it is held")
    one.state = step.flags


def mark(state: State, step: Step) -> None:
    one = state.open(step.instrument)
    need(step.p >= 0 and step.ident >= one.mark_at, "a mark")
    one.mark, one.mark_at = step.p, step.ident
