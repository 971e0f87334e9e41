"""The whole loop on disk: it arrives, survives a kill at every boundary, and stops where figures differ."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.journal.errors import CorruptRecord, StorageError
from settlement.batch import Batch, Frame
from settlement.l1.mock import KIND_POST, MockL1, read_blocks
from settlement.state import State
from settlement.store import Store
from settlement.verify import verify
from tests.unit.settlement import streams
from tests.unit.settlement.rig import Crash, Rig, head_of
from tests.unit.settlement.streams import Venue


def rig(path: Path, seed: int = 1, commands: int = 120) -> tuple[Rig, Venue]:
    venue = Venue(seed)
    made = Rig(path, venue.frames(commands))
    made.fund(venue)
    return made, venue


def posted_ids_at(path: Path) -> list[int]:
    """The batch ids of the posts that took effect, in order."""
    blocks = read_blocks(path)
    posts = [tx for block in blocks for tx in block.transactions if tx.kind == KIND_POST and not tx.outcome]
    return [struct.unpack_from(">Q", tx.calldata, 4 + 8)[0] for tx in posts]


def check_end(made: Rig, venue: Venue) -> None:
    """Every batch is on the L1 once, and the L1's data alone give the venue's books."""
    ids = posted_ids_at(made.l1_path)
    assert ids == list(range(1, len(ids) + 1))
    report = verify(made.l1_path)
    assert report.problems == []
    found = {
        account.account: (
            account.cash_micro,
            {p.instrument: (p.size_lots, p.entry_value_micro) for p in account.positions},
        )
        for account in report.accounts
    }
    assert found == venue.books()
    assert report.last_seq <= made.frames[-1].last_seq


@pytest.mark.parametrize("seed", range(3))
def test_the_l1_ends_with_the_venues_books(tmp_path: Path, seed: int) -> None:
    made, venue = rig(tmp_path, seed)
    with made.opened() as service:
        made.run_to_end(service)
        assert made.source.published[-1] == made.told[-1].built_seq + 1
    check_end(made, venue)
    told = made.told[-1]
    assert told.confirmed_seq == told.posted_seq == told.built_seq == verify(made.l1_path).last_seq
    assert (told.backlog_batches, told.alarm, told.l1_error) == (0, "", "")
    assert [batch.state for batch in told.batches] == ["confirmed"] * len(told.batches)
    assert told.batches[0].root == told.root == verify(made.l1_path).root


def counted(target: object, name: str, tick: Callable[[], None]) -> None:
    """Call `tick` right before and right after each call of a method."""
    inner = getattr(target, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        tick()
        result = inner(*given, **named)
        tick()
        return result

    setattr(target, name, wrapped)


def boundaries(crash_at: int | None, count: list[int]) -> Callable[[Store, MockL1], None]:
    """Counts every boundary of every effect, and dies at the given one."""

    def tick() -> None:
        count[0] += 1
        if count[0] == crash_at:
            raise Crash

    def wrap(store: Store, l1: MockL1) -> None:
        counted(store, "commit", tick)
        counted(l1, "post_batch", tick)
        counted(l1, "_make_block", tick)

    return wrap


def test_a_kill_at_every_boundary_still_posts_everything_once(tmp_path: Path) -> None:
    count = [0]
    made, venue = rig(tmp_path / "whole", 1, 25)
    with made.opened(boundaries(None, count)) as service:
        made.run_to_end(service)
    check_end(made, venue)
    assert count[0] >= 20
    for crash_at in range(1, count[0] + 1):
        made, venue = rig(tmp_path / str(crash_at), 1, 25)
        try:
            with made.opened(boundaries(crash_at, [0])) as service:
                made.run_to_end(service)
        except Crash:
            pass
        with made.opened() as service:
            made.run_to_end(service)
        check_end(made, venue)


def test_killed_again_and_again_it_still_arrives(tmp_path: Path) -> None:
    made, venue = rig(tmp_path, 2, 150)
    for crash_at in range(5, 60, 3):
        try:
            with made.opened(boundaries(crash_at, [0])) as service:
                made.run_to_end(service)
        except Crash:
            continue
        break
    with made.opened() as service:
        made.run_to_end(service)
    check_end(made, venue)


def test_a_dead_l1_does_not_stop_building_and_the_backlog_follows(tmp_path: Path) -> None:
    made, venue = rig(tmp_path)
    with made.opened() as service:
        switch = made.l1()
        switch.set_switch("fail", 1)
        made.steps(service, 100)
        told = made.told[-1]
        assert told.read_seq == made.frames[-1].last_seq
        assert told.built_seq > 0
        assert told.posted_seq == 0
        assert told.backlog_batches == told.batch_id > 3
        assert told.l1_error
        assert told.alarm == ""
        switch.set_switch("fail", 0)
        switch.close()
        made.run_to_end(service)
    check_end(made, venue)


def test_a_slow_l1_that_loses_replies_gets_everything_once(tmp_path: Path) -> None:
    made, venue = rig(tmp_path)
    with made.opened() as service:
        switch = made.l1()
        switch.set_switch("slow_ms", 2_000)
        switch.set_switch("lose_replies", 1)
        made.steps(service, 300)
        switch.set_switch("lose_replies", 0)
        switch.close()
        made.run_to_end(service)
    check_end(made, venue)


def test_a_wrong_balance_halts_with_an_alarm_and_the_l1_keeps_what_was_right(tmp_path: Path) -> None:
    made, venue = rig(tmp_path, commands=60)
    wrong = bytearray(venue.deposit(64, 1_000))
    wrong[40] ^= 1
    made.frames.append(Frame(venue.seq, venue.seq, bytes(wrong)))
    made.frames.append(Frame(venue.seq + 1, venue.seq + 1, streams.done(venue.seq + 1)))
    for _ in range(2):  # a restart finds the same
        with made.opened() as service:
            made.steps(service, 100)
            assert service.alarm[0] == "ledger_mismatch"
            assert "balance of account 64" in made.told[-1].alarm
            assert made.told[-1].alarm_code == "ledger_mismatch"
            heights = made.told[-1].l1_height
            assert made.told[-1].batch_id < 10
    assert heights > 0
    assert verify(made.l1_path).ok


def test_events_of_a_later_version_halt(tmp_path: Path) -> None:
    made, venue = rig(tmp_path, commands=10)
    later = bytearray(streams.done(venue.next()))
    later[1] = 2
    made.frames.append(Frame(venue.seq, venue.seq, bytes(later)))
    with made.opened() as service:
        made.steps(service, 20)
        assert service.alarm[0] == "unknown_event"


def test_a_batch_waits_for_its_chain_head(tmp_path: Path) -> None:
    made, venue = rig(tmp_path)
    with made.opened() as service:
        made.source.known_seq = 0
        made.steps(service, 50)
        assert made.told[-1].batch_id == 0
        assert made.told[-1].waiting_for.startswith("chain head after")
        made.source.known_seq = None
        made.run_to_end(service)
    check_end(made, venue)


def test_a_batch_ends_only_where_a_commit_batch_ends(tmp_path: Path) -> None:
    made, venue = rig(tmp_path)
    ends = {frame.last_seq for frame in made.frames[4::5]} | {made.frames[-1].last_seq}
    with made.opened() as service:
        made.source.batch_ends = ends
        made.run_to_end(service)
        store = Store(tmp_path / "settlement.sqlite")
        ranges = [store.header(n + 1) for n in range(store.last_batch_id())]
        store.close()
    assert all(h is not None and h.ranges[0].last_seq in ends for h in ranges)
    assert all(h is not None and h.ranges[0].chain_head == head_of(h.ranges[0].last_seq) for h in ranges)
    check_end(made, venue)


def test_a_failing_disk_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, venue = rig(tmp_path)
    failures = [sqlite3.OperationalError("disk is full")] * 3

    def wrap(store: Store, l1: MockL1) -> None:
        commit = store.commit

        def failing(batch: Batch, state: State) -> None:
            if failures:
                raise failures.pop()
            commit(batch, state)

        monkeypatch.setattr(store, "commit", failing)

    with made.opened(wrap) as service:
        made.run_to_end(service)
    assert any("disk is full" in told.waiting_for for told in made.told)
    check_end(made, venue)


@pytest.mark.parametrize(
    ("error", "alarm"),
    [
        (StorageError("read", "events", "no such device"), ""),
        (CorruptRecord("events-1.log", 640, "the frame's checksum is wrong"), "corrupt_record"),
    ],
)
def test_journal_faults_wait_or_halt_by_severity(
    tmp_path: Path, error: Exception, alarm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = rig(tmp_path)
    with made.opened() as service:
        def failing() -> list[Frame]:
            raise error

        with monkeypatch.context() as fault:
            fault.setattr(made.source, "poll", failing)
            made.steps(service, 3)
        assert service.alarm[0] == alarm
        made.steps(service, 3)
        assert (made.told[-1].read_seq > 0) == (alarm == "")
        assert made.told[-1].waiting_for == ""


def test_a_foreign_l1_halts(tmp_path: Path) -> None:
    made, _ = rig(tmp_path, 1)
    with made.opened() as service:
        made.run_to_end(service)
    other, _ = rig(tmp_path / "other", 2)
    (tmp_path / "settlement.sqlite").unlink()
    made.frames = other.frames
    with made.opened() as service:
        made.steps(service, 5)
        assert service.alarm[0] == "posting_halted"


def test_what_was_posted_stays_posted_over_a_restart_with_a_dead_l1(tmp_path: Path) -> None:
    made, _ = rig(tmp_path)
    with made.opened() as service:
        made.run_to_end(service)
        before = made.told[-1]
        switch = made.l1()
        switch.set_switch("fail", 1)
        switch.close()
    with made.opened(before=before) as service:
        made.steps(service, 3)
    told = made.told[-1]
    assert told.l1_error
    assert (told.posted_seq, told.confirmed_seq) == (before.posted_seq, before.confirmed_seq)


def test_an_idle_settlement_only_beats(tmp_path: Path) -> None:
    made, _ = rig(tmp_path, commands=5)
    with made.opened() as service:
        made.run_to_end(service)
        told = len(made.told)
        made.steps(service, 100, ms=50)
    beats = made.told[told:]
    assert 4 <= len(beats) <= 6
    assert {beat.batch_id for beat in beats} == {made.told[told - 1].batch_id}
