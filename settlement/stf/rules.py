"""Which rule a step has: the state transition itself (docs/protocol.md, Steps)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from settlement.stf import cash, fills, liquidation, listings, passages, settling
from settlement.stf import steps as s
from settlement.stf.errors import TransitionError
from settlement.stf.sections import MOVING, TAKEOVER
from settlement.stf.state import State

__all__ = ["TransitionError", "apply"]

Rule = Callable[[State, s.Step], None]

_RULES: Final[dict[int, Rule]] = {
    s.INDEX: listings.index_set,
    s.FILL: fills.fill,
    s.DEPOSIT: cash.deposit,
    s.ACCOUNT: listings.account_set,
    s.FAMILY: listings.family_set,
    s.LISTING: listings.listing,
    s.STATE: listings.state_set,
    s.UNDERLYING: listings.underlying_set,
    s.FEES: listings.fees_set,
    s.RISK: listings.risk_set,
    s.DISCOUNT: listings.discount_set,
    s.HELD: cash.held,
    s.RESOLVED: cash.resolved,
    s.TRANSFER: cash.transfer,
    s.LIQUIDATION: liquidation.liquidation,
    s.LIQUIDATION_FEE: liquidation.liquidation_fee,
    s.SETTLE: settling.settle,
    s.HOLDER: settling.holder,
    s.SETTLED: settling.settled,
    s.TAKEOVER: passages.takeover,
    s.MOVED: passages.moved,
    s.TOPPED: passages.topped,
    s.TAKEN: passages.taken,
    s.FUND_COVER: liquidation.fund_cover,
    s.LOSS: liquidation.loss,
    s.DEFICIT: liquidation.deficit,
    s.SHARE: liquidation.share,
    s.LOSS_ENDED: liquidation.loss_ended,
    s.MARK: listings.mark,
    s.RECLASS: listings.reclass,
    s.FORCED: cash.forced,
    s.MOVING: passages.moving,
    s.MOVING_ENDED: passages.moving_ended,
}
# What is allowed while positions pass, by the passage's kind, and not otherwise.
_IN_PASSAGE: Final = {
    TAKEOVER: frozenset((s.MOVED, s.TOPPED, s.TAKEN)),
    MOVING: frozenset((s.MOVED, s.MOVING_ENDED)),
}
_OF_PASSAGES: Final = frozenset.union(*_IN_PASSAGE.values())


def apply(state: State, step: s.Step) -> None:
    """Apply one step to `state` in place.

    Raises:
        TransitionError: the state does not allow it; the state is then not to be used any more.
    """
    passing = state.parameters.passage.kind
    if passing:
        if step.kind not in _IN_PASSAGE[passing]:
            raise TransitionError(f"a step of kind {step.kind} while positions pass")
    elif step.kind == s.FILL:  # which has every field but the word
        if step.word:
            raise TransitionError("a fill with bytes behind its size")
        fills.fill(state, step)
        return
    elif step.kind in _OF_PASSAGES:
        raise TransitionError(f"a step of kind {step.kind} while no positions pass")
    s.must_be_shaped(step)
    _RULES[step.kind](state, step)
