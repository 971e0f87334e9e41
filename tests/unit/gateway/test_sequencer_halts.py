"""How the sequencer halts: everybody is answered, nothing is acknowledged that was not kept."""

from __future__ import annotations

import random

import pytest

from exchange.gateway import sequencer as sequencer_module
from exchange.gateway.sequencer import HALTED, Halted
from tests.unit.gateway.sequencer_rig import Rig


def test_a_failed_sync_halts_and_answers_everything_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sequencer_module, "GATHERED", 1)
    rig = Rig()
    rig.submit("syncing")
    rig.loop.run()
    rig.submit("unsynced")
    rig.loop.run()
    rig.submit("pending")
    reasons: list[BaseException] = []
    rig.sequencer.add_on_halt(reasons.append)
    rig.journal.sync_error = OSError(5, "I/O error")
    rig.committer.finish()
    assert rig.answers == [("syncing", b""), ("unsynced", b""), ("pending", b"")]
    assert rig.sequencer.mode == HALTED
    assert [str(reason) for reason in reasons] == ["[Errno 5] I/O error"]
    assert rig.heard == []
    with pytest.raises(Halted):
        rig.submit("later")
    rig.loop.run()
    assert len(rig.engine.batches) == 2


def test_an_engine_that_raises_halts_and_answers() -> None:
    rig = Rig()
    rig.submit("a")
    rig.engine.fail_with = ValueError("broken invariant")
    rig.loop.run()
    assert rig.answers == [("a", b"")]
    assert rig.sequencer.mode == HALTED


def test_an_engine_that_raises_behind_a_sync_does_not_cost_what_is_durable_its_answer() -> None:
    rig = Rig()
    rig.submit("a")
    rig.loop.run()
    rig.submit("b")
    rig.loop.run()
    rig.engine.fail_with = ValueError("broken invariant")
    rig.committer.finish()
    assert rig.seqs() == [("b", []), ("a", [1])]
    assert rig.sequencer.mode == HALTED


def test_reads_after_a_halt_answer_at_once() -> None:
    rig = Rig()
    rig.submit("a")
    rig.engine.fail_with = ValueError("broken invariant")
    rig.loop.run()
    got: list[int | None] = []
    rig.sequencer.read(lambda: rig.engine.next_seq, got.append)
    assert got == [1]


def test_a_read_pending_at_a_halt_delivers_none() -> None:
    rig = Rig()
    got: list[int | None] = []
    rig.submit("a")
    rig.sequencer.read(lambda: rig.engine.next_seq, got.append)
    rig.loop.run()
    rig.journal.sync_error = OSError("disk gone")
    rig.committer.finish()
    assert got == [None]


def test_a_broken_view_halts_after_everybody_was_answered() -> None:
    rig = Rig()

    def broken(first: int, count: int, got: bytes) -> None:
        raise KeyError("level")

    rig.sequencer.add_listener(broken)
    rig.submit("a")
    rig.loop.run()
    rig.submit("b")
    rig.loop.run()
    rig.committer.finish()
    assert rig.seqs()[0] == ("a", [1])
    assert rig.answers[1] == ("b", b"")
    assert rig.sequencer.mode == HALTED


def test_a_disk_that_fails_at_any_moment_acknowledges_nothing_it_did_not_keep() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        rig = Rig(now_ms=1)
        submitted = 0
        for _ in range(40):
            action = rng.randrange(3)
            if action == 0 and rig.sequencer.mode != HALTED:
                rig.submit(str(submitted))
                submitted += 1
            elif action == 1:
                rig.loop.turn()
            elif rig.committer.waiting:
                if rng.random() < 0.1:
                    rig.journal.sync_error = OSError("gone")
                rig.committer.finish()
        rig.journal.sync_error = OSError("gone")
        rig.loop.run()
        while rig.committer.waiting:
            rig.committer.finish()
            rig.loop.run()
        assert sorted(int(name) for name, _ in rig.answers) == list(range(submitted))
        durable = sum(count for group in rig.journal.groups for _, _, count in group)
        acknowledged = [seqs[0] for _, seqs in rig.seqs() if seqs]
        assert acknowledged == sorted(set(acknowledged))
        assert all(seq <= durable for seq in acknowledged)
