"""What the sequencer batches, and when it answers."""

from __future__ import annotations

import asyncio
import random

import pytest

from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.gateway import sequencer as sequencer_module
from exchange.gateway.ports import InlineCommitter, ThreadCommitter
from exchange.gateway.sequencer import GATHERED, QueueFull, Sequencer
from tests.unit.gateway.fakes import (
    CountingEngine,
    ListJournal,
    ManualClock,
    ManualLoop,
)
from tests.unit.gateway.sequencer_rig import Rig


def test_one_wake_up_is_one_apply_and_one_frame() -> None:
    rig = Rig()
    for name in "abc":
        rig.submit(name)
    assert rig.engine.batches == []
    rig.loop.turn()
    assert len(rig.engine.batches) == 1
    assert [(first, count) for first, _, count in rig.journal.appended] == [(1, 3)]


def test_nothing_is_answered_before_the_sync_returned() -> None:
    rig = Rig()
    rig.submit("a")
    rig.loop.run()
    assert rig.answers == []
    assert rig.heard == []
    rig.committer.finish()
    assert rig.seqs() == [("a", [1])]
    assert rig.heard == [(1, 1)]
    assert rig.sequencer.released_seq == 1


def test_commands_of_one_sync_are_one_batch_behind_it() -> None:
    rig = Rig()
    rig.submit("a")
    rig.loop.run()
    for name in "bc":
        rig.submit(name)
        rig.loop.run()
    assert len(rig.engine.batches) == 1
    rig.committer.finish()
    assert [(first, count) for first, _, count in rig.journal.appended] == [(1, 1), (2, 2)]
    assert rig.seqs() == [("a", [1])]
    rig.committer.finish()
    assert rig.seqs() == [("a", [1]), ("b", [2]), ("c", [3])]


def test_many_commands_do_not_wait_for_a_sync_to_be_applied() -> None:
    rig = Rig()
    rig.submit("a")
    rig.loop.run()
    for _ in range(GATHERED - 1):
        rig.submit("b")
    rig.loop.run()
    assert len(rig.engine.batches) == 1
    rig.submit("c")
    rig.loop.run()
    assert [count for _, _, count in rig.journal.appended] == [1, GATHERED]
    assert len(rig.committer.waiting) == 1


def test_batches_applied_during_a_sync_go_into_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "GATHERED", 1)
    rig = Rig()
    rig.submit("a")
    rig.loop.run()
    for name in "bc":
        rig.submit(name)
        rig.loop.run()
    assert len(rig.engine.batches) == 3
    assert len(rig.committer.waiting) == 1
    rig.committer.finish()
    assert [[first for first, _, _ in group] for group in rig.journal.groups] == [[1]]
    assert [name for name, _ in rig.answers] == ["a"]
    assert len(rig.committer.waiting) == 1
    rig.committer.finish()
    assert rig.seqs() == [("a", [1]), ("b", [2]), ("c", [3])]
    assert rig.heard == [(1, 1), (2, 1), (3, 1)]
    assert [[first for first, _, _ in group] for group in rig.journal.groups] == [[1], [2, 3]]


def test_time_is_sequenced_once_per_millisecond_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sequencer_module, "GATHERED", 1)
    rig = Rig(now_ms=5)
    rig.submit("a")
    rig.loop.run()
    rig.submit("b")
    rig.loop.run()
    rig.clock.ms = 4  # the clock steps back
    rig.submit("c")
    rig.loop.run()
    rig.clock.ms = 6
    rig.submit("d")
    rig.loop.run()
    rig.committer.finish()
    rig.committer.finish()
    assert [batch[0] == r.TIME for batch in rig.engine.batches] == [True, False, False, True]
    assert rig.seqs() == [("a", [2]), ("b", [3]), ("c", [4]), ("d", [6])]


def test_adjacent_commands_answer_with_the_last_ones_events() -> None:
    rig = Rig()
    rig.submit("a")
    pair = [commands.label(64, 1, "x"), commands.cancel_many(64)]
    rig.sequencer.submit_many(pair, lambda got: rig.answers.append(("pair", got)))
    rig.submit("b")
    rig.loop.run()
    rig.committer.finish()
    assert rig.seqs() == [("a", [1]), ("pair", [3]), ("b", [4])]


def test_a_read_sees_what_was_submitted_before_it_and_waits_until_it_is_durable() -> None:
    rig = Rig()
    got: list[int | None] = []
    rig.sequencer.read(lambda: rig.engine.next_seq, got.append)
    rig.submit("a")
    rig.sequencer.read(lambda: rig.engine.next_seq, got.append)
    rig.loop.run()
    assert got == [1]
    rig.submit("b")
    rig.loop.run()
    rig.committer.finish()
    assert got == [1, 2]
    rig.committer.finish()
    rig.sequencer.read(lambda: rig.engine.next_seq, got.append)
    assert got == [1, 2, 3]


def test_a_full_queue_refuses_and_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "MAX_PENDING", 2)
    monkeypatch.setattr(sequencer_module, "CANCEL_ROOM", 0)
    rig = Rig()
    rig.submit("a")
    with pytest.raises(QueueFull):
        rig.sequencer.submit_many([commands.cancel_many(64)] * 2)
    rig.submit("b")
    with pytest.raises(QueueFull):
        rig.submit("c")
    rig.loop.run()
    rig.committer.finish()
    assert [name for name, _ in rig.answers] == ["a", "b"]


