"""The bridge: deposits by id, withdrawals out of final states once, requests nobody can leave out."""

from __future__ import annotations

from typing import Any

import pytest

from settlement.contracts.evm import Reverted
from settlement.stf import steps as s
from settlement.stf.header import Header
from settlement.stf.state import State
from settlement.trees.sparse import Proof, prove
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import E6, World, opening, venue, words_of

NUMBER = 66
DAY = 86_400


def owned(world_user: bytes) -> State:
    state = venue(accounts=5, instruments=5)
    state.accounts[NUMBER].owner = world_user
    state.accounts[NUMBER].cash_micro = 0
    return state


def start(machine: Machine) -> tuple[World, Header]:
    """A venue with a deposit of the user's taken in, one withdrawal paid and one held."""
    evm, senders = machine
    world = World(evm, senders, owned(senders[4]))
    world.contracts.bridge.transact(world.user, "deposit", NUMBER, 50 * E6)
    header = world.execute(
        [
            s.Step(s.DEPOSIT, first=NUMBER, ident=1, p=50 * E6),
            s.Step(s.HELD, first=NUMBER, ident=1, p=20 * E6),
            s.Step(s.RESOLVED, first=NUMBER, second=0, ident=1, p=20 * E6),
            s.Step(s.HELD, first=NUMBER, ident=2, p=5 * E6),
        ]
    )
    return world, header


