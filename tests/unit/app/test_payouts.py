"""Withdrawals on their way to the L1 and back into the sequence."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.app.bridge import POLL_S, RETRY_S, L1Bridge
from exchange.app.payouts import MAX_PER_TURN, Payouts, Resolution
from exchange.domain import commands_risk
from exchange.domain import records as r
from settlement import operations as op
from settlement.l1.port import L1Unavailable
from tests.unit.app.test_bridge import Loop, Queue
from tests.unit.settlement.l1.test_claims import OWNER, Chain

PAID, CANCELLED = r.WITHDRAWAL_PAID, r.WITHDRAWAL_CANCELLED


class Venue:
    """Holds withdrawals; 64 has an address, 65 has none."""

    def __init__(self, path: Path) -> None:
        self.held: dict[int, int] = {}
        self.chain = Chain(path)
        self.chain.l1.faucet(64, 10**6, OWNER)
        self.chain.post(op.AccountSet(64, 0, OWNER), op.AccountSet(65, 0, bytes(20)))
        self.chain.block()

    def hold(self, ident: int, account: int = 64, *, posted: bool = True) -> None:
        self.held[ident] = account
        if posted:
            self.post(ident)

    def post(self, ident: int) -> None:
        self.chain.post(op.WithdrawalHeld(self.held[ident], 10, ident))
        self.chain.block()

    def turn(self, payouts: Payouts) -> list[Resolution]:
        payouts.look()
        return payouts.turn(self.chain.l1)


@pytest.fixture
def venue(tmp_path: Path) -> Venue:
    return Venue(tmp_path)


def test_a_withdrawal_waits_for_its_batch_then_for_its_block(venue: Venue) -> None:
    payouts = Payouts(lambda: venue.held)
    venue.hold(1, posted=False)
    assert venue.turn(payouts) == []
    venue.post(1)
    assert venue.turn(payouts) == []  # asked
    assert venue.turn(payouts) == []  # waits
    venue.chain.block()
    assert venue.turn(payouts) == [Resolution(1, PAID)]
    venue.held.clear()
    assert venue.turn(payouts) == []


def test_one_that_the_l1_refuses_for_good_is_given_back(venue: Venue) -> None:
    payouts = Payouts(lambda: venue.held)
    venue.hold(1, account=65)
    assert venue.turn(payouts) == [Resolution(1, CANCELLED)]


def test_a_bridge_without_the_money_is_asked_again(venue: Venue) -> None:
    payouts = Payouts(lambda: venue.held)
    venue.held[1] = 64
    venue.chain.post(op.WithdrawalHeld(64, 10**9, 1))
    venue.chain.block()
    assert venue.turn(payouts) == []
    venue.chain.l1.faucet(64, 10**9)
    venue.chain.block()
    assert venue.turn(payouts) == []
    venue.chain.block()
    assert venue.turn(payouts) == [Resolution(1, PAID)]


def test_a_lost_reply_does_not_pay_twice(venue: Venue) -> None:
    payouts = Payouts(lambda: venue.held)
    venue.hold(1)
    venue.chain.l1.set_switch("lose_replies", 1)
    payouts.look()
    with pytest.raises(L1Unavailable):
        payouts.turn(venue.chain.l1)
    assert not payouts.give_up(1)
    venue.chain.l1.set_switch("lose_replies", 0)
    venue.chain.block()
    assert venue.turn(payouts) == [Resolution(1, PAID)]


def test_after_a_restart_the_l1_is_asked_what_was_paid(venue: Venue) -> None:
    first = Payouts(lambda: venue.held)
    venue.hold(1)
    venue.hold(2, posted=False)
    venue.turn(first)
    venue.chain.block()
    again = Payouts(lambda: venue.held)
    assert not again.give_up(1), "whether it is paid is not known yet"
    assert not again.give_up(2)
    assert venue.turn(again) == [Resolution(1, PAID)]
    assert again.give_up(2)


def test_one_that_is_given_up_is_not_paid_and_one_that_is_begun_is_not_given_up(venue: Venue) -> None:
    payouts = Payouts(lambda: venue.held)
    venue.hold(1)
    venue.hold(2)
    assert payouts.give_up(1)
    assert payouts.give_up(1)
    venue.turn(payouts)
    venue.chain.block()
    assert venue.chain.l1.payout_of(1) is None
    assert not payouts.give_up(2)
    assert venue.turn(payouts) == [Resolution(2, PAID)]
    payouts.resume(1)
    venue.turn(payouts)
    venue.chain.block()
    assert Resolution(1, PAID) in venue.turn(payouts)


def test_many_withdrawals_take_turns(venue: Venue) -> None:
    venue.held = dict.fromkeys(range(1, 2 * MAX_PER_TURN + 1), 64)
    venue.chain.post(*(op.WithdrawalHeld(64, 10, ident) for ident in venue.held))
    venue.chain.block()
    payouts = Payouts(lambda: venue.held)
    venue.turn(payouts)
    venue.turn(payouts)
    venue.chain.block()
    found = venue.turn(payouts) + venue.turn(payouts)
    assert sorted(found) == [Resolution(ident, PAID) for ident in venue.held]


def bridge(loop: Loop, queue: Queue, venue: Venue) -> L1Bridge:
    return L1Bridge(lambda: venue.chain.l1, loop, queue.submit, 0, lambda: venue.held)


def test_the_bridge_sequences_each_end_once_and_again_where_there_was_no_room(venue: Venue) -> None:
    loop, queue = Loop(), Queue()
    between = bridge(loop, queue, venue)
    between._look()
    venue.hold(1)
    loop.advance(POLL_S)
    between._pay(venue.chain.l1)
    venue.chain.block()
    queue.full = True
    between._pay(venue.chain.l1)
    queue.full = False
    between._pay(venue.chain.l1)
    assert queue.taken == [], "it is not asked at every turn"
    loop.advance(RETRY_S)
    for _ in range(3):
        between._pay(venue.chain.l1)
        loop.advance(POLL_S)
    assert queue.taken == [commands_risk.resolve_withdrawal(1, PAID)]
    assert not between.give_up(1)
    venue.held.clear()
    loop.advance(POLL_S)
    assert between._resolving == set()
    between._stop.set()
    loop.advance(POLL_S)
    assert not loop._timers