def test_long_wake_ups_are_cut_into_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "MAX_BATCH", 3)
    rig = Rig(now_ms=1)
    for name in "abcdefg":
        rig.submit(name)
    rig.loop.run()
    assert [count for _, _, count in rig.journal.appended] == [4, 3, 1]
    rig.committer.finish()
    assert rig.seqs() == [(name, [seq]) for seq, name in enumerate("abcdefg", start=2)]


def test_a_slow_disk_fills_the_queue_and_not_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "MAX_BATCH", 2)
    monkeypatch.setattr(sequencer_module, "MAX_UNSYNCED", 4)
    monkeypatch.setattr(sequencer_module, "GATHERED", 1)
    rig = Rig()
    for name in "abcdefghij":
        rig.submit(name)
    rig.loop.run()
    assert [count for _, _, count in rig.journal.appended] == [2, 2]
    rig.submit("k")
    rig.loop.run()
    assert len(rig.journal.appended) == 4  # the first four are with the disk, the next four applied
    while rig.committer.waiting:
        rig.committer.finish()
        rig.loop.run()
    assert [name for name, _ in rig.answers] == list("abcdefghijk")


def test_what_lags_waits_for_the_disk_to_be_idle_or_to_be_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "LAG_SLICE", 3)
    rig = Rig()
    rig.submit("0")
    rig.loop.run()
    seen = []
    for name in "12345":  # the disk is never idle
        rig.submit(name)
        rig.loop.run()
        rig.committer.finish()
        rig.loop.run()
        seen.append([(first, count) for first, count, _, _ in rig.journal.event_frames])
    assert seen == [[], [], [(1, 3)], [(1, 3)], [(1, 3)]]
    rig.committer.finish()
    rig.loop.run()
    assert [(first, count) for first, count, _, _ in rig.journal.event_frames] == [(1, 3), (4, 3)]
    assert rig.chain == [(n, 1) for n in range(1, 7)]  # a step a commit group all the same
    assert rig.sequencer.idle


def test_events_are_appended_after_the_answers_and_chained_by_batch() -> None:
    rig = Rig()
    rig.submit("a")
    rig.submit("b")
    rig.loop.run()
    rig.committer.finish()
    assert rig.journal.event_frames == []
    assert not rig.sequencer.idle
    rig.loop.run()
    assert [(first, count, n) for first, count, n, _ in rig.journal.event_frames] == [(1, 2, 2)]
    assert rig.chain == [(1, 2)]
    assert rig.sequencer.idle


def test_a_broken_reply_does_not_cost_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()

    def broken(got: bytes) -> None:
        raise RuntimeError("no socket")

    rig.sequencer.submit(commands.cancel_many(64), broken)
    rig.submit("b")
    rig.loop.run()
    rig.committer.finish()
    assert rig.seqs() == [("b", [2])]
    assert "no socket" in caplog.text


def test_any_interleaving_answers_every_command_once_in_order() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        rig = Rig(now_ms=1)
        submitted = 0
        for _ in range(60):
            action = rng.randrange(4)
            if action == 0:
                rig.submit(str(submitted))
                submitted += 1
            elif action == 1:
                rig.loop.turn()
            elif action == 2 and rig.committer.waiting:
                rig.committer.finish()
            else:
                rig.clock.ms += 1
        rig.loop.run()
        while rig.committer.waiting:
            rig.committer.finish()
            rig.loop.run()
        assert [name for name, _ in rig.answers] == [str(n) for n in range(submitted)]
        seqs = [found[0] for _, found in rig.seqs()]
        assert seqs == sorted(set(seqs))
        assert b"".join(frame[1] for frame in rig.journal.appended) == b"".join(rig.engine.batches)
        told = [seq for first, count, _, _ in rig.journal.event_frames for seq in range(first, first + count)]
        assert told == [*range(1, rig.engine.next_seq)]
        assert rig.chain == [(group[0][0], sum(n for _, _, n in group)) for group in rig.journal.groups]
        assert rig.sequencer.idle


async def test_it_runs_on_asyncio_with_a_committing_thread() -> None:
    loop = asyncio.get_running_loop()
    committer = ThreadCommitter(loop)
    journal = ListJournal()
    sequencer = Sequencer(CountingEngine(), journal, committer, loop, ManualClock())
    answered: asyncio.Future[bytes] = loop.create_future()
    sequencer.submit(commands.cancel_many(64), answered.set_result)
    assert events.read_event(await answered).head.seq == 1
    assert journal.durable == 1
    committer.close()


def test_the_inline_committer_reports_at_the_next_turn() -> None:
    loop = ManualLoop()
    seen: list[BaseException | None] = []
    committer = InlineCommitter(loop)
    committer.commit(lambda: None, seen.append)

    def fail() -> None:
        raise OSError("full")

    committer.commit(fail, seen.append)
    assert seen == []
    loop.run()
    assert seen[0] is None
    assert isinstance(seen[1], OSError)


def test_a_full_queue_still_takes_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "MAX_PENDING", 2)
    monkeypatch.setattr(sequencer_module, "CANCEL_ROOM", 2)
    rig = Rig()
    for _ in range(2):
        rig.sequencer.submit(commands.time(1))
    with pytest.raises(QueueFull):
        rig.sequencer.submit(commands.time(1))
    rig.sequencer.submit(commands.cancel(64, 1))
    rig.sequencer.submit(commands.cancel_many(64))
    with pytest.raises(QueueFull):
        rig.sequencer.submit(commands.cancel(64, 1))
