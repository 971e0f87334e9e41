"""Steps that list, configure and parametrise (docs/protocol.md, Parameters, Accounts)."""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import records as r
from exchange.domain.limits import (
    FIRST_USER_ACCOUNT,
    MAX_FEE_PPM,
    MAX_PRICE_MICRO,
    MAX_TIERS,
    MAX_UNDERLYINGS,
)
from settlement.hashing import keccak
from settlement.stf.errors import need
from settlement.stf.sections import DICTIONARIES, NO_CLASS, Underlying
from settlement.stf.state import Account, Instrument, State
from settlement.stf.steps import Step
from settlement.stf.terms import read_terms

_TIER: Final = struct.Struct(">qqqq")
_U32_END: Final = 1 << 32
_PERMILLE: Final = 1_000
CLASS_BITS: Final = 16
DICTIONARY_BITS: Final = 24
MOST_ENTRIES: Final = (1 << CLASS_BITS) - 1

# --- parameters ---------------------------------------------------------------------------------------


def index_set(state: State, step: Step) -> None:
    """INDEX."""
    known = state.parameters.underlyings.of(step.instrument)
    need(1 <= step.p <= MAX_PRICE_MICRO, f"an index of {step.p}")
    state.parameters.underlyings.by_id[step.instrument] = known._replace(index_micro=step.p)


def underlying_set(state: State, step: Step) -> None:
    """UNDERLYING."""
    by_id = state.parameters.underlyings.by_id
    known = by_id.get(step.instrument)
    need(step.ident != 0, "an underlying without a symbol")
    if known is not None:
        by_id[step.instrument] = known._replace(symbol=step.ident)
        return
    need(step.instrument < MAX_UNDERLYINGS and step.instrument > max(by_id, default=-1), "an underlying's id")
    by_id[step.instrument] = Underlying(step.ident, 0, 0)


def risk_set(state: State, step: Step) -> None:
    """RISK."""
    known = state.parameters.underlyings.of(step.instrument)
    need(0 <= step.p <= MAX_FEE_PPM, f"a liquidation fee of {step.p} ppm")
    state.parameters.underlyings.by_id[step.instrument] = known._replace(liquidation_fee_ppm=step.p)


def fees_set(state: State, step: Step) -> None:
    """FEES: one tier; those behind it are dropped."""
    fees = state.parameters.fees
    need(step.flags <= len(fees.tiers) and step.flags < MAX_TIERS, f"tier {step.flags} of {len(fees.tiers)}")
    tier = _TIER.unpack(step.word)
    takers, makers = tier[1::2], tier[::2]
    need(min(takers) >= 0 and max(takers) <= MAX_FEE_PPM, f"takers' rates of {takers}")
    need(min(makers) >= -MAX_FEE_PPM and max(makers) <= MAX_FEE_PPM, f"makers' rates of {makers}")
    fees.tiers[step.flags :] = [tier]


def discount_set(state: State, step: Step) -> None:
    """DISCOUNT."""
    need(0 <= step.p <= _PERMILLE, f"a discount of {step.p} permille")
    state.parameters.fees.combo_discount_permille = step.p


def reclass(state: State, step: Step) -> None:
    """RECLASS: an entry of a dictionary moves to the end of another class, comes or goes."""
    dictionary, position, ident = step.flags, step.second, step.first
    source, target = step.instrument >> 8, step.instrument & 0xFF
    known_classes = dictionary < DICTIONARIES and source <= NO_CLASS and source != target
    need(known_classes, f"dictionary {dictionary}, classes {step.instrument:#x}")
    known = state.parameters.dictionaries
    if source == NO_CLASS:
        need(position == 0, f"position {position} of no class")
    else:
        last = known.size(dictionary, source) - 1
        need(position <= last, f"entry {position} of {last + 1}")
        place, end = entry_place(dictionary, source, position), entry_place(dictionary, source, last)
        need(state.entry(place) == ident, f"entry {position} is not {ident}")
        state.set_entry(place, state.entry(end))
        state.set_entry(end, None)
        known.resize(dictionary, source, last)
    if target != NO_CLASS:
        size = known.size(dictionary, target)
        need(size < MOST_ENTRIES, f"an entry behind {size}")
        state.set_entry(entry_place(dictionary, target, size), ident)
        known.resize(dictionary, target, size + 1)


def entry_place(dictionary: int, which: int, position: int) -> int:
    """Where an entry stands in the tree."""
    return dictionary << DICTIONARY_BITS | which << CLASS_BITS | position


# --- accounts and instruments ---------------------------------------------------------------------------


def account_set(state: State, step: Step) -> None:
    """ACCOUNT."""
    number, owner = step.first, step.word[:20]
    need(number >= FIRST_USER_ACCOUNT and step.ident < _U32_END, f"account {number} can not be made")
    need(len(step.word) == 32 and not any(step.word[20:]), "an owner's word")
    known = state.find_account(number)
    if known is None:
        known = state.accounts[number] = Account(owner)
    need(known.owner == owner, f"account {number} changes its owner")
    known.flags = step.ident
    state.touched_accounts.add(number)


def family_set(state: State, step: Step) -> None:
    """FAMILY."""
    account = state.user(step.first)
    if step.second != account.main:
        main = state.user(step.second)
        alone = account.main == main.main == 0 and step.second != step.first
        need(alone, f"account {step.first} can not join account {step.second}")
    need(step.flags < MAX_TIERS, f"tier {step.flags}")
    account.main, account.tier = step.second, step.flags
    state.touched_accounts.add(step.first)


def listing(state: State, step: Step) -> None:
    """LISTING."""
    need(keccak(step.payload) == step.word, "terms that are not the step's")
    need(state.find_instrument(step.instrument) is None, f"instrument {step.instrument} is listed already")
    need(step.flags <= r.STATE_HALTED, f"an instrument listed in state {step.flags}")
    terms = read_terms(step.payload)
    state.parameters.underlyings.of(terms.underlying)
    state.instruments[step.instrument] = Instrument(terms, step.flags)
    state.touched_instruments.add(step.instrument)


def state_set(state: State, step: Step) -> None:
    """STATE."""
    instrument = state.open_instrument(step.instrument)
    need(step.flags <= r.STATE_DELIVERED, f"an instrument in state {step.flags}")
    ends = step.flags >= r.STATE_DELISTED
    need(not ends or instrument.holders == 0, f"instrument {step.instrument} ends while it is held")
    instrument.state = step.flags
    state.touched_instruments.add(step.instrument)


def mark(state: State, step: Step) -> None:
    """MARK."""
    instrument = state.open_instrument(step.instrument)
    need(step.p >= 0 and step.ident >= instrument.mark_at_ms, f"a mark of {step.p} at {step.ident}")
    instrument.mark_micro, instrument.mark_at_ms = step.p, step.ident
    state.touched_instruments.add(step.instrument)
