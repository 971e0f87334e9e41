"""Requests for an approval: one a side, found by the other side, forgotten in time."""

from __future__ import annotations

import pytest

from exchange.gateway.deals.block_approvals import ACCEPTED, INITIAL, REQUESTS_MAX, Approvals, Side
from exchange.gateway.deals.block_signatures import Term
from exchange.wire.session import RpcError
from tests.unit.gateway.fakes import ManualClock

TERMS = (Term(0, 5, 7),)
OURS = Side(64, True, 1_000_000, "n")
THEIRS = Side(65, False, 1_000_000, "n")


def test_a_side_asks_once_and_anew_for_other_terms() -> None:
    approvals = Approvals(ManualClock(1_000_000).now_ms)
    told: list[str] = []
    approvals.changed.append(lambda request: told.append(request.state))
    first = approvals.ask(OURS, TERMS, "desk")
    approvals.set_state(first, ACCEPTED)
    assert approvals.ask(OURS, TERMS, "desk") is first
    other = approvals.ask(OURS, (Term(0, 6, 7),), "desk")
    assert (other.state, approvals.find(OURS), approvals.of(64)) == (INITIAL, other, [other])
    assert told == [INITIAL, ACCEPTED, INITIAL]


def test_the_other_side_is_one_of_the_same_terms_and_the_other_role() -> None:
    approvals = Approvals(ManualClock(1_000_000).now_ms)
    ours = approvals.ask(OURS, TERMS, "")
    assert approvals.other_side(ours) is None
    approvals.ask(THEIRS._replace(is_maker=True), TERMS, "")
    approvals.ask(THEIRS._replace(account=66), (Term(0, 6, 7),), "")
    assert approvals.other_side(ours) is None
    theirs = approvals.ask(THEIRS, TERMS, "")
    assert (approvals.other_side(ours), approvals.other_side(theirs)) == (theirs, ours)


def test_they_last_as_long_as_their_timestamps_are_good() -> None:
    clock = ManualClock(1_000_000)
    approvals = Approvals(clock.now_ms)
    ours, theirs = approvals.ask(OURS, TERMS, ""), approvals.ask(THEIRS, TERMS, "")
    clock.ms += 300_000
    assert approvals.other_side(ours) is theirs
    clock.ms += 1
    approvals.purge()
    assert (approvals.find(OURS), approvals.of(65), approvals.other_side(ours)) == (None, [], None)


def test_an_account_has_so_many_and_no_more() -> None:
    approvals = Approvals(ManualClock(1_000_000).now_ms)
    sides = [OURS._replace(nonce=str(number)) for number in range(REQUESTS_MAX)]
    made = [approvals.ask(side, TERMS, "") for side in sides]
    with pytest.raises(RpcError) as refused:
        approvals.ask(OURS, TERMS, "")
    assert refused.value.code == 10066
    assert approvals.ask(made[0].side, TERMS, "") is made[0]
    assert approvals.ask(THEIRS, TERMS, "").state == INITIAL
