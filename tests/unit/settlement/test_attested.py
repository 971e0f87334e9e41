"""What settlement's headers say of the sequencer's chain is what the attestor's files hold, or nothing."""

from __future__ import annotations

from pathlib import Path

from exchange.attest.command_log import EMPTY_LOG, next_log
from exchange.attest.heads import heads_root
from exchange.journal import Kind, scan
from settlement.attested import AttestedLog
from tests.unit.app.attesting.journals import Written


def test_ranges_of_whole_commit_batches_are_told(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    log = AttestedLog(written.storage)
    assert log.of(1, 1) is None
    for size in (2, 3, 1, 4):
        written.batch(size)
        attestor.step()
    heads = [(entry.next_seq - 1, entry.head) for entry in attestor.heads.entries()]
    logs, at = [], EMPTY_LOG
    for frame in scan(written.storage, Kind.COMMANDS, 0):
        at = next_log(at, 0, frame.first_seq, frame.payload)
        logs.append(at)
    assert log.of(1, 10) == (heads[-1][1], heads_root(0, heads), logs[-1])
    assert log.of(3, 6) == (heads[2][1], heads_root(0, heads[1:3]), logs[2])
    assert log.of(6, 6) == (heads[2][1], heads_root(0, heads[2:3]), logs[2])
    for first, last in ((1, 4), (2, 5), (4, 5), (1, 11), (11, 12)):
        assert log.of(first, last) is None


def test_a_log_that_is_being_rewritten_says_nothing(tmp_path: Path) -> None:
    written = Written(tmp_path)
    attestor, _ = written.attestor()
    written.batch(2)
    attestor.step()
    raw = written.storage.read("chain.log", 0, 96)
    written.storage.replace("chain.log", b"x" + raw[1:])
    assert AttestedLog(written.storage).of(1, 2) is None
