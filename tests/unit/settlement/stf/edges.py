"""Figures at the ends of their fields and one beyond: what the transition says of each, and the roots.

`python -m tests.unit.settlement.stf.edges` prints that, and the roots of the trading day, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from settlement.stf import is_compiled
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.rules import apply
from settlement.stf.sections import Sharing
from settlement.stf.state import MAX_OPEN, SLOTS, State
from settlement.stf.steps import Step
from tests.unit.settlement.stf.every_kind import ALICE, BATCHES, BOB, CALL, CAROL, OTHER, SWAP, Played, fill

Edge = tuple[str, Callable[[State], None], Step]
ID = 900


def holds(instrument: int, size: int, entry: int) -> Callable[[State], None]:
    """Bob holds so much."""

    def prepare(state: State) -> None:
        account = state.accounts[BOB]
        account.pages.setdefault(instrument >> 4, {})[instrument] = (size, entry)
        if instrument == SWAP:
            account.perpetual_entry_micro = entry
        state.touched_positions.add(BOB << 32 | instrument)

    return prepare


def has(number: int, **figures: int) -> Callable[[State], None]:
    """The account's figures are these."""

    def prepare(state: State) -> None:
        for name, value in figures.items():
            setattr(state.accounts[number], name, value)
        state.touched_accounts.add(number)

    return prepare


def lost(missing: int) -> Callable[[State], None]:
    """Carol, with nothing but a debt, is who a loss is about to be shared of."""

    def prepare(state: State) -> None:
        has(CAROL, cash_micro=-missing, open_positions=0, perpetual_entry_micro=0)(state)
        state.parameters.sharing = Sharing(CAROL, 1)

    return prepare


def slots(made: int) -> Callable[[State], None]:
    """So many withdrawals were made."""
    return lambda state: setattr(state.parameters.money, "withdrawals", made)


def edges(beyond: int) -> Iterator[Edge]:
    """Cases at the end of a field, or `beyond` it by so much."""
    buy, sell = fill(CALL, ALICE, BOB, 5, 2, ID), fill(CALL, ALICE, BOB, 5, 2, ID, s.TAKER_SELLS)
    worth = 5 * 2 * 10_000  # a tick of a lot is 10,000 micro-USDC
    size, entry = (1 << 63) - 1, (1 << 127) - 1
    yield "greatest size", holds(CALL, size - 2 + beyond, 0), buy
    yield "least size", holds(CALL, 1 - size - beyond, 0), sell
    yield "greatest entry", holds(CALL, 7, entry - worth + beyond), buy
    yield "least entry", holds(CALL, 7, worth - entry - 1 - beyond), sell
    swap = fill(SWAP, ALICE, BOB, 5, 2, ID)
    yield "greatest perpetual entry", holds(SWAP, 7, entry - worth + beyond), swap
    first = fill(OTHER, CAROL, BOB, 5, 2, ID)
    yield "open positions", has(BOB, open_positions=MAX_OPEN - 1 + beyond), first
    yield "slots", slots(SLOTS - 1 + beyond), Step(s.HELD, first=ALICE, ident=ID, p=1)
    yield "deficit", lost((1 << 64) - 1 + beyond), Step(s.DEFICIT, first=CAROL)
    yield "lots", has(BOB), fill(CALL, ALICE, BOB, 5, (1 << 28) - 1 + beyond, ID)
    yield "price", has(BOB), fill(CALL, ALICE, BOB, 100_000 + beyond, 2, ID)
    most = (1 << 63) - 1
    yield "all cash", has(ALICE, cash_micro=most), Step(s.HELD, first=ALICE, ident=ID, p=most + beyond)
    held = {"nonce": (1 << 64) - 2 + beyond}
    yield "nonce", has(ALICE, **held), Step(s.HELD, first=ALICE, ident=ID, p=1)


def verdict(edge: Edge) -> str:
    """The root behind the step, or that it is not allowed."""
    _, prepare, step = edge
    state = State()
    for one in (step for batch in BATCHES[:2] for step in batch):
        apply(state, one)
    prepare(state)
    commitment = Commitment(state)
    try:
        apply(state, step)
        return commitment.update().hex()
    except TransitionError:
        return "not allowed"


def told() -> dict[str, object]:
    """Everything."""
    return {
        "day": [executed.new_root.hex() for _, executed in Played().batches],
        "fits": {edge[0]: verdict(edge) for edge in edges(0)},
        "beyond": {edge[0]: verdict(edge) for edge in edges(1)},
    }


if __name__ == "__main__":
    print(json.dumps({"compiled": is_compiled(), **told()}))
