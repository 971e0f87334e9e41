"""What a step reads or changes: which accounts, instrument, sections and leaves a proof of it must open."""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.limits import (
    ACCOUNT_BRIDGE,
    ACCOUNT_FEES,
    ACCOUNT_INSURANCE,
    ACCOUNT_WITHDRAWALS,
    FIRST_USER_ACCOUNT,
)
from settlement.stf import leaves as lv
from settlement.stf import steps as s
from settlement.stf.listings import entry_place
from settlement.stf.sections import DICTIONARIES, NO_CLASS
from settlement.stf.state import State


class Touches(NamedTuple):
    """What is opened for a step. `accounts` in the order of the step, no account twice; `with_page`: with the
    instrument's page each."""

    accounts: tuple[int, ...] = ()
    with_page: bool = False
    instrument: int | None = None
    slot: int | None = None
    places: tuple[int, ...] = ()
    sections: frozenset[int] = frozenset()


WITH_PAGES: Final = frozenset((s.FILL, s.HOLDER, s.MOVED))
_WITH_INSTRUMENT: Final = WITH_PAGES | frozenset(
    (s.LISTING, s.STATE, s.SETTLE, s.SETTLED, s.LIQUIDATION_FEE, s.MARK)
)
_FIRST: Final = frozenset(
    (s.ACCOUNT, s.LIQUIDATION, s.HOLDER, s.LOSS, s.DEFICIT, s.LOSS_ENDED)
)
_BOTH: Final = frozenset(
    (s.FILL, s.TRANSFER, s.TAKEOVER, s.MOVED, s.TAKEN, s.SHARE, s.MOVING, s.MOVING_ENDED)
)
_SECTIONS: Final[dict[int, tuple[int, ...]]] = {
    s.INDEX: (lv.UNDERLYINGS,),
    s.FILL: (lv.FEES, lv.UNDERLYINGS),
    s.DEPOSIT: (lv.MONEY,),
    s.LISTING: (lv.UNDERLYINGS,),
    s.UNDERLYING: (lv.UNDERLYINGS,),
    s.FEES: (lv.FEES,),
    s.RISK: (lv.UNDERLYINGS,),
    s.DISCOUNT: (lv.FEES,),
    s.HELD: (lv.MONEY, lv.SHARING),
    s.TRANSFER: (lv.SHARING,),
    s.LIQUIDATION_FEE: (lv.SLICE, lv.UNDERLYINGS),
    s.LOSS: (lv.SHARING,),
    s.DEFICIT: (lv.SHARING,),
    s.SHARE: (lv.SHARING,),
    s.LOSS_ENDED: (lv.SHARING,),
    s.RECLASS: (lv.DICTIONARIES,),
    s.FORCED: (lv.MONEY, lv.SHARING),
    s.MOVING: (lv.SHARING,),
}


def touches(state: State, step: s.Step) -> Touches:
    """What a step needs of this state, allowed or not."""
    return Touches(
        tuple(dict.fromkeys(_accounts(state, step))),
        step.kind in WITH_PAGES,
        step.instrument if step.kind in _WITH_INSTRUMENT else None,
        _slot(state, step),
        _places(state, step),
        sections_of(step),
    )


def sections_of(step: s.Step) -> frozenset[int]:
    """The sections a step reads or changes. The passage is opened whenever there is one."""
    sections = {lv.PASSAGE, *_SECTIONS.get(step.kind, ())}
    if step.kind == s.FILL and step.classes & 15 == s.CLASS_LIQUIDATION:
        sections.add(lv.SLICE)
    if step.kind == s.RESOLVED and step.flags == r.WITHDRAWAL_PAID:
        sections.add(lv.MONEY)
    return frozenset(sections)


AT_END: Final = Touches((ACCOUNT_FEES,))
"""What the end of a chunk with fees opens."""


def _accounts(state: State, step: s.Step) -> tuple[int, ...]:
    kind, first, second = step.kind, step.first, step.second
    if kind in _FIRST:
        return (first,)
    if kind in _BOTH:
        return (first, second)
    if kind == s.DEPOSIT:
        known = (first,) if first == ACCOUNT_INSURANCE or first >= FIRST_USER_ACCOUNT else ()
        return known if step.flags else (*known, ACCOUNT_BRIDGE)
    if kind == s.FAMILY:
        account = state.accounts.get(first)
        stays = account is None or account.main == second or second < FIRST_USER_ACCOUNT
        return (first,) if stays else (first, second)
    if kind == s.HELD:
        return (first, ACCOUNT_WITHDRAWALS)
    if kind == s.RESOLVED:
        return (ACCOUNT_WITHDRAWALS, ACCOUNT_BRIDGE if step.flags == r.WITHDRAWAL_PAID else first)
    if kind in (s.LIQUIDATION_FEE, s.FUND_COVER):
        return (first, ACCOUNT_INSURANCE)
    if kind == s.TOPPED:
        return (ACCOUNT_INSURANCE,)
    if kind == s.FORCED:
        return (first, ACCOUNT_BRIDGE) if step.q else (first,)
    return ()


def _slot(state: State, step: s.Step) -> int | None:
    if step.kind == s.RESOLVED:
        return step.second
    given_back, paid = step.kind == s.DEPOSIT and step.flags, step.kind == s.FORCED and step.q
    return state.parameters.money.withdrawals if step.kind == s.HELD or given_back or paid else None


def _places(state: State, step: s.Step) -> tuple[int, ...]:
    dictionary, source, target = step.flags, step.instrument >> 8, step.instrument & 0xFF
    if step.kind != s.RECLASS or dictionary >= DICTIONARIES or source > NO_CLASS:
        return ()
    known = state.parameters.dictionaries
    found: list[int] = []
    if source != NO_CLASS:
        last = known.size(dictionary, source) - 1
        if step.second > last:
            return ()
        found += [entry_place(dictionary, source, step.second), entry_place(dictionary, source, last)]
    if target != NO_CLASS:
        found.append(entry_place(dictionary, target, known.size(dictionary, target)))
    return tuple(dict.fromkeys(found))
