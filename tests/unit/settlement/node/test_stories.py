"""Settlement on a chain as a whole: built, posted, confirmed, final, paid, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as no
from settlement.batch import Frame, counter
from settlement.l1.rollup import Posted
from settlement.node.limits import ALARM_BATCHES, LAZY_BATCHES
from settlement.node.paying import FINALISE_S
from settlement.stf import steps as s
from settlement.stf.header import unpack_header
from settlement.stf.state import WITHDRAWAL_FORCED, WITHDRAWAL_PAID
from tests.unit.settlement.l1.backends import Backend, opened
from tests.unit.settlement.l1.test_ethereum import ANVIL
from tests.unit.settlement.node.rig import FAUCET, SETTINGS, Rig, venue_of
from tests.unit.settlement.streams import Venue, account, body, cash, head, pair


@pytest.fixture(params=["devnet", ANVIL])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with opened(request.param) as found:
        yield found


def on_the_l1(rig: Rig) -> list[Posted]:
    """The posts of the chain as it is, which the inbox took one behind the other."""
    last = rig.ethereum.head().number
    logs = rig.ethereum.logs(0, last, [rig.rollup.addresses.inbox])
    return [event for log in logs if isinstance(event := rig.rollup.event(log), Posted)]


def balance(rig: Rig, owner: bytes) -> int:
    """Test tokens of an address, micro-USDC."""
    token = rig.rollup.addresses.token
    return int(rig.rollup.ask(token, None, "balanceOf(address)", "uint256", owner)[0])


def refused(seq: int, number: int, deposit_id: int) -> bytes:
    """A DEPOSIT to nobody."""
    told = body(pair(no.UNKNOWN_ACCOUNT, r.DEPOSIT), 0, deposit_id, -1)
    return head(r.EV_REJECTED, 2, 0, seq, number) + told


def test_batches_become_final_and_withdrawals_are_paid_once_through_kills_and_a_reorganisation(
    tmp_path: Path, backend: Backend
) -> None:
    venue, frames = venue_of(5, 160)
    rig = Rig(tmp_path, frames, backend=backend)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        for _ in range(6):
            rig.turn(life)
        assert rig.told[-1].posted_batch_id > 0
    with rig.opened() as life:  # killed with posts on their way
        assert life.building.batch_id > 0
        rig.turn(life)
        rig.devnet.reorganise(4)
        told = rig.until_settled(life)
        assert (told.alarm_code, told.format) == ("", 2)
        posts = on_the_l1(rig)
        assert [post.batch_id for post in posts] == list(range(1, told.batch_id + 1))
        assert [post.new_root.hex() for post in posts][-1] == told.root
        known = [life.store.posted(post.batch_id) for post in posts]
        assert [(row.tx, row.block) for row in known if row] == [(p.transaction, p.block) for p in posts]
        assert told.batches[0].l1_tx == "0x" + posts[-1].transaction.hex()
        assert told.batches[0].gas > 21_000
        state = life.building._builder.state
        owed = {one.owner: one.amount_micro for one in state.withdrawals.values()}
        assert owed
        assert {one.status for one in state.withdrawals.values()} == {WITHDRAWAL_PAID}
        rig.devnet.increase_time(SETTINGS.challenge_s + FINALISE_S)
        for _ in range(12 + len(state.withdrawals)):
            told = rig.turn(life)
        assert (told.final_batch_id, told.final_seq) == (told.batch_id, frames[-1].last_seq)
        assert told.batches[0].state == "final"
    with rig.opened() as life:  # what was paid is not paid again by another life
        rig.devnet.reorganise(3)
        for _ in range(6):
            rig.turn(life)
        assert len(life.store.payouts()) == len(state.withdrawals)
    paid = {owner: balance(rig, owner) for owner in owed}
    assert sum(paid.values()) == sum(one.amount_micro for one in state.withdrawals.values())
    assert all(amount >= owed[owner] for owner, amount in paid.items())


def test_an_l1_that_is_gone_stops_neither_building_nor_exactly_once(tmp_path: Path) -> None:
    venue, frames = venue_of(8, 300)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        rig.fault(fail=True)
        for _ in range(40):
            told = rig.turn(life, mine=False)
        assert told.read_seq == frames[-1].last_seq, "building goes on"
        assert told.l1_error
        assert told.posted_batch_id == 0
        assert told.backlog_batches == told.batch_id > 2
        rig.fault(fail=False)
        told = rig.until_settled(life)
        assert (told.l1_error, told.backlog_batches, told.backlog_bytes) == ("", 0, 0)
        assert len(on_the_l1(rig)) == told.batch_id


def test_batches_grow_and_an_alarm_goes_up_while_many_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, frames = venue_of(9, 400)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    monkeypatch.setattr("settlement.node.reporting.ALARM_BATCHES", LAZY_BATCHES - 2)
    with rig.opened() as life:
        rig.turn(life)
        rig.fault(hold=True)
        for _ in range(60):
            told = rig.turn(life, mine=False)
        assert told.alarm_code == "backlog"
        assert ALARM_BATCHES > LAZY_BATCHES >= told.backlog_batches, "further ones close by size alone"
        told = rig.until_settled(life)
        assert told.alarm_code == ""


def test_a_deposit_to_nobody_is_given_back_to_who_made_it(tmp_path: Path) -> None:
    parts = Venue(3, accounts=1).opening
    venue = Venue(3, accounts=1)
    first = venue.deposits[0]
    seq = venue.seq
    stranger = bytes(range(20))
    behind = [
        refused(seq + 1, 9_999, 2),
        account(seq + 2, 65, stranger),
        # Number 3 was refused too, and its REJECTED is not in these events: a gap before number 4.
        cash(seq + 3, 65, 70, 70, 4),
        refused(seq + 4, 9_999, 2),  # told again by a venue that was restarted
    ]
    frames = [Frame(1, seq, b"".join(parts)), Frame(seq + 1, seq + 4, b"".join(behind))]
    rig = Rig(tmp_path, frames)
    rig.deposit((first[1], first[2]), (9_999, 40))
    with rig.opened() as life:
        for _ in range(4):
            told = rig.turn(life)
        assert told.read_seq == seq
        assert "deposit 3" in told.waiting_for, "what was refused only the L1 can say"
        rig.deposit((777, 50), (65, 70))
        told = rig.until_settled(life)
        state = life.building._builder.state
        given = [(one.ident, one.status, one.amount_micro, one.owner) for one in state.withdrawals.values()]
        assert given == [(n, WITHDRAWAL_FORCED, 30 + 10 * (n - 1), FAUCET.address) for n in (2, 3)]
        assert state.parameters.money.last_deposit_id == 4
        assert told.alarm_code == ""
        before = balance(rig, FAUCET.address)
        rig.devnet.increase_time(SETTINGS.challenge_s + FINALISE_S)
        for _ in range(8):
            rig.turn(life)
        assert balance(rig, FAUCET.address) == before + 90


def test_another_deposit_under_an_id_halts_posting_before_the_batch_is_sent(tmp_path: Path) -> None:
    venue, frames = venue_of(4, 30)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount + 1) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        for _ in range(20):
            told = rig.turn(life)
    assert told.alarm_code == "posting_halted"
    assert "deposit 1" in told.alarm
    assert told.batch_id > 0
    assert not on_the_l1(rig)


def test_figures_that_differ_halt_building_and_posting_and_what_was_posted_is_still_watched(
    tmp_path: Path,
) -> None:
    venue, frames = venue_of(6, 60)
    last = frames[-1].last_seq
    wrong = cash(last + 1, 64, 5, 1, len(venue.deposits) + 1)
    rig = Rig(tmp_path, [*frames, Frame(last + 1, last + 1, wrong)])
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        for _ in range(30):
            told = rig.turn(life)
        assert told.alarm_code == "ledger_mismatch"
        assert told.posted_batch_id == told.confirmed_batch_id == len(on_the_l1(rig))
        assert told.read_seq < last + 1


def test_what_is_kept_of_a_batch_is_what_it_commits_to(tmp_path: Path) -> None:
    venue, frames = venue_of(7, 40)
    rig = Rig(tmp_path, frames)
    rig.deposit(*((number, amount) for _, number, amount in venue.deposits))
    with rig.opened() as life:
        told = rig.until_settled(life)
        for number in range(1, told.batch_id + 1):
            packed = life.store.packed_batch(number)
            assert packed is not None
            header, records = unpack_header(packed[0]), life.store.records(number)
            kinds = [record[0] for _, steps in records for record in steps]
            told_of = (header.chunks, header.steps, header.fills)
            assert (len(records), len(kinds), kinds.count(s.FILL)) == told_of
        assert counter(header.ranges[0].last_seq) == told.built_seq
