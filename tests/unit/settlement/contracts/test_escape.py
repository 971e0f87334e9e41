"""When the operator is silent everybody is paid out of the last final state, debts first."""

from __future__ import annotations

import pytest

from settlement.contracts.evm import Reverted
from settlement.stf import leaves
from settlement.stf import steps as s
from settlement.stf.header import Header
from settlement.trees.sparse import prove
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import E6, World, hold, opening, venue, words_of

RICH, POOR, OTHER = 64, 65, 66
OPTION, PERPETUAL = 1, 5
PAGES = {OPTION: 0, PERPETUAL: 0}


def start(machine: Machine) -> tuple[World, Header]:
    """Three accounts that were deposited for, a long and a short position in an option and a perpetual."""
    state = venue(accounts=3, instruments=20)
    for number in (RICH, POOR, OTHER):
        state.accounts[number].cash_micro = 0
    hold(state, RICH, OPTION, 30, 0)
    hold(state, POOR, OPTION, -30, 0)
    hold(state, RICH, PERPETUAL, -2, -7_000)
    hold(state, POOR, PERPETUAL, 2, 7_000)
    world = World(*machine, state)
    for number in (RICH, POOR, OTHER):
        world.contracts.bridge.transact(world.user, "deposit", number, 100 * E6)
    deposits = [
        s.Step(s.DEPOSIT, first=number, ident=ident, p=100 * E6)
        for ident, number in enumerate((RICH, POOR, OTHER), 1)
    ]
    marks = [
        s.Step(s.MARK, instrument=OPTION, ident=5, p=50 * E6),
        s.Step(s.MARK, instrument=PERPETUAL, ident=5, p=40_001),
    ]
    header = world.execute([*deposits, *marks])
    world.make_final()
    return world, header


def open_it(world: World, header: Header | None) -> None:
    money = words_of(world.state.parameters.money.words())
    world.contracts.escape.transact(world.user, "open", opening(world.commitment, header), money)


def mark(world: World, instrument: int) -> None:
    proof = prove(world.commitment.instruments, instrument)
    words = words_of(leaves.instrument_preimage(world.state.instruments[instrument]))
    world.contracts.escape.transact(world.user, "mark", instrument, words, *proof)


def count(world: World, number: int, pages: list[bytes] | None = None) -> bool:
    positions, escape = world.commitment.positions, world.contracts.escape
    words = words_of(world.commitment.account_preimage(number))
    held = [leaves.page_words(page) for _, page in sorted(world.state.accounts[number].pages.items())]
    told = held if pages is None else pages
    proof = prove(world.commitment.accounts, number)
    receipt = escape.transact(
        world.user, "count", number, words, *proof, told, positions.page_list(number)
    )
    return bool(escape.returned("count", receipt.output))


def owner(world: World, number: int) -> bytes:
    return world.state.accounts[number].owner


def test_everybody_is_paid_his_part_when_a_loser_does_not_show(any_machine: Machine) -> None:
    world, header = start(any_machine)
    escape, token = world.contracts.escape, world.contracts.token
    with pytest.raises(Reverted, match="SILENCE"):
        open_it(world, header)
    world.evm.advance(world.settings.silence_s + 1)
    world.contracts.bridge.transact(world.user, "deposit", OTHER, 7)  # which no batch takes in any more
    open_it(world, header)
    with pytest.raises(Reverted, match="MARK"):
        count(world, RICH)
    mark(world, OPTION)
    mark(world, PERPETUAL)
    for number in (RICH, POOR, OTHER):
        assert count(world, number)
    # An option at 50 USDC of lots of 0.1: 5 USDC a lot. The perpetual at 0.040001 x 0.1 a lot, rounded down.
    rich = 100 * E6 + 30 * 5 * E6 + -8_001 + 7_000
    assert escape.call("claims", owner(world, RICH)) == rich
    assert escape.call("claims", owner(world, POOR)) == 100 * E6 - 150 * E6 + 8_000 - 7_000
    assert escape.call("total") == rich + 100 * E6
    with pytest.raises(Reverted, match="COUNTED"):
        count(world, RICH)
    with pytest.raises(Reverted, match="CLAIMS"):
        escape.transact(world.user, "close")
    world.evm.advance(world.settings.claim_s + 1)
    escape.transact(world.user, "close")
    funds = 300 * E6
    assert escape.call("funds") == funds
    for number in (RICH, POOR, OTHER):
        escape.transact(world.user, "pay", owner(world, number))
    assert token.call("balanceOf", owner(world, RICH)) == rich * funds // (rich + 100 * E6)
    assert token.call("balanceOf", owner(world, POOR)) == 0
    assert token.call("balanceOf", owner(world, OTHER)) == 100 * E6 * funds // (rich + 100 * E6)
    with pytest.raises(Reverted, match="PAID"):
        escape.transact(world.user, "pay", owner(world, RICH))
    before = token.call("balanceOf", world.user)
    escape.transact(world.user, "refund", 4)
    assert token.call("balanceOf", world.user) == before + 7
    with pytest.raises(Reverted, match="DEPOSIT"):
        escape.transact(world.user, "refund", 3)


def test_a_debt_in_one_account_is_taken_off_another_of_the_owner(revm: Machine) -> None:
    world, _ = start(revm)
    world.batch([])
    world.state.accounts[OTHER].owner = owner(world, POOR)
    world.state.touched_accounts.add(OTHER)
    world.commitment.update()
    header = world.execute([s.Step(s.MARK, instrument=OPTION, ident=6, p=50 * E6)])
    world.make_final()
    world.evm.advance(world.settings.silence_s + 1)
    open_it(world, header)
    mark(world, OPTION)
    mark(world, PERPETUAL)
    assert count(world, OTHER)
    assert escape_claim(world, OTHER) == 100 * E6
    assert count(world, POOR)
    assert escape_claim(world, OTHER) == 50 * E6 + 1_000
    assert world.contracts.escape.call("total") == 50 * E6 + 1_000


def escape_claim(world: World, number: int) -> int:
    return int(world.contracts.escape.call("claims", owner(world, number)))


def test_accounts_are_counted_page_by_page_in_order(revm: Machine) -> None:
    state = venue(accounts=3, instruments=40)
    hold(state, RICH, 1, 3, 5)
    hold(state, RICH, 20, 3, 5)
    world = World(*revm, state)
    world.evm.advance(world.settings.silence_s + 1)
    open_it(world, None)
    mark(world, 1)
    mark(world, 20)
    held = [leaves.page_words(page) for _, page in sorted(state.accounts[RICH].pages.items())]
    with pytest.raises(Reverted, match="PAGE"):
        count(world, RICH, [held[1]])
    assert not count(world, RICH, [held[0]])
    with pytest.raises(Reverted, match="PAGE"):
        count(world, RICH, [held[0]])
    assert count(world, RICH, [held[1]])


def test_nothing_is_posted_when_the_escape_is_open(revm: Machine) -> None:
    world, header = start(revm)
    world.evm.advance(world.settings.silence_s + 1)
    open_it(world, header)
    with pytest.raises(Reverted, match="FROZEN"):
        world.execute([s.Step(s.MARK, instrument=OPTION, ident=9, p=1)])
