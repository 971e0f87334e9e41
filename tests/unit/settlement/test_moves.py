"""Positions that pass within a family: settlement books what the core told, and finds what is wrong in it."""

from __future__ import annotations

from functools import cache

import pytest

from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_blocks import BlockTrade, PositionMove, block_trade, move_positions
from settlement import codec, transition
from settlement import operations as op
from settlement.commitment import Commitment
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import State
from tests.unit.gateway.combo_rig import prepared_for_combos
from tests.unit.settlement.test_ledger import bumped

ALICE, CHILD, BOB = 64, 65, 66
CALL, PERPETUAL = 0, 2


@cache
def story() -> tuple[bytes, bytes]:
    """(all before, the events of a move) of Alice's call and perpetual, as the core tells them."""
    engine, found = prepared_for_combos(rules=5)
    on_perpetual = BlockTrade(BOB, PERPETUAL, -40, 200_000)
    for made in (
        commands.create_account(ALICE),
        commands.create_account(CHILD, main=ALICE),
        commands.create_account(BOB),
        *(commands.deposit(account, 10**13, account) for account in (ALICE, CHILD, BOB)),
        block_trade(ALICE, 1, [BlockTrade(BOB, CALL, 5, 1_000), on_perpetual._replace(taker_account=CHILD)]),
        block_trade(ALICE, 2, [on_perpetual]),
    ):
        found.append(engine.apply(made))
        assert not isinstance(ev.read_event(found[-1]), ev.Rejected), ev.read_event(found[-1])
    moves = [PositionMove(CALL, 3, 49_000_000), PositionMove(PERPETUAL, -40, 100_123_456)]
    told = engine.apply(move_positions(ALICE, CHILD, moves))
    assert isinstance(ev.read_event(told), ev.Moved), ev.read_event(told)
    return b"".join(found), told


def before() -> Ledger:
    ledger = Ledger(State())
    ledger.read(story()[0])
    return ledger


def test_it_is_booked_as_the_core_has_it() -> None:
    ledger = before()
    done = ledger.read(story()[1])
    assert [type(each) for each in done] == [op.Moved, op.Moved, op.PositionsMoved]
    assert codec.decode(codec.encode(done)) == done
    state = ledger.state
    assert state.position(CHILD, CALL) == (3, 147_000_000)
    assert state.position(CHILD, PERPETUAL)[0] == -80
    assert not list(state.conservation_faults())
    replayed = before().state
    root = Commitment(state).root
    for operation in done:
        transition.apply(replayed, operation)
    assert Commitment(replayed).root == root


def places() -> list[tuple[int, int]]:
    """(event, word) of every figure of a move that settlement works out again; how many lots were asked to
    pass only the command knows."""
    return [
        *((number, word) for number in (0, 1) for word in (4, 6)),
        *((number, word) for number in (2, 3) for word in (2, 3, 4, 5, 6, 8)),
    ]


@pytest.mark.parametrize(("number", "word"), places())
def test_a_wrong_figure_is_found(number: int, word: int) -> None:
    _, told = story()
    at = 0
    for event in list(ev.read_events(told))[:number]:
        at += event.head.units * r.UNIT_BYTES
    with pytest.raises(LedgerMismatch):
        before().read(bumped(told, at // 8 + word, 1))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_an_event_that_is_missing_is_found(number: int) -> None:
    told, starts = story()[1], [0]
    for event in ev.read_events(told):
        starts.append(starts[-1] + event.head.units * r.UNIT_BYTES)
    with pytest.raises(LedgerMismatch):
        before().read(told[: starts[number]] + told[starts[number + 1] :])