def withdrawal(world: World, slot: int, **changed: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    found = world.state.withdrawals[slot]
    fields = {
        "slot": slot,
        "withdrawal_id": found.ident,
        "account": found.account,
        "status": found.status,
        "amount": found.amount_micro,
        "owner": found.owner,
    }
    changed = {"slot" if name == "place" else name: value for name, value in changed.items()}
    return tuple({**fields, **changed}.values()), tuple(prove(world.commitment.withdrawals, slot))


def withdraw(world: World, header: Header, slot: int, **changed: Any) -> None:
    one, proof = withdrawal(world, slot, **changed)
    opened = opening(world.commitment, header)
    world.contracts.bridge.transact(world.challenger, "withdraw", opened, one, proof)


def test_a_withdrawal_is_paid_once_to_its_owner_when_its_batch_is_final(any_machine: Machine) -> None:
    world, header = start(any_machine)
    token = world.contracts.token
    with pytest.raises(Reverted, match="FINAL"):
        withdraw(world, header, 0)
    world.make_final()
    for wrong in ({"amount": 20 * E6 + 1}, {"owner": world.challenger}, {"account": 67}, {"place": 1}):
        with pytest.raises(Reverted, match="PROOF"):
            withdraw(world, header, 0, **wrong)
    with pytest.raises(Reverted, match="STATUS"):  # held, not gone yet
        withdraw(world, header, 1)
    before = token.call("balanceOf", world.user)
    withdraw(world, header, 0)
    assert token.call("balanceOf", world.user) == before + 20 * E6
    with pytest.raises(Reverted, match="PAID"):
        withdraw(world, header, 0)


def ask(world: World, header: Header, sender: bytes, amount: int) -> int:
    words = words_of(world.commitment.account_preimage(NUMBER))
    proof = tuple(prove(world.commitment.accounts, NUMBER))
    bridge = world.contracts.bridge
    receipt = bridge.transact(
        sender, "request", NUMBER, amount, opening(world.commitment, header), words, proof
    )
    return int(bridge.returned("request", receipt.output))


def test_a_request_must_be_taken_in_within_its_bound(revm: Machine) -> None:
    world, header = start(revm)
    world.make_final()
    with pytest.raises(Reverted, match="OWNER"):
        ask(world, header, world.challenger, 5 * E6)
    with pytest.raises(Reverted, match="AMOUNT"):
        ask(world, header, world.user, 0)
    assert ask(world, header, world.user, 7 * E6) == 1
    index = [s.Step(s.INDEX, p=61_000 * E6)]
    world.execute(index)  # within the bound it may wait
    world.evm.advance(world.settings.forced_s + 1)
    with pytest.raises(Reverted, match="FORCED"):
        world.execute(index)
    forced = s.Step(s.FORCED, first=NUMBER, ident=1, p=7 * E6, q=7 * E6)
    chunks, done = world.batch([forced])
    last = world.header(chunks, done)
    world.post(last)
    world.make_final()
    withdraw(world, last, 2)
    assert world.contracts.bridge.call("is_paid", 2)


def test_nobody_queues_what_no_batch_can_take_in(revm: Machine) -> None:
    """Accounts that are not there, the venue's own, others', sums that no step can say."""
    world, header = start(revm)
    world.make_final()
    bridge, trees = world.contracts.bridge, world.commitment
    opened = opening(trees, header)

    def queue(account: int, amount: int, words: tuple[int, ...], path: Proof) -> None:
        bridge.transact(world.user, "request", account, amount, opened, words, tuple(path))

    own, path = words_of(trees.account_preimage(NUMBER)), prove(trees.accounts, NUMBER)
    made_up = (int.from_bytes(world.user, "big") << 96, 0, 0, 0)
    for account, amount, words, proof, code in (
        (9_999, E6, made_up, prove(trees.accounts, 9_999), "PROOF"),
        (64, E6, own, prove(trees.accounts, 64), "PROOF"),
        (64, E6, words_of(trees.account_preimage(64)), prove(trees.accounts, 64), "OWNER"),
        (3, E6, made_up, prove(trees.accounts, 3), "OWNER"),
        (NUMBER + 2**32, E6, own, path, "OWNER"),
        (NUMBER, 2**63, own, path, "AMOUNT"),
    ):
        with pytest.raises(Reverted, match=code):
            queue(account, amount, words, proof)
    queue(NUMBER, 2**63 - 1, own, path)  # far more than there is: a batch says what it came to
    cash = world.state.accounts[NUMBER].cash_micro
    world.execute([s.Step(s.FORCED, first=NUMBER, ident=1, p=2**63 - 1, q=cash)])
    queue(NUMBER, 1, own, path)
    world.execute([s.Step(s.FORCED, first=NUMBER, ident=2, p=1)])
    assert world.contracts.inbox.call("head") == world.batch_id


def test_a_deposit_must_be_taken_in_within_its_bound(revm: Machine) -> None:
    world, _ = start(revm)
    bridge = world.contracts.bridge
    bridge.transact(world.user, "deposit", NUMBER, 9)
    world.evm.advance(world.settings.deposit_s + 1)
    chunks, done = world.batch([s.Step(s.INDEX, p=61_000 * E6)])
    with pytest.raises(Reverted, match="DEPOSITS"):
        world.post(world.header(chunks, done))
    assert bridge.call("deposit_of", 2)[1:2] + bridge.call("deposit_of", 2)[3:] == (NUMBER, 9, 50 * E6 + 9)
    for amount, account, code in ((0, 1, "AMOUNT"), (2**57, 1, "AMOUNT"), (1, 2**32, "ACCOUNT")):
        with pytest.raises(Reverted, match=code):
            bridge.transact(world.user, "deposit", account, amount)


def test_a_pause_is_bounded_and_rests_between(revm: Machine) -> None:
    world, header = start(revm)
    bridge = world.contracts.bridge
    world.make_final()
    with pytest.raises(Reverted, match="GUARDIAN"):
        bridge.transact(world.user, "pause", 1, DAY)
    with pytest.raises(Reverted, match="LONG"):
        bridge.transact(world.guardian, "pause", 1, 3 * DAY + 1)
    bridge.transact(world.guardian, "pause", 1, 3 * DAY)
    with pytest.raises(Reverted, match="PAUSED"):
        withdraw(world, header, 0)
    bridge.transact(world.user, "deposit", NUMBER, 1)  # deposits are another matter
    world.evm.advance(3 * DAY)
    withdraw(world, header, 0)
    with pytest.raises(Reverted, match="SOON"):
        bridge.transact(world.guardian, "pause", 1, 1)
    world.evm.advance(30 * DAY)
    bridge.transact(world.guardian, "pause", 1, 1)


def test_the_funds_are_handed_to_the_escape_alone(revm: Machine) -> None:
    world, _ = start(revm)
    with pytest.raises(Reverted, match="ESCAPE"):
        world.contracts.bridge.transact(world.operator, "hand_over")
    with pytest.raises(Reverted, match="SEALED"):
        world.contracts.bridge.transact(world.deployer, "enlist", world.operator, world.operator)
