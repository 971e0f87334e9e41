"""One step, one chunk, one batch of chunks (protocol.md: Steps, Chunks and trace)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.second_verifier import step as s
from tests.second_verifier import steps_cash as cash
from tests.second_verifier import steps_liquidation as liquidation
from tests.second_verifier import steps_parameters as parameters
from tests.second_verifier import steps_passage as passage
from tests.second_verifier import steps_settlement as settlement
from tests.second_verifier.hashing import binary_root, keccak
from tests.second_verifier.state import FEES, State, need
from tests.second_verifier.step import Step
from tests.second_verifier.steps_fill import fill

RUN: dict[int, Callable[[State, Step], None]] = {
    s.INDEX: parameters.index,
    s.FILL: fill,
    s.DEPOSIT: cash.deposit,
    s.ACCOUNT: parameters.account,
    s.FAMILY: parameters.family,
    s.LISTING: parameters.listing,
    s.STATE: parameters.set_state,
    s.UNDERLYING: parameters.underlying,
    s.FEES: parameters.fees,
    s.RISK: parameters.risk,
    s.DISCOUNT: parameters.discount,
    s.HELD: cash.held,
    s.RESOLVED: cash.resolved,
    s.TRANSFER: cash.transfer,
    s.LIQUIDATION: liquidation.liquidation,
    s.LIQUIDATION_FEE: liquidation.liquidation_fee,
    s.SETTLE: settlement.settle,
    s.HOLDER: settlement.holder,
    s.SETTLED: settlement.settled,
    s.TAKEOVER: passage.takeover,
    s.MOVED: passage.moved,
    s.TOPPED: passage.topped,
    s.TAKEN: passage.taken,
    s.FUND_COVER: liquidation.fund_cover,
    s.LOSS: liquidation.loss,
    s.DEFICIT: liquidation.deficit,
    s.SHARE: liquidation.share,
    s.LOSS_ENDED: liquidation.loss_ended,
    s.MARK: parameters.mark,
    s.RECLASS: parameters.reclass,
    s.FORCED: cash.forced,
    s.MOVING: passage.moving,
    s.MOVING_ENDED: passage.moving_ended,
}
OF_PASSAGE = {1: {s.MOVED, s.TOPPED, s.TAKEN}, 2: {s.MOVED, s.MOVING_ENDED}}
FILL_CHUNK, OTHER_CHUNK = 0, 1
MOST_STEPS = 64


@dataclass
class Chunk:
    kind: int
    steps: Sequence[Step]

    def leaf(self) -> bytes:
        root = binary_root([keccak(step.pack()) for step in self.steps])
        head = bytes(24) + self.kind.to_bytes(4, "big") + len(self.steps).to_bytes(4, "big")
        return keccak(head + root)


def apply(state: State, step: Step) -> None:
    """One step. Raises Wrong where it is not allowed; the state is then of no use any more."""
    step.check_fields()
    if state.passage.kind:
        need(step.kind in OF_PASSAGE[state.passage.kind], "positions are passing")
    RUN[step.kind](state, step)


def run(state: State, chunk: Chunk) -> bytes:
    """A chunk; the state's root behind it."""
    need(chunk.kind in (FILL_CHUNK, OTHER_CHUNK) and 1 <= len(chunk.steps) <= MOST_STEPS, "a chunk")
    for step in chunk.steps:
        need(chunk.kind == OTHER_CHUNK or step.kind in (s.FILL, s.INDEX), "not a fill chunk's step")
        apply(state, step)
    if state.chunk_fees:
        state.pay(FEES, state.chunk_fees)
        state.chunk_fees = 0
    return state.root()
